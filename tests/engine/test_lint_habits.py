"""Lint's rules of habit, seen in the real builder: what a second build does again, and what it need not."""

from __future__ import annotations

import contextlib
import json
import os
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest

from gopherwhale.lint.codes import CODES
from gopherwhale.lint.fixing import fix
from gopherwhale.lint.linter import lint
from gopherwhale.lint.view import Surroundings
from gopherwhale.oci.documents import Manifest
from gopherwhale.oci.layout import Layout, walk
from gopherwhale.verify.codes import Severity
from gopherwhale.verify.image import Wanted, verify_image
from tests.engine.conftest import Command, Testbed
from tests.engine.test_lint_builds import base, files, publish, run

__all__ = ["base", "files"]

pytestmark = pytest.mark.engine

_MODULE: Final = "example.invalid/dep"
# Two packages that need nothing but each other and one of Go's own: nothing of it takes time to compile.
_SOURCES: Final = {
    "go.mod": "module example.invalid/app\n\ngo 1.24\n",
    "one/one.go": 'package one\n\nimport "unicode/utf8"\n\nconst One = utf8.RuneSelf\n',
    "two/two.go": 'package two\n\nimport "example.invalid/app/one"\n\nconst Two = one.One\n',
}
_ALL: Final = {"unicode/utf8", "example.invalid/app/one", "example.invalid/app/two"}
_BUILD: Final = (
    "FROM --platform=$BUILDPLATFORM {golang} AS build\n"
    "WORKDIR /src\nCOPY . .\nARG TARGETOS TARGETARCH TARGETVARIANT\n"
    "RUN {mount}CGO_ENABLED=0 GOOS=${{TARGETOS:-linux}} GOARCH=${{TARGETARCH}} GOARM=${{TARGETVARIANT#v}}"
    " go build {flags}-v ./...\n"
    "FROM {base}:1\nCOPY --from=build /src/go.mod /\nUSER 1\n"
)


@pytest.fixture(scope="module")
def golang(testbed: Testbed) -> str:
    """The base image with Go."""
    return next(name for name in testbed.base_images if "-" not in name)


def write(folder: Path, contents: dict[str, str]) -> Path:
    for name, text in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def build(folder: Path, testbed: Testbed, *options: str, output: str = "type=cacheonly") -> list[str]:
    """What BuildKit says of a build that must succeed, line by line."""
    command = ["docker", "buildx", "build", "--progress=plain", "--provenance=false", f"--output={output}"]
    return run([*command, *options, "."], folder, testbed.environment()).splitlines()


def codes(text: str, around: Surroundings | None = None) -> set[str]:
    return {one.code for one in lint("Dockerfile", text, around or Surroundings()).findings}


def mended(text: str, around: Surroundings | None = None) -> str:
    changed, left = fix("Dockerfile", text, around or Surroundings())
    assert left.ok
    return changed["Dockerfile"]


def names(folder: Path, layout: str) -> list[str]:
    """The files of an image's last layer."""
    opened = Layout(folder / layout)
    (manifest,) = [document for _, document in walk(opened) if isinstance(document, Manifest)]
    with opened.open_blob(manifest.layers[-1]) as layer, tarfile.open(fileobj=layer) as archive:
        return archive.getnames()


@pytest.mark.parametrize(
    ("code", "mount", "flags"),
    [
        ("no-cache-mount", "", ""),
        ("go-build-all", "--mount=type=cache,target=/root/.cache/go-build ", "-a "),
    ],
)
def test_what_did_not_change_is_compiled_again(
    code: str, mount: str, flags: str, golang: str, base: tuple[str, str], tmp_path: Path, testbed: Testbed
) -> None:
    """One package is changed and every one is compiled, Go's own too; mended, it is that one alone."""
    bad = _BUILD.format(golang=golang, base=base[0], mount=mount, flags=flags)
    around = Surroundings(go_mod=_SOURCES["go.mod"])
    assert codes(bad, around) == {code}
    for text, compiled in ((bad, _ALL), (mended(bad, around), {"example.invalid/app/two"})):
        said: list[str] = []
        mark = os.urandom(8).hex()
        for number in (1, 2):
            changed = f'{_SOURCES["two/two.go"]}\nconst Mark = "{mark} {number}"\n'
            write(tmp_path, {**_SOURCES, "two/two.go": changed, "Dockerfile": text})
            said = build(tmp_path, testbed)
        assert _ALL & {line.split()[-1] for line in said if line.startswith("#")} == compiled


@pytest.fixture(scope="module")
def with_proxy(
    golang: str, docker: Command, tmp_path_factory: pytest.TempPathFactory, testbed: Testbed
) -> Iterator[str]:
    """The base image with Go and a module proxy of one small module, which is a folder."""
    folder = tmp_path_factory.mktemp("proxy")
    place = f"proxy/{_MODULE}/@v"
    module = f"module {_MODULE}\n\ngo 1.24\n"
    write(folder, {f"{place}/list": "v1.0.0\n", f"{place}/v1.0.0.mod": module})
    write(folder, {f"{place}/v1.0.0.info": json.dumps({"Version": "v1.0.0"})})
    _zip(folder / place / "v1.0.0.zip", {"go.mod": module, "dep.go": "package dep\n\nconst Dep = 1\n"})
    recipe = f"FROM {golang}\nENV GOPROXY=file:///proxy GOSUMDB=off GOFLAGS=-mod=mod\nCOPY proxy /proxy\n"
    (folder / "Dockerfile").write_text(recipe)
    name = f"lint-proxy-{os.getpid()}:1"
    build(folder, testbed, output=f"type=docker,name={name}")
    yield name
    docker("image", "rm", "--force", name)


def _zip(path: Path, contents: dict[str, str]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in contents.items():
            archive.writestr(f"{_MODULE}@v1.0.0/{name}", text)


def test_modules_that_are_not_apart_are_downloaded_again(
    with_proxy: str, tmp_path: Path, testbed: Testbed
) -> None:
    """A change of the sources downloads the module; with a layer of its own none is downloaded."""
    bad = (
        f"FROM --platform=$BUILDPLATFORM {with_proxy} AS build\n"
        "WORKDIR /src\nCOPY . .\nARG TARGETOS TARGETARCH TARGETVARIANT\n"
        "RUN --mount=type=cache,target=/root/.cache/go-build CGO_ENABLED=0 GOOS=${TARGETOS:-linux} \\\n"
        "    GOARCH=${TARGETARCH} GOARM=${TARGETVARIANT#v} go build -v ./...\n"
        "FROM scratch\nCOPY --from=build /src/go.mod /\nUSER 1\n"
    )
    mark = os.urandom(8).hex()
    go_mod = f"module example.invalid/app\n\ngo 1.24\n\nrequire {_MODULE} v1.0.0\n// {mark}\n"
    around = Surroundings(go_mod=go_mod)
    assert codes(bad, around) == {"modules-not-apart"}
    for text, downloads in ((bad, 1), (mended(bad, around), 0)):
        said: list[str] = []
        for number in (1, 2):
            source = f'package app\n\nimport "{_MODULE}"\n\nconst App = dep.Dep // {mark} {number}\n'
            write(tmp_path, {"go.mod": go_mod, "app.go": source, "Dockerfile": text})
            said = build(tmp_path, testbed)
        assert sum(f"go: downloading {_MODULE}" in line for line in said) == downloads


def test_latest_is_another_image_tomorrow(
    base: tuple[str, str], skopeo: Command, tmp_path: Path, testbed: Testbed
) -> None:
    """The same Dockerfile gives other files when somebody moved `latest`; a version is what it was."""
    name = base[0].replace("lint-base", "lint-latest")
    bad = f"FROM {name}\nUSER 1\n"
    assert codes(bad) == {"latest-tag"}
    held = []
    for day in ("monday", "tuesday"):
        write(tmp_path, {"Dockerfile": "FROM scratch\nCOPY day.txt /\n", "day.txt": day})
        tags = [f"{name}:{tag}" for tag in ("latest", *(("1",) if day == "monday" else ()))]
        build(tmp_path, testbed, output=f"type=oci,tar=false,dest=base-{day}")
        publish(skopeo, tmp_path / f"base-{day}", *tags)
        for version in ("", ":1"):
            (tmp_path / "Dockerfile").write_text(bad.replace(name, f"{name}{version}"))
            build(tmp_path, testbed, "--no-cache", output=f"type=oci,tar=false,dest={day}{version[1:]}")
            held.append(_digest_of_last_layer(tmp_path / f"{day}{version[1:]}"))
    monday, monday_by_version, tuesday, tuesday_by_version = held
    assert monday == monday_by_version == tuesday_by_version != tuesday


def _digest_of_last_layer(folder: Path) -> str:
    (manifest,) = [document for _, document in walk(Layout(folder)) if isinstance(document, Manifest)]
    return manifest.layers[-1].digest


def test_a_compiler_of_the_target_runs_under_emulation_or_not_at_all(
    base: tuple[str, str], tmp_path: Path, testbed: Testbed
) -> None:
    """For arm64 the stage's own programs are arm64's; on $BUILDPLATFORM the step runs as it is."""
    # The base's shell is a program that does nothing, for each architecture; only whether it starts is seen.
    bad = (
        f"FROM {base[0]}:1 AS build\nARG TARGETOS TARGETARCH TARGETVARIANT MARK\n"
        "RUN --mount=type=cache,target=/root/.cache/go-build CGO_ENABLED=0 GOOS=${TARGETOS:-linux} \\\n"
        "    GOARCH=${TARGETARCH} GOARM=${TARGETVARIANT#v} go build -o /app .\n"
        f"FROM {base[0]}:1\nCOPY --from=build /bin/sh /app\nUSER 1\n"
    )
    assert codes(bad) == {"build-emulated"}
    stages = {}
    for kind, text in (("bad", bad), ("mended", mended(bad))):
        (tmp_path / "Dockerfile").write_text(text)
        command = ["docker", "buildx", "build", "--platform=linux/arm64", "--progress=plain", "--output"]
        stages[kind] = [
            *command,
            f"type=oci,tar=false,dest={kind}",
            f"--build-arg=MARK={os.urandom(8).hex()}",
        ]
        if kind == "mended":
            run([*stages[kind], "."], tmp_path, testbed.environment())
    (tmp_path / "Dockerfile").write_text(bad)
    # A machine that knows how runs it under emulation, which is what lint warns of.
    emulates = Path("/proc/sys/fs/binfmt_misc/qemu-aarch64").exists()
    with contextlib.nullcontext() if emulates else pytest.raises(AssertionError, match="exec format error"):
        run([*stages["bad"], "."], tmp_path, testbed.environment())


def test_with_a_c_compiler_the_program_needs_what_scratch_lacks(
    golang: str, tmp_path: Path, testbed: Testbed, docker: Command
) -> None:
    """Where cgo is left on, the program asks for a loader and does not start; with CGO_ENABLED=0 it runs."""
    bad = (
        f"FROM --platform=$BUILDPLATFORM {golang} AS build\n"
        "RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev\n"
        "WORKDIR /src\nCOPY go.mod main.go ./\nARG TARGETOS TARGETARCH TARGETVARIANT\n"
        "RUN --mount=type=cache,id=gopherwhale-lint,target=/root/.cache/go-build \\\n"
        "    GOOS=${TARGETOS:-linux} GOARCH=${TARGETARCH} GOARM=${TARGETVARIANT#v} go build -o /app .\n"
        'FROM scratch\nCOPY --from=build /app /app\nUSER 1\nENTRYPOINT ["/app"]\n'
    )
    around = Surroundings(go_mod=_SOURCES["go.mod"])
    assert codes(bad, around) == {"cgo-for-static-base"}
    # Of the standard library, this package is in C where there is a compiler.
    source = 'package main\n\nimport "os/user"\n\nfunc main() { _, _ = user.Current(); println("runs") }\n'
    write(tmp_path, {"go.mod": _SOURCES["go.mod"], "main.go": source})
    for text, wrong in ((bad, {"interpreter-missing"}), (mended(bad, around), set())):
        (tmp_path / "Dockerfile").write_text(text)
        layout, name = f"layout-{len(wrong)}", f"lint-cgo-{os.getpid()}:{len(wrong)}"
        build(tmp_path, testbed, output=f"type=oci,tar=false,dest={layout}")
        report = verify_image(Layout(tmp_path / layout), Wanted())
        assert {one.code for one in report.all_findings if one.severity is Severity.ERROR} == wrong
        build(tmp_path, testbed, output=f"type=docker,name={name}")
        fails = pytest.raises(AssertionError, match="no such file or directory")
        with fails if wrong else contextlib.nullcontext():
            docker("run", "--rm", name)
        docker("image", "rm", "--force", name)


def test_the_layouts_of_the_last_build_are_in_the_next_one(tmp_path: Path, testbed: Testbed) -> None:
    """`dist` is in the context, and a new layout makes the copied sources new; left out, they are cached."""
    text = "FROM scratch\nCOPY . /\nUSER 1\n"
    mark = os.urandom(8).hex()
    write(tmp_path, {"Dockerfile": text, "main.go": mark, ".dockerignore": "one\ntwo\n"})
    around = Surroundings(unwanted={"dockerignore-dist": "dist"}, ignore_text="one\ntwo\n")
    assert codes(text, around) == {"dockerignore-dist"}
    for copied in (True, False):
        said: list[str] = []
        for layout in ("one", "two"):
            write(tmp_path, {"dist/hello/index.json": os.urandom(8).hex()})
            said = build(tmp_path, testbed, output=f"type=oci,tar=false,dest={layout}")
        assert ("dist/hello/index.json" in names(tmp_path, "two")) is copied
        step = next(line.split()[0] for line in said if "COPY . /" in line and line.startswith("#"))
        assert (f"{step} CACHED" in said) is not copied
        for path, changed in fix("Dockerfile", text, around)[0].items():
            (tmp_path / path).write_text(changed)


_SYNTAX: Final[Sequence[str]] = (
    "FROM scratch\nWORKDIRECTORY /x\n",
    "WORKDIR /x\nFROM scratch\n",
    "# Nothing.\n",
    "FROM scratch\nRUN <<END\ntrue\n",
)


@pytest.mark.parametrize("text", _SYNTAX)
def test_what_lint_calls_no_dockerfile_does_not_build(text: str, tmp_path: Path, testbed: Testbed) -> None:
    """An error of `syntax` is one of BuildKit's too."""
    assert "syntax" in codes(text)
    assert CODES["syntax"].severity.value == "error"
    (tmp_path / "Dockerfile").write_text(text)
    with pytest.raises(AssertionError, match="(?i)dockerfile|unknown|stage|flag"):
        build(tmp_path, testbed)
