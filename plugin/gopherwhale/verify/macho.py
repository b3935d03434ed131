"""Mach-O, as far as it tells for which platform a file is (Apple's mach-o/loader.h and mach-o/fat.h)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from gopherwhale.verify.reading import Data, Malformed, Segment, View, Window

# Magic as it stands in the file, to byte order and bits.
_THIN: Final[Mapping[bytes, tuple[str, int]]] = {
    b"\xfe\xed\xfa\xce": (">", 32),
    b"\xfe\xed\xfa\xcf": (">", 64),
    b"\xce\xfa\xed\xfe": ("<", 32),
    b"\xcf\xfa\xed\xfe": ("<", 64),
}
_FAT, _FAT_64 = b"\xca\xfe\xba\xbe", b"\xca\xfe\xba\xbf"
# Java's classes begin with the same four bytes; the number after them is their version, 45 and more.
_MAX_PARTS: Final = 32
_MACHINES: Final[Mapping[int, str]] = {7: "386", 0x01000007: "amd64", 12: "arm", 0x0100000C: "arm64"}
_KINDS: Final[Mapping[int, str]] = {1: "object", 2: "executable", 4: "core", 6: "shared object"}
_PIE: Final = 0x200000
_MAX_COMMANDS: Final = 4096
_MAX_COMMAND_BYTES: Final = 1024 * 1024
_SEGMENT, _SEGMENT_64, _UUID, _LOADER, _BUILD_VERSION = 0x1, 0x19, 0x1B, 0xE, 0x32
_LIBRARIES: Final = frozenset({0xC, 0x80000018, 0x8000001F, 0x80000023})
_PLATFORMS: Final[Mapping[int, str]] = {1: "darwin", 2: "ios", 7: "ios"}
_WRITABLE: Final = 2


@dataclass(kw_only=True)
class MachO:
    """What a Mach-O header and its load commands say."""

    bits: int
    big_endian: bool
    machine: int
    kind: str
    os: str = "darwin"
    interpreter: str = ""
    build_id: str = ""
    needed: list[str] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    build_info: list[tuple[int, int]] = field(default_factory=list)

    @property
    def architecture(self) -> str:
        """Go's name for the machine, or `machine-N` for one that Go does not know."""
        return _MACHINES.get(self.machine, f"machine-{self.machine:#x}")


def is_one(head: bytes) -> bool:
    """Whether a file that begins so (8 bytes) is Mach-O, universal or not."""
    if head[:4] in (_FAT, _FAT_64):
        return 0 < int.from_bytes(head[4:8], "big") <= _MAX_PARTS
    return head[:4] in _THIN


def parts(data: Data) -> Sequence[Data]:
    """The files inside a universal one, or the one file itself.

    Raises:
        Malformed: One of them lies outside the file.
    """
    view = View(data, ">")
    magic = view.take(0, 4)
    if magic not in (_FAT, _FAT_64):
        return [data]
    (count,) = view.unpack("I", 4)
    form, step = ("IIQQII", 32) if magic == _FAT_64 else ("IIIII", 20)
    found = []
    for row in view.rows(form, 8, min(count, _MAX_PARTS), step):
        if row[2] + row[3] > len(data):
            raise Malformed("the file is cut short: a part of the universal file lies beyond the end")
        found.append(Window(data, row[2], row[3]))
    return found


def read(data: Data) -> MachO:
    """Read a Mach-O file of one architecture.

    Raises:
        Malformed: It is none, or breaks its own format.
    """
    magic = View(data).take(0, 4)
    if magic not in _THIN:
        raise Malformed("the Mach-O magic is missing")
    order, bits = _THIN[magic]
    view = View(data, order)
    machine, _, kind, count, size, flags = view.unpack("IIIIII", 4)
    name = _KINDS.get(kind, f"type {kind}")
    name = "PIE" if name == "executable" and flags & _PIE else name
    found = MachO(bits=bits, big_endian=order == ">", machine=machine, kind=name)
    start = 32 if bits == 64 else 28  # noqa: PLR2004 -- bits
    if count > _MAX_COMMANDS or size > _MAX_COMMAND_BYTES:
        raise Malformed("the Mach-O load commands are not sound")
    commands = View(view.take(start, size), order)
    at = 0
    for _ in range(count):
        command, length = commands.unpack("II", at)
        if length < 8:  # noqa: PLR2004 -- itself
            raise Malformed("a Mach-O load command is not sound")
        _command(View(commands.take(at, length), order), command, found, len(data))
        at += length
    return found


def _command(view: View, command: int, found: MachO, end: int) -> None:
    if command in (_SEGMENT, _SEGMENT_64):
        _segment(view, found, end, wide=command == _SEGMENT_64)
    elif command in _LIBRARIES:
        found.needed.append(view.string(view.unpack("I", 8)[0], 1024))
    elif command == _LOADER:
        found.interpreter = view.string(view.unpack("I", 8)[0], 1024)
    elif command == _UUID:
        found.build_id = view.take(8, 16).hex()
    elif command == _BUILD_VERSION:
        found.os = _PLATFORMS.get(view.unpack("I", 8)[0], found.os)


def _segment(view: View, found: MachO, end: int, *, wide: bool) -> None:
    form = "16sQQQQIIII" if wide else "16sIIIIIIII"
    row = view.unpack(form, 8)
    _, address, _, offset, size, _, protection, count, _ = row
    runs = found.kind in ("executable", "PIE", "shared object")
    if runs and size and offset + size > end:
        raise Malformed("the file is cut short: a Mach-O segment lies beyond the end")
    writable = bool(protection & _WRITABLE)
    found.segments.append(Segment(offset=offset, address=address, size=size, writable=writable))
    section, step = ("16s16sQQI", 80) if wide else ("16s16sIII", 68)
    for line in view.rows(section, 72 if wide else 56, count, step):
        if line[0].rstrip(b"\0") == b"__go_buildinfo":
            found.build_info.append((line[4], line[3]))
