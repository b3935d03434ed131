"""The readers of single files: ELF, PE, Mach-O, scripts and Go's build information."""

from __future__ import annotations

import struct
from typing import Final

from gopherwhale.platforms import parse
from gopherwhale.verify import buildinfo, facts
from gopherwhale.verify.facts import BinaryFacts
from gopherwhale.verify.fits import fits
from gopherwhale.verify.reading import Malformed, Segment
from tests.fuzz.targets import Target
from tests.unit.verify.binaries import build_info, elf, fat, macho, note, pe, settings

_INFO: Final = build_info(
    lines=settings(GOOS="linux", GOARCH="arm", GOARM="7", **{"-ldflags": '"-X main.a=b c"'})
)


def _judge(data: bytes) -> object:
    """Facts, their document there and back, and a verdict: none of them may fail on any bytes."""
    known = facts.read(data)
    document = known.to_document()
    assert BinaryFacts.from_document(document).to_document() == document
    return fits(parse("linux/arm64"), "/app", known)


def _elf() -> list[bytes]:
    isa = struct.pack("<IIII", 0xC0008002, 4, 0b111, 0)
    notes = note(b"GNU", 3, b"\xab\xcd") + note(b"Go", 4, b"a/b") + note(b"GNU", 5, isa)
    dynamic = {
        "interpreter": b"/lib/ld.so.1\0",
        "needed": ["libc.so.6", "libm.so.6"],
        "runpath": "$ORIGIN:/x",
    }
    return [
        elf(),
        elf(data=_INFO, notes=notes),
        elf(bits=32, machine=40, flags=0x05000400, data=_INFO),
        elf(big=True, machine=22, kind=3, **dynamic),  # type: ignore[arg-type]
        elf(bits=32, big=True, machine=8, kind=3, pie=True, **dynamic),  # type: ignore[arg-type]
        elf(
            kind=3,
            defines=["a.so.1", "A_1", "A_2"],
            asks={"libc.so.6": ["C_1", "~C_2"], "libm.so.6": ["M_1"]},
        ),
    ]


def _pe() -> list[bytes]:
    return [pe(), pe(data=_INFO), pe(machine=0xAA64, flags=0x2022, data=_INFO), pe(subsystem=10)]


def _macho() -> list[bytes]:
    return [macho(data=_INFO), macho(machine=0x0100000C, flags=0x200000), fat(macho(data=_INFO), macho())]


def _script() -> list[bytes]:
    return [b"#!/bin/sh\nexec app\n", b"#! /usr/bin/env -S python3 -u\n", b"#!"]


def _info() -> list[bytes]:
    behind = b"\xff Go buildinf:" + bytes((8, 0)) + struct.pack("<QQ", 48, 64) + struct.pack("<QQ", 96, 8) * 2
    return [_INFO, build_info(), behind.ljust(96, b"\0") + b"go1.17.1" + bytes(64)]


def _read_info(data: bytes) -> object:
    found = buildinfo.find(data, [(0, len(data))])
    whole = [Segment(offset=0, address=0, size=len(data), writable=True)]
    return buildinfo.read(data, found or 0, whole)


TARGETS: Final = (
    Target(name="elf", seeds=_elf, read=_judge),
    Target(name="pe", seeds=_pe, read=_judge),
    Target(name="mach-o", seeds=_macho, read=_judge),
    Target(name="script", seeds=_script, read=_judge),
    Target(name="build-info", seeds=_info, read=_read_info, refusals=(Malformed,)),
)
