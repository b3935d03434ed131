"""The table of xx-verify's own tests: what file(1) says, a platform, and whether xx-verify lets it pass.

xx-verify reads file(1)'s words; we read files. So each row's words become a file of which file(1) would say
just that, and our verdict on that file stands beside theirs. docs/sources.md says what came of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from gopherwhale.platforms import normalise
from gopherwhale.verify import facts
from gopherwhale.verify.findings import Severity
from gopherwhale.verify.fits import fits
from tests.corpus.cases import Case, table
from tests.unit.verify.binaries import elf, macho, pe

_ELF_MACHINES: Final = {
    "x86-64": 62,
    "ARM aarch64": 183,
    "ARM, EABI5": 40,
    "Intel i386": 3,
    "Intel 80386": 3,
    "UCB RISC-V": 243,
    "IBM S/390": 22,
    "LoongArch": 258,
    "64-bit PowerPC or cisco 7500": 21,
    "MIPS, MIPS-III": 8,
}
_PE_MACHINES: Final = {
    "x86-64": 0x8664,
    "ARM64": 0xAA64,
    "Aarch64": 0xAA64,
    "ARMv7 Thumb": 0x1C4,
    "Intel i386": 0x14C,
    "Intel 80386": 0x14C,
}
_MACHO_MACHINES: Final = {"x86_64": 0x01000007, "arm64": 0x0100000C}
_ABIS: Final = {"SYSV": 0, "NetBSD": 2, "FreeBSD": 9, "OpenBSD": 12}
_ELF: Final = re.compile(
    r"ELF (32|64)-bit ([LM])SB (pie )?executable, (.*?),? version 1 \((\w+)\)"
    r"(?:, (?:dynamically|static(?:ally|-pie)) linked)(?:, interpreter ([^,]+))?"
)
ROWS: Final = 71


def made(words: str) -> bytes:
    """A file of which file(1) says so."""
    if match := _ELF.match(words):
        bits, order, pie, machine, system, interpreter = match.groups()
        return elf(
            machine=_ELF_MACHINES[machine],
            bits=int(bits),
            big=order == "M",
            kind=3 if pie else 2,
            pie=bool(pie),
            flags=0x05000000 if "EABI5" in machine else 0,
            abi=_ABIS[system],
            interpreter=f"{interpreter}\0".encode() if interpreter else b"",
        )
    if match := re.match(r"PE32\+? executable \(console\) (.*?) \(", words):
        return pe(machine=_PE_MACHINES[match[1]])
    match = re.match(r"Mach-O 64-bit executable (\w+)", words)
    assert match is not None, words
    return macho(machine=_MACHO_MACHINES[match[1]])


def passes(words: str, platform: str, *, static: bool) -> bool:
    """Our verdict."""
    known = facts.read(made(words))
    errors = [
        one for one in fits(normalise(*platform.split("/")), "/app", known) if one.severity is Severity.ERROR
    ]
    return not errors and (known.static or not static)


def check_table(case: Case) -> None:
    """Each row passes or fails with us as it does with xx-verify."""
    rows = table(case.path)
    ours = [
        passes(row["file_output"], row["target_platform"], static=row["static_required"] == "yes")
        for row in rows
    ]
    different = [row for row, passed in zip(rows, ours, strict=True) if passed != (row["expected"] == "pass")]
    assert len(rows) == ROWS
    assert different == []


CHECKS: Final[Mapping[str, Callable[[Case], None]]] = {"table": check_table}
