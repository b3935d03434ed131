"""Images of a few words, and what verify says of them."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any, Final

from gopherwhale.platforms import Platform, parse
from gopherwhale.verify.findings import Finding, Report
from gopherwhale.verify.image import Wanted, verify_image
from tests.unit.verify.binaries import build_info, elf, note, pe, settings
from tests.unit.verify.layers import Memory, tar

# Machine, bits, big-endian and flags of each of Go's architectures.
MACHINES: Final[Mapping[str, tuple[int, int, bool, int]]] = {
    "386": (3, 32, False, 0),
    "amd64": (62, 64, False, 0),
    "arm": (40, 32, False, 0x5000200),
    "arm64": (183, 64, False, 0),
    "loong64": (258, 64, False, 0x43),
    "mips": (8, 32, True, 0x50001007),
    "mips64": (8, 64, True, 0x20000004),
    "mips64le": (8, 64, False, 0x20000004),
    "mipsle": (8, 32, False, 0x50001007),
    "ppc64": (21, 64, True, 1),
    "ppc64le": (21, 64, False, 2),
    "riscv64": (243, 64, False, 4),
    "s390x": (22, 64, True, 0),
}
_LEVELS: Final = {"amd64": "GOAMD64", "arm": "GOARM", "arm64": "GOARM64"}
CERTIFICATES: Final = tar(("etc/ssl/certs/ca-certificates.crt", "file", 0o644))
# The loader and the C library of each kind, as they are named in Debian and in Alpine.
LOADERS: Final = {"amd64": "/lib64/ld-linux-x86-64.so.2", "arm64": "/lib/ld-linux-aarch64.so.1"}
MUSL: Final = {"amd64": "/lib/ld-musl-x86_64.so.1", "arm64": "/lib/ld-musl-aarch64.so.1"}


def code(architecture: str, **parts: Any) -> bytes:
    """Machine code that is no program of Go's; an executable unless told otherwise."""
    machine, bits, big, flags = MACHINES[architecture]
    return elf(machine=machine, bits=bits, big=big, flags=flags, **parts)


def library(architecture: str, *needed: str, **parts: Any) -> bytes:
    """A shared library."""
    return code(architecture, kind=3, needed=needed or (), **parts)


def program(platform: str, level: str = "", **parts: Any) -> bytes:
    """A program of Go's for a platform; `level` overrides what its variant means."""
    one = parse(platform)
    lines = one.go_environment()
    if level:
        lines[_LEVELS[one.architecture]] = level
    more = parts.pop("lines", {})
    data = build_info(lines=settings(**{"CGO_ENABLED": "0", **lines, **more}))
    order = ">" if MACHINES[one.architecture][2] else "<"
    # The linker gives each build an id of its own.
    own = str(zlib.crc32(data)).encode()
    notes = note(b"Go", 4, parts.pop("go_build_id", own), order) + parts.pop("notes", b"")
    return pe(data=data) if one.os == "windows" else code(one.architecture, data=data, notes=notes, **parts)


def files(contents: Mapping[str, bytes], mode: int = 0o755) -> bytes:
    """A layer of files, the paths absolute."""
    return tar(
        *((name.lstrip("/"), "file", mode) for name in contents),
        contents={name.lstrip("/"): data for name, data in contents.items()},
    )


def put(memory: Memory, platform: str, *layers: bytes, certificates: bool = True, **process: Any) -> Any:
    """Keep an image; with CA certificates in a layer of their own unless told otherwise."""
    return memory.put_image(platform, [*([CERTIFICATES] if certificates else []), *layers], **process)


def judge(images: Mapping[str, Mapping[str, bytes]], wanted: Wanted | None = None, **process: Any) -> Report:
    """Judge an index of images by platform, each of one layer of files."""
    memory = Memory()
    entries = [put(memory, platform, files(contents), **process) for platform, contents in images.items()]
    memory.put_index(entries)
    return verify_image(memory, wanted)


def alone(platform: str, *layers: bytes, wanted: Wanted | None = None, **process: Any) -> Report:
    """Judge an index of one image of some layers."""
    memory = Memory()
    memory.put_index([put(memory, platform, *layers, **process)])
    return verify_image(memory, wanted)


def codes(report: Report) -> set[str]:
    """The codes of everything that was found."""
    return {finding.code for finding in report.all_findings}


def named(report: Report, name: str) -> Finding:
    """The first finding of a code."""
    return next(finding for finding in report.all_findings if finding.code == name)


def level_of(platform: Platform) -> str:
    """Go's own word for a platform's variant."""
    return platform.go_environment().get(_LEVELS.get(platform.architecture, ""), "")
