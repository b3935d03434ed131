"""Real Go programs adopted by `gopherwhale init`, then built by both engines, verified and pushed."""

from __future__ import annotations

import json
import os
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from gopherwhale.platforms import parse_many
from tests.engine import caches
from tests.engine.adopted import PLATFORMS, PROGRAMS, Program, fetch, row, table
from tests.engine.conftest import Command, Testbed
from tests.engine.projects import Project
from tests.template.baking import ROOT

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("warm")]

GOPHERWHALE = (sys.executable, "-m", "gopherwhale")
ENGINES = {"go": "go", "buildx": "docker"}


@pytest.fixture(scope="module")
def rows(request: pytest.FixtureRequest) -> Iterator[list[list[str]]]:
    """The table of the results, printed when all of them are there."""
    found: list[list[str]] = []
    yield found
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")
    assert reporter is not None
    reporter.write(f"\n{table(found)}")


@pytest.fixture(params=PROGRAMS, ids=lambda program: program.name)
def program(request: pytest.FixtureRequest) -> Program:
    """Each of the programs."""
    found: Program = request.param
    return found


def adopt(project: Project, program: Program, testbed: Testbed, image: str) -> None:
    """Adopt it for the testbed's registry and base image."""
    told = (
        "--repository",
        image,
        "--answer",
        "builder=debian",
        "--answer",
        f"go_version={testbed.go_version}",
    )
    shown = project.good(*GOPHERWHALE, "init", "--yes", "--format", "json", *told, *program.options)
    document = json.loads(shown)
    assert document["written"]
    project.commit("adopted")


def packages(project: Project) -> list[str]:
    """What the settings that were written have Go compile."""
    settings = tomllib.loads((project.folder / "gopherwhale.toml").read_text())
    tables = [settings, *settings.get("images", {}).values()]
    specs = [spec for table in tables for spec in table.get("go", {}).get("packages", [])]
    return [spec.partition("=")[0] for spec in specs] or ["."]


def test_a_program_that_others_wrote_gets_to_the_registry(
    program: Program,
    testbed: Testbed,
    go_environment: Mapping[str, str],
    skopeo: Command,
    tmp_path: Path,
    rows: list[list[str]],
) -> None:
    """Adopted with one command, it is built for two platforms by Go and by Docker, verified and pushed."""
    project = fetch(program, tmp_path, go_environment)
    image = f"{testbed.registry}/adopted-{os.getpid()}/{program.name}"
    adopt(project, program, testbed, image)
    assert project.good(*GOPHERWHALE, "init") == ""
    results: dict[str, Any] = {}
    given = tmp_path / "given"
    given.mkdir()
    for engine, tag in ENGINES.items():
        if engine == "buildx":
            caches.give(project, packages(project), parse_many(PLATFORMS), testbed.golang, given)
        push = (*GOPHERWHALE, "docker.push", "--engine", engine, "--tag", tag, "--format", "json")
        results[engine] = json.loads(project.good(*push))
        pushed = [reference for image in results[engine]["images"] for reference in image["tags"]]
        assert len(pushed) == len(program.programs)
        for reference in pushed:
            index = json.loads(skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{reference}"))
            platforms = {
                f"{one['platform']['os']}/{one['platform']['architecture']}" for one in index["manifests"]
            }
            assert platforms == set(PLATFORMS)
    rows.append(row(program, results))


def test_the_papers_tell_of_these_programs() -> None:
    """docs/adopted.md has a line for each program, with its version, its shape and its images."""
    lines = (ROOT / "docs" / "adopted.md").read_text().splitlines()
    told = [[cell.strip() for cell in line.strip("|").split("|")][:3] for line in lines if "@v" in line]
    empty: dict[str, Any] = {}
    assert told == [row(program, empty) for program in PROGRAMS]
