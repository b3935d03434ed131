from __future__ import annotations

import json
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from gopherwhale.errors import LayoutError, UsageError
from gopherwhale.files import write_atomically
from gopherwhale.oci import layout
from gopherwhale.oci.documents import OCI_INDEX, Manifest, encode
from gopherwhale.oci.layout import Layout, blob_path, walk
from gopherwhale.oci.layout_writer import writing
from gopherwhale.oci.source import check_blob, read_document
from gopherwhale.platforms import parse
from tests.unit.oci.images import layer, make_layout, put_image, put_index

BOTH = {"linux/amd64": b"amd64", "linux/arm64": b"arm64"}


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def test_a_layout_reads_back_what_was_written(tmp_path: Path) -> None:
    """Index, manifests, configs and layers are found by descriptor, children before parents."""
    layout = Layout(make_layout(tmp_path / "image", BOTH))
    found = list(walk(layout))
    assert [
        str(descriptor.platform) for descriptor, document in found if isinstance(document, Manifest)
    ] == list(BOTH)
    assert found[-1][0].digest == layout.root.digest
    for _, document in found:
        if isinstance(document, Manifest):
            for blob in (document.config, *document.layers):
                check_blob(layout, blob)


def test_the_same_content_gives_the_same_digest(tmp_path: Path) -> None:
    """A layout is a function of its content."""
    first, second = (Layout(make_layout(tmp_path / name, BOTH)) for name in ("a", "b"))
    assert first.root == second.root


def test_a_second_write_replaces_the_image_and_sweeps_the_first(tmp_path: Path) -> None:
    """What nothing refers to any more is gone, leftovers of a killed run included."""
    folder = make_layout(tmp_path / "image", BOTH)
    (folder / "blobs" / "sha256" / ".partial-x").write_bytes(b"left")
    (folder / ".partial-y").write_bytes(b"left")
    make_layout(folder, {"linux/arm64": b"new"})
    make_layout(tmp_path / "fresh", {"linux/arm64": b"new"})
    assert files(folder) == files(tmp_path / "fresh")


def test_a_writer_that_waits_is_not_swept_away_with_the_folder_of_one_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder that a failed writer made goes before its lock does, and the next one makes it anew."""
    folder, waiting, entered = tmp_path / "new" / "image", threading.Event(), threading.Event()
    remove = shutil.rmtree

    def removed_late(*arguments: Any, **options: Any) -> None:
        # As long as it takes for the other one to come in, were it let in.
        entered.wait(0.3)
        remove(*arguments, **options)

    def second() -> None:
        with writing(folder, lambda _: waiting.set()) as writer:
            entered.set()
            entry = put_image(writer, parse("linux/amd64"), [layer({"app": b"second"})], "/app")
            writer.commit(put_index(writer, [entry]))

    monkeypatch.setattr("gopherwhale.oci.layout_writer.shutil.rmtree", removed_late)
    thread = threading.Thread(target=second)
    with pytest.raises(KeyError), writing(folder):
        thread.start()
        assert waiting.wait(60)
        raise KeyError
    thread.join(60)
    assert len(list(walk(Layout(folder)))) == 2


def test_a_failed_write_leaves_the_old_image_byte_for_byte(tmp_path: Path) -> None:
    """Blobs put before an error are rolled back."""
    folder = make_layout(tmp_path / "image", BOTH)
    before = files(folder)
    with pytest.raises(RuntimeError), writing(folder) as writer:
        put_image(writer, parse("linux/arm64"), [layer({"app": b"half"})], "/app")
        raise RuntimeError
    assert files(folder) == before


def test_a_failed_first_write_leaves_nothing(tmp_path: Path) -> None:
    """No empty folder stays behind."""
    with pytest.raises(RuntimeError), writing(tmp_path / "image") as writer:
        writer.put(b"x", "text/plain")
        raise RuntimeError
    assert not (tmp_path / "image").exists()


def test_what_cannot_be_read_into_a_layout_is_named(tmp_path: Path) -> None:
    """Of a build that fails the user learns which file it was."""
    with pytest.raises(UsageError, match=r"image: .*gone: No such file"), writing(tmp_path / "image"):
        (tmp_path / "gone").read_bytes()


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    """A layout is not written over a user's files."""
    (tmp_path / "precious").write_text("x")
    with pytest.raises(UsageError, match="not an image layout"), writing(tmp_path):
        pass
    assert (tmp_path / "precious").read_text() == "x"


def test_18_two_writers_take_turns(tmp_path: Path) -> None:
    """The second waits for the first, and each leaves a whole image."""
    folder = tmp_path / "image"
    order: list[str] = []
    inside, release = threading.Event(), threading.Event()

    def first() -> None:
        with writing(folder) as writer:
            inside.set()
            release.wait(30)
            order.append("first")
            writer.commit(
                put_index(writer, [put_image(writer, parse("arm64"), [layer({"app": b"1"})], "/app")])
            )

    def second() -> None:
        inside.wait(30)
        with writing(folder) as writer:
            order.append("second")
            writer.commit(
                put_index(writer, [put_image(writer, parse("arm64"), [layer({"app": b"2"})], "/app")])
            )

    threads = [threading.Thread(target=target) for target in (first, second)]
    for thread in threads:
        thread.start()
    inside.wait(30)
    release.set()
    for thread in threads:
        thread.join(30)
    assert order == ["first", "second"]
    assert len(list(walk(Layout(folder)))) == 2


@pytest.mark.parametrize("damage", [b"", b"short", b"x" * 5000])
def test_a_damaged_blob_is_found(tmp_path: Path, damage: bytes) -> None:
    """A blob is checked against the size and digest of its descriptor whenever it is read."""
    layout = Layout(make_layout(tmp_path / "image", BOTH))
    manifest = next(document for _, document in walk(layout) if isinstance(document, Manifest))
    blob_path(layout.path, manifest.layers[0].digest).write_bytes(damage)
    with pytest.raises(LayoutError, match="does not hold the bytes"):
        check_blob(layout, manifest.layers[0])
    blob_path(layout.path, manifest.config.digest).write_bytes(damage)
    with pytest.raises(LayoutError, match="does not hold the bytes"):
        read_document(layout, manifest.config)


def test_a_linked_blob_is_one_where_its_bytes_are_right(tmp_path: Path) -> None:
    """As Bazel's rules and debuerreotype make them; of any other file elsewhere not a byte is handed out."""
    layout = Layout(make_layout(tmp_path / "image", BOTH))
    path, elsewhere = blob_path(layout.path, layout.root.digest), tmp_path / "elsewhere"
    path.rename(elsewhere)
    with pytest.raises(LayoutError, match="lacks the blob"):
        list(walk(layout))
    path.symlink_to(elsewhere)
    assert len(list(walk(layout))) == 3
    secret = b"secret".ljust(layout.root.size)
    for content, code in ((secret, "digest-differs"), (b"secret", "size-differs")):
        elsewhere.write_bytes(content)
        with pytest.raises(LayoutError) as caught, layout.open_blob(layout.root):
            pytest.fail("it was handed out")
        assert caught.value.code == code
    elsewhere.unlink()
    os.mkfifo(elsewhere)
    with pytest.raises(LayoutError, match="lacks the blob"):
        list(walk(layout))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("oci-layout", b"{}"),
        ("oci-layout", b'{"imageLayoutVersion":"9"}'),
        ("index.json", b"{"),
        ("index.json", None),
    ],
)
def test_what_is_no_layout_is_said_so(tmp_path: Path, name: str, content: bytes | None) -> None:
    """A folder without the two files, or with others' versions, is refused in one sentence."""
    folder = make_layout(tmp_path / "image", BOTH)
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(LayoutError):
        Layout(folder)


def test_one_of_several_images_is_chosen_by_tag_or_digest(tmp_path: Path) -> None:
    """A layout of others may hold many images; which one is meant must be said."""
    folder = make_layout(tmp_path / "image", BOTH)
    document = json.loads((folder / "index.json").read_bytes())
    entry = document["manifests"][0]
    other = {
        **entry,
        "digest": "sha256:" + "b" * 64,
        "annotations": {"org.opencontainers.image.ref.name": "v2"},
    }
    write_atomically(folder / "index.json", encode({**document, "manifests": [entry, other]}))
    assert Layout(folder, "latest").root.digest == entry["digest"]
    assert Layout(folder, "v2").root.digest == other["digest"]
    assert Layout(folder, other["digest"]).root.digest == other["digest"]
    with pytest.raises(LayoutError, match="2 images"):
        Layout(folder)
    with pytest.raises(LayoutError, match="no image named 'v3'"):
        Layout(folder, "v3")


def test_indexes_that_nest_for_ever_are_refused(tmp_path: Path) -> None:
    """Nesting is bounded, so a bomb of indexes ends in one sentence."""
    with writing(tmp_path / "image") as writer:
        entry = put_image(writer, parse("arm64"), [layer({"app": b"1"})], "/app")
        for _ in range(7):
            entry = put_index(writer, [entry])
        with pytest.raises(LayoutError, match="beyond our bounds"):
            writer.commit(entry)


def test_an_index_with_too_many_entries_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Branching is bounded too, by a thousand; a few are enough to see it."""
    assert layout._MAX_MANIFESTS == 1024  # noqa: SLF001
    monkeypatch.setattr(layout, "_MAX_MANIFESTS", 30)
    with writing(tmp_path / "image") as writer:
        entries = [put_index(writer, [])]
        for number in range(40):
            document = {
                "schemaVersion": 2,
                "mediaType": OCI_INDEX,
                "manifests": [],
                "annotations": {"n": str(number)},
            }
            entries.append(writer.put(encode(document), OCI_INDEX))
        with pytest.raises(LayoutError, match="beyond our bounds"):
            writer.commit(put_index(writer, entries))


def test_an_adopted_blob_is_checked(tmp_path: Path) -> None:
    """An engine's blob that is not what its name says never enters the layout."""
    file = tmp_path / "blob"
    file.write_bytes(b"other")
    with pytest.raises(LayoutError, match="build again"), writing(tmp_path / "image") as writer:
        writer.adopt(file, "sha256:" + "0" * 64)
    assert not (tmp_path / "image").exists()


def test_a_folder_that_cannot_be_written_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read-only place is the user's to mend, in one sentence."""

    def refuse(*_arguments: object, **_flags: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(UsageError, match="cannot write .*Read-only"), writing(tmp_path / "image"):
        pass


def test_an_interrupted_file_keeps_its_old_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is replaced in one rename or not at all."""
    target = tmp_path / "file"
    target.write_bytes(b"old")

    def broken(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="No space"):
        write_atomically(target, b"new")
    assert files(tmp_path) == {"file": b"old"}
