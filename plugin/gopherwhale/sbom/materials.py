"""What an image is made of: its programs, the modules that are in them, the base below. Pure values.

Everything here follows from the image's bytes, so that the same image always has the same documents.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from gopherwhale.dates import rfc3339
from gopherwhale.errors import BuildError
from gopherwhale.platforms import Platform

STANDARD_LIBRARY: Final = "stdlib"
_NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "https://github.com/gopherwhale/sbom")
_REPLACED: Final = "=>"


@dataclass(frozen=True, kw_only=True, order=True)
class Module:
    """A Go module as it was compiled in, replacements applied.

    Attributes:
        path: Its module path, or `stdlib`.
        version: As `v1.2.3`; empty for a module that was built from its sources here.
        checksum: As go.sum has it (`h1:…`), or empty.
    """

    path: str
    version: str
    checksum: str = ""

    @property
    def purl(self) -> str:
        """Its package URL (purl-spec, type `golang`: names in lower case)."""
        version = self.version.removeprefix("go") if self.path == STANDARD_LIBRARY else self.version
        return f"pkg:golang/{quote(self.path.lower(), safe='/')}{f'@{quote(version)}' if version else ''}"


@dataclass(frozen=True, kw_only=True)
class Program:
    """A binary of the image.

    Attributes:
        path: In the image, absolute.
        package: The import path of its main package.
        sha256: Of its bytes, in hexadecimal.
        module: The main module.
        modules: Every module that is in it but the main one, the standard library included.
    """

    path: str
    package: str
    sha256: str
    module: Module
    modules: tuple[Module, ...]


@dataclass(frozen=True, kw_only=True)
class Materials:
    """One platform's image and what is in it.

    Attributes:
        name: Registry and repository, or the image's name in its own repository.
        digest: Of its manifest.
        platform: What it is for.
        created: Seconds since 1970.
        base_name: What it is built upon, or empty.
        base_digest: The digest of that.
        programs: Its binaries.
        tool: The version of gopherwhale.
    """

    name: str
    digest: str
    platform: Platform
    created: int
    base_name: str
    base_digest: str
    programs: tuple[Program, ...]
    tool: str

    @property
    def modules(self) -> tuple[Module, ...]:
        """Every module, each once, in order."""
        found = {module for program in self.programs for module in (program.module, *program.modules)}
        return tuple(sorted(found))

    @property
    def date(self) -> str:
        """The date of creation as both formats write it."""
        return rfc3339(self.created)

    @property
    def identifier(self) -> uuid.UUID:
        """An identifier that every document of this very image shares."""
        return uuid.uuid5(_NAMESPACE, self.digest)

    @property
    def purl(self) -> str:
        """The image's package URL (purl-spec, type `oci`)."""
        return _oci_purl(self.name, self.digest, arch=self.platform.architecture, os=self.platform.os)

    @property
    def base_purl(self) -> str:
        """The base's package URL, or empty."""
        return _oci_purl(self.base_name, self.base_digest) if self.base_digest else ""


def read_go_version(said: str, program: str) -> tuple[str, Module, tuple[Module, ...]]:
    """Read what `go version -m` prints of one binary.

    Args:
        said: Its output.
        program: The binary, for the message.

    Returns:
        The main package's import path, the main module, and all others with the standard library.

    Raises:
        BuildError: The binary has no build information.
    """
    head, *lines = said.splitlines() or [""]
    rows = [line.strip().split("\t") for line in lines]
    package = next((row[1] for row in rows if row[0] == "path" and len(row) > 1), "")
    found: list[Module] = []
    main: Module | None = None
    for kind, *fields in rows:
        if kind == "mod" and fields:
            main = _module(fields)
        elif kind == "dep" and fields:
            found.append(_module(fields))
        elif kind == _REPLACED and found and fields:
            found[-1] = _replacement(found[-1], fields)
    if not package:
        raise BuildError(f"{program} has no build information, of which an SBOM is made")
    found.append(Module(path=STANDARD_LIBRARY, version=head.rpartition(": ")[2].split(" ")[0]))
    return package, main or Module(path=package, version=""), tuple(sorted(found))


def _replacement(module: Module, fields: Sequence[str]) -> Module:
    """What was compiled in a module's place: another one, or a folder here, which names it for nobody else.

    https://go.dev/ref/mod#go-mod-file-replace: a path that begins with ./, ../ or / is one of a folder.
    """
    if fields[0].startswith(("./", "../", "/")):
        return Module(path=module.path, version="")
    return _module(fields)


def _module(fields: Iterable[str]) -> Module:
    path, version, checksum = [*fields, "", ""][:3]
    return Module(path=path, version="" if version == "(devel)" else version, checksum=checksum)


def _oci_purl(name: str, digest: str, **qualifiers: str) -> str:
    base = name.partition("@")[0]
    last = base.rpartition("/")[2].partition(":")[0] or "image"
    repository = base.removesuffix(f":{base.rpartition(':')[2]}") if ":" in base.rpartition("/")[2] else base
    given: Mapping[str, str] = {**qualifiers, **({"repository_url": repository} if "/" in repository else {})}
    text = "&".join(f"{key}={quote(given[key], safe='/')}" for key in sorted(given))
    return f"pkg:oci/{quote(last.lower())}@{quote(digest, safe='')}{f'?{text}' if text else ''}"
