"""Go's build information inside a binary: the toolchain, the module, and the settings it was built with.

The formats are those of Go's debug/buildinfo: since 1.18 the strings stand inline, before that behind
pointers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from gopherwhale.verify.reading import Data, Malformed, Segment, View, place

MAGIC: Final = b"\xff Go buildinf:"
_ALIGN: Final = 16
_HEADER: Final = 32
_INLINE: Final = 2
_BIG_ENDIAN: Final = 1
_SENTINEL: Final = 16
_MAX_STRING: Final = 1024 * 1024
_MAX_VARINT: Final = 10
_STEP: Final = 1024 * 1024
_BUILD_ID: Final = re.compile(rb'\xff Go build ID: "([\x21\x23-\x7e]{1,256})"')
_BUILD_ID_REACH: Final = 64 * 1024
_QUOTED: Final = re.compile(r'\\([\\"nt])')


class BuildInfo(NamedTuple):
    """What Go wrote into a binary.

    Attributes:
        go_version: As `go1.26.8`.
        module: The main module's path, or empty.
        settings: `GOOS`, `GOARCH`, `GOARM`, `CGO_ENABLED`, `vcs.revision` and so on.
        main_package: The path of the main package, or empty.
        module_version: The main module's, or empty.
    """

    go_version: str
    module: str
    settings: Mapping[str, str]
    main_package: str = ""
    module_version: str = ""


def find(data: Data, places: Iterable[tuple[int, int]]) -> int | None:
    """Where the header stands: on a multiple of 16 inside one of the places (offset, size), or None.

    Each byte of the file is searched at most once, however the places overlap.
    """
    done = 0
    for start, size in sorted(places):
        end = min(start + size, len(data))
        at = max(start, done)
        while at < end:
            # Windows overlap by the magic, so that one across the border is found.
            window = bytes(data[at : min(at + _STEP + len(MAGIC) - 1, end)])
            found = window.find(MAGIC)
            while found >= 0:
                if not (at + found - start) % _ALIGN:
                    return at + found
                found = window.find(MAGIC, found + len(MAGIC))
            at += _STEP
        done = max(done, end)
    return None


def find_build_id(data: Data) -> str:
    """The Go build id that stands in front of the code, in formats that have no notes; or empty."""
    found = _BUILD_ID.search(bytes(data[:_BUILD_ID_REACH]))
    return found[1].decode() if found else ""


def read(data: Data, at: int, segments: Sequence[Segment] = ()) -> BuildInfo:
    """Read the build information whose header stands at `at`.

    Args:
        data: The file.
        at: The header's offset.
        segments: Where addresses stand in the file, for the kind before Go 1.18.

    Raises:
        Malformed: It breaks its own format, or its pointers lead nowhere.
    """
    view = View(data)
    pointer_size, flags = view.take(at + 14, 2)
    if flags & _INLINE:
        version, after = _inline(view, at + _HEADER)
        text, _ = _inline(view, after)
    else:
        view = View(data, ">" if flags & _BIG_ENDIAN else "<")
        form = {4: "I", 8: "Q"}.get(pointer_size)
        if form is None:
            raise Malformed("the pointer size of the build information is not sound")
        version = _behind(view, segments, form, view.unpack(form, at + 16)[0])
        text = _behind(view, segments, form, view.unpack(form, at + 16 + pointer_size)[0])
    if not version.startswith((b"go", b"devel")):
        raise Malformed("the build information names no Go version")
    return _parse(version.decode(errors="replace"), text)


def _inline(view: View, at: int) -> tuple[bytes, int]:
    length = shift = 0
    for count in range(_MAX_VARINT):
        (byte,) = view.take(at + count, 1)
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:  # noqa: PLR2004 -- the continuation bit
            if length > _MAX_STRING:
                break
            start = at + count + 1
            return view.take(start, length), start + length
    raise Malformed("a length in the build information is not sound")


def _behind(view: View, segments: Sequence[Segment], form: str, address: int) -> bytes:
    if not address:
        return b""
    start, length = view.unpack(form * 2, place(segments, address))
    if not length:
        return b""
    if length > _MAX_STRING:
        raise Malformed("a length in the build information is not sound")
    return view.take(place(segments, start), length)


def _parse(version: str, text: bytes) -> BuildInfo:
    if len(text) > 2 * _SENTINEL and text[-_SENTINEL - 1 : -_SENTINEL] == b"\n":
        text = text[_SENTINEL:-_SENTINEL]
    module = number = package = ""
    settings: dict[str, str] = {}
    for line in text.decode(errors="replace").split("\n"):
        word, _, rest = line.partition("\t")
        if word == "path":
            package = rest
        elif word == "mod":
            module, number = [*rest.split("\t"), ""][:2]
        elif word == "build":
            key, sign, value = _split(rest)
            if sign:
                settings[_unquote(key)] = _unquote(value)
    return BuildInfo(
        go_version=version,
        module=module,
        settings=MappingProxyType(settings),
        main_package=package,
        module_version=number,
    )


def _split(text: str) -> tuple[str, str, str]:
    """Key and value; a quoted key may hold an equals sign."""
    if text.startswith('"'):
        end = text.find('"=', 1)
        return (text[: end + 1], "=", text[end + 2 :]) if end > 0 else ("", "", "")
    return text.partition("=")


def _unquote(text: str) -> str:
    """Go's quoting of values that hold blanks or quotes (strconv.Quote, or back quotes)."""
    if len(text) < 2 or text[0] != text[-1] or text[0] not in '"`':  # noqa: PLR2004 -- two quotes
        return text
    if text[0] == "`":
        return text[1:-1]
    return _QUOTED.sub(lambda match: {"n": "\n", "t": "\t"}.get(match[1], match[1]), text[1:-1])
