"""Archives: OCI's, and those of `docker save` in both forms."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import zstandard

from gopherwhale.errors import LayoutError
from gopherwhale.oci import tar_file
from gopherwhale.oci.archive import write_archive
from gopherwhale.oci.documents import OCI_INDEX, OCI_MANIFEST, digest_of
from gopherwhale.oci.layout import Layout
from gopherwhale.oci.source import check_blob
from gopherwhale.oci.tar_source import open_archive, open_docker_archive, open_oci_archive
from gopherwhale.verify.opening import Opened, open_images
from tests.unit.oci.images import layer, make_layout
from tests.unit.verify.binaries import elf

PLAIN = layer({"app": elf()})
CONFIG = {
    "os": "linux",
    "architecture": "amd64",
    "config": {"Entrypoint": ["/app"]},
    "rootfs": {"type": "layers", "diff_ids": [digest_of(PLAIN)]},
}


def write_tar(path: Path, files: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> Path:
    """A tar of files and symbolic links."""
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    return path


def old(*images: tuple[str, str], packed: bytes = PLAIN, config: Any = None) -> dict[str, bytes]:
    """The files of an archive as Docker wrote it before 25: a name and a layer's member for each image."""
    rows = [{"Config": "c.json", "RepoTags": [name] if name else None, "Layers": [at]} for name, at in images]
    return {
        "c.json": json.dumps(config or CONFIG).encode(),
        "a/layer.tar": packed,
        "manifest.json": json.dumps(rows).encode(),
    }


def opened(path: Path, select: str = "") -> Opened:
    """The one image of an archive, its layers read."""
    source = open_docker_archive(path, select)
    (found,) = open_images(source, [source.root])
    assert isinstance(found, Opened), found
    return found


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_an_old_archive_of_docker_save_opens(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """Config and layers are found by manifest.json; a layer may be packed."""
    path = write_tar(tmp_path / "image.tar", old(("hello:1", "a/layer.tar"), packed=pack(PLAIN)))
    image = opened(path)
    assert str(image.declared) == "linux/amd64"
    assert image.system.entrypoint(image.config) == "/app"


@pytest.mark.parametrize(
    ("select", "found"),
    [("hello", True), ("hello:latest", True), ("docker.io/library/hello", True), ("hello:2", False)],
)
def test_one_of_several_saved_images_is_chosen_by_its_name(
    tmp_path: Path, select: str, *, found: bool
) -> None:
    """A name is completed as Docker does; without one, several are refused by name."""
    files = old(("hello:latest", "a/layer.tar"), ("other:1", "a/layer.tar"))
    path = write_tar(tmp_path / "image.tar", files)
    with pytest.raises(LayoutError, match="holds 2 images\n  name one of: hello:latest, other:1"):
        open_docker_archive(path)
    if found:
        assert opened(path, select).manifest.layers[0].digest == digest_of(PLAIN)
    else:
        with pytest.raises(LayoutError, match="no image named 'hello:2'"):
            open_docker_archive(path, select)


def test_a_layer_may_be_a_link_to_another(tmp_path: Path) -> None:
    """Docker linked layers that several images share."""
    links = {"b/layer.tar": "../a/layer.tar", "x": "y", "y": "x"}
    path = write_tar(tmp_path / "image.tar", old(("hello:1", "b/layer.tar")), links)
    assert opened(path).system.has("/app")
    path = write_tar(tmp_path / "round.tar", old(("hello:1", "x")), links)
    with pytest.raises(LayoutError, match="has no 'x'"):
        open_docker_archive(path)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"manifest.json": b"null"}, "no list"),
        ({"manifest.json": b"{}"}, "no list"),
        ({"manifest.json": b"[]"}, "holds no image"),
        ({"manifest.json": b"[1]"}, "no object"),
        ({"manifest.json": b"[" * 5000}, "not a sound JSON document"),
        ({"manifest.json": b'[{"Config":"../c.json","Layers":[]}]'}, "has no"),
        ({"manifest.json": b'[{"Config":"c.json","Layers":[]}]'}, "0 layers, but its config names 1"),
        ({"manifest.json": b'[{"Config":"c.json","Layers":["none"]}]'}, "has no 'none'"),
        ({"c.json": b"[]"}, "not a JSON object"),
        ({"c.json": json.dumps(CONFIG | {"rootfs": {"diff_ids": ["../x"]}}).encode()}, "unusable diff_id"),
    ],
)
def test_a_damaged_archive_of_docker_save_is_refused(
    tmp_path: Path, change: Mapping[str, bytes], why: str
) -> None:
    """Whatever its table of contents says, nothing outside of the archive is looked at."""
    path = write_tar(tmp_path / "image.tar", {**old(("hello:1", "a/layer.tar")), **change})
    with pytest.raises(LayoutError, match=why):
        open_docker_archive(path)


def test_01_a_layer_with_another_content_than_its_diff_id_is_found(tmp_path: Path) -> None:
    """A plain layer is held to the diff_id of the config, since nothing else names its bytes."""
    path = write_tar(tmp_path / "image.tar", old(("hello:1", "a/layer.tar"), packed=layer({"app": b"other"})))
    source = open_docker_archive(path)
    (found,) = open_images(source, [source.root])
    assert isinstance(found, LayoutError)
    assert found.code == "digest-differs"


def test_an_archive_of_our_own_opens_either_way(tmp_path: Path) -> None:
    """What we write for docker load is an OCI archive and one of docker save; both show the same image."""
    layout = Layout(make_layout(tmp_path / "made", {"linux/arm64": elf(machine=183)}))
    path = tmp_path / "image.tar"
    write_archive(layout, path, names=["hello:1"])
    as_oci, as_docker = open_oci_archive(path), open_archive(path)
    assert as_oci.root == as_docker.root
    assert as_oci.root.media_type == OCI_INDEX
    assert (as_oci.name, as_docker.name) == (f"oci-archive:{path}", f"docker-archive:{path}")


def test_platforms_that_were_not_saved_are_left_out_and_said_so(tmp_path: Path) -> None:
    """Docker's store keeps an index whose other platforms were never pulled."""
    layout = Layout(make_layout(tmp_path / "made", {"linux/arm64": elf(machine=183), "linux/amd64": elf()}))
    whole, part = tmp_path / "whole.tar", tmp_path / "part.tar"
    write_archive(layout, whole)
    with tarfile.open(whole) as archive:
        read = {m.name: f.read() for m in archive if (f := archive.extractfile(m))}
    index = json.loads(read["blobs/sha256/" + layout.root.digest[7:]])
    kept, gone = (entry["digest"][7:] for entry in index["manifests"])
    config = json.loads(read[f"blobs/sha256/{kept}"])["config"]["digest"][7:]
    row = {"Config": f"blobs/sha256/{config}", "RepoTags": ["hello:1"], "Layers": []}
    top = json.loads(read["index.json"])
    top["manifests"][0]["annotations"] = {"io.containerd.image.name": "docker.io/library/hello:1"}
    files = {name: data for name, data in read.items() if gone not in name}
    files |= {"index.json": json.dumps(top).encode(), "manifest.json": json.dumps([row]).encode()}
    source = open_docker_archive(write_tar(part, files), "hello:1")
    assert source.name.endswith("(1 of 2 entries are stored)")
    check_blob(source, source.root)


def test_a_config_in_a_layout_s_place_is_held_to_its_digest(tmp_path: Path) -> None:
    """Docker 25 names a config by its digest; another content is a lie."""
    name = "blobs/sha256/" + "0" * 64
    files = old(("hello:1", "a/layer.tar"))
    row = [{"Config": name, "RepoTags": None, "Layers": ["a/layer.tar"]}]
    files |= {name: files["c.json"], "manifest.json": json.dumps(row).encode()}
    with pytest.raises(LayoutError, match="holds another config"):
        open_docker_archive(write_tar(tmp_path / "image.tar", files))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it has no oci-layout"),
        (b"x" * 2000, "is not a tar archive"),
        (gzip.compress(b"x" * 2000), "is not a tar archive"),
        (gzip.compress(b"x" * 2000)[:-9], "breaks off"),
        (gzip.compress(gzip.compress(b"x")), "is not a tar archive"),
        (b"\x28\xb5\x2f\xfd0000", "cannot be unpacked|breaks off"),
        (bz2.compress(b"x"), "packed with bzip2"),
        (bytes(tarfile.TarInfo("a").tobuf()) * 2, "two of 'a'"),
    ],
)
def test_what_is_no_archive_says_what_it_is(tmp_path: Path, content: bytes, why: str) -> None:
    """What is packed must be sound and within bounds, and one name twice has two readings."""
    path = tmp_path / "image.tar"
    path.write_bytes(content)
    with pytest.raises(LayoutError, match=why):
        open_archive(path)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_an_archive_may_be_packed_as_a_whole(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """As `docker save | gzip` leaves it, and Nix: no file is left beside it."""
    plain = write_tar(tmp_path / "image.tar", old(("hello:1", "a/layer.tar")))
    path = tmp_path / "image.tgz"
    path.write_bytes(pack(plain.read_bytes()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(tmp_path))
        assert opened(path, "hello:1").declared.os == "linux"
    assert open_archive(path).root == open_archive(plain).root
    assert sorted(one.name for one in tmp_path.iterdir()) == ["image.tar", "image.tgz"]


def test_14_a_packed_archive_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Zeros do not fill the disk."""
    monkeypatch.setattr(tar_file, "_MAX_UNPACKED", 1024 * 1024)
    path = tmp_path / "image.tgz"
    path.write_bytes(gzip.compress(bytes(4 * 1024 * 1024)))
    with pytest.raises(LayoutError, match="unpacks to more than 1048576 bytes"):
        open_archive(path)


def test_the_other_kind_of_archive_is_named(tmp_path: Path) -> None:
    """A wrong scheme says which one is right."""
    docker = write_tar(tmp_path / "docker.tar", old(("hello:1", "a/layer.tar")))
    with pytest.raises(LayoutError, match="docker-archive:FILE"):
        open_oci_archive(docker)
    oci = tmp_path / "oci.tar"
    write_archive(Layout(make_layout(tmp_path / "made", {"linux/amd64": elf()})), oci)
    with pytest.raises(LayoutError, match="write oci-archive:FILE"):
        open_docker_archive(oci)


def test_14_a_huge_archive_is_passed_over_not_read(tmp_path: Path) -> None:
    """A terabyte of holes costs a few reads: contents are only looked at where they are needed."""
    path = write_tar(tmp_path / "image.tar", old(("hello:1", "a/layer.tar")))
    head = tarfile.TarInfo("huge")
    head.size = 1 << 40
    with path.open("r+b") as stream:
        rest = stream.read()
        stream.seek(0)
        stream.write(head.tobuf(tarfile.GNU_FORMAT))
        stream.seek(1 << 40, io.SEEK_CUR)
        stream.write(rest)
    assert opened(path).declared.os == "linux"


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """What is no regular file is refused at once."""
    import os  # noqa: PLC0415

    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(LayoutError, match="is not a file"):
        open_archive(tmp_path / "pipe")


def test_an_image_that_is_a_manifest_keeps_its_digest(tmp_path: Path) -> None:
    """The digest of an image made for an old archive follows from its bytes alone."""
    roots = [
        open_docker_archive(write_tar(tmp_path / f"{n}.tar", old(("hello:1", "a/layer.tar")))).root
        for n in range(2)
    ]
    assert roots[0] == roots[1]
    assert roots[0].media_type == OCI_MANIFEST
