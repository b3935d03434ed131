"""A file's bytes become facts: what it is, for which platform, and what it needs to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from gopherwhale.platforms import Platform, normalise
from gopherwhale.verify import buildinfo, elf, pe
from gopherwhale.verify.reading import Data, Malformed, View

_MACHO: Final = frozenset(
    {b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe"}
)
_LEVELS: Final[Mapping[str, str]] = {"arm": "GOARM", "amd64": "GOAMD64", "arm64": "GOARM64"}
_SHEBANG: Final = 256


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
    def cgo(self) -> bool | None:
        """Whether Go compiled with cgo; None where nothing tells."""
        return {"0": False, "1": True}.get(self.settings.get("CGO_ENABLED", ""))

    @property
    def revision(self) -> str:
        """The commit it was built from, or empty."""
        return self.settings.get("vcs.revision", "")

    @property
    def revision_time(self) -> str:
        """That commit's time, by RFC 3339, or empty."""
        return self.settings.get("vcs.time", "")

    @property
    def modified(self) -> bool | None:
        """Whether the working tree differed from that commit; None where nothing tells."""
        return {"true": True, "false": False}.get(self.settings.get("vcs.modified", ""))

    @property
    def level(self) -> str:
        """The CPU level that Go compiled for, as a variant (`v7`), or empty where nothing tells."""
        text = self.settings.get(_LEVELS.get(self.architecture, ""), "").partition(",")[0]
        return text if not text or text.startswith("v") else f"v{text}"

    @property
    def platform(self) -> Platform:
        """The platform that the file is for, as far as it tells."""
        return normalise(self.os, self.architecture, self.level)

    def to_document(self) -> dict[str, Any]:
        """JSON for machines, without what is empty."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        plain |= {name: list(plain[name]) for name in ("needed", "run_paths", "notes")}
        plain |= {
            "settings": dict(self.settings),
            "members": [member.to_document() for member in self.members],
        }
        return {key: value for key, value in plain.items() if value}


def read(data: Data) -> BinaryFacts:
    """Tell what a file is; a damaged one is `malformed`, never an error."""
    head = bytes(data[:4])
    try:
        if head == elf.MAGIC:
            return _elf(data)
        if head[:2] == pe.MAGIC:
            return _pe(data)
    except Malformed as problem:
        return BinaryFacts(format="malformed", problem=str(problem))
    if head in _MACHO:
        return BinaryFacts(format="Mach-O", os="darwin")
    if head[:2] == b"#!":
        words = View(data).string(2, _SHEBANG).partition("\n")[0].split()
        return BinaryFacts(format="script", kind="executable", interpreter=words[0] if words else "")
    return BinaryFacts(format="other")


def _elf(data: Data) -> BinaryFacts:
    found = elf.read(data)
    places = [found.sections[".go.buildinfo"]] if ".go.buildinfo" in found.sections else []
    places += [(segment.offset, segment.size) for segment in found.segments if segment.writable]
    info = _info(data, places, found)
    return BinaryFacts(
        format="ELF",
        os=found.os,
        architecture=found.architecture,
        machine=found.machine,
        kind=found.kind,
        bits=found.bits,
        byte_order="big" if found.big_endian else "little",
        interpreter=found.interpreter,
        needed=found.needed,
        go_version=info.go_version if info else "",
        module=info.module if info else "",
        settings=info.settings if info else MappingProxyType({}),
    )


def _pe(data: Data) -> BinaryFacts:
    found = pe.read(data)
    info = _info(data, found.writable, None)
    return BinaryFacts(
        format="PE",
        os="windows",
        architecture=found.architecture,
        kind=found.kind,
        bits=32 if found.architecture in ("386", "arm") else 64,
        byte_order="little",
        go_version=info.go_version if info else "",
        module=info.module if info else "",
        settings=info.settings if info else MappingProxyType({}),
    )


def _info(data: Data, places: Any, found: elf.Elf | None) -> buildinfo.BuildInfo | None:
    at = buildinfo.find(data, places)
    try:
        return None if at is None else buildinfo.read(data, at, found)
    except Malformed:
        return None
