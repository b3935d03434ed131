from __future__ import annotations

import contextlib
import io
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gopherwhale.errors import GopherwhaleError, LayoutError, UsageError
from gopherwhale.oci.assemble import DEFAULT_PATHS, Process, put_image
from gopherwhale.oci.base import Base
from gopherwhale.oci.documents import DOCKER_INDEX, OCI_CONFIG, OCI_MANIFEST, Descriptor, digest_of, encode
from gopherwhale.oci.kept import KeptSource
from gopherwhale.oci.layout import Layout, blob_path
from gopherwhale.oci.layout_writer import LayoutWriter, writing
from gopherwhale.oci.source import ImageSource, entries_of, read_manifest
from gopherwhale.platforms import parse
from tests.unit.oci.images import make_layout, put_index

CONFIG: Mapping[str, Any] = {
    "os": "linux",
    "architecture": "amd64",
    "config": {
        "Env": ["PATH=/own", "A=below", "B=below"],
        "User": "nonroot",
        "WorkingDir": "/home",
        "ExposedPorts": {"1/tcp": {}},
        "Labels": {"theirs": "1", "both": "below"},
        "Entrypoint": ["/bin/sh"],
        "Cmd": ["-c", "x"],
        "OnBuild": ["RUN x"],
        "Healthcheck": {"Test": ["NONE"]},
    },
    "history": [{"created_by": "one"}, {"created_by": "ENV", "empty_layer": True}],
}
PROCESS = Process(
    user="65532:65532",
    entrypoint=("/hello",),
    environment=("B=own", "C=own"),
    working_dir="/",
    ports=("2/tcp",),
    labels={"both": "own"},
)


class Store:
    """A source and a writer in memory."""

    name = "base"

    def __init__(self) -> None:
        """Hold nothing yet."""
        self.blobs: dict[str, bytes] = {}
        self.root = Descriptor(media_type="", digest="", size=0)

    def put(self, data: bytes, media_type: str) -> Descriptor:
        """Take a blob."""
        found = Descriptor(media_type=media_type, digest=digest_of(data), size=len(data))
        self.blobs[found.digest] = data
        return found

    def open_blob(self, descriptor: Descriptor) -> IO[bytes]:
        """Give a blob."""
        return io.BytesIO(self.blobs[descriptor.digest])

    def confirm(self, descriptor: Descriptor) -> None:
        """See that a blob is there."""
        assert descriptor.digest in self.blobs


def base_of(config: Mapping[str, Any], layers: int = 1, **changes: Any) -> Base:
    """A base of one image, whose config may be anything."""
    store = Store()
    kind = changes.get("layer_type", "x")
    blobs = [store.put(f"layer {number}".encode(), kind) for number in range(layers)]
    diff_ids = [f"sha256:{number:064x}" for number in range(changes.get("diff_ids", layers))]
    document = {"rootfs": {"type": "layers", "diff_ids": diff_ids}, **config}
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": store.put(encode(document), OCI_CONFIG).to_document(),
        "layers": [blob.to_document() for blob in blobs],
    }
    store.root = store.put(encode(manifest), OCI_MANIFEST)
    return Base(store)


def built_on(base: Base, process: Process = PROCESS) -> dict[str, Any]:
    """The config of an image that is built on a base of one image, without layers of its own."""
    platform, store = base.platforms[0], Store()
    writer = cast("LayoutWriter", store)
    made = put_image(writer, platform, process, [], created=0, annotations={}, base=base.of(platform))
    manifest = json.loads(store.blobs[made.digest])
    return {**json.loads(store.blobs[manifest["config"]["digest"]]), "manifest": manifest}


def test_an_image_inherits_what_a_dockerfiles_stage_would() -> None:
    """The base's environment, user and folder stand where nobody set another; its program never does."""
    found = built_on(base_of(CONFIG))
    assert found["config"] == {
        "Env": ["PATH=/own", "A=below", "B=own", "C=own"],
        "User": "nonroot",
        "WorkingDir": "/home",
        "ExposedPorts": {"1/tcp": {}, "2/tcp": {}},
        "Labels": {"theirs": "1", "both": "own"},
        "Entrypoint": ["/hello"],
        "Healthcheck": {"Test": ["NONE"]},
    }
    assert found["history"] == CONFIG["history"]
    assert found["rootfs"]["diff_ids"] == [f"sha256:{0:064x}"]


def test_what_somebody_set_wins_over_the_base() -> None:
    """A user and a folder of the settings are taken, whatever the base says."""
    process = Process(
        user="1:2", working_dir="/data", entrypoint=("/x",), given=frozenset({"User", "WorkingDir"})
    )
    found = built_on(base_of(CONFIG), process)["config"]
    assert (found["User"], found["WorkingDir"]) == ("1:2", "/data")


def test_a_base_that_says_nothing_gives_our_defaults() -> None:
    """Nobody runs as root because a base forgot to name a user; readers get a history of every layer."""
    base = base_of({"os": "linux", "architecture": "amd64"}, layers=2)
    found = built_on(base)
    assert found["config"]["User"] == "65532:65532"
    assert found["config"]["WorkingDir"] == "/"
    assert found["config"]["Env"] == [f"PATH={DEFAULT_PATHS['linux']}", "B=own", "C=own"]
    assert [entry["created_by"].startswith("base sha256:") for entry in found["history"]] == [True, True]


def test_dockers_names_of_layers_become_those_of_the_specification() -> None:
    """The same bytes stand in an OCI manifest under the OCI media type; the platform's version is kept."""
    config = {"os": "windows", "architecture": "amd64", "os.version": "10.0.20348.1"}
    kind = "application/vnd.docker.image.rootfs.diff.tar.gzip"
    base = base_of(config, layer_type=kind)
    found = built_on(base)
    assert found["manifest"]["layers"][0]["mediaType"] == "application/vnd.oci.image.layer.v1.tar+gzip"
    assert found["os.version"] == base.of(parse("windows/amd64")).os_version == "10.0.20348.1"


@pytest.mark.parametrize(
    ("asked", "taken"),
    [
        ("linux/amd64", "linux/amd64"),
        ("linux/amd64/v3", "linux/amd64"),
        ("linux/arm/v7", "linux/arm/v6"),
        ("linux/arm/v6", "linux/arm/v6"),
        ("linux/arm/v5", ""),
        ("linux/arm64", ""),
        ("windows/amd64", ""),
    ],
)
def test_each_platform_has_its_own_base_or_one_of_a_lower_level(
    tmp_path: Path, asked: str, taken: str
) -> None:
    """A platform which the base lacks is an error that names those it has."""
    layout = Layout(make_layout(tmp_path, {"linux/amd64": b"a", "linux/arm/v6": b"b"}))
    base = Base(layout)
    if taken:
        index = base.platforms.index(parse(taken))
        assert base.of(parse(asked)).digest == base._entries[index].digest  # noqa: SLF001 -- which it was
    else:
        with pytest.raises(UsageError, match=rf"has no {asked}\n  it has linux/amd64, linux/arm/v6"):
            base.of(parse(asked))


def test_one_platform_twice_is_refused_by_its_versions() -> None:
    """Windows bases of several releases are told apart by the user, not by chance."""
    store = Store()
    entries = [
        replace(
            store.put(version.encode(), OCI_MANIFEST), platform=parse("windows/amd64"), os_version=version
        )
        for version in ("10.0.17763.1", "10.0.20348.1")
    ]
    store.root = put_index(cast("LayoutWriter", store), entries)
    with pytest.raises(UsageError, match=r"more than once: 10\.0\.17763\.1, 10\.0\.20348\.1"):
        Base(store).of(parse("windows/amd64"))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"diff_ids": 2}, "1 layers, but the config names 2"),
        ({"config": {"ExposedPorts": []}}, ""),
        ({"config": {"ExposedPorts": ["1"]}}, "ExposedPorts is no object"),
        ({"config": {"Env": "A=b"}}, "Env is not a list"),
        ({"history": 7}, "history is no list"),
        ({"config": []}, ""),
        ({"config": "x"}, "not an image config"),
    ],
)
def test_a_strangers_config_is_read_within_bounds(config: Mapping[str, Any], message: str) -> None:
    """What has another shape than it must have is refused with its name, and what is empty is nothing."""
    changes = {key: value for key, value in config.items() if key == "diff_ids"}
    rest = {key: value for key, value in config.items() if key != "diff_ids"}
    document = {"os": "linux", "architecture": "amd64", **rest}
    if not message:
        assert built_on(base_of(document))["config"]["Entrypoint"]
        return
    with pytest.raises(LayoutError, match=message):
        built_on(base_of(document, **changes))


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from(["config", "history", "os.version", "os.features", "rootfs"]), VALUES),
    st.dictionaries(
        st.sampled_from(["Env", "User", "WorkingDir", "ExposedPorts", "Volumes", "Labels", "Healthcheck"]),
        VALUES,
    ),
)
@settings(deadline=None, max_examples=40)
def test_no_config_of_a_stranger_brings_us_down(top: dict[str, Any], process: dict[str, Any]) -> None:
    """Whatever a base's config holds, there is an image or an error of ours."""
    document = {"os": "linux", "architecture": "amd64", "config": process, **top}
    with contextlib.suppress(GopherwhaleError):
        assert built_on(base_of(document))["config"]


def test_a_layer_is_copied_once_and_checked(tmp_path: Path) -> None:
    """The blob that a layout holds is not read again; other bytes than the manifest's never get in."""
    base = Base(Layout(make_layout(tmp_path / "base", {"linux/amd64": b"a"})))
    layer = base.of(parse("linux/amd64")).layers[0]
    with writing(tmp_path / "made") as writer:
        assert not base.copy_layer(layer, writer)
        assert base.copy_layer(layer, writer)
        blob_path(tmp_path / "made", layer.digest).unlink()
        blob_path(tmp_path / "base", layer.digest).write_bytes(b"x" * layer.size)
        with pytest.raises(LayoutError, match="another digest"):
            base.copy_layer(layer, writer)
        assert not writer.has(layer.digest, layer.size)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Callable[..., Base]]:
    """Opens the base `remote` through the folder `kept`; `offline` makes a source that may not be asked."""
    make_layout(tmp_path / "remote", {"linux/amd64": b"a"})
    with contextlib.ExitStack() as stack:

        def make(digest: str = "", *, offline: bool = False) -> Base:
            @contextlib.contextmanager
            def opened() -> Iterator[ImageSource]:
                assert not offline, "the source was asked"
                yield Layout(tmp_path / "remote")

            return Base(stack.enter_context(KeptSource("remote", digest, tmp_path / "kept", opened)))

        yield make


def copied(base: Base, folder: Path) -> None:
    with writing(folder) as writer:
        for layer in base.of(parse("linux/amd64")).layers:
            base.copy_layer(layer, writer)


def test_a_pinned_base_is_fetched_once(kept: Callable[..., Base], tmp_path: Path) -> None:
    """What was read once is read from disk; a base without a digest is asked for what it is now."""
    digest = Layout(tmp_path / "remote").root.digest
    copied(kept(digest), tmp_path / "made")
    copied(kept(digest, offline=True), tmp_path / "again")
    with pytest.raises(AssertionError, match="was asked"):
        kept(offline=True)


def test_a_kept_blob_that_was_damaged_is_fetched_again(kept: Callable[..., Base], tmp_path: Path) -> None:
    """Bytes that are not their name's are not believed, and old ones and halves go."""
    base = kept()
    copied(base, tmp_path / "made")
    layer = base.of(parse("linux/amd64")).layers[0]
    path = blob_path(tmp_path / "kept", layer.digest)
    path.write_bytes(b"x" * layer.size)
    copied(kept(), tmp_path / "again")
    assert path.read_bytes() == blob_path(tmp_path / "remote", layer.digest).read_bytes()
    half = path.with_name(".partial-x")
    half.write_bytes(b"")
    os.utime(path, (time.time() - 31 * 86400,) * 2)
    kept()
    assert not path.exists()
    assert not half.exists()


@pytest.mark.parametrize("harm", [b"", b"{}", b"x" * 99])
def test_a_kept_root_that_was_damaged_is_fetched_again(
    kept: Callable[..., Base], tmp_path: Path, harm: bytes
) -> None:
    """The index of a pinned base heals as every other blob does."""
    digest = Layout(tmp_path / "remote").root.digest
    copied(kept(digest), tmp_path / "made")
    blob_path(tmp_path / "kept", digest).write_bytes(harm)
    copied(kept(digest), tmp_path / "again")
    copied(kept(digest, offline=True), tmp_path / "offline")


def test_a_download_ends_with_its_run(tmp_path: Path) -> None:
    """Another thread may be in the midst of it: its next piece is the last one."""
    layout = Layout(make_layout(tmp_path / "remote", {"linux/amd64": os.urandom(3_000_000)}))
    descriptor = read_manifest(layout, entries_of(layout, layout.root)[0]).layers[0]
    pieces: list[int] = []

    class Ending(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            pieces.append(size or 0)
            if len(pieces) == 2:
                source.__exit__(None, None, None)
            return super().read(size)

    class Slow(Layout):
        @contextlib.contextmanager
        def open_blob(self, descriptor: Descriptor) -> Iterator[IO[bytes]]:
            yield Ending(blob_path(self.path, descriptor.digest).read_bytes())

    with KeptSource(
        "remote", "", tmp_path / "kept", lambda: contextlib.nullcontext(Slow(layout.path))
    ) as source:
        for _ in range(2):
            with pytest.raises(LayoutError, match="the run has ended"), source.open_blob(descriptor):
                pass
    assert len(pieces) == 2
    assert list((tmp_path / "kept" / "blobs" / "sha256").iterdir()) == []


def test_an_index_of_dockers_is_a_base_too(tmp_path: Path) -> None:
    """A manifest list reads as an index does."""
    make_layout(tmp_path, {"linux/amd64": b"a"})
    layout = Layout(tmp_path)
    document = json.loads(blob_path(tmp_path, layout.root.digest).read_bytes())
    writer = LayoutWriter(tmp_path)
    root = writer.put(encode({**document, "mediaType": DOCKER_INDEX}), DOCKER_INDEX)
    writer.commit(root)
    assert list(map(str, Base(Layout(tmp_path)).platforms)) == ["linux/amd64"]
