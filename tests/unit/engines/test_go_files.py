from __future__ import annotations

import errno
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from gopherwhale.errors import UsageError
from tests.unit.engines.test_go_engine import Bench, bench

__all__ = ["bench"]


def members(bench: Bench, layer: int) -> dict[str, tarfile.TarInfo]:
    """What a layer of the first platform holds."""
    descriptor = bench.manifests()[0].layers[layer]
    with bench.layout.open_blob(descriptor) as stream, tarfile.open(fileobj=stream, mode="r:gz") as archive:
        return {member.name: member for member in archive}


def content(bench: Bench, layer: int, name: str) -> bytes:
    descriptor = bench.manifests()[0].layers[layer]
    with bench.layout.open_blob(descriptor) as stream, tarfile.open(fileobj=stream, mode="r:gz") as archive:
        reader = archive.extractfile(name)
        assert reader is not None
        return reader.read()


def write(path: Path, text: str = "", mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def test_files_and_folders_of_the_repository_get_their_place_mode_and_owner(bench: Bench) -> None:
    """A folder comes whole, links as links; only the owner's run bit of a mode counts."""
    write(bench.root / "web" / "index.html", "<p>", 0o600)
    write(bench.root / "web" / "run.sh", "#!", 0o700)
    (bench.root / "web" / "start").symlink_to("index.html")
    write(bench.root / "secret.conf", "x")
    bench.build(
        go={
            "files": [
                {"source": "web", "path": "/srv/web"},
                {
                    "source": "secret.conf",
                    "path": "/etc/hello/hello.conf",
                    "mode": "0640",
                    "owner": "0:65532",
                },
            ]
        }
    )
    found = members(bench, 1)
    facts = {name: (m.isdir(), m.mode, m.uid, m.gid, m.mtime, m.linkname) for name, m in found.items()}
    assert facts == {
        "etc": (True, 0o755, 0, 0, 0, ""),
        "etc/hello": (True, 0o755, 0, 0, 0, ""),
        "etc/hello/hello.conf": (False, 0o640, 0, 65532, 0, ""),
        "srv": (True, 0o755, 0, 0, 0, ""),
        "srv/web": (True, 0o755, 0, 0, 0, ""),
        "srv/web/index.html": (False, 0o644, 0, 0, 0, ""),
        "srv/web/run.sh": (False, 0o755, 0, 0, 0, ""),
        "srv/web/start": (False, 0o777, 0, 0, 0, "index.html"),
    }


def test_a_template_is_filled_from_the_build_arguments(bench: Bench) -> None:
    """`${NAME}` becomes the argument's value, and a change of it a new layer."""
    write(bench.root / "app.conf", "who=${WHO} price=$5\n")
    files = [{"source": "app.conf", "path": "/app.conf", "template": True}]
    for who in ("me", "you"):
        bench.build(build_args={"WHO": who}, go={"files": files})
        assert content(bench, 1, "app.conf") == f"who={who} price=$5\n".encode()


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"source": "missing", "path": "/x"}, "there is no .*missing"),
        ({"source": "../x", "path": "/x"}, "inside the repository"),
        ({"source": "go.mod", "path": "etc/x"}, "image's root"),
        ({"source": ".", "path": "/srv"}, "holds .*dist, where images are built"),
        ({"source": "tree", "path": "/srv"}, r"\.wh\.x cannot be in a layer"),
        ({"source": "go.mod", "path": "/srv/.wh.x"}, "cannot be in a layer"),
        (
            {"source": "go.mod", "path": "/hello/etc/x"},
            "/hello cannot be a folder, for it is the binary of .",
        ),
        ({"source": "tree/sub", "path": "/hello"}, "are both /hello"),
        ({"source": "go.mod", "path": "/x", "mode": "rw"}, "octal"),
        ({"source": "go.mod", "path": "/x", "owner": "me"}, "65532"),
        ({"source": "go.mod", "path": "/x", "owner": "0:2147483648"}, "above 2147483647"),
        ({"source": "go.mod", "path": "/hello"}, "go.mod and the binary of . are both /hello"),
        ({"source": "go.mod", "path": "/a/../../hello"}, "are both /hello"),
        ({"source": "binary", "path": "/x", "template": True}, "no text"),
        (
            {"source": "go.mod", "path": "/x", "templat": True},
            "unknown setting 'templat'; did you mean 'template'",
        ),
        ({"source": "pipe", "path": "/x"}, "no file, folder or symbolic link"),
    ],
)
def test_a_file_that_cannot_be_taken_is_refused(bench: Bench, entry: dict[str, Any], says: str) -> None:
    """The message names the source or the place, and nothing is built."""
    (bench.root / "binary").write_bytes(b"\xff\xfe")
    os.mkfifo(bench.root / "pipe")
    write(bench.root / "tree" / "sub" / ".wh.x")
    with pytest.raises(UsageError, match=says):
        bench.build(go={"files": [entry]})
    assert not Path(bench.environment["FAKE_LOG"]).exists()


@pytest.mark.parametrize("first", ["file", "folder"])
def test_one_place_cannot_be_a_file_and_a_folder(bench: Bench, first: str) -> None:
    """No tool unpacks such a layer, whichever of the two is named first."""
    write(bench.root / "tree" / "x")
    files = [{"source": "go.mod", "path": "/srv"}, {"source": "tree", "path": "/srv"}]
    with pytest.raises(UsageError, match="srv"):
        bench.build(go={"files": files if first == "file" else files[::-1]})


@pytest.mark.parametrize(
    ("source", "path", "expected"),
    [
        ("go.mod", "/", ["go.mod"]),
        ("go.mod", "/etc/hello/", ["etc", "etc/hello", "etc/hello/go.mod"]),
        ("tree", "/", ["etc", "etc/hello", "etc/hello/x"]),
        ("tree/etc", "/etc/", ["etc", "etc/hello", "etc/hello/x"]),
    ],
)
def test_a_place_that_ends_in_a_slash_is_a_folder(
    bench: Bench, source: str, path: str, expected: list[str]
) -> None:
    """As for COPY: a file keeps its name there, and a folder gives what it holds."""
    write(bench.root / "tree" / "etc" / "hello" / "x")
    bench.build(go={"files": [{"source": source, "path": path}]})
    assert list(members(bench, 1)) == expected


def test_the_mode_and_owner_of_a_folder_hold_in_every_layer(bench: Bench) -> None:
    """A higher layer that puts something into a folder would else give it to root, and close /tmp."""
    write(bench.root / "data" / "sub" / "x")
    files = [
        {"source": "data", "path": "/tmp/data", "owner": "7:8"},
        {"source": "go.mod", "path": "/tmp/go.mod"},
    ]
    bench.build(go={"tmp": True, "files": files, "packages": [".=/tmp/data/hello"]})
    layers = [members(bench, number) for number in (1, 2, 3)]
    assert [layer["tmp"].mode for layer in layers] == [0o1777] * 3
    assert [(layer["tmp/data"].uid, layer["tmp/data"].gid) for layer in layers[1:]] == [(7, 8)] * 2


def test_a_link_is_copied_to_the_letter(bench: Bench) -> None:
    """What Python would write shorter stays as it is, and below a link there may be more."""
    write(bench.root / "tree" / "x")
    (bench.root / "link").symlink_to("./a//b/")
    files = [{"source": "link", "path": "/srv"}, {"source": "tree/x", "path": "/srv/x"}]
    bench.build(go={"files": files})
    assert members(bench, 1)["srv"].linkname == "./a//b/"


def test_a_folder_that_cannot_be_read_is_an_error(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it holds would be missing in the image, and nobody would know."""
    write(bench.root / "tree" / "sub" / "x")
    real = os.scandir

    def scan(path: Any) -> Any:
        if str(path).endswith("sub"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scan)
    with pytest.raises(UsageError, match=r"tree/sub: Permission denied"):
        bench.build(go={"files": [{"source": "tree", "path": "/srv"}]})


def test_accounts_and_tmp_come_when_asked_for(bench: Bench) -> None:
    """The accounts have the user's numbers; /tmp is for everybody."""
    bench.build(go={"passwd": True, "tmp": True, "user": "1000:1001"})
    found = members(bench, 1)
    assert found["tmp"].mode == 0o1777
    passwd = content(bench, 1, "etc/passwd").decode().splitlines()
    assert [line.split(":")[2:4] for line in passwd] == [["0", "0"], ["1000", "1001"]]
    assert b":1001:" in content(bench, 1, "etc/group")
    bench.build(go={"passwd": True, "user": "0"})
    assert content(bench, 1, "etc/passwd").count(b"\n") == 1


def test_layers_can_be_compressed_with_zstd(bench: Bench) -> None:
    """The same tar, so the same diff_id, under the media type of zstd; reused like any other."""
    import zstandard  # noqa: PLC0415

    def diff_ids() -> list[str]:
        configs = [bench.blob(manifest.config.digest).decode() for manifest in bench.manifests()]
        return [config.partition('"diff_ids":[')[2].partition("]")[0] for config in configs]

    bench.build()
    before = diff_ids()
    bench.build(go={"compression": "zstd"})
    assert diff_ids() == before
    for layer in bench.manifests()[0].layers:
        assert layer.media_type == "application/vnd.oci.image.layer.v1.tar+zstd"
        assert zstandard.ZstdDecompressor().decompressobj().decompress(bench.blob(layer.digest))
    assert [work.built for work in bench.build(go={"compression": "zstd"}).work] == [0, 0]
