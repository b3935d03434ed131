"""The readers of images: tars, packed streams, layers, documents, archives, and what is kept of layers."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import zstandard

from gopherwhale.errors import LayoutError
from gopherwhale.oci.archive import write_archive
from gopherwhale.oci.documents import encode
from gopherwhale.oci.layers import decompress
from gopherwhale.oci.layout import Layout
from gopherwhale.oci.parsing import parse_config, parse_index, parse_manifest
from gopherwhale.oci.tar import TarReader
from gopherwhale.oci.tar_header import TarError
from gopherwhale.oci.tar_source import open_archive
from gopherwhale.verify.cache import LayerCache
from gopherwhale.verify.contents import read_contents
from gopherwhale.verify.filesystem import NotRunnable, build
from gopherwhale.verify.opening import open_images
from tests.fuzz.targets import Target
from tests.unit.oci.images import make_layout
from tests.unit.oci.test_documents import CONFIG, INDEX, MANIFEST
from tests.unit.oci.test_tar_source import old, write_tar
from tests.unit.verify.binaries import elf
from tests.unit.verify.layers import Memory, contents_of, tar
from tests.unit.verify.test_opening import RICH

_ZEROS: Final = bytes(512)
_STARTED: Final = encode({"os": "linux", "architecture": "amd64", "config": {"Entrypoint": ["/app"]}})
_LAYER: Final = tar(
    ("bin/app",),
    ("app", "link", "/bin/../bin/app"),
    ("copy", "hard", "bin/app"),
    ("d", "folder"),
    ("d/.wh..wh..opq",),
    (".wh.gone",),
    contents={"bin/app": elf()},
)


def _tars() -> list[bytes]:
    found = [_LAYER, RICH]
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        buffer = io.BytesIO()
        with tarfile.open(
            fileobj=buffer, mode="w", format=form, pax_headers={"comment": "global"}
        ) as archive:
            member = tarfile.TarInfo("long/" * 30 + "näme")
            member.size, member.uid, member.mtime = 700, 2**22, 1  # over the bounds of octal digits
            member.pax_headers = {"mtime": "1.5", "SCHILY.xattr.user.a": "b"}
            archive.addfile(member, io.BytesIO(bytes(700)))
        found.append(buffer.getvalue())
    sparse = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "2000"}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo("sparse")
        data = b"2\n0\n5\n1000\n5\n".ljust(512, b"\0") + b"abcdefghij"
        member.size, member.pax_headers = len(data), sparse
        archive.addfile(member, io.BytesIO(data))
    return [*found, buffer.getvalue()]


def _mended(data: bytes) -> bytes:
    """The same with right checksums, so that a damaged header gets further than to its first check."""
    blocks = [data[at : at + 512] for at in range(0, len(data), 512)]
    for number, block in enumerate(blocks):
        if block[257:262] == b"ustar" and len(block) == len(_ZEROS):
            total = sum(block[:148]) + 8 * 32 + sum(block[156:])
            blocks[number] = block[:148] + b"%06o\0 " % total + block[156:]
    return b"".join(blocks)


def _read_tar(data: bytes) -> object:
    count = 0
    for member, content in TarReader(io.BytesIO(_mended(data))):
        # What a layer's own bounds would stop is not read out here.
        while content is not None and member.size < 1 << 24 and content.read(65536):
            pass
        count += 1
    return count


def _gzips() -> list[bytes]:
    plain = [gzip.compress(data, mtime=0) for data in _tars()]
    return [*plain, plain[0] + plain[1] + bytes(100)]


def _zstds() -> list[bytes]:
    checked = zstandard.ZstdCompressor(write_checksum=True)
    plain = [checked.compress(data) for data in _tars()]
    return [*plain, plain[0] + b"\x50\x2a\x4d\x18\x04\0\0\0abcd" + plain[1]]


def _unpack(data: bytes) -> object:
    return sum(len(piece) for piece in decompress(io.BytesIO(data), "fuzz"))


def _read_layer(data: bytes) -> object:
    """Names become a file system, in which something is started."""
    base, contents = contents_of(_LAYER), contents_of(_mended(data))
    system = build([base, contents, contents])
    names = [path for path, _ in system.items()]
    try:
        return names, system.entrypoint(parse_config(_STARTED, "fuzz"))
    except NotRunnable:
        return names


def _documents() -> list[bytes]:
    return [encode(INDEX), encode(MANIFEST), _STARTED, encode(CONFIG)]


def _read_document(data: bytes) -> object:
    refused: list[LayoutError] = []
    for reader in (parse_index, parse_manifest, parse_config):
        try:
            return reader(data, "fuzz")
        except LayoutError as error:
            refused.append(error)
    raise refused[0]


def _archives() -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        ours = place / "ours.tar"
        write_archive(Layout(make_layout(place / "made", {"linux/amd64": elf()})), ours, names=["hello:1"])
        docker = write_tar(place / "old.tar", old(("hello:1", "a/layer.tar")), {"b": "a/layer.tar"})
        return [ours.read_bytes(), docker.read_bytes()]


def _in_a_file(read: Callable[[Path], object]) -> Callable[[bytes], object]:
    def run(data: bytes) -> object:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "image.tar"
            path.write_bytes(data)
            return read(path)

    return run


def _read_archive(path: Path) -> object:
    source = open_archive(path)
    return open_images(source, [source.root])


def _entries() -> list[bytes]:
    return [_entry(RICH), _entry(_LAYER)]


def _entry(data: bytes) -> bytes:
    """What the cache keeps of a layer, without its checksum."""
    with tempfile.TemporaryDirectory() as folder:
        cache, source = LayerCache(Path(folder)), Memory()
        layer = source.put(data)
        cache.put(layer, layer.digest, read_contents(source, layer, layer.digest))
        (path,) = cache.folder.iterdir()
        return path.read_bytes()[64:]


def _read_entry(data: bytes) -> object:
    """A body whose checksum is right, as a program that is not ours could write it."""
    with tempfile.TemporaryDirectory() as folder:
        cache, source = LayerCache(Path(folder)), Memory()
        layer = source.put(RICH)
        cache.put(layer, layer.digest, contents_of(_LAYER))
        (path,) = cache.folder.iterdir()
        path.write_bytes(hashlib.sha256(data).hexdigest().encode() + data)
        return cache.get(layer, layer.digest)


TARGETS: Final = (
    Target(name="tar", seeds=_tars, read=_read_tar, refusals=(TarError,)),
    Target(name="gzip", seeds=_gzips, read=_unpack, refusals=(LayoutError,)),
    Target(name="zstd", seeds=_zstds, read=_unpack, refusals=(LayoutError,)),
    Target(name="layer", seeds=_tars, read=_read_layer, refusals=(LayoutError,)),
    Target(name="document", seeds=_documents, read=_read_document, refusals=(LayoutError,)),
    Target(name="archive", seeds=_archives, read=_in_a_file(_read_archive), refusals=(LayoutError,)),
    Target(name="cache", seeds=_entries, read=_read_entry),
)
