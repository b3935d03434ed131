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
        problem: Why it is malformed, or empty.
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
        plain |= {"settings": dict(self.settings), "needed": list(self.needed)}
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
