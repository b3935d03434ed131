"""What stands in ELF notes and attributes: build ids, the system, the CPU level that a compiler asked for.

Notes: System V ABI, chapter 5, and the GNU ABI tag; properties: the x86-64 psABI's GNU_PROPERTY_X86_ISA_1;
attributes: "Addenda to, and Errata in, the ABI for the Arm Architecture", build attributes.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gopherwhale.verify.reading import Malformed, View

_ABI_TAG, _GNU_BUILD_ID, _GNU_PROPERTY, _GO_BUILD_ID = 1, 3, 5, 4
_SYSTEMS: Final[Mapping[str, str]] = {
    "Android": "android",
    "DragonFly": "dragonfly",
    "FreeBSD": "freebsd",
    "NetBSD": "netbsd",
    "OpenBSD": "openbsd",
}
_ABI_SYSTEMS: Final[Mapping[int, str]] = {0: "linux", 1: "hurd", 2: "solaris", 3: "freebsd", 4: "netbsd"}
_X86_ISA_NEEDED: Final = 0xC0008002
_MOST_NOTES: Final = 256
_MOST_BYTES: Final = 64 * 1024
# Tag_CPU_arch to the level as a variant; the profiles of microcontrollers run no Linux.
_ARM_LEVELS: Final[Mapping[int, str]] = {
    **dict.fromkeys((0, 1, 2), "v4"),
    **dict.fromkeys((3, 4, 5), "v5"),
    **dict.fromkeys((6, 7, 8, 9), "v6"),
    10: "v7",
    **dict.fromkeys((14, 18, 19, 20), "v8"),
    22: "v9",
}
_TAG_FILE, _TAG_CPU_ARCH, _TAG_VFP_ARGS = 1, 6, 28
_TEXT_TAGS: Final = frozenset({4, 5, 67})


@dataclass(kw_only=True)
class Notes:
    """What the notes say; empty where they do not."""

    build_id: str = ""
    go_build_id: str = ""
    system: str = ""
    cpu_level: str = ""


def read(view: View, offset: int, size: int, align: int, notes: Notes) -> None:
    """Add what one note segment or section says; what is damaged says nothing."""
    data = view.data[offset : min(offset + size, offset + _MOST_BYTES)]
    part, at, step = View(bytes(data), view.order), 0, 8 if align == 8 else 4  # noqa: PLR2004 -- bytes
    try:
        for _ in range(_MOST_NOTES):
            name_size, size, kind = part.unpack("III", at)
            name = part.take(at + 12, name_size).partition(b"\0")[0].decode(errors="replace")
            start = _up(at + 12 + name_size, step)
            _note(part, name, kind, part.take(start, size), notes)
            at = _up(start + size, step)
    except Malformed:
        return


def _note(view: View, name: str, kind: int, content: bytes, notes: Notes) -> None:
    if name == "Go" and kind == _GO_BUILD_ID:
        notes.go_build_id = content.rstrip(b"\0").decode(errors="replace")
    elif name == "GNU" and kind == _GNU_BUILD_ID:
        notes.build_id = content[:64].hex()
    elif name == "GNU" and kind == _ABI_TAG and len(content) >= 4:  # noqa: PLR2004 -- one number
        notes.system = _ABI_SYSTEMS.get(struct.unpack_from(f"{view.order}I", content)[0], "")
    elif name == "GNU" and kind == _GNU_PROPERTY:
        notes.cpu_level = _isa(View(content, view.order)) or notes.cpu_level
    elif name in _SYSTEMS and kind == _ABI_TAG:
        notes.system = _SYSTEMS[name]


def _isa(properties: View) -> str:
    at = 0
    while at + 8 <= len(properties.data):
        kind, size = properties.unpack("II", at)
        if kind == _X86_ISA_NEEDED:
            (bits,) = properties.unpack("I", at + 8)
            return f"v{min((bits & 0xF).bit_length(), 4)}" if bits & 0xF else ""
        at = _up(at + 8 + size, 8)
    return ""


def arm_attributes(view: View, offset: int, size: int) -> tuple[str, str]:
    """The CPU level (`v7`) and the float ABI (`hard-float`) of an .ARM.attributes section, or empty."""
    try:
        return _attributes(View(view.take(offset, min(size, _MOST_BYTES)), view.order))
    except Malformed:
        return "", ""


def _attributes(view: View) -> tuple[str, str]:
    (length,) = view.unpack("I", 1)
    if view.take(0, 1) != b"A" or view.take(5, 6) != b"aeabi\0":
        return "", ""
    end, at = min(1 + length, len(view.data)), 11
    if view.take(at, 1)[0] != _TAG_FILE:
        return "", ""
    (length,) = view.unpack("I", at + 1)
    end, at = min(end, at + length), at + 5
    level = floats = ""
    while at < end:
        tag, at = _uleb(view, at)
        if tag in _TEXT_TAGS or (tag > 32 and tag % 2):  # noqa: PLR2004 -- odd ones above are text
            stop = bytes(view.data[at:end]).find(b"\0") if end - at < 4096 else -1  # noqa: PLR2004 -- bound
            if stop < 0:
                break
            at += stop + 1
            continue
        value, at = _uleb(view, at)
        if tag == 32:  # noqa: PLR2004 -- Tag_compatibility: a number and a text
            at += len(view.string(at, 256)) + 1
        elif tag == _TAG_CPU_ARCH:
            level = _ARM_LEVELS.get(value, "")
        elif tag == _TAG_VFP_ARGS:
            floats = "hard-float" if value == 1 else ""
    return level, floats


def _uleb(view: View, at: int) -> tuple[int, int]:
    value = 0
    for count in range(5):
        (byte,) = view.take(at + count, 1)
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:  # noqa: PLR2004 -- the continuation bit
            return value, at + count + 1
    raise Malformed("a number of the attributes is not sound")


def _up(number: int, step: int) -> int:
    return -(-number // step) * step
