"""The readers of single files: ELF, PE, Mach-O and Go's build information."""

from __future__ import annotations

import struct
from typing import Final

from gopherwhale.platforms import parse
from gopherwhale.verify import facts
from gopherwhale.verify.fits import fits
from tests.fuzz.targets import Target


def _judge(data: bytes) -> object:
    """Facts, their document and a verdict: none of the three may fail on any bytes."""
    known = facts.read(data)
    return known.to_document(), fits(parse("linux/arm64"), "/app", known)


def _elf_seeds() -> list[bytes]:
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    return [ident + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0x400000, 0, 0, 0, 64, 56, 0, 64, 0, 0)]


TARGETS: Final = (Target(name="elf", seeds=_elf_seeds, read=_judge),)
