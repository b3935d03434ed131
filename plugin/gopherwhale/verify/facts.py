"""A file's bytes become facts: what it is, for which platform, and what it needs to run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from gopherwhale.platforms import Platform, normalise
from gopherwhale.verify import buildinfo, elf, macho, pe, script
from gopherwhale.verify.reading import Data, Malformed, Segment

_LEVELS: Final[Mapping[str, str]] = {
    "amd64": "GOAMD64",
    "arm": "GOARM",
    "arm64": "GOARM64",
    "ppc64": "GOPPC64",
    "ppc64le": "GOPPC64",
    "riscv64": "GORISCV64",
}
_LISTS: Final = ("needed", "run_paths", "versions", "asked_versions", "notes")
CUT_SHORT: Final = "the file is cut short"
DAMAGED_INFO: Final = "Go's build information is damaged"
_PACKED: Final = b"UPX!"
_PACKED_REACH: Final = 4096


@dataclass(frozen=True, kw_only=True)
class BinaryFacts:
    """What is known of one file.

    Attributes:
        format: ELF, PE, Mach-O, script, other, or malformed.
        os: Its system, or empty where the format does not tell.
        architecture: By Go's name, or empty.
        kind: executable, PIE, shared object, object, core, or empty.
        bits: 32 or 64, or 0.
        byte_order: little or big, or empty.
        interpreter: What must load or run it, or empty for a static binary.
        needed: The libraries that it names.
        go_version: Or empty where there is no build information.
        module: The main module.
        settings: Go's build settings.
        problem: Why it is malformed, or why nothing more can be told; or empty.
        machine: The header's own number of the machine, or 0.
        os_abi: The ELF OS ABI by name: `sysv`, `gnu`, `freebsd`, ...
        abi: The machine's calling convention, as far as the header tells: `eabi5 hard-float`, `n64`, `lp64d`.
        run_paths: Folders in which its libraries are looked for first (DT_RUNPATH, else DT_RPATH).
        versions: The symbol versions that an ELF file defines.
        asked_versions: Those that it asks of its libraries, as `libc.so.6:GLIBC_2.34`.
        argument: The one argument that a script's first line gives to its interpreter.
        build_id: The GNU build id (Mach-O: the UUID), in hexadecimal digits.
        go_build_id: Go's.
        main_package: The path of the main package.
        module_version: The main module's.
        cpu_level: The CPU level that the file's own notes ask for (`v3`), apart from Go's settings.
        packer: The program that packed it, where one is recognised: `UPX`.
        members: The parts of a universal Mach-O file; the facts beside them are the first part's.
        notes: What is odd about it, though it is sound.
    """

    format: str
    os: str = ""
    architecture: str = ""
    kind: str = ""
    bits: int = 0
    byte_order: str = ""
    interpreter: str = ""
    needed: tuple[str, ...] = ()
    go_version: str = ""
    module: str = ""
    settings: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    problem: str = ""
    machine: int = 0
    os_abi: str = ""
    abi: str = ""
    run_paths: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    asked_versions: tuple[str, ...] = ()
    argument: str = ""
    build_id: str = ""
    go_build_id: str = ""
    main_package: str = ""
    module_version: str = ""
    cpu_level: str = ""
    packer: str = ""
    members: tuple[BinaryFacts, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def static(self) -> bool:
        """Whether it is a program that nothing else has to load."""
        return self.kind in ("executable", "PIE") and not self.interpreter and not self.needed

    @property
    def is_data(self) -> bool:
        """Whether nothing runs or loads it: what a compiler left for a linker, a core, a program for eBPF."""
        return self.kind in ("object", "core")

    @property
    def cgo(self) -> bool | None:
        """Whether Go compiled with cgo; None where nothing tells."""
        return {"0": False, "1": True}.get(self.settings.get("CGO_ENABLED", ""))

    @property
    def revision(self) -> str:
        """The commit it was built from, or empty."""
        return self.settings.get("vcs.revision", "")

    @property
    def modified(self) -> bool | None:
        """Whether the working tree differed from that commit; None where nothing tells."""
        return {"true": True, "false": False}.get(self.settings.get("vcs.modified", ""))

    @property
    def level(self) -> str:
        """The CPU level it is compiled for, as a variant (`v7`), or empty where nothing tells.

        Go's setting, or what the file's own notes ask for where that is more: the C code beside Go's, as
        Debian's armhf compiles it for v7 whatever GOARM says.
        """
        setting = self.settings.get(_LEVELS.get(self.architecture, ""), "")
        text, _, options = setting.partition(",")
        if text == "v8.0" and "lse" in options.split(","):
            # The large system extensions are a part of Armv8.1, and optional before.
            return "v8.1"
        own = f"v{text}" if text[:1].isdecimal() else text
        return max(own, self.cpu_level, key=rank)

    @property
    def platform(self) -> Platform:
        """The platform that the file is for, as far as it tells."""
        if not self.level:
            # No variant is made up: "arm" alone is not arm/v7 here.
            return Platform(os=self.os, architecture=self.architecture)
        return normalise(self.os, self.architecture, self.level)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> BinaryFacts:
        """The facts of which `to_document` made a document.

        Raises:
            TypeError: It made no such document.
        """
        lists = {name: tuple(document.get(name, ())) for name in _LISTS}
        members = tuple(cls.from_document(member) for member in document.get("members", ()))
        settings = MappingProxyType(dict(document.get("settings", {})))
        return cls(**{**document, **lists, "members": members, "settings": settings})

    def to_document(self) -> dict[str, Any]:
        """JSON for machines, without what is empty."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        plain |= {name: list(plain[name]) for name in _LISTS}
        plain |= {
            "settings": dict(self.settings),
            "members": [member.to_document() for member in self.members],
        }
        return {key: value for key, value in plain.items() if value}


def rank(level: str) -> tuple[int, int]:
    """`v8.1` as (8, 1), `power9` as (9, 0), `rva22u64` as (22, 0), and nothing as (0, 0)."""
    digits = level.lstrip("abcdefghijklmnopqrstuvwxyz").partition("u")[0]
    major, _, minor = digits.partition(".")
    return (_number(major), _number(minor))


def _number(digits: str) -> int:
    # Python refuses to read a number of thousands of digits, and whoever made the binary chose them.
    return int(digits[:9]) if digits.isdecimal() else 0


def begins_as_program(head: bytes) -> bool:
    """Whether a file that begins so (8 bytes) may be a program or a library; a script's magic is no proof."""
    return head[:4] == elf.MAGIC or head[:2] == pe.MAGIC or macho.is_one(head[:8])


def read(data: Data) -> BinaryFacts:
    """Tell what a file is; a damaged one is `malformed`, never an error."""
    head = bytes(data[:8])
    try:
        if head[:4] == elf.MAGIC:
            return _elf(data)
        if head[:2] == pe.MAGIC and pe.start_of(data) is not None:
            return _pe(data)
        if macho.is_one(head):
            return _universal(data)
    except Malformed as problem:
        return BinaryFacts(format="malformed", problem=str(problem))
    if head[:2] == script.MAGIC:
        program, argument = script.read(data)
        return BinaryFacts(format="script", kind="executable", interpreter=program, argument=argument)
    return BinaryFacts(format="other")


def _elf(data: Data) -> BinaryFacts:
    found = elf.read(data)
    section = found.sections.get(".go.buildinfo")
    places = [section] if section else []
    facts = BinaryFacts(
        format="ELF",
        os=found.os,
        architecture=found.architecture,
        machine=found.machine,
        kind=found.kind,
        bits=found.bits,
        byte_order="big" if found.big_endian else "little",
        os_abi=found.os_abi,
        abi=found.abi,
        interpreter=found.interpreter,
        needed=found.needed,
        run_paths=found.run_paths,
        versions=found.versions.defined,
        asked_versions=found.versions.asked,
        build_id=found.notes.build_id,
        go_build_id=found.notes.go_build_id,
        cpu_level=found.notes.cpu_level,
        packer="UPX" if _PACKED in bytes(data[:_PACKED_REACH]) else "",
    )
    end = max((segment.offset + segment.size for segment in found.segments), default=0)
    if end > len(data):
        facts = replace(facts, notes=(f"{CUT_SHORT}: {end} bytes are to be loaded, {len(data)} are there",))
    known = _with_info(data, facts, places, found.segments)
    if found.os_abi == "sysv" and not found.notes.system:
        # The header names no system: what Go says it compiled for is better than the usual guess.
        return replace(known, os=known.settings.get("GOOS", known.os))
    return known


def _pe(data: Data) -> BinaryFacts:
    found = pe.read(data)
    facts = BinaryFacts(
        format="PE",
        os=found.os,
        architecture=found.architecture,
        machine=found.machine,
        kind=found.kind,
        bits=found.bits,
        byte_order="little",
        needed=found.needed,
        go_build_id=buildinfo.find_build_id(data),
    )
    return _with_info(data, facts, [], found.segments)


def _universal(data: Data) -> BinaryFacts:
    parts = macho.parts(data)
    members = tuple(_macho(part) for part in parts)
    return members[0] if len(members) == 1 else replace(members[0], members=members)


def _macho(data: Data) -> BinaryFacts:
    found = macho.read(data)
    facts = BinaryFacts(
        format="Mach-O",
        os=found.os,
        architecture=found.architecture,
        machine=found.machine,
        kind=found.kind,
        bits=found.bits,
        byte_order="big" if found.big_endian else "little",
        interpreter=found.interpreter,
        needed=tuple(found.needed),
        build_id=found.build_id,
        go_build_id=buildinfo.find_build_id(data),
    )
    return _with_info(data, facts, found.build_info, found.segments)


def _with_info(
    data: Data, facts: BinaryFacts, places: Sequence[tuple[int, int]], segments: Sequence[Segment]
) -> BinaryFacts:
    """Add Go's build information, looked for in its own section, else in all that can be written to."""
    named = places or [(segment.offset, segment.size) for segment in segments if segment.writable]
    at = buildinfo.find(data, named)
    if at is None:
        return facts
    try:
        info = buildinfo.read(data, at, segments)
    except Malformed as problem:
        return replace(facts, notes=(*facts.notes, f"{DAMAGED_INFO}: {problem}"))
    return replace(
        facts,
        go_version=info.go_version,
        module=info.module,
        module_version=info.module_version,
        main_package=info.main_package,
        settings=info.settings,
    )
