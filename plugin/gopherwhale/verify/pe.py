"""PE, as far as it tells for which Windows platform a file is (Microsoft's PE format specification)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gopherwhale.verify.reading import Data, Malformed, View

MAGIC: Final = b"MZ"
_MACHINES: Final[Mapping[int, str]] = {0x14C: "386", 0x8664: "amd64", 0xAA64: "arm64", 0x1C4: "arm"}
_EXECUTABLE: Final = 0x0002
_DLL: Final = 0x2000
_WRITABLE: Final = 0x80000000
_MAX_SECTIONS: Final = 96


@dataclass(frozen=True, kw_only=True)
class Pe:
    """What a PE header says: Go's name of the machine, the kind, and its writable sections in the file."""

    architecture: str
    kind: str
    writable: tuple[tuple[int, int], ...]


def read(data: Data) -> Pe:
    """Read a PE file.

    Raises:
        Malformed: It is none, or breaks its own format.
    """
    view = View(data)
    (start,) = view.unpack("I", 0x3C)
    if view.take(0, 2) != MAGIC or view.take(start, 4) != b"PE\0\0":
        raise Malformed("the PE signature is missing")
    machine, count, _, _, _, optional, flags = view.unpack("HHIIIHH", start + 4)
    if count > _MAX_SECTIONS:
        raise Malformed("too many PE sections")
    table = start + 24 + optional
    rows = [view.unpack("8sIIIIIIHHI", table + number * 40) for number in range(count)]
    writable = tuple((row[4], row[3]) for row in rows if row[9] & _WRITABLE)
    kind = "shared object" if flags & _DLL else "executable" if flags & _EXECUTABLE else "object"
    return Pe(architecture=_MACHINES.get(machine, f"machine-{machine:#x}"), kind=kind, writable=writable)
