"""ELF, as far as it tells for which platform a file is (System V ABI; Go's cmd/link writes the same).

What the kernel and the loader need must be sound. Section headers are for other tools: damaged ones
are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple

from gopherwhale.verify import elf_abi, elf_notes, elf_versions
from gopherwhale.verify.reading import Data, Malformed, Segment, View, place

MAGIC: Final = b"\x7fELF"
ARCHITECTURES: Final = elf_abi.ARCHITECTURES
_TYPES: Final[Mapping[int, str]] = {1: "object", 2: "executable", 3: "shared object", 4: "core"}
_PT_LOAD, _PT_DYNAMIC, _PT_INTERP, _PT_NOTE, _PT_GNU_PROPERTY = 1, 2, 3, 4, 0x6474E553
_DT_NEEDED, _DT_STRTAB, _DT_RPATH, _DT_RUNPATH, _DT_FLAGS_1 = 1, 5, 15, 29, 0x6FFFFFFB
_DF_1_PIE: Final = 0x08000000
_SHT_NOTE, _SHT_NOBITS, _SHT_ARM_ATTRIBUTES = 7, 8, 0x70000003
_EM_ARM: Final = 40
# Linux refuses a table of more than 64 KiB (fs/binfmt_elf.c, load_elf_phdrs).
_MAX_HEADER_BYTES: Final = 65_536
_MAX_SECTIONS: Final = 16_384
_MAX_NAMES: Final = 256
_MAX_NOTES: Final = 16
_MAX_STRINGS: Final = 1024 * 1024
_MAX_DYNAMIC: Final = 4096
_MAX_PATH: Final = 4096


class Elf(NamedTuple):
    """What an ELF header, its program headers and its notes say.

    Attributes:
        bits: 32 or 64.
        big_endian: Its byte order.
        machine: e_machine.
        os: By Go's name, from the OS ABI and the notes.
        os_abi: The OS ABI's name.
        abi: The calling convention, as far as it tells.
        kind: executable, PIE, shared object, object or core.
        flags: e_flags.
        interpreter: The program that must load it, or empty for a static one.
        needed: The libraries that it names.
        run_paths: Where these are looked for first.
        versions: The symbol versions that it defines and asks for.
        segments: What is loaded.
        sections: Named sections: offset and size in the file.
        notes: What the notes say.
    """

    bits: int
    big_endian: bool
    machine: int
    os: str
    os_abi: str
    abi: str
    kind: str
    flags: int
    interpreter: str
    needed: tuple[str, ...]
    run_paths: tuple[str, ...]
    versions: elf_versions.Versions
    segments: tuple[Segment, ...]
    sections: Mapping[str, tuple[int, int]]
    notes: elf_notes.Notes

    @property
    def architecture(self) -> str:
        """Go's name for the machine, or `machine-N` for one that Go does not know."""
        return elf_abi.architecture(self.machine, self.bits, self.flags, big=self.big_endian)


class _Header(NamedTuple):
    kind: int
    flags: int
    offset: int
    address: int
    size: int
    align: int


class _Section(NamedTuple):
    name: str
    kind: int
    offset: int
    size: int
    align: int


class _Dynamic(NamedTuple):
    needed: tuple[str, ...] = ()
    run_paths: tuple[str, ...] = ()
    versions: elf_versions.Versions = elf_versions.Versions()
    pie: bool = False


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
    return _read(view, _TYPES[kind], machine, elf_abi.os_abi(ident[7]), wide=wide)


def _read(view: View, kind: str, machine: int, os_abi: str, *, wide: bool) -> Elf:
    form = "QQQIHHHHHH" if wide else "IIIIHHHHHH"
    _, ph, sh, flags, _, ph_size, ph_count, sh_size, sh_count, names = view.unpack(form, 24)
    loaded = kind in ("executable", "shared object")
    headers = _program_headers(view, ph, ph_size, ph_count, wide=wide) if loaded else []
    sections = _sections(view, sh, sh_size, sh_count, names, wide=wide)
    interpreter = _interpreter(view, headers)
    dynamic = _dynamic(view, headers, wide=wide)
    segments = _segments(headers)
    notes = _notes(view, headers, sections)
    bits = 64 if wide else 32
    abi = elf_abi.convention(machine, bits, flags)
    if machine == _EM_ARM:
        abi = _arm(view, sections, notes, abi)
    if kind == "shared object" and (interpreter or dynamic.pie):
        kind = "PIE"
    return Elf(
        bits=bits,
        big_endian=view.order == ">",
        machine=machine,
        os=elf_abi.system(os_abi) if os_abi != "sysv" else notes.system or "linux",
        os_abi=os_abi,
        abi=abi,
        kind=kind,
        flags=flags,
        interpreter=interpreter,
        needed=dynamic.needed,
        run_paths=dynamic.run_paths,
        versions=dynamic.versions,
        segments=segments,
        sections={one.name: (one.offset, one.size) for one in sections},
        notes=notes,
    )


def _program_headers(view: View, start: int, size: int, count: int, *, wide: bool) -> list[_Header]:
    if not count:
        return []
    if size != (56 if wide else 32) or count * size > _MAX_HEADER_BYTES:
        raise Malformed("the ELF program headers are not sound")
    if wide:
        rows = view.rows("IIQQQQQQ", start, count, size)
        return [_Header(row[0], row[1], row[2], row[3], row[5], row[7]) for row in rows]
    rows = view.rows("IIIIIIII", start, count, size)
    return [_Header(row[0], row[6], row[1], row[2], row[4], row[7]) for row in rows]


def _segments(headers: Sequence[_Header]) -> tuple[Segment, ...]:
    loads = [header for header in headers if header.kind == _PT_LOAD]
    return tuple(
        Segment(offset=h.offset, address=h.address, size=h.size, writable=bool(h.flags & 2)) for h in loads
    )


def _interpreter(view: View, headers: Sequence[_Header]) -> str:
    for header in headers:
        if header.kind == _PT_INTERP:
            raw = view.take(header.offset, min(header.size, _MAX_PATH))
            path = raw.partition(b"\0")[0].decode(errors="replace")
            if not path.startswith("/"):
                raise Malformed("PT_INTERP is empty or no absolute path")
            return path
    return ""


def _dynamic(view: View, headers: Sequence[_Header], *, wide: bool) -> _Dynamic:
    step, form = (16, "QQ") if wide else (8, "II")
    for header in headers:
        if header.kind == _PT_DYNAMIC:
            count = min(header.size // step, _MAX_DYNAMIC)
            entries: list[tuple[int, int]] = []
            for tag, value in view.rows(form, header.offset, count, step):
                if not tag:
                    break
                entries.append((tag, value))
            return _names(view, headers, entries)
    return _Dynamic()


def _names(view: View, headers: Sequence[_Header], entries: Sequence[tuple[int, int]]) -> _Dynamic:
    pie = any(tag == _DT_FLAGS_1 and value & _DF_1_PIE for tag, value in entries)
    strings = next((value for tag, value in entries if tag == _DT_STRTAB), None)
    if strings is None:
        return _Dynamic(pie=pie)
    wanted = [(tag, value) for tag, value in entries if tag in (_DT_NEEDED, _DT_RPATH, _DT_RUNPATH)]
    loads = [Segment(offset=h.offset, address=h.address, size=h.size) for h in headers if h.kind == _PT_LOAD]
    try:
        start = place(loads, strings)
    except Malformed:
        if wanted:
            raise
        return _Dynamic(pie=pie)
    texts = [(tag, view.string(start + value)) for tag, value in wanted[:_MAX_NAMES]]
    paths = [text for tag, text in texts if tag == _DT_RUNPATH] or [
        text for tag, text in texts if tag == _DT_RPATH
    ]
    return _Dynamic(
        needed=tuple(text for tag, text in texts if tag == _DT_NEEDED),
        run_paths=tuple(part for text in paths for part in text.split(":") if part),
        versions=elf_versions.read(view, dict(entries), start, partial(place, loads)),
        pie=pie,
    )


def _sections(view: View, start: int, size: int, count: int, names: int, *, wide: bool) -> list[_Section]:
    form = "IIQQQQIIQ" if wide else "IIIIIIIII"
    try:
        if start and not count:
            # More than 65,279 sections: the real numbers stand in the first (gABI, section header 0).
            first = view.unpack(form, start)
            count, names = first[5], first[6] if names == 0xFFFF else names  # noqa: PLR2004 -- SHN_XINDEX
        if not start or not names < count <= _MAX_SECTIONS:
            return []
        rows = view.rows(form, start, count, size)
        strings = view.take(rows[names][4], min(rows[names][5], _MAX_STRINGS))
    except Malformed:
        return []
    return [
        _Section(_name(strings, row[0]), row[1], row[4], row[5], row[8])
        for row in rows
        if row[1] != _SHT_NOBITS
    ]


def _name(strings: bytes, at: int) -> str:
    return strings[at : at + 64].partition(b"\0")[0].decode(errors="replace")


def _notes(view: View, headers: Sequence[_Header], sections: Sequence[_Section]) -> elf_notes.Notes:
    notes = elf_notes.Notes()
    kinds = (_PT_NOTE, _PT_GNU_PROPERTY)
    places = [(h.offset, h.size, h.align) for h in headers if h.kind in kinds]
    places = places or [(one.offset, one.size, one.align) for one in sections if one.kind == _SHT_NOTE]
    for offset, size, align in places[:_MAX_NOTES]:
        elf_notes.read(view, offset, size, align, notes)
    return notes


def _arm(view: View, sections: Sequence[_Section], notes: elf_notes.Notes, abi: str) -> str:
    for section in sections:
        if section.kind == _SHT_ARM_ATTRIBUTES:
            notes.cpu_level, floats = elf_notes.arm_attributes(view, section.offset, section.size)
            return f"{abi} {floats}" if floats and floats not in abi else abi
    return abi
