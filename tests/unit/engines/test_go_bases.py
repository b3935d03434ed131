from __future__ import annotations

import base64
import contextlib
import errno
import gzip
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gopherwhale.app import pinning
from gopherwhale.app.request import Request
from gopherwhale.console import Console
from gopherwhale.engines.dockerfile import differences, unpinned
from gopherwhale.engines.go import GoEngine
from gopherwhale.engines.recipe import read
from gopherwhale.errors import UsageError
from gopherwhale.oci.base import BASE_DIGEST, BASE_NAME
from gopherwhale.oci.documents import Index
from gopherwhale.oci.layout import Layout, walk
from gopherwhale.oci.layout_writer import writing
from gopherwhale.oci.source import ImageSource
from gopherwhale.pipeline import cross_build
from gopherwhale.platforms import parse
from gopherwhale.references import Reference
from tests.documented import documented, keys
from tests.unit.engines.test_go_engine import Bench, bench
from tests.unit.oci.images import layer, make_layout, put_image, put_index

__all__ = ["bench"]

DIGEST = f"sha256:{'a' * 64}"


@pytest.fixture
def base(bench: Bench) -> Layout:
    """A base image for two platforms, in the repository's folder `base`."""
    return Layout(make_layout(bench.root / "base", {"linux/amd64": b"a", "linux/arm/v7": b"b"}))


def index_of(bench: Bench) -> Index:
    return [document for _, document in walk(bench.layout) if isinstance(document, Index)][-1]


def layers_of(bench: Bench, number: int) -> list[tarfile.TarFile]:
    blobs = [bench.blob(layer.digest) for layer in bench.manifests()[number].layers]
    return [tarfile.open(fileobj=io.BytesIO(gzip.decompress(blob))) for blob in blobs]


def test_each_platform_stands_on_its_own_base(bench: Bench, base: Layout) -> None:
    """The base's layer is the lowest, as the very blob; ours above it make no folder anew."""
    built = bench.build(go={"base": "oci:base"})
    theirs = [document for _, document in walk(base) if not isinstance(document, Index)]
    for number, manifest in enumerate(bench.manifests()):
        assert manifest.layers[0].digest == theirs[number].layers[0].digest
        names = [name for archive in layers_of(bench, number)[1:] for name in archive.getnames()]
        assert names == ["etc/ssl/certs/ca-certificates.crt", "hello"]
    assert [(work.cached, work.built) for work in built.work] == [(0, 3), (0, 3)]
    again = bench.build(go={"base": "oci:base"})
    assert again.root == built.root
    assert [(work.cached, work.built) for work in again.work] == [(3, 0), (3, 0)]


def test_annotations_say_what_an_image_stands_on(bench: Bench, base: Layout) -> None:
    """The index names the base's index, each manifest the base's manifest."""
    bench.build(go={"base": f"oci:base@{base.root.digest}"})
    assert index_of(bench).annotations[BASE_DIGEST] == base.root.digest
    theirs = next(document for _, document in walk(base) if isinstance(document, Index))
    found = [manifest.annotations[BASE_DIGEST] for manifest in bench.manifests()]
    assert found == [entry.digest for entry in theirs.manifests]
    assert BASE_NAME not in index_of(bench).annotations


def test_a_base_in_a_registry_is_named_by_its_tag(bench: Bench, base: Layout) -> None:
    """Through the port that the application gives; a pinned base is asked for once in many builds."""
    asked: list[str] = []

    @contextlib.contextmanager
    def open_registry(reference: Reference) -> Iterator[ImageSource]:
        asked.append(str(reference))
        yield base

    for setting in (
        "acme/base",
        "acme/base:1",
        f"acme/base:1@{base.root.digest}",
        f"acme/base@{base.root.digest}",
    ):
        image = bench.plan(go={"base": setting})
        cross_build(image, GoEngine(bench.environment, open_registry), bench.said.append)
        name = index_of(bench).annotations[BASE_NAME]
        expected = setting.partition("@")[0] if ":1" in setting else setting
        assert name == f"docker.io/{expected}{'' if '@' in setting or ':' in setting else ':latest'}"
    assert asked == ["docker.io/acme/base:latest", "docker.io/acme/base:1"]


def test_a_platform_that_the_base_lacks_stops_the_build_before_anything_runs(
    bench: Bench, base: Layout
) -> None:
    """The error names what the base has; ko leaves such a platform out without a word."""
    with pytest.raises(UsageError, match=r"has no linux/s390x\n.*linux/amd64, linux/arm/v7"):
        bench.build(go={"base": f"oci:{base.path.name}"}, platforms="linux/amd64,linux/s390x")
    assert not Path(bench.environment["FAKE_LOG"]).exists()


def test_an_image_for_windows_is_laid_out_as_windows_wants_it(bench: Bench) -> None:
    """Files below `Files` with security descriptors, the program by drive and suffix, the base's own user."""
    with writing(bench.root / "base") as writer:
        content = layer({"Files/license.txt": b"x"})
        entries = [
            put_image(writer, parse(name), [content], "cmd") for name in ("windows/amd64", "linux/amd64")
        ]
        writer.commit(put_index(writer, entries))
    platforms = "windows/amd64,linux/amd64"
    bench.build(go={"base": "oci:base", "tmp": True, "time_zones": False}, platforms=platforms)
    first, second = bench.manifests()
    config = json.loads(bench.blob(first.config.digest))["config"]
    assert config["Entrypoint"] == ["C:\\hello.exe"]
    assert (config["WorkingDir"], config["User"]) == ("C:\\", "65532:65532")
    assert "PATH=c:\\Windows\\System32;c:\\Windows" in config["Env"]
    (_, own) = layers_of(bench, 0)
    assert own.getnames() == ["Files", "Files/hello.exe", "Hives"]
    records = own.getmember("Files/hello.exe").pax_headers
    assert records["MSWINDOWS.fileattr"] == "32"
    assert own.getmember("Files").pax_headers["MSWINDOWS.fileattr"] == "16"
    raw = base64.b64decode(records["MSWINDOWS.rawsd"])
    # MS-DTYP 2.4.6: owner and group at their offsets are S-1-5-32-545.
    owner, group = (int.from_bytes(raw[at : at + 4], "little") for at in (4, 8))
    assert raw[owner:group] == raw[group:] == b"\1\2\0\0\0\0\0\5" + b"\x20\0\0\0\x21\2\0\0"
    assert len(second.layers) == 4


@pytest.mark.parametrize("base", ["acme/base:1", "oci:base", "acme/base"])
def test_a_locked_run_refuses_a_base_without_a_digest(bench: Bench, base: str) -> None:
    """Before anything is fetched or compiled; with the digest there is nothing to refuse."""
    with pytest.raises(UsageError, match="not pinned by a digest"):
        bench.build(go={"base": base}, locked=True)
    bench.build(locked=True)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["FROM scratch"], []),
        ([f"FROM golang:1@{DIGEST} AS build", "FROM build"], []),
        (["ARG V=1", "FROM golang:$V", "FROM scratch"], []),
        (
            ["ARG V=1", "FROM golang:$V AS build", "FROM scratch", "COPY --from=build /a /a"],
            [(2, "golang:1")],
        ),
        (["FROM scratch", "COPY --from=busybox /a /a"], [(2, "busybox")]),
        (["FROM debian AS a", "FROM scratch", "COPY --from=0 /a /a"], [(1, "debian")]),
    ],
)
def test_a_dockerfiles_images_without_a_digest_are_named(
    lines: list[str], expected: list[tuple[int, str]]
) -> None:
    """Of the stages that the image is made of, with the lines where they stand."""
    assert unpinned("\n".join(lines)) == expected


def test_auto_does_not_warn_of_a_dockerfile_with_the_same_base(bench: Bench) -> None:
    """A digest on either side changes nothing."""
    made = read(bench.plan(go={"base": f"acme/base:1@{DIGEST}"}))
    assert differences("FROM acme/base:1\n", made) == []
    assert differences("FROM acme/base:2\n", made) == [(1, "FROM acme/base:2")]


SETTINGS = """\
# The base is small.
repository = "acme/hello"   # not mine

[go]
base = "{first}" # keep this

[images.one.go]
base = '{second}'

[images.two]
"""
DOCKERFILE = """\
# syntax=docker/dockerfile:1
ARG GO_VERSION=1
FROM golang:${GO_VERSION} AS build
FROM --platform=linux/amd64 \\
    acme/base:2 AS other
FROM scratch
COPY --from=other /a /a
COPY --from=acme/files:3 /b /b
RUN --mount=type=bind,source=/acme/base:2,from=acme/base:2,target=/a --mount=from="acme/files:3",target=/b \\
    --mount=type=bind,target=/c,from=other true acme/files:3
COPY --from=1 /a /c
"""


def test_pin_writes_digests_and_leaves_the_rest_alone(
    bench: Bench, base: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Comments and order stay; a name with a variable is told and left; a second run changes nothing."""

    @contextlib.contextmanager
    def open_registry(_reference: Reference) -> Iterator[ImageSource]:
        yield base

    monkeypatch.setattr(pinning, "registry_opener", lambda *_: open_registry)
    settings, dockerfile = bench.root / "gopherwhale.toml", bench.root / "Dockerfile"
    settings.write_text(SETTINGS.format(first="acme/base:1", second="oci:base"))
    dockerfile.write_text(DOCKERFILE)
    for _ in range(2):
        document, said = run_pin(bench)
        digest = f"@{base.root.digest}"
        pinned = SETTINGS.format(first=f"acme/base:1{digest}", second=f"oci:base{digest}")
        assert settings.read_text().replace("'", '"') == pinned.replace("'", '"')
        expected = DOCKERFILE.replace(" acme/base:2", f" acme/base:2{digest}")
        for start in ("=", '="'):
            for name in ("acme/base:2", "acme/files:3"):
                expected = expected.replace(f"from{start}{name}", f"from{start}{name}{digest}")
        assert dockerfile.read_text() == expected
        places = ["go.base", "images.one.go.base", *(f"line {line}" for line in (5, 8, 9, 9))]
        assert [one["place"] for one in document["pins"]] == places
        assert keys(document) == documented("docker.pin")
        assert [name for _, name in unpinned(expected)] == []
        assert "Dockerfile:3: golang:${GO_VERSION} holds a variable" in said


def test_pin_leaves_links_modes_and_ends_of_lines_as_they_are(bench: Bench, base: Layout) -> None:
    """The file behind a link is written, as private as it was; nothing is written where nothing is new."""
    kept = bench.root / "kept"
    kept.mkdir(mode=0o700)
    settings = kept / "settings"
    settings.write_bytes(b'# mine\r\n[go]\r\nbase = "oci:base"\r\n')
    settings.chmod(0o600)
    (bench.root / "gopherwhale.toml").unlink(missing_ok=True)
    (bench.root / "gopherwhale.toml").symlink_to("kept/settings")
    run_pin(bench)
    pinned = f'# mine\r\n[go]\r\nbase = "oci:base@{base.root.digest}"\r\n'.encode()
    assert (bench.root / "gopherwhale.toml").is_symlink()
    assert (settings.read_bytes(), settings.stat().st_mode & 0o777) == (pinned, 0o600)
    before = settings.stat().st_ino
    run_pin(bench)
    assert settings.stat().st_ino == before


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_pin_counts_lines_as_the_parser_does(
    bench: Bench, base: Layout, monkeypatch: pytest.MonkeyPatch, mark: str
) -> None:
    """A form feed or a separator of Unicode's in a comment moves no digest into another line."""

    @contextlib.contextmanager
    def open_registry(_reference: Reference) -> Iterator[ImageSource]:
        yield base

    monkeypatch.setattr(pinning, "registry_opener", lambda *_: open_registry)
    text = f"{mark}FROM acme/one:1 AS one\r\n# a\x0cb\u2028c\r\nFROM acme/two:2\r\n"
    dockerfile = bench.root / "Dockerfile"
    dockerfile.write_bytes(text.encode())
    run_pin(bench)
    expected = text
    for name in ("acme/one:1", "acme/two:2"):
        expected = expected.replace(name, f"{name}@{base.root.digest}")
    assert dockerfile.read_bytes().decode() == expected


def test_pin_says_in_a_line_that_a_file_cannot_be_written(
    bench: Bench, base: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full ends in no traceback, and the old file stands."""
    settings = bench.root / "gopherwhale.toml"
    settings.write_text('[go]\nbase = "oci:base"\n')

    def full(*_arguments: object, **_options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("gopherwhale.files.os.fsync", full)
    with pytest.raises(UsageError, match=r"cannot write .*gopherwhale\.toml: No space left"):
        run_pin(bench)
    assert settings.read_text() == '[go]\nbase = "oci:base"\n'
    assert base.root.digest not in settings.read_text()
    assert list(bench.root.glob(".partial-*")) == []


def run_pin(bench: Bench) -> tuple[dict[str, Any], str]:
    console = Console(out=io.StringIO(), err=io.StringIO(), format="json")
    environment = {**bench.environment, "HOME": str(bench.root)}
    pinning.pin(Request(start=bench.root, environment=environment, console=console))
    assert isinstance(console.out, io.StringIO)
    assert isinstance(console.err, io.StringIO)
    return json.loads(console.out.getvalue()), console.err.getvalue()


def test_pin_has_nothing_to_do_where_nothing_is_named(bench: Bench) -> None:
    """An image from scratch, with or without a file of settings."""
    assert run_pin(bench)[0]["pins"] == []
