"""Lint's mistakes built by the real builder: each does what its rule says, and the mended line cures it."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from gopherwhale.lint.fixing import fix
from gopherwhale.lint.linter import lint
from gopherwhale.lint.view import Surroundings
from gopherwhale.oci.documents import Manifest
from gopherwhale.oci.layout import Layout, walk
from gopherwhale.platforms import parse_many
from gopherwhale.verify.findings import Report
from gopherwhale.verify.image import Wanted, verify_image
from tests.engine.conftest import Command, Registry, Testbed

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("warm")]

_AT_ONCE: Final = 6
BOTH: Final = "linux/amd64,linux/arm64"
MAIN: Final = "package main\n\nfunc main() {}\n"
ARGS: Final = "ARG TARGETOS TARGETARCH TARGETVARIANT\n"
# GOLANG, BASE, DIGEST and FILES stand for what the testbed has.
GOOD: Final = """\
FROM --platform=$BUILDPLATFORM GOLANG AS build
WORKDIR /src
COPY go.mod ./
COPY main.go ./
ARG TARGETOS TARGETARCH TARGETVARIANT
RUN --mount=type=cache,target=/root/.cache/go-build \\
    CGO_ENABLED=0 GOOS=${TARGETOS:-linux} GOARCH=${TARGETARCH} GOARM=${TARGETVARIANT#v} \\
    go build -trimpath -o /app .

FROM BASE:1
COPY --from=build /app /app
USER 65532:65532
ENTRYPOINT ["/app"]
"""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A mistake: what makes it of the good Dockerfile, and what verify finds in the image.

    Attributes:
        changes: What stands there, and what shall stand there instead.
        found: A code of verify's that must be among the findings.
        platforms: What is built.
        mended: Changes by a person, where no edit mends it.
        everything: Whether every program of the image is judged.
    """

    changes: tuple[tuple[str, str], ...]
    found: str
    platforms: str = BOTH
    mended: tuple[tuple[str, str], ...] = ()
    everything: bool = False


# Those that are a public issue of somebody's name it: rebuilt in small, found by lint and by verify.
CASES: Final[Mapping[str, Case]] = {
    # Turbootzz/Vaultwarden-API#47, apache/skywalking-swck#215, netclaw-dev/netclaw#1122
    "platform-arg-default": Case(
        changes=((ARGS, "ARG TARGETOS TARGETARCH=amd64 TARGETVARIANT\n"),), found="same-binary"
    ),
    # utkuozdemir/nvidia_gpu_exporter#418
    "target-platform-default": Case(
        changes=(
            (ARGS, f"ARG TARGETPLATFORM=linux/amd64\n{ARGS}"),
            ("GOARCH=${TARGETARCH}", "GOARCH=${TARGETPLATFORM#*/}"),
        ),
        found="same-binary",
    ),
    # FriendsOfShopware/shopmon#770
    "platform-arg-undeclared": Case(changes=((ARGS, "ARG TARGETOS TARGETVARIANT\n"),), found="same-binary"),
    "platform-arg-above-from": Case(changes=(("FROM --p", "ARG TARGETARCH\nFROM --p"),), found="same-binary"),
    "target-ignored": Case(changes=(("GOARCH=${TARGETARCH} ", ""),), found="same-binary"),
    "goarch-by-hand": Case(changes=(("GOARCH=${TARGETARCH}", "GOARCH=arm64"),), found="wrong-machine"),
    # shellhub-io/shellhub#5801
    "goos-by-hand": Case(
        changes=(("GOOS=${TARGETOS:-linux}", "GOOS=linux"), ("FROM BASE:1", "FROM scratch")),
        found="wrong-os",
        platforms="linux/amd64,windows/amd64",
    ),
    "shell-form-without-shell": Case(
        changes=(("FROM BASE:1", "FROM scratch"), ('["/app"]', "/app")), found="entrypoint-missing"
    ),
    "user-unknown": Case(
        changes=(("FROM BASE:1", "FROM scratch"), ("USER 65532:65532", "USER app")), found="user-unknown"
    ),
    "arm-without-variant": Case(
        changes=((" GOARM=${TARGETVARIANT#v}", ""),),
        found="variant-too-new",
        platforms="linux/arm/v6,linux/arm64",
    ),
    # lightninglabs/loop#1211
    "final-on-build-platform": Case(
        changes=(("FROM BASE", "FROM --platform=${BUILDPLATFORM} BASE"),), found="wrong-base"
    ),
    # GoogleCloudPlatform/berglas#297
    "platform-pinned": Case(changes=(("FROM BASE", "FROM --platform=linux/amd64 BASE"),), found="wrong-base"),
    "base-of-one-architecture": Case(changes=(("BASE:1", "BASE:1-amd64"),), found="wrong-base"),
    # GoogleCloudPlatform/prometheus-engine#2014
    "base-digest": Case(
        changes=(("BASE:1", "BASE:1@DIGEST"),), found="wrong-base", mended=(("BASE:1@DIGEST", "BASE:1"),)
    ),
    "download-of-one-architecture": Case(
        changes=(("USER", "ADD --chmod=0755 FILES/sh-amd64 /bin/tool\nUSER"),),
        found="wrong-machine",
        everything=True,
    ),
    "runs-as-root": Case(changes=(("USER 65532:65532", "USER root"),), found="root-user"),
}


@dataclass(frozen=True, kw_only=True)
class Built:
    """The layouts of every case, before and after, and the words that stood for the testbed's parts."""

    folder: Path
    words: Mapping[str, str]

    def report(self, name: str, case: Case) -> Report:
        """What verify says of one of them."""
        wanted = Wanted(platforms=parse_many([case.platforms]), everything=case.everything)
        return verify_image(Layout(self.folder / "out" / name), wanted)

    def text(self, case: Case) -> str:
        """A case's Dockerfile."""
        return _filled(_changed(GOOD, case.changes), self.words)


def _changed(text: str, changes: tuple[tuple[str, str], ...]) -> str:
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def _filled(text: str, words: Mapping[str, str]) -> str:
    for word, real in words.items():
        text = text.replace(word, real)
    return text


def _mended(case: Case, words: Mapping[str, str]) -> str:
    """The Dockerfile as lint writes it, or as a person does where lint cannot."""
    if case.mended:
        return _filled(_changed(_changed(GOOD, case.changes), case.mended), words)
    text = _filled(_changed(GOOD, case.changes), words)
    changed, _ = fix("Dockerfile", text, Surroundings(platforms=parse_many([case.platforms])))
    return changed["Dockerfile"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, go_environment: Mapping[str, str]) -> Path:
    """A program for each architecture, and the two files of a Go module."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "go.mod").write_text("module example.invalid/app\n\ngo 1.24\n")
    (folder / "main.go").write_text(MAIN)
    for architecture in ("amd64", "arm64", "arm"):
        environment = {
            **go_environment,
            "GOARCH": architecture,
            "GOARM": "6",
            "CGO_ENABLED": "0",
            "GOOS": "linux",
        }
        run(["go", "build", "-trimpath", "-o", f"sh-{architecture}", "."], folder, environment)
    return folder


@pytest.fixture(scope="module")
def server(files: Path) -> Iterator[str]:
    """Give the files on loopback, where the builder's ADD fetches them."""
    handler = partial(QuietHandler, directory=str(files))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{served.server_port}"
        finally:
            served.shutdown()
            thread.join()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """A server that says nothing."""

    def log_message(self, *_: object) -> None:
        """Leave the test's output alone."""


@pytest.fixture(scope="module")
def base(files: Path, testbed: Testbed, skopeo: Command) -> tuple[str, str]:
    """A small base of every architecture in the registry, and the digest of its amd64 manifest."""
    name = f"{testbed.registry}/lint-base-{os.getpid()}"
    recipe = "FROM scratch\nARG TARGETARCH\nCOPY sh-${TARGETARCH} /bin/sh\n"
    (files / "base.Dockerfile").write_text(recipe)
    common = ["docker", "buildx", "build", "--quiet", "--provenance=false", "-f", "base.Dockerfile"]
    platforms = f"{BOTH},linux/arm/v6"
    for tag, built in (("1", platforms), ("1-amd64", "linux/amd64")):
        output = f"--output=type=oci,tar=false,dest=layout/{tag}"
        run([*common, f"--platform={built}", output, "."], files, testbed.environment())
        publish(skopeo, files / "layout" / tag, f"{name}:{tag}")
    index = json.loads(skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{name}:1"))
    digests = [
        entry["digest"] for entry in index["manifests"] if entry["platform"]["architecture"] == "amd64"
    ]
    return name, digests[0]


@pytest.fixture(scope="module")
def built(files: Path, base: tuple[str, str], server: str, testbed: Testbed) -> Built:
    """Every case, before and after, built in one go."""
    words = {"GOLANG": testbed.golang, "BASE": base[0], "DIGEST": base[1], "FILES": server}
    # Go's own packages once for each platform, in the cache that every build here shares.
    (files / "Dockerfile").write_text(_filled(GOOD, words))
    first = [
        "docker",
        "buildx",
        "build",
        "--platform",
        f"{BOTH},linux/arm/v6",
        "--output=type=cacheonly",
        ".",
    ]
    run(first, files, testbed.environment())
    targets = {}
    for name, case in CASES.items():
        for suffix, text in (
            ("", _filled(_changed(GOOD, case.changes), words)),
            ("-mended", _mended(case, words)),
        ):
            (files / f"{name}{suffix}.Dockerfile").write_text(text)
            targets[f"{name}{suffix}"] = {
                "context": ".",
                "dockerfile": f"{name}{suffix}.Dockerfile",
                "platforms": case.platforms.split(","),
                "output": [f"type=oci,tar=false,dest=out/{name}{suffix}"],
                "attest": ["type=provenance,disabled=true"],
            }
    (files / "docker-bake.json").write_text(json.dumps({"target": targets}))
    names = list(targets)
    for at in range(0, len(names), _AT_ONCE):
        bake = ["docker", "buildx", "bake", "--file", "docker-bake.json", *names[at : at + _AT_ONCE]]
        run(bake, files, testbed.environment())
    return Built(folder=files, words=words)


def publish(skopeo: Command, layout: Path, *references: str) -> None:
    """Copy a layout to the registry.

    BuildKit in Docker's engine pushes one tag several times side by side (`--output type=registry`). Where it
    asks for the tag while it also writes it, the registry finds an empty file and answers 500, now and then.
    """
    for reference in references:
        skopeo("copy", "--all", "--dest-tls-verify=false", f"oci:{layout}", f"docker://{reference}")


def run(command: list[str], folder: Path, environment: Mapping[str, str]) -> str:
    program = shutil.which(command[0], path=environment["PATH"])
    assert program is not None
    done = subprocess.run(
        [program, *command[1:]], cwd=folder, env=environment, capture_output=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stderr.decode()[-4000:]
    return done.stderr.decode()


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_does_what_its_rule_says_and_the_mended_line_cures_it(built: Built, name: str) -> None:
    """Lint and verify both name it; after mending the image has no finding but what a base of ours lacks."""
    case = CASES[name]
    platforms = parse_many([case.platforms])
    named = {
        one.code for one in lint("Dockerfile", built.text(case), Surroundings(platforms=platforms)).findings
    }
    assert name in named
    assert case.found in {one.code for one in built.report(name, case).all_findings}
    mended = built.report(f"{name}-mended", case)
    assert mended.ok, mended.to_document()
    assert case.found not in {one.code for one in mended.all_findings}


def test_the_sources_before_the_modules_download_them_again(files: Path, testbed: Testbed) -> None:
    """A change of the sources runs the step again; with the mended order BuildKit finds it in its cache."""
    mark = os.urandom(8).hex()
    bad = (
        f"FROM --platform=$BUILDPLATFORM {testbed.golang} AS build\n"
        "WORKDIR /src\nCOPY . .\nRUN go mod download\n"
        "ARG TARGETARCH\nRUN --mount=type=cache,target=/root/.cache/go-build \\\n"
        "    CGO_ENABLED=0 GOOS=linux GOARCH=$TARGETARCH GOARM=${TARGETVARIANT#v} go build -o /app .\n"
        "FROM scratch\nCOPY --from=build /app /app\n"
    ).replace("ARG TARGETARCH", "ARG TARGETARCH TARGETVARIANT")
    assert "sources-before-modules" in {one.code for one in lint("Dockerfile", bad).findings}
    good = fix("Dockerfile", bad)[0]["Dockerfile"]
    for text, cached in ((bad, False), (good, True)):
        folder = files / f"modules-{cached}"
        folder.mkdir()
        (folder / "go.mod").write_text(f"module example.invalid/app{mark}\n\ngo 1.24\n")
        (folder / "Dockerfile").write_text(text)
        said = ""
        for number in (1, 2):
            (folder / "main.go").write_text(f"{MAIN}// {mark} {number}\n")
            command = ["docker", "buildx", "build", "--progress=plain", "--output=type=cacheonly", "."]
            said = run(command, folder, testbed.environment())
        lines = said.splitlines()
        step = next(line.split()[0] for line in lines if "go mod download" in line and line.startswith("#"))
        assert (f"{step} CACHED" in lines) is cached


def test_what_the_context_and_the_environment_hold_is_in_the_image(tmp_path: Path, testbed: Testbed) -> None:
    """A value of ENV or ARG is in the config for everybody, and .git is in a layer until it is left out."""
    text = "FROM scratch\nARG API_KEY=hunter2\nENV TOKEN=swordfish\nCOPY . /\nUSER 1\n"
    (tmp_path / "Dockerfile").write_text(text)
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text("x")
    around = Surroundings(unwanted={"dockerignore-git": ".git"})
    report = lint("Dockerfile", text, around)
    assert {one.code for one in report.findings} == {"secret-in-arg", "secret-in-env", "dockerignore-git"}

    def build(name: str) -> tuple[str, list[str]]:
        command = ["docker", "buildx", "build", "--quiet", "--provenance=false"]
        run([*command, "--output", f"type=oci,tar=false,dest={name}", "."], tmp_path, testbed.environment())
        layout = Layout(tmp_path / name)
        (manifest,) = [document for _, document in walk(layout) if isinstance(document, Manifest)]
        with layout.open_blob(manifest.config) as config:
            shown = config.read().decode()
        with layout.open_blob(manifest.layers[-1]) as layer, tarfile.open(fileobj=layer) as archive:
            return shown, archive.getnames()

    config, names = build("before")
    assert "hunter2" in config
    assert "swordfish" in config
    assert ".git/config" in names
    for path, changed in fix("Dockerfile", text, around)[0].items():
        (tmp_path / path).write_text(changed)
    assert ".git/config" not in build("after")[1]


def test_a_push_is_refused_before_anything_is_built(
    tmp_path: Path, testbed: Testbed, registry: Registry
) -> None:
    """docker.push names line, code and the mended line, and neither a layout nor a tag is made."""
    (tmp_path / "go.mod").write_text("module example.invalid/app\n")
    (tmp_path / "Dockerfile").write_text(
        "FROM scratch\nARG TARGETARCH=amd64\nCOPY app-$TARGETARCH /app\nUSER 1\n"
    )
    (tmp_path / "gopherwhale.toml").write_text(
        f'repository = "{registry.address}/acme/app"\ntags = ["a"]\nengine = "buildx"\n'
    )
    program = Path(shutil.which("gopherwhale") or "gopherwhale")
    done = subprocess.run(
        [program, "docker.push"],
        cwd=tmp_path,
        env=testbed.environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 10, done.stderr
    assert "Dockerfile:2: platform-arg-default" in done.stderr
    assert "nothing was built" in done.stderr
    assert "mended: ARG TARGETARCH" in done.stderr
    assert not (tmp_path / "dist").exists()
    assert list(registry.blobs.rglob("link")) == []


def test_a_registry_tells_what_a_digest_is(base: tuple[str, str], tmp_path: Path, skopeo: Command) -> None:
    """--online: one platform's digest is an error, an index's is none, and a tag is not asked for."""
    name, single = base
    index = skopeo("inspect", "--tls-verify=false", "--format", "{{.Digest}}", f"docker://{name}:1").strip()
    program = shutil.which("gopherwhale") or "gopherwhale"
    for digest, codes in ((single, ["base-digest-of-one-platform"]), (index, [])):
        (tmp_path / "Dockerfile").write_text(f"FROM {name}:1@{digest}\nUSER 1\n")
        command = [program, "docker.lint", ".", "--online", "--format", "json"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == (10 if codes else 0), done.stderr
        found = json.loads(done.stdout)["reports"][0]["findings"]
        assert [one["code"] for one in found if one["tool"] == "gopherwhale"] == codes
