from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gopherwhale.platforms import parse
from gopherwhale.verify import buildinfo, facts
from gopherwhale.verify.elf import ARCHITECTURES
from gopherwhale.verify.fits import fits
from gopherwhale.verify.reading import Malformed, OpenFile
from tests.unit.verify.binaries import build_info, elf, fat, macho, note, pe, settings

INFO = build_info(lines=settings(GOOS="linux", GOARCH="arm", GOARM="7", CGO_ENABLED="0"))
VALID = [
    elf(data=INFO),
    elf(bits=32, machine=40, flags=0x05000400, data=INFO),
    elf(
        big=True,
        machine=22,
        interpreter=b"/lib/ld64.so.1\0",
        needed=["libc.so.6"],
        notes=note(b"Go", 4, b"id"),
    ),
    pe(data=INFO),
    macho(data=INFO),
    fat(macho(data=INFO), macho(machine=0x0100000C)),
]


@pytest.mark.parametrize(("key", "name"), ARCHITECTURES.items(), ids=str)
def test_each_port_of_go_is_told_by_machine_class_and_byte_order(
    key: tuple[int, int, bool], name: str
) -> None:
    """The header alone gives Go's name of the architecture."""
    machine, bits, big = key
    known = facts.read(elf(machine=machine, bits=bits, big=big))
    assert (known.format, known.os, known.architecture, known.bits) == ("ELF", "linux", name, bits)
    assert (known.byte_order, known.kind, known.static) == ("big" if big else "little", "executable", True)


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("big", [False, True])
def test_a_dynamic_program_names_its_loader_libraries_and_their_folders(*, bits: int, big: bool) -> None:
    """PT_INTERP, DT_NEEDED and DT_RUNPATH are read in both classes and byte orders."""
    known = facts.read(
        elf(
            bits=bits,
            big=big,
            kind=3,
            interpreter=b"/lib/ld.so.1\0",
            needed=["libc.so.6", "libm.so.6"],
            runpath="$ORIGIN/../lib:/opt/lib",
        )
    )
    assert (known.kind, known.interpreter, known.needed) == (
        "PIE",
        "/lib/ld.so.1",
        ("libc.so.6", "libm.so.6"),
    )
    assert (known.run_paths, known.static) == (("$ORIGIN/../lib", "/opt/lib"), False)


@pytest.mark.parametrize(
    ("kind", "pie", "expected"),
    [(1, False, "object"), (2, False, "executable"), (3, False, "shared object"), (3, True, "PIE")],
)
def test_the_kind_is_told(kind: int, *, pie: bool, expected: str) -> None:
    """A shared object that says so itself is a static PIE."""
    assert facts.read(elf(kind=kind, pie=pie)).kind == expected


@pytest.mark.parametrize(
    ("machine", "bits", "flags", "abi"),
    [
        (40, 32, 0x05000400, "eabi5 hard-float"),
        (40, 32, 0x05000200, "eabi5 soft-float"),
        (8, 32, 0x1000, "o32"),
        (8, 64, 0, "n64"),
        (8, 32, 0x20, "n32"),
        (243, 64, 5, "lp64d"),
        (258, 64, 3, "lp64d"),
        (21, 64, 2, "elfv2"),
        (62, 32, 0, "x32"),
        (62, 64, 0, ""),
    ],
)
def test_the_calling_convention_is_told(machine: int, bits: int, flags: int, abi: str) -> None:
    """e_flags are read as each machine means them."""
    assert facts.read(elf(machine=machine, bits=bits, flags=flags)).abi == abi


def test_build_ids_system_and_cpu_level_stand_in_notes() -> None:
    """The notes of GNU, Go and NetBSD are understood."""
    isa = struct.pack("<IIII", 0xC0008002, 4, 0b111, 0)
    notes = note(b"GNU", 3, b"\xab\xcd") + note(b"Go", 4, b"a/b") + note(b"NetBSD", 1, bytes(4))
    known = facts.read(elf(notes=notes + note(b"GNU", 5, isa)))
    assert (known.build_id, known.go_build_id, known.os, known.cpu_level) == ("abcd", "a/b", "netbsd", "v3")
    assert known.level == "v3"


@pytest.mark.parametrize("make", [elf, pe, macho])
def test_build_information_is_found_in_every_format(make: object) -> None:
    """Version, module, main package and every setting come out, wherever Go puts them."""
    lines = settings(GOOS="linux", GOARCH="amd64", GOAMD64="v3", CGO_ENABLED="1", **{"vcs.modified": "true"})
    known = facts.read(make(data=build_info(lines=lines)))  # type: ignore[operator]
    assert (known.go_version, known.module, known.module_version) == ("go1.26.8", "example.com/app", "v1.2.3")
    assert (known.main_package, known.level, known.cgo) == ("example.com/app/cmd/app", "v3", True)
    assert (known.modified, known.revision) == (True, "")


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("bits", [32, 64])
def test_build_information_behind_pointers_is_followed(*, bits: int, big: bool) -> None:
    """Go before 1.18 wrote two pointers to strings, in the machine's own width and byte order."""
    form = (">" if big else "<") + ("QQ" if bits == 64 else "II")
    width = bits // 8
    text = b"0123456789abcdefpath\tapp\n0123456789abcdef"
    base = len(elf(bits=bits, big=big, data=b"x")) - 1
    strings = base + 32 + 4 * width
    header = b"\xff Go buildinf:" + bytes((width, int(big)))
    header += struct.pack(form, base + 32, base + 32 + 2 * width).ljust(16, b"\0")
    pointers = struct.pack(form, strings, 6) + struct.pack(form, strings + 6, len(text))
    known = facts.read(elf(bits=bits, big=big, data=header + pointers + b"go1.17" + text))
    assert (known.go_version, known.main_package, known.notes) == ("go1.17", "app", ())


def test_damaged_build_information_is_said_and_not_guessed() -> None:
    """What cannot be read is a note, and the verdict is that it cannot tell."""
    known = facts.read(elf(data=b"\xff Go buildinf:" + bytes((8, 2)) + bytes(16) + b"\xff" * 16))
    assert known.go_version == ""
    assert "damaged" in known.notes[0]
    assert [one.code for one in fits(parse("linux/amd64"), "/app", known)] == ["cannot-tell"]


def test_the_magic_counts_only_where_go_puts_it() -> None:
    """A copy of it on an odd place, or a file full of such copies, is no build information."""
    assert buildinfo.find(b"\0" + buildinfo.MAGIC * 1000, [(0, 20_000)]) in (None, 112)
    assert buildinfo.find(b"\0" * 7 + (buildinfo.MAGIC + b"\0\0") * 99_999, [(0, 2_000_000)] * 60_000) is None


def test_the_magic_is_found_across_the_border_of_two_windows() -> None:
    """A file is searched a MiB at a time, and nothing is lost between."""
    at = 1024 * 1024 - 16
    data = bytes(at) + bytes(16) + b"\0" * (16 * 8) + buildinfo.MAGIC
    assert buildinfo.find(data, [(0, len(data))]) == len(data) - len(buildinfo.MAGIC)
    assert buildinfo.find(bytes(8) + bytes(at) + buildinfo.MAGIC, [(8, len(data))]) == at + 8


@pytest.mark.parametrize(
    ("line", "program", "argument"),
    [
        (b"#!/bin/sh\n", "/bin/sh", ""),
        (b"#! /usr/bin/env  python3 -u \n", "/usr/bin/env", "python3 -u"),
        (b"#!\n", "", ""),
        (b"#!/bin/\xff", "/bin/\N{REPLACEMENT CHARACTER}", ""),
    ],
)
def test_a_script_names_its_interpreter(line: bytes, program: str, argument: str) -> None:
    """The first line is taken apart as Linux does."""
    known = facts.read(line)
    assert (known.format, known.interpreter, known.argument) == ("script", program, argument)


def test_a_universal_file_has_the_facts_of_each_part() -> None:
    """Each architecture is judged by itself, and one that fits is enough."""
    known = facts.read(fat(macho(), macho(machine=0x0100000C)))
    assert [member.architecture for member in known.members] == ["amd64", "arm64"]
    assert known.needed == ("/usr/lib/libSystem.B.dylib",)
    assert facts.read(b"\xca\xfe\xba\xbe\0\0\0\x34" + bytes(99)).format == "other"


@pytest.mark.parametrize("data", [b"", b"MZ", b"MZ" + bytes(99), b"\0\0\x8a\x97" + bytes(50), b"hello"])
def test_what_is_no_program_is_other(data: bytes) -> None:
    """A DOS stub without its PE header, Plan 9's format and text are not called damaged."""
    assert facts.read(data).format == "other"
    assert [one.code for one in fits(parse("linux/amd64"), "/app", facts.read(data))] == ["not-a-program"]


@pytest.mark.parametrize(
    "data",
    [
        elf()[:30],
        elf()[:70],
        elf(interpreter=b"ld.so\0"),
        elf(interpreter=b"\0"),
        elf(kind=9),
        pe(data=b"x" * 99)[:-9],
        macho(data=b"x" * 99)[:-9],
        fat(macho())[:-9],
    ],
)
def test_a_damaged_file_is_malformed_and_says_why(data: bytes) -> None:
    """No exception, and a reason."""
    known = facts.read(data)
    assert known.format == "malformed"
    assert known.problem


def test_a_file_that_is_cut_short_is_told() -> None:
    """The headers alone say for which platform it was, and a warning that it is not whole."""
    known = facts.read(elf(data=bytes(999))[:-500])
    assert [one.code for one in fits(parse("linux/amd64"), "/app", known)] == ["cut-short"]


def test_an_open_file_gives_the_same_facts_as_its_bytes(tmp_path: Path) -> None:
    """A reader never needs the whole file in memory."""
    path = tmp_path / "app"
    path.write_bytes(VALID[0])
    descriptor = os.open(path, os.O_RDONLY)
    try:
        assert facts.read(OpenFile(descriptor, len(VALID[0]))) == facts.read(VALID[0])
    finally:
        os.close(descriptor)


@hypothesis_settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([b"", b"\x7fELF\x02\x01\x01", b"MZ", b"\xcf\xfa\xed\xfe", b"#!"]), st.binary(max_size=600)
)
def test_any_bytes_give_facts(head: bytes, rest: bytes) -> None:
    """Nothing that a file holds raises."""
    facts.read(head + rest).to_document()


@hypothesis_settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(VALID),
    st.lists(st.tuples(st.integers(0, 400), st.binary(min_size=1, max_size=8)), max_size=4),
)
def test_any_damage_to_a_valid_file_gives_facts(data: bytes, damage: list[tuple[int, bytes]]) -> None:
    """Headers that lead anywhere end in facts and a verdict, never in an error."""
    changed = bytearray(data)
    for at, part in damage:
        changed[at : at + len(part)] = part
    known = facts.read(bytes(changed))
    fits(parse("linux/arm/v7"), "/app", known)


@hypothesis_settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 3))
def test_any_build_information_is_read_or_refused(rest: bytes, flags: int) -> None:
    """Its reader raises nothing but its own refusal."""
    data = buildinfo.MAGIC + bytes((8, flags)) + rest
    try:
        buildinfo.read(data, 0)
    except Malformed:
        return
