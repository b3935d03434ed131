"""The package as pip installs it, in a repository that knows nothing of where it came from."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.engine.conftest import Command, Testbed
from tests.engine.projects import Installed, Project
from tests.unit.adopt.repositories import MAIN, commit, write

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("warm")]

_PLATFORMS = ["linux/amd64", "linux/arm64"]


@pytest.fixture
def environment(installed: Installed, go_environment: Mapping[str, str], tmp_path: Path) -> dict[str, str]:
    """The installed programs and Go, a home of nobody's, and none of this repository's paths."""
    return {**installed.environment(go_environment), "HOME": str(tmp_path), "PYTHONPATH": ""}


def pushed(project: Project, skopeo: Command) -> list[str]:
    """What `docker.push` with the go engine put into the registry: the platforms of each tag's index."""
    shown = json.loads(project.good("gopherwhale", "docker.push", "--engine", "go", "--format", "json"))
    references = [tag for image in shown["images"] for tag in image["tags"]]
    assert references
    found = []
    for reference in references:
        index = json.loads(skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{reference}"))
        found += [f"{one['platform']['os']}/{one['platform']['architecture']}" for one in index["manifests"]]
    return found


def test_init_update_and_push_in_a_fresh_repository(
    environment: dict[str, str], testbed: Testbed, skopeo: Command, tmp_path: Path
) -> None:
    """A go.mod and a program become an image in a registry; update finds the template in the wheel again."""
    root = write(
        tmp_path / "a place" / "hello", {"go.mod": "module example.com/hello\n\ngo 1.24\n", "main.go": MAIN}
    )
    commit(root)
    project = Project(folder=root, environment=environment)
    image = f"{testbed.registry}/installed-{os.getpid()}/hello"
    told = ("--repository", image, "--answer", f"go_version={testbed.go_version}")
    project.good("gopherwhale", "init", "--yes", *told)
    project.commit("adopted")
    assert project.good("gopherwhale", "update") == ""
    assert set(pushed(project, skopeo)) == set(_PLATFORMS)
    assert project.good("gopherwhale", "docker.verify-arch", f"docker://{image}:latest")
    assert project.good("git", "status", "--porcelain") == ""


def test_new_makes_a_repository_that_pushes(
    environment: dict[str, str], testbed: Testbed, skopeo: Command, tmp_path: Path
) -> None:
    """From an empty folder, with answers on the command line; its tasks are the installed package's."""
    place = tmp_path / "empty"
    place.mkdir()
    image = f"{testbed.registry}/installed-{os.getpid()}/made"
    answers = {
        "project": "made",
        "registry": "other",
        "image": image,
        "go_version": testbed.go_version,
        "platforms": ",".join(_PLATFORMS),
        "first_commit": "yes",
    }
    told = [word for name, value in answers.items() for word in ("--answer", f"{name}={value}")]
    outside = Project(folder=place, environment=environment)
    # Whoever has told git no name gets the repository all the same, and is told what hindered the commit.
    nameless = outside.run("gopherwhale", "new", "--no-input", *told)
    assert (nameless.returncode, nameless.stdout) == (0, f"{place / 'made'}\n")
    assert "No commit was made: git commit: " in nameless.stderr
    shutil.rmtree(place / "made")
    named = {f"GIT_{who}_{what}": "t" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    made = outside.run("gopherwhale", "new", "--no-input", *told, **named)
    assert made.returncode == 0, made.stderr
    assert "made is ready. Build it:" in made.stderr
    project = Project(folder=place / "made", environment=environment)
    assert "docker.push" in project.good("invoke", "--list")
    assert set(pushed(project, skopeo)) == set(_PLATFORMS)
    assert project.good("git", "status", "--porcelain") == ""
