"""Numbers 1 and 14 of the reliability notes, for layers: lies about bytes, and bombs."""

from __future__ import annotations

import contextlib
import gzip
import io
import tarfile
import tracemalloc
import zlib
from collections.abc import Callable
from types import ModuleType
from typing import Protocol

import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gopherwhale.errors import LayoutError
from gopherwhale.oci import inflating
from gopherwhale.oci.documents import Descriptor, digest_of
from gopherwhale.oci.layers import Limits
from gopherwhale.verify.contents import clean, read_contents
from tests.unit.verify.binaries import elf
from tests.unit.verify.judged import program
from tests.unit.verify.layers import Memory, contents_of, tar

PLAIN = tar(("app",), ("etc/passwd",))
MEGABYTES = 1024 * 1024


def inflaters() -> list[ModuleType]:
    """Those that are here: where there is no ISA-L, nothing is inflated by it."""
    with contextlib.suppress(ImportError):
        from isal import isal_zlib  # noqa: PLC0415 -- see above

        return [zlib, isal_zlib]
    return [zlib]


@pytest.fixture(params=inflaters(), ids=lambda module: module.__name__)
def inflater(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one of them inflate."""
    monkeypatch.setattr(inflating, "decompressobj", request.param.decompressobj)
    monkeypatch.setattr(inflating, "error", request.param.error)


class Packer(Protocol):
    """What packs a stream."""

    def compress(self, data: bytes, /) -> bytes:
        """Some of it."""
        ...

    def flush(self) -> bytes:
        """The rest."""
        ...


def zeros(packer: Callable[[], Packer], size: int) -> bytes:
    """Zeros, packed piece by piece."""
    machine = packer()
    piece = bytes(MEGABYTES)
    packed = [machine.compress(piece) for _ in range(size // len(piece))]
    return b"".join(packed) + machine.flush()


def gzip_packer() -> Packer:
    """Deflate with gzip's frame."""
    return zlib.compressobj(9, wbits=31)


def zstd_packer() -> Packer:
    """Zstandard."""
    return zstandard.ZstdCompressor(level=3).compressobj()


@pytest.mark.parametrize(
    "packed",
    [
        PLAIN,
        gzip.compress(PLAIN),
        gzip.compress(PLAIN[:700]) + gzip.compress(PLAIN[700:]),
        gzip.compress(PLAIN) + bytes(512),
        zstandard.compress(PLAIN),
        zstandard.compress(PLAIN[:700]) + zstandard.compress(PLAIN[700:]),
        b"\x50\x2a\x4d\x18\x04\0\0\0abcd" + zstandard.compress(PLAIN),
    ],
    ids=["plain", "gzip", "members", "padded", "zstd", "frames", "skippable"],
)
@pytest.mark.usefixtures("inflater")
def test_a_layer_is_told_by_its_magic(packed: bytes) -> None:
    """Whatever the media type says: plain, gzip and zstd, of several members and frames too."""
    source = Memory()
    read = read_contents(source, source.put(packed, "application/json"), digest_of(PLAIN))
    assert [path for path, _ in read.entries] == ["/app", "/etc/passwd"]


@pytest.mark.parametrize("packed", [b"", gzip.compress(b""), zstandard.compress(b"")])
def test_an_empty_layer_holds_nothing(packed: bytes) -> None:
    """No bytes are a layer without members, as some builders write one."""
    assert contents_of(packed).entries == ()


@pytest.mark.parametrize(
    ("packed", "why"),
    [
        (gzip.compress(PLAIN)[:-9], "breaks off"),
        (gzip.compress(PLAIN) + b"garbage", "cannot be unpacked"),
        (gzip.compress(PLAIN)[:-6] + b"\0\0\0\0\0\0", "cannot be unpacked"),
        (zstandard.compress(PLAIN)[:-9], "breaks off"),
        (zstandard.compress(PLAIN) + b"garbage", "cannot be unpacked"),
        (PLAIN[:700], "breaks off"),
        (PLAIN[:100], "breaks off"),
        (tar(("app",), contents={"app": b"\x7fELF" + bytes(2 * MEGABYTES)})[:-MEGABYTES], "breaks off"),
        (b"x" * 512, "cannot be read"),
        (b"BZh91AY&SY", "packed with bzip2"),
        (b"\xfd7zXZ\0\0\4", "packed with xz"),
    ],
)
@pytest.mark.usefixtures("inflater")
def test_a_damaged_layer_is_refused(packed: bytes, why: str) -> None:
    """Cut short, followed by something, wrong in its checksum, or no tar at all."""
    with pytest.raises(LayoutError, match=why):
        contents_of(packed)


@pytest.mark.usefixtures("inflater")
@pytest.mark.parametrize("cut", [1, 3, 5, 511, 512, 513, 515, 1023, 1025, 9000])
@pytest.mark.parametrize("mode", [0o755, 0o644])
def test_a_program_is_known_wherever_a_piece_of_it_ends(cut: int, mode: int) -> None:
    """A gzip member, and so what is unpacked at a time, may end in the middle of a header or of a magic."""
    found = program("linux/amd64") + bytes(10_000)
    whole = tar(("app", "file", mode), contents={"app": found})
    read = contents_of(gzip.compress(whole[:cut]) + gzip.compress(whole[cut:]))
    ((_, node),) = read.entries
    assert node.facts is not None
    assert node.facts.architecture == "amd64"
    assert node.digest == digest_of(found)


@pytest.mark.parametrize("size", [1, 12, 13])
def test_a_program_in_memory_and_one_in_a_file_have_the_same_facts(size: int) -> None:
    """Up to some megabytes it is held in memory; beyond that it is read from an unnamed file."""
    found = program("linux/arm64").ljust(size * MEGABYTES + 5, b"\1")
    packed = gzip.compress(tar(("app",), contents={"app": found}), 1)
    ((_, node),) = contents_of(packed).entries
    ((_, small),) = contents_of(tar(("app",), contents={"app": program("linux/arm64")})).entries
    assert (node.facts, node.digest) == (small.facts, digest_of(found))


def test_a_program_shows_nothing_of_a_larger_one_before_it() -> None:
    """They are held in the same memory, one after the other."""
    large = program("linux/amd64").ljust(3 * MEGABYTES, b"\1") + program("linux/arm64")
    # Its segments are listed behind its end, where the larger one had bytes.
    cut = bytearray(program("linux/amd64").ljust(2 * MEGABYTES, b"\1"))
    cut[0x20:0x28] = (3 * MEGABYTES).to_bytes(8, "little")
    ((_, alone),) = contents_of(tar(("cut",), contents={"cut": bytes(cut)})).entries
    both = contents_of(tar(("large",), ("cut",), contents={"large": large, "cut": bytes(cut)})).entries
    assert both[1][1] == alone
    assert alone.facts is not None
    assert "beyond the end" in alone.facts.problem


def unpacked(module: ModuleType, data: bytes) -> bytes | None:
    """What an inflater makes of bytes, a few at a time; None where it refuses them."""
    machine, out, position = module.decompressobj(wbits=31), b"", 0
    try:
        while not machine.eof and position < len(data):
            left = data[position : position + 100]
            position += len(left)
            while left and not machine.eof:
                out += machine.decompress(left, 64)
                left = machine.unconsumed_tail
    except module.error:
        return None
    return out if machine.eof else None


@settings(max_examples=60)
@given(st.binary(max_size=600), st.integers(0, 9), st.integers(10, 700), st.integers(1, 255))
@example(b"", 9, 10, 1)
def test_the_inflaters_agree_about_every_stream(data: bytes, level: int, place: int, bit: int) -> None:
    """A sound stream comes out whole; one changed behind its header is refused by both, or was padding."""
    stream = bytearray(gzip.compress(data * 3, level, mtime=0))
    assert {unpacked(module, bytes(stream)) for module in inflaters()} == {data * 3}
    stream[place % (len(stream) - 10) + 10] ^= bit
    assert {unpacked(module, bytes(stream)) for module in inflaters()} in ({None}, {data * 3})


@pytest.mark.parametrize(
    ("change", "size", "code"),
    [
        (lambda data: data[:-1], 0, "size-differs"),
        (lambda data: data + b"\0", 0, "size-differs"),
        (lambda data: data[:-1] + b"\1", 0, "digest-differs"),
        (lambda data: data, 1, "size-differs"),
        (lambda data: data, -1, "size-differs"),
    ],
)
def test_01_an_altered_truncated_or_longer_layer_is_found(
    change: Callable[[bytes], bytes], size: int, code: str
) -> None:
    """A source that gives other bytes than the descriptor names is not believed."""
    source, media_type = Memory(), "application/vnd.oci.image.layer.v1.tar"
    layer = source.put(PLAIN)
    source.blobs[layer.digest] = change(PLAIN)
    told = Descriptor(media_type=media_type, digest=layer.digest, size=layer.size + size)
    with pytest.raises(LayoutError) as refusal:
        read_contents(source, told)
    assert refusal.value.code == code


def test_01_a_config_that_names_another_content_is_found() -> None:
    """A layer must unpack to the diff_id that the config names."""
    with pytest.raises(LayoutError, match="but the config names") as refusal:
        contents_of(gzip.compress(PLAIN), diff_id="sha256:" + "0" * 64)
    assert refusal.value.code == "digest-differs"


@pytest.mark.parametrize("packer", [gzip_packer, zstd_packer], ids=["gzip", "zstd"])
def test_14_zeros_without_end_are_refused_in_constant_memory(packer: Callable[[], Packer]) -> None:
    """What unpacks to hundreds of times its size is stopped at a bound."""
    bomb = zeros(packer, 24 * MEGABYTES)
    tracemalloc.start()
    try:
        with pytest.raises(LayoutError, match="unpacks to more than") as refusal:
            contents_of(bomb, Limits(unsuspicious=4 * MEGABYTES))
        assert tracemalloc.get_traced_memory()[1] < 16 * MEGABYTES
    finally:
        tracemalloc.stop()
    assert refusal.value.code == "beyond-bounds"


def test_14_a_bomb_inside_one_member_is_refused() -> None:
    """The bound holds where the zeros are a program's content too."""
    head = tarfile.TarInfo("app")
    head.size, head.mode = 16 * MEGABYTES, 0o755
    machine = zlib.compressobj(9, wbits=31)
    packed = (
        machine.compress(head.tobuf() + elf()) + machine.compress(bytes(16 * MEGABYTES)) + machine.flush()
    )
    with pytest.raises(LayoutError, match="unpacks to more than"):
        contents_of(packed, Limits(unsuspicious=2 * MEGABYTES))


def test_14_a_sparse_member_of_60_gigabytes_is_refused() -> None:
    """Holes cost nothing in the tar and everything to whoever fills them in."""
    head = bytearray(tarfile.TarInfo("app").tobuf(tarfile.GNU_FORMAT))
    head[156:157] = b"S"
    head[483:495] = b"\x80" + (60_000_000_000).to_bytes(11, "big")
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    with pytest.raises(LayoutError, match="beyond our bounds") as refusal:
        contents_of(bytes(head) + bytes(1024))
    assert refusal.value.code == "beyond-bounds"


def test_14_many_small_programs_are_bounded_together() -> None:
    """The sum of what the members claim counts, holes included, not each alone."""
    head = bytearray(tarfile.TarInfo("app").tobuf(tarfile.GNU_FORMAT))
    head[156:157], head[483:495] = b"S", b"%011o\0" % 1000
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    many = bytes(head) * 10
    assert len(contents_of(many).entries) == 10
    with pytest.raises(LayoutError, match="beyond our bounds"):
        contents_of(many, Limits(unpacked=8192))


def test_14_members_without_end_are_refused_and_many_are_not() -> None:
    """A hundred thousand names are read; what is over the bound is an error of ours."""
    block = tarfile.TarInfo("d/name").tobuf(tarfile.GNU_FORMAT)
    assert len(contents_of(block * 2000).entries) == 2000
    with pytest.raises(LayoutError, match="more than 100 members") as refusal:
        contents_of(block * 101, Limits(entries=100))
    assert refusal.value.code == "beyond-bounds"


def test_14_a_layer_that_takes_too_long_is_given_up() -> None:
    """A stream that never ends is not waited for."""
    with pytest.raises(LayoutError, match="takes more than -1 s"):
        contents_of(PLAIN, Limits(seconds=-1))


def test_14_a_long_name_is_refused() -> None:
    """No name is longer than the longest path of Linux."""
    with pytest.raises(LayoutError, match="beyond our bounds"):
        contents_of(tar(("a" * 5000,)))


def test_14_scripts_do_not_fill_the_memory() -> None:
    """Their text is kept within one bound for all of a layer."""
    text = b"#!/bin/sh\n" + b"#" * 300_000
    names = [f"script-{number}" for number in range(40)]
    read = contents_of(tar(*[(name,) for name in names], contents=dict.fromkeys(names, text)))
    kept = [len(node.text) for _, node in read.entries]
    assert max(kept) == 256 * 1024
    assert sum(kept) == 8 * MEGABYTES


@settings(max_examples=30)
@given(st.binary(max_size=2048), st.sampled_from([bytes, gzip.compress, zstandard.compress]))
def test_no_bytes_fail_but_with_our_error(data: bytes, pack: Callable[[bytes], bytes]) -> None:
    """Whatever a layer holds, it is read or refused."""
    with contextlib.suppress(LayoutError):
        contents_of(pack(data))


NAMES = st.lists(st.text("abcdefäöü/ ", min_size=1, max_size=400), max_size=5)


@settings(max_examples=30)
@given(NAMES, st.binary(max_size=700), st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]))
def test_what_python_s_own_writer_writes_is_read_back(names: list[str], content: bytes, form: int) -> None:
    """Long names and strange ones, in PAX and in GNU's way: they come out as they went in."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    assert [path for path, _ in contents_of(buffer.getvalue()).entries] == [clean(name) for name in names]
