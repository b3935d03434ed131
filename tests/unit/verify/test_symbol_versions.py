"""Symbol versions that a library lacks: what glibc's loader refuses, and what musl's never looks at."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pytest

from gopherwhale.verify import facts
from gopherwhale.verify.findings import Report
from tests.unit.verify.binaries import elf
from tests.unit.verify.judged import LOADERS, MUSL, alone, codes, files, library, named, program

AMD: Final = "linux/amd64"
NEW: Final = {"libc.so.6": ["GLIBC_2.2.5", "GLIBC_2.34"]}
OLD: Final = ["libc.so.6", "GLIBC_2.2.5", "GLIBC_2.31", "GLIBC_2.9", "GLIBC_PRIVATE"]


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("big", [False, True])
def test_the_tables_are_read_in_every_class_and_byte_order(bits: int, *, big: bool) -> None:
    """What is defined, and what is asked of which library, without what may be lacking."""
    asks = {"libc.so.6": ["GLIBC_2.34", "~GLIBC_2.99"], "libm.so.6": ["GLIBC_2.29"]}
    found = facts.read(elf(machine=8, bits=bits, big=big, kind=3, defines=OLD, asks=asks))
    assert found.versions == tuple(OLD)
    assert found.asked_versions == ("libc.so.6:GLIBC_2.34", "libm.so.6:GLIBC_2.29")
    assert facts.BinaryFacts.from_document(found.to_document()) == found


def started(
    asks: Mapping[str, Sequence[str]],
    defines: Sequence[str],
    others: Mapping[str, bytes] | None = None,
    *,
    path: str = LOADERS["amd64"],
    loads: Sequence[str] = (),
) -> Report:
    """A program with a loader and a C library."""
    binary = program(AMD, interpreter=path.encode(), needed=["libc.so.6", *(others or {})], asks=asks)
    libraries = {f"/usr/lib/{name}": data for name, data in (others or {}).items()}
    c_library = library("amd64", defines=defines)
    return alone(
        AMD,
        files(
            {"/app": binary, path: library("amd64", defines=loads), "/lib/libc.so.6": c_library, **libraries}
        ),
    )


@pytest.mark.parametrize(
    ("report", "found"),
    [
        (lambda: started(NEW, [*OLD, "GLIBC_2.34"]), set()),
        (lambda: started(NEW, OLD), {"library-too-old"}),
        (lambda: started({"libc.so.6": ["~GLIBC_2.34"]}, OLD), set()),
        (lambda: started(NEW, []), set()),
        (lambda: started({"libother.so": ["X_9"]}, OLD), set()),
        (lambda: started({}, OLD), set()),
        (lambda: started({}, OLD, {"libx.so.1": library("amd64", asks=NEW)}), {"library-too-old"}),
        (lambda: started({"ld-linux-x86-64.so.2": ["GLIBC_2.3"]}, OLD, loads=["GLIBC_2.3"]), set()),
        (
            lambda: started({"ld-linux-x86-64.so.2": ["GLIBC_2.9"]}, OLD, loads=["GLIBC_2.3"]),
            {"library-too-old"},
        ),
        (lambda: started(NEW, OLD, path=MUSL["amd64"]), set()),
    ],
)
def test_a_library_that_is_too_old_is_told(report: Any, found: set[str]) -> None:
    """As glibc's loader says it, for the program and for what it loads; what musl loads is not asked."""
    assert codes(report()) == found


def test_what_is_asked_for_and_what_is_there_are_named() -> None:
    """The newest of each, as that decides which release will do."""
    one = named(started({"libc.so.6": ["GLIBC_2.34", "GLIBC_2.38", "GLIBC_2.7"]}, OLD), "library-too-old")
    assert (one.path, one.expected) == ("/app", "GLIBC_2.38 of /lib/libc.so.6")
    assert one.found == "its newest is GLIBC_2.31"
    other = named(started({"libc.so.6": ["OTHER_1"]}, OLD), "library-too-old")
    assert other.found == "it has none of that name"


def test_a_newer_library_elsewhere_may_be_what_is_loaded() -> None:
    """A script that sets LD_LIBRARY_PATH, a folder for newer CPUs: which one is taken is not told."""
    newer = {"glibc-hwcaps/x86-64-v3/libx.so.1": library("amd64", defines=["X_2"])}
    binary = program(
        AMD, interpreter=LOADERS["amd64"].encode(), needed=["libx.so.1"], asks={"libx.so.1": ["X_2"]}
    )
    older = {"/app": binary, LOADERS["amd64"]: library("amd64")}
    older["/lib/libx.so.1"] = library("amd64", defines=["X_1"])
    assert codes(alone(AMD, files(older))) == {"library-too-old"}
    assert (
        codes(alone(AMD, files({**older, **{f"/lib/{name}": data for name, data in newer.items()}}))) == set()
    )


@pytest.mark.parametrize("tag", [0x6FFFFFFC, 0x6FFFFFFE])
def test_damaged_tables_count_as_absent(tag: int) -> None:
    """What leads out of the file is nothing that a loader would take either."""
    whole = elf(kind=3, defines=OLD, asks=NEW)
    entry = struct.pack("<Q", tag)
    at = whole.index(entry) + 8
    gone = whole[:at] + struct.pack("<Q", len(whole) + 99) + whole[at + 8 :]
    assert facts.read(gone).versions == facts.read(gone).asked_versions == ()
    assert facts.read(gone).format == "ELF"
    (start,) = struct.unpack_from("<Q", whole, at)
    following = start + (16 if tag == 0x6FFFFFFC else 12)
    # Unsigned, a step back leads out; one of nothing ends the table.
    back = whole[:following] + struct.pack("<I", 2**32 - 4) + whole[following + 4 :]
    assert facts.read(back).versions == ()
