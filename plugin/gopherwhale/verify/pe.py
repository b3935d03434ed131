"""PE, as far as it tells for which platform a file is (Microsoft's PE format specification)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from gopherwhale.verify.reading import Data, Malformed, Segment, View, place

MAGIC: Final = b"MZ"
_MACHINES: Final[Mapping[int, tuple[str, int]]] = {
    0x14C: ("386", 32),
    0x1C4: ("arm", 32),
    0x8664: ("amd64", 64),
    0xAA64: ("arm64", 64),
}
_EXECUTABLE: Final = 0x0002
_DLL: Final = 0x2000
_WRITABLE: Final = 0x80000000
_MAX_SECTIONS: Final = 96
_MAX_IMPORTS: Final = 256
_PE32, _PE32_PLUS = 0x10B, 0x20B
# Subsystems 10 to 13 are programs of the firmware, as a Linux kernel that boots by itself.
_FIRMWARE: Final = frozenset({10, 11, 12, 13})


class Pe(NamedTuple):
    """What a PE header says.

    Attributes:
        architecture: Go's name of the machine, or `machine-N`.
        machine: The number itself.
        bits: 32 or 64, or 0.
        os: windows, or efi for a program of the firmware.
        kind: executable, shared object or object.
        needed: The libraries that it imports.
        segments: Its sections, where they are loaded.
    """

    architecture: str
    machine: int
    bits: int
    os: str
    kind: str
    needed: tuple[str, ...]
    segments: tuple[Segment, ...]


def start_of(data: Data) -> int | None:
    """Where the PE header stands; None for what only begins with the two letters of a DOS program."""
    view = View(data)
    try:
        (start,) = view.unpack("I", 0x3C)
        return start if view.take(start, 4) == b"PE\0\0" else None
    except Malformed:
        return None


def read(data: Data) -> Pe:
    """Read a PE file.

    Raises:
        Malformed: It is none, or breaks its own format.
    """
    view, start = View(data), start_of(data)
    if start is None:
        raise Malformed("the PE signature is missing")
    machine, count, _, _, _, optional, flags = view.unpack("HHIIIHH", start + 4)
    if count > _MAX_SECTIONS:
        raise Malformed("too many PE sections")
    magic = view.unpack("H", start + 24)[0] if optional else 0
    if flags & _EXECUTABLE and magic not in (_PE32, _PE32_PLUS):
        raise Malformed("the PE optional header is not sound")
    base, subsystem, imports = _optional(view, start + 24, optional, wide=magic == _PE32_PLUS)
    segments = _segments(view, start + 24 + optional, count, base)
    name, bits = _MACHINES.get(machine, (f"machine-{machine:#x}", 0))
    return Pe(
        architecture=name,
        machine=machine,
        bits=bits,
        os="efi" if subsystem in _FIRMWARE else "windows",
        kind="shared object" if flags & _DLL else "executable" if flags & _EXECUTABLE else "object",
        needed=_imports(view, segments, base, imports),
        segments=segments,
    )


def _optional(view: View, at: int, size: int, *, wide: bool) -> tuple[int, int, int]:
    """The image base, the subsystem and the address of the import table, 0 where they are not."""
    if size < (112 if wide else 96):
        return 0, 0, 0
    (base,) = view.unpack("Q", at + 24) if wide else view.unpack("I", at + 28)
    (subsystem,) = view.unpack("H", at + 68)
    directories = at + (112 if wide else 96)
    (count,) = view.unpack("I", directories - 4)
    if count < 2 or directories + 16 > at + size:  # noqa: PLR2004 -- imports are the second
        return base, subsystem, 0
    return base, subsystem, view.unpack("I", directories + 8)[0]


def _segments(view: View, table: int, count: int, base: int) -> tuple[Segment, ...]:
    segments = []
    for row in view.rows("8sIIIIIIHHI", table, count, 40):
        if row[4] and row[3] and row[4] + row[3] > len(view.data):
            raise Malformed("the file is cut short: a PE section lies beyond the end")
        writable = bool(row[9] & _WRITABLE)
        segments.append(Segment(offset=row[4], address=base + row[2], size=row[3], writable=writable))
    return tuple(segments)


def _imports(view: View, segments: tuple[Segment, ...], base: int, table: int) -> tuple[str, ...]:
    names: list[str] = []
    try:
        at = place(segments, base + table) if table else 0
        while at and len(names) < _MAX_IMPORTS:
            row = view.unpack("IIIII", at)
            if not row[3]:
                break
            names.append(view.string(place(segments, base + row[3]), 256))
            at += 20
    except Malformed:
        # Windows would refuse it; for which platform it is, the header has told all the same.
        return tuple(names)
    return tuple(names)
