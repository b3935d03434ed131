from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import deflate
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gopherwhale.oci import compress, layer_writer
from gopherwhale.oci.layer_writer import Entry, Layer, LayerCache, with_folders, write_layer
from gopherwhale.oci.layout import blob_path
from gopherwhale.oci.layout_writer import LayoutWriter

PATHS = st.lists(
    st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=120)
    .filter(lambda part: part not in {".", ".."}),
    min_size=1,
    max_size=4,
).map("/".join)  # fmt: skip


@pytest.fixture
def writer(tmp_path: Path) -> LayoutWriter:
    return open_writer(tmp_path / "layout")


def open_writer(folder: Path) -> LayoutWriter:
    (folder / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
    return LayoutWriter(folder)


def write(
    writer: LayoutWriter, entries: list[Entry], threads: int = 2, cache: LayerCache | None = None
) -> Layer:
    with ThreadPoolExecutor(threads) as pool:
        return write_layer(entries, writer, cache or LayerCache(writer.path / "cache.json"), pool, "gzip", {})


def blob(writer: LayoutWriter, layer: Layer) -> bytes:
    return blob_path(writer.path, layer.digest).read_bytes()


def test_a_layer_is_what_its_digests_say_and_tar_reads_it(writer: LayoutWriter, tmp_path: Path) -> None:
    """Blob and diff_id are digests of what stands there; each entry has its mode, owner, content, no time."""
    file = tmp_path / "program"
    file.write_bytes(os.urandom(3_000_000))
    file.chmod(0o600)
    entries = [
        Entry(path="bin/program", content=file, mode=0o755),
        Entry(path="etc/text", content=b"hello\n", mode=0o644, uid=7, gid=8),
        Entry(path="tmp", content=None, mode=0o1777),
    ]
    layer = write(writer, entries)
    packed = blob(writer, layer)
    assert layer.digest == f"sha256:{hashlib.sha256(packed).hexdigest()}"
    assert layer.size == len(packed)
    unpacked = gzip.decompress(packed)
    assert layer.diff_id == f"sha256:{hashlib.sha256(unpacked).hexdigest()}"
    with tarfile.open(fileobj=io.BytesIO(unpacked)) as archive:
        found = [(m.name, m.isdir(), m.mode, m.uid, m.gid, m.mtime, m.uname) for m in archive]
        stream = archive.extractfile("bin/program")
        assert stream is not None
        assert stream.read() == file.read_bytes()
    assert found == [
        ("bin", True, 0o755, 0, 0, 0, ""),
        ("bin/program", False, 0o755, 0, 0, 0, ""),
        ("etc", True, 0o755, 0, 0, 0, ""),
        ("etc/text", False, 0o644, 7, 8, 0, ""),
        ("tmp", True, 0o1777, 0, 0, 0, ""),
    ]


@pytest.mark.parametrize("threads", [1, 3])
def test_the_bytes_depend_on_content_alone(tmp_path: Path, threads: int) -> None:
    """Threads, order, the file's own times and mode leave no trace."""
    digests = set()
    for number in range(2):
        file = tmp_path / f"{number}" / "program"
        file.parent.mkdir()
        file.write_bytes(b"abc" * 1_000_000)
        os.utime(file, (number, number))
        file.chmod(0o600 + number)
        entries = [
            Entry(path="a", content=file, mode=0o755),
            Entry(path="b/c", content=b"", mode=0o644),
        ]
        writer = open_writer(tmp_path / f"layout-{number}")
        digests.add(write(writer, entries[:: 1 - 2 * number], threads=threads).digest)
    assert len(digests) == 1


def test_a_file_may_lie_in_a_folder_whose_name_sorts_behind_it() -> None:
    """A folder always stands before what it holds, whatever its neighbours are called."""
    entries = [Entry(path=path, content=b"", mode=0o644) for path in ("a/b", "a.txt", "a-b/c")]
    order = [entry.path for entry in with_folders(entries, {})]
    assert order.index("a") < order.index("a/b")
    assert len(order) == 5


def test_above_a_base_a_folder_that_says_nothing_is_left_out() -> None:
    """It would take the place of a link or of another's mode; one that is empty, or somebody's, was meant."""
    folders = [Entry(path=path, content=None, mode=0o755) for path in ("bin", "srv", "srv/empty")]
    folders.append(Entry(path="data", content=None, mode=0o755, uid=7))
    files = [Entry(path=f"{name}/file", content=b"", mode=0o644) for name in ("bin", "data")]
    found = [entry.path for entry in with_folders([*folders, *files], None)]
    assert found == ["bin/file", "data", "data/file", "srv/empty"]


@given(st.dictionaries(PATHS, st.binary(max_size=2000), max_size=6), st.integers(1, 4))
@settings(deadline=None, max_examples=60)
def test_whatever_goes_in_comes_out_of_tar_and_gzip(files: dict[str, bytes], threads: int) -> None:
    """Any names, contents and sizes around our blocks' edges survive the round trip."""
    import tempfile  # noqa: PLC0415 -- a fixture would be shared by all examples

    entries = [Entry(path=path, content=data, mode=0o644) for path, data in files.items()]
    usable = {p for p in files if not any(o.startswith(f"{p}/") for o in files)}
    entries = [entry for entry in entries if entry.path in usable]
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(compress, "BLOCK", 512)
        writer = open_writer(Path(folder))
        unpacked = gzip.decompress(blob(writer, write(writer, entries, threads=threads)))
    with tarfile.open(fileobj=io.BytesIO(unpacked)) as archive:
        found = {m.name: archive.extractfile(m) for m in archive if m.isfile()}
        assert {name: stream.read() for name, stream in found.items() if stream} == {
            path: files[path] for path in usable
        }


def test_a_layer_of_known_content_is_not_written_again(writer: LayoutWriter) -> None:
    """A second build finds the layer by its content and touches no blob."""
    path = writer.path / "cache.json"
    entries = [Entry(path="a", content=b"a", mode=0o644)]
    cache = LayerCache(path)
    first = write(writer, entries, cache=cache)
    cache.save()
    before = blob_path(writer.path, first.digest).stat()
    again = LayerCache(path)
    second = write(writer, entries, cache=again)
    again.save()
    assert (first.reused, second.reused, second) == (False, True, first)
    assert blob_path(writer.path, first.digest).stat() == before


@pytest.mark.parametrize("harm", ["no blob", "garbage", "a list", "other members", "another mode"])
def test_a_layer_that_is_not_surely_there_is_written(writer: LayoutWriter, harm: str) -> None:
    """A lost blob, a damaged cache or another mode makes a new layer."""
    path = writer.path / "cache.json"
    entries = [Entry(path="a", content=b"a", mode=0o644)]
    cache = LayerCache(path)
    first = write(writer, entries, cache=cache)
    cache.save()
    if harm == "no blob":
        blob_path(writer.path, first.digest).unlink()
    elif harm == "another mode":
        entries = [Entry(path="a", content=b"a", mode=0o600)]
    else:
        path.write_text({"garbage": "{", "a list": "[]", "other members": path.read_text()}[harm])
        if harm == "other members":
            path.write_text(path.read_text().replace('"size"', '"seize"'))
    second = write(writer, entries, cache=LayerCache(path))
    assert not second.reused
    assert gzip.decompress(blob(writer, second))


def test_what_a_run_did_not_use_is_forgotten(writer: LayoutWriter) -> None:
    """The cache never outgrows the image."""
    path = writer.path / "cache.json"
    for content in (b"a", b"b"):
        cache = LayerCache(path)
        write(writer, [Entry(path="a", content=content, mode=0o644)], cache=cache)
        cache.save()
    assert path.read_text().count('"digest"') == 1


@pytest.mark.parametrize("later", [b"12345", b"123", b"4321"])
def test_a_file_that_changes_while_it_is_read_is_refused(
    writer: LayoutWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, later: bytes
) -> None:
    """A header that lies about its file never reaches a layout; no content is known by another's layer."""
    file = tmp_path / "program"
    file.write_bytes(b"1234")
    real = layer_writer._header  # noqa: SLF001 -- the moment between stat and read has no other door

    def grow(entry: Entry, size: int) -> bytes:
        file.write_bytes(later)
        os.utime(file, (1, 1))
        return real(entry, size)

    monkeypatch.setattr(layer_writer, "_header", grow)
    with pytest.raises(OSError, match="changed while it was read"):
        write(writer, [Entry(path="a", content=file, mode=0o644)])
    assert list((writer.path / "blobs" / "sha256").iterdir()) == []


def test_the_cache_knows_another_codec(writer: LayoutWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an upgrade of libdeflate the same content may have other bytes, so it is written anew."""
    path = writer.path / "cache.json"
    entries = [Entry(path="a", content=b"a", mode=0o644)]
    cache = LayerCache(path)
    write(writer, entries, cache=cache)
    cache.save()
    monkeypatch.setattr(deflate, "__version__", "0")
    assert not write(writer, entries, cache=LayerCache(path)).reused
