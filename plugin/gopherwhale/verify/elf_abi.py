"""The names of ELF's machines, systems and calling conventions (e_ident, e_machine, e_flags)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_EM_MIPS, _EM_PPC64, _EM_ARM, _EM_X86_64, _EM_RISCV, _EM_LOONGARCH = 8, 21, 40, 62, 243, 258
_EF_MIPS_ABI2: Final = 0x20
# e_machine, class and byte order (True: big) of Go's ports.
ARCHITECTURES: Final[Mapping[tuple[int, int, bool], str]] = {
    (3, 32, False): "386",
    (62, 64, False): "amd64",
    (40, 32, False): "arm",
    (183, 64, False): "arm64",
    (258, 64, False): "loong64",
    (8, 32, True): "mips",
    (8, 32, False): "mipsle",
    (8, 64, True): "mips64",
    (8, 64, False): "mips64le",
    (21, 64, True): "ppc64",
    (21, 64, False): "ppc64le",
    (243, 64, False): "riscv64",
    (22, 64, True): "s390x",
}
_OS_ABI: Final[Mapping[int, str]] = {
    0: "sysv",
    1: "hpux",
    2: "netbsd",
    3: "gnu",
    6: "solaris",
    7: "aix",
    9: "freebsd",
    12: "openbsd",
    97: "arm",
    255: "standalone",
}
# What Linux uses: none, GNU, and Arm's of before the EABI.
_LINUX: Final = frozenset({"sysv", "gnu", "arm"})


def architecture(machine: int, bits: int, flags: int, *, big: bool) -> str:
    """Go's name for the machine, or `machine-N` for one that Go does not know."""
    if machine == _EM_MIPS and bits == 32 and flags & _EF_MIPS_ABI2:  # noqa: PLR2004 -- bits
        return f"mipsn32{'' if big else 'le'}"
    return ARCHITECTURES.get((machine, bits, big), f"machine-{machine}")


def os_abi(number: int) -> str:
    """The OS ABI's name."""
    return _OS_ABI.get(number, f"abi-{number}")


def system(name: str) -> str:
    """The system of an OS ABI, by Go's name where Go knows it."""
    return "linux" if name in _LINUX else name


def convention(machine: int, bits: int, flags: int) -> str:
    """The calling convention, as far as e_flags tells it, or empty."""
    wide = bits == 64  # noqa: PLR2004 -- bits
    if machine == _EM_ARM:
        floats = {0x400: " hard-float", 0x200: " soft-float"}.get(flags & 0x600, "")
        return f"eabi{flags >> 24}{floats}"
    if machine == _EM_MIPS:
        return _mips(flags, wide=wide)
    if machine == _EM_RISCV:
        return ("lp64" if wide else "ilp32") + ("", "f", "d", "q")[flags >> 1 & 3]
    if machine == _EM_LOONGARCH:
        return ("lp64" if wide else "ilp32") + {1: "s", 2: "f", 3: "d"}.get(flags & 7, "")
    if machine == _EM_PPC64:
        return {1: "elfv1", 2: "elfv2"}.get(flags & 3, "")
    return "x32" if machine == _EM_X86_64 and not wide else ""


def _mips(flags: int, *, wide: bool) -> str:
    if flags & _EF_MIPS_ABI2:
        return "n32"
    named = {0x1000: "o32", 0x2000: "o64", 0x3000: "eabi32", 0x4000: "eabi64"}.get(flags & 0xF000)
    return named or ("n64" if wide else "o32")
