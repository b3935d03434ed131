"""Go's build information inside a binary: the toolchain, the module, and the settings it was built with.

The formats are those of Go's debug/buildinfo: since 1.18 the strings stand inline, before that behind
pointers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from gopherwhale.verify.elf import Elf
from gopherwhale.verify.reading import Data, Malformed, View

MAGIC: Final = b"\xff Go buildinf:"
_ALIGN: Final = 16
_HEADER: Final = 32
_INLINE: Final = 2
_BIG_ENDIAN: Final = 1
_SENTINEL: Final = 16
_MAX_STRING: Final = 4 * 1024 * 1024
_MAX_VARINT: Final = 10


@dataclass(frozen=True, kw_only=True)
class BuildInfo:
    """What Go wrote into a binary.

    Attributes:
        go_version: As `go1.26.8`.
        module: The main module's path, or empty.
        settings: `GOOS`, `GOARCH`, `GOARM`, `CGO_ENABLED`, `vcs.revision` and so on.
    """

    go_version: str
    module: str
    settings: Mapping[str, str]


def find(data: Data, places: Iterable[tuple[int, int]]) -> int | None:
    """Where the header stands: on a multiple of 16 inside one of the places (offset, size), or None."""
    whole = memoryview(data)  # type: ignore[arg-type]
    for start, size in places:
        end = min(start + size, len(whole))
        at = max(start, 0)
        while 0 <= at < end:
            found = _index(whole, at, end)
            if found < 0:
                break
            if (found - start) % _ALIGN == 0:
                return found
            at = found + 1
    return None


def _index(whole: memoryview, start: int, end: int) -> int:
    # Windows of a MiB that overlap by the magic: no copy of a large segment is made.
    step = 1024 * 1024
    while start < end:
        found = bytes(whole[start : min(start + step + len(MAGIC), end)]).find(MAGIC)
        if found >= 0:
            return start + found
        start += step
    return -1


def read(data: Data, at: int, elf: Elf | None = None) -> BuildInfo:
    """Read the build information whose header stands at `at`.

    Raises:
        Malformed: It breaks its own format, or is of the old kind and `elf` does not lead to it.
    """
    view = View(data)
    pointer_size, flags = view.take(at + 14, 2)
    if flags & _INLINE:
        version, after = _inline(view, at + _HEADER)
        text, _ = _inline(view, after)
    elif elf is not None:
        view = View(data, ">" if flags & _BIG_ENDIAN else "<")
        form = {4: "I", 8: "Q"}.get(pointer_size)
        if form is None:
            raise Malformed("the pointer size of the build information is not sound")
        version = _behind(view, elf, form, view.unpack(form, at + 16)[0])
        text = _behind(view, elf, form, view.unpack(form, at + 16 + pointer_size)[0])
    else:
        raise Malformed("build information of Go before 1.18")
    if not version.startswith(b"go") and not version.startswith(b"devel"):
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


def _behind(view: View, elf: Elf, form: str, address: int) -> bytes:
    start, length = view.unpack(form * 2, _offset(elf, address))
    if not length:
        return b""
    if length > _MAX_STRING:
        raise Malformed("a length in the build information is not sound")
    return view.take(_offset(elf, start), length)


def _offset(elf: Elf, address: int) -> int:
    for segment in elf.segments:
        if segment.address <= address < segment.address + segment.size:
            return address - segment.address + segment.offset
    raise Malformed("a pointer of the build information leads nowhere")


def _parse(version: str, text: bytes) -> BuildInfo:
    if len(text) > 2 * _SENTINEL and text[-_SENTINEL - 1 : -_SENTINEL] == b"\n":
        text = text[_SENTINEL:-_SENTINEL]
    module, settings = "", {}
    for line in text.decode(errors="replace").splitlines():
        word, _, rest = line.partition("\t")
        if word == "mod":
            module = rest.partition("\t")[0]
        elif word == "build":
            key, sign, value = rest.partition("=")
            if sign:
                settings[key.strip('"`')] = value.strip('"`')
    return BuildInfo(go_version=version, module=module, settings=MappingProxyType(settings))
