"""The go engine twice: the same commit gives the same image, and what is known is not done again."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.engine.go_projects import CROSS_BUILD, Make, index_of, make
from tests.engine.projects import Project

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("warm")]
__all__ = ["make"]


# A machine of its own in all that a build could see of it: name, place of Go, home and temporary files.
_ELSEWHERE = 'hostname elsewhere && mount --bind "$1" "$2" && shift 2 && umask 077 && exec "$@"'
_LITTLE = """\
package main

var commit, version, sourceDate string

func main() { println(commit, version, sourceDate) }
"""


def test_19_the_same_commit_gives_the_same_digest_wherever_it_is_built(make: Make, tmp_path: Path) -> None:
    """A clone on a machine of other name, Go root, umask, time zone, day, cache and cores gives no other."""
    # Of Go's own packages it needs the runtime alone: the second cache is empty, and one core fills it.
    project = make(kind="tool", platforms="linux/amd64,linux/arm/v7")
    for file in project.folder.glob("*.go"):
        file.unlink()
    (project.folder / "main.go").write_text(_LITTLE)
    project.commit("little")
    project.good(*CROSS_BUILD)
    first = index_of(project.folder / "dist" / "hello")[0].digest
    copy = tmp_path / "quite" / "another folder"
    project.good("git", "clone", "--quiet", "--no-local", str(project.folder), str(copy))
    elsewhere = replace(project, folder=copy)
    # What an image says of its source is the remote's address, which the first has not.
    elsewhere.good("git", "remote", "remove", "origin")
    go_root, other = project.good("go", "env", "GOROOT").strip(), tmp_path / "opt" / "go"
    for folder in (other, tmp_path / "home", tmp_path / "tmp"):
        folder.mkdir(parents=True)
    changes = {
        "HOME": str(tmp_path / "home"),
        "PATH": f"{other / 'bin'}{os.pathsep}{project.environment['PATH']}",
        "TMPDIR": str(tmp_path / "tmp"),
        "TZ": "Asia/Kathmandu",
        "LC_ALL": "C.UTF-8",
        "GOMAXPROCS": "1",
        "GOCACHE": str(tmp_path / "cache"),
        "GOFLAGS": "-race",
        "GOAMD64": "v4",
        "GOARM": "5",
        "CGO_ENABLED": "1",
        "PYTHONHASHSEED": "7",
    }
    machine = ("unshare", "--mount", "--uts", "sh", "-c", _ELSEWHERE, "sh", go_root, str(other))
    assert elsewhere.good(*machine, "go", "env", "GOROOT", **changes).strip() == str(other)
    elsewhere.good(*machine, *CROSS_BUILD, **changes)
    assert index_of(copy / "dist" / "hello")[0].digest == first


def test_source_date_epoch_is_the_date_of_everything(make: Make) -> None:
    """SOURCE_DATE_EPOCH wins over the commit's date, and two builds of it agree."""
    project = make(kind="tool", platforms="linux/amd64")
    digests = set()
    for dist in ("dist/a", "dist/b"):
        project.good(*CROSS_BUILD, SOURCE_DATE_EPOCH="86400", GOPHERWHALE_DIST=dist)
        descriptor, index = index_of(project.folder / dist / "hello")
        assert index.annotations["org.opencontainers.image.created"] == "1970-01-02T00:00:00Z"
        digests.add(descriptor.digest)
    assert len(digests) == 1


def test_nothing_is_done_again_that_was_done(make: Make) -> None:
    """Unchanged sources reuse every layer; a changed one gives new binaries over the same certificates."""
    project = make()
    command = (*CROSS_BUILD, "--format", "json")
    assert _steps(project, *command) == [(0, 2)] * 3
    assert _steps(project, *command) == [(2, 0)] * 3
    project.replace("main.go", "Hello from", "Hallo von")
    project.commit("second")
    assert _steps(project, *command) == [(1, 1)] * 3


def _steps(project: Project, *command: str) -> list[tuple[int, int]]:
    image = json.loads(project.good(*command))["images"][0]
    return [(entry["steps_cached"], entry["steps_built"]) for entry in image["platforms"]]


def test_the_plan_shows_the_commands_that_make_the_same_binary(make: Make) -> None:
    """What `docker.plan` prints can be typed, and gives the image's own binary."""
    project = make(kind="tool", platforms="linux/arm/v7")
    project.good(*CROSS_BUILD)
    built = project.folder / "dist" / ".go" / "linux-arm-v7" / "hello"
    before = built.read_bytes()
    built.unlink()
    plan = (sys.executable, "-m", "gopherwhale", "docker.plan", "--engine", "go", "--format", "json")
    (command,) = json.loads(project.good(*plan))["commands"]["hello"]
    project.good(*command)
    assert built.read_bytes() == before
