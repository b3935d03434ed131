"""ELF, as far as it tells for which platform a file is (System V ABI; Go's cmd/link writes the same)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from gopherwhale.verify.reading import Data, Malformed, View

MAGIC: Final = b"\x7fELF"
_TYPES: Final[Mapping[int, str]] = {1: "object", 2: "executable", 3: "shared object", 4: "core"}
_PT_LOAD, _PT_DYNAMIC, _PT_INTERP = 1, 2, 3
_DT_NEEDED, _DT_STRTAB, _DT_FLAGS_1 = 1, 5, 0x6FFFFFFB
_DF_1_PIE: Final = 0x08000000
_SHT_NOBITS: Final = 8
_MAX_HEADERS: Final = 65_535
_MAX_NEEDED: Final = 256
# Operating systems that an ELF header can name; 0 and 3 are what Linux uses.
_OS_ABI: Final[Mapping[int, str]] = {
    0: "linux",
    3: "linux",
    9: "freebsd",
    2: "netbsd",
    12: "openbsd",
    6: "solaris",
}
_EM_MIPS: Final = 8
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


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A loadable part of the file."""

    offset: int
    address: int
    size: int
    writable: bool


@dataclass(frozen=True, kw_only=True)
class Elf:
    """What an ELF header and its program headers say.

    Attributes:
        bits: 32 or 64.
        big_endian: Its byte order.
        machine: e_machine.
        os: The system of its OS ABI, or `abi-N`.
        kind: executable, PIE, shared object, object or core.
        flags: e_flags.
        interpreter: The program that must load it, or empty for a static one.
        needed: The libraries that it names.
        segments: What is loaded.
        sections: Named sections: offset and size in the file.
    """

    bits: int
    big_endian: bool
    machine: int
    os: str
    kind: str
    flags: int
    interpreter: str
    needed: tuple[str, ...]
    segments: tuple[Segment, ...]
    sections: Mapping[str, tuple[int, int]]

    @property
    def architecture(self) -> str:
        """Go's name for the machine, or `machine-N` for one that Go does not know."""
        if self.machine == _EM_MIPS and self.bits == 32 and self.flags & _EF_MIPS_ABI2:  # noqa: PLR2004 -- bits
            return f"mipsn32{'' if self.big_endian else 'le'}"
        return ARCHITECTURES.get((self.machine, self.bits, self.big_endian), f"machine-{self.machine}")


@dataclass(frozen=True)
class _Header:
    kind: int
    flags: int
    offset: int
    address: int
    size: int


def read(data: Data) -> Elf:
    """Read an ELF file.

    Raises:
        Malformed: It is none, or breaks its own format.
    """
    ident = View(data).take(0, 16)
    if ident[:4] != MAGIC or ident[4] not in (1, 2) or ident[5] not in (1, 2) or ident[6] != 1:
        raise Malformed("the ELF identification is not sound")
    wide, view = ident[4] == 2, View(data, "<" if ident[5] == 1 else ">")  # noqa: PLR2004 -- ELFCLASS64
    kind, machine, version = view.unpack("HHI", 16)
    if version != 1 or kind not in _TYPES:
        raise Malformed(f"ELF type {kind} or version {version} is unknown")
    flags, headers, sections = _tables(view, wide=wide)
    interpreter = _interpreter(view, headers)
    needed, pie = _dynamic(view, headers, wide=wide)
    name = _TYPES[kind]
    if name == "shared object" and (interpreter or pie):
        name = "PIE"
    segments = tuple(
        Segment(offset=h.offset, address=h.address, size=h.size, writable=bool(h.flags & 2))
        for h in headers
        if h.kind == _PT_LOAD
    )
    abi = ident[7]
    return Elf(
        bits=64 if wide else 32,
        big_endian=view.order == ">",
        machine=machine,
        os=_OS_ABI.get(abi, f"abi-{abi}"),
        kind=name,
        flags=flags,
        interpreter=interpreter,
        needed=needed,
        segments=segments,
        sections=sections,
    )


def _tables(view: View, *, wide: bool) -> tuple[int, list[_Header], dict[str, tuple[int, int]]]:
    form = "QQQIHHHHHH" if wide else "IIIIHHHHHH"
    _, ph, sh, flags, _, ph_size, ph_count, sh_size, sh_count, names = view.unpack(form, 24)
    headers = list(_program_headers(view, ph, ph_size, ph_count, wide=wide)) if ph_count else []
    return flags, headers, _sections(view, sh, sh_size, sh_count, names, wide=wide)


def _program_headers(view: View, start: int, size: int, count: int, *, wide: bool) -> Iterator[_Header]:
    if count > _MAX_HEADERS or size < (56 if wide else 32):
        raise Malformed("the ELF program headers are not sound")
    for number in range(count):
        at = start + number * size
        if wide:
            kind, flags, offset, address, _, length = view.unpack("IIQQQQ", at)
        else:
            kind, offset, address, _, length, _, flags = view.unpack("IIIIIII", at)
        yield _Header(kind, flags, offset, address, length)


def _interpreter(view: View, headers: list[_Header]) -> str:
    for header in headers:
        if header.kind == _PT_INTERP:
            path = (
                view.take(header.offset, min(header.size, 4096)).partition(b"\0")[0].decode(errors="replace")
            )
            if not path.startswith("/"):
                raise Malformed("PT_INTERP is empty or no absolute path")
            return path
    return ""


def _dynamic(view: View, headers: list[_Header], *, wide: bool) -> tuple[tuple[str, ...], bool]:
    entries: list[tuple[int, int]] = []
    step, form = (16, "QQ") if wide else (8, "II")
    for header in headers:
        if header.kind == _PT_DYNAMIC:
            for at in range(header.offset, header.offset + min(header.size, step * 4096) - step + 1, step):
                tag, value = view.unpack(form, at)
                if not tag:
                    break
                entries.append((tag, value))
    pie = any(tag == _DT_FLAGS_1 and value & _DF_1_PIE for tag, value in entries)
    table = next((value for tag, value in entries if tag == _DT_STRTAB), None)
    names = [value for tag, value in entries if tag == _DT_NEEDED][:_MAX_NEEDED]
    if table is None or not names:
        return (), pie
    start = _file_offset(headers, table)
    return tuple(view.string(start + name) for name in names), pie


def _file_offset(headers: list[_Header], address: int) -> int:
    for header in headers:
        if header.kind == _PT_LOAD and header.address <= address < header.address + header.size:
            return address - header.address + header.offset
    raise Malformed("an address lies in no loaded segment")


def _sections(
    view: View, start: int, size: int, count: int, names: int, *, wide: bool
) -> dict[str, tuple[int, int]]:
    if not start or not count or size < (64 if wide else 40) or names >= count:
        return {}
    form = "IIQQQQ" if wide else "IIIIII"
    rows = [view.unpack(form, start + number * size) for number in range(count)]
    strings = rows[names][4]
    return {view.string(strings + row[0], 256): (row[4], row[5]) for row in rows if row[1] != _SHT_NOBITS}
