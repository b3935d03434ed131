from __future__ import annotations

import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gopherwhale.errors import UsageError
from gopherwhale.oci.archive import write_archive
from gopherwhale.oci.documents import Index, Manifest
from gopherwhale.oci.layout import Layout, walk
from gopherwhale.oci.source import check_blob
from gopherwhale.oci.tar_source import open_archive
from gopherwhale.platforms import parse
from tests.unit.oci.images import make_layout

BINARIES: Mapping[str, bytes] = {"linux/amd64": b"a", "linux/arm64": b"b", "linux/arm/v7": b"c"}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(make_layout(tmp_path / "layout", BINARIES))


def read(path: Path, name: str) -> Any:
    with tarfile.open(path) as archive:
        stream = archive.extractfile(name)
        assert stream is not None
        return json.load(stream)


def names(path: Path) -> list[str]:
    with tarfile.open(path) as archive:
        return archive.getnames()


def test_an_archive_holds_the_whole_layout_and_is_the_same_each_time(layout: Layout, tmp_path: Path) -> None:
    """Every blob is there and sound; two archives of one layout do not differ."""
    first, second = tmp_path / "a.tar", tmp_path / "b.tar"
    write_archive(layout, first)
    write_archive(layout, second)
    assert first.read_bytes() == second.read_bytes()
    assert "manifest.json" not in names(first)
    opened = open_archive(first)
    assert opened.root.digest == layout.root.digest
    for _, document in walk(opened):
        if isinstance(document, Manifest):
            for part in (document.config, *document.layers):
                check_blob(opened, part)


def test_docker_knows_each_platform_by_a_name_of_its_own(layout: Layout, tmp_path: Path) -> None:
    """Docker's classic store holds one platform under a name; the plain one is this machine's."""
    path = tmp_path / "docker.tar"
    write_archive(layout, path, names=["acme/hello:1", "hello"], host=parse("linux/arm64"))
    found = {tuple(entry["RepoTags"]): entry for entry in read(path, "manifest.json")}
    assert list(found) == [
        ("acme/hello:1-linux-amd64", "hello:latest-linux-amd64"),
        ("acme/hello:1", "hello", "acme/hello:1-linux-arm64", "hello:latest-linux-arm64"),
        ("acme/hello:1-linux-arm-v7", "hello:latest-linux-arm-v7"),
    ]
    for entry, platform in zip(found.values(), BINARIES, strict=True):
        config = read(path, entry["Config"])
        assert f"{config['os']}/{config['architecture']}" in platform
        assert set(entry["Layers"]) <= set(names(path))


def test_containerd_knows_each_platform_by_the_same_names(layout: Layout, tmp_path: Path) -> None:
    """index.json names the manifests, by the whole reference."""
    path = tmp_path / "docker.tar"
    write_archive(layout, path, names=["acme/hello:1"], host=parse("linux/amd64"))
    entries = read(path, "index.json")["manifests"]
    found = [(entry["annotations"]["io.containerd.image.name"], entry["digest"]) for entry in entries]
    index = next(document for _, document in walk(layout) if isinstance(document, Index))
    amd64, arm64, arm = (entry.digest for entry in index.manifests)
    assert found == [
        ("docker.io/acme/hello:1", amd64),
        ("docker.io/acme/hello:1-linux-amd64", amd64),
        ("docker.io/acme/hello:1-linux-arm64", arm64),
        ("docker.io/acme/hello:1-linux-arm-v7", arm),
    ]


def test_the_only_platform_has_the_plain_name(tmp_path: Path) -> None:
    """The name then stands for the image's own index, whatever the platform is."""
    layout = Layout(make_layout(tmp_path / "layout", {"linux/s390x": b"a"}))
    path = tmp_path / "docker.tar"
    write_archive(layout, path, names=["acme/hello:1"])
    assert [entry["RepoTags"] for entry in read(path, "manifest.json")] == [["acme/hello:1"]]
    assert [entry["digest"] for entry in read(path, "index.json")["manifests"]] == [layout.root.digest]


def test_a_file_that_cannot_be_written_is_our_error(layout: Layout, tmp_path: Path) -> None:
    """One line, and nothing is left behind."""
    target = tmp_path / "folder"
    (target / "full").mkdir(parents=True)
    with pytest.raises(UsageError, match="cannot write"):
        write_archive(layout, target)
    assert list(tmp_path.glob(".partial-*")) == []
