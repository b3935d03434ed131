"""The new repository's own guard, held against what the real builder makes of its mistakes."""

from __future__ import annotations

import json
import re
import runpy
import shutil

import pytest

from tests.engine import projects
from tests.engine.conftest import Testbed
from tests.engine.projects import Installed, Project

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("warm")]

_PLATFORMS = ("linux/amd64", "linux/arm64")
# The mistakes of guard.py's that are of consequence in every Dockerfile, and their codes.
_BUILT = {
    "a default hides the platform": "platform-arg-default",
    "the architecture is written by hand": "goarch-by-hand",
}


@pytest.fixture(scope="module")
def project(testbed: Testbed, installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A repository of the installed package's."""
    environment = installed.environment(testbed.environment())
    place = tmp_path_factory.mktemp("guard") / "repository"
    image = f"{testbed.registry}/guard/hello"
    return projects.make(place, environment, testbed.go_version, image, platforms=",".join(_PLATFORMS))


def test_what_the_guard_proves_to_be_refused_would_have_been_wrong(project: Project) -> None:
    """`invoke guard` refuses each mistake; let pass by a policy, it puts amd64's program under arm64."""
    said = project.good("invoke", "guard")
    mistakes = runpy.run_path(str(project.folder / "guard.py"))["MISTAKES"]
    dockerfile, settings = project.folder / "Dockerfile", project.folder / "gopherwhale.toml"
    good, plain = dockerfile.read_text(), settings.read_text()
    for name, code in _BUILT.items():
        assert f"guard: {name}: refused, {code}\n" in said
        right, wrong = mistakes[name]
        dockerfile.write_text(re.sub(right, wrong, good, flags=re.MULTILINE))
        settings.write_text(plain)
        refused = project.run("invoke", "docker.push", "--allow-dirty")
        assert refused.returncode == 10, refused.stderr
        assert "nothing was built" in refused.stderr
        assert not (project.folder / "dist").exists()
        settings.write_text(f'{plain}\n[[lint.policy]]\ncode = "{code}"\nseverity = "notice"\nreason = "x"\n')
        project.good("invoke", "docker.cross-build")
        verified = project.run("invoke", "docker.verify-arch", "--format", "json")
        assert verified.returncode == 10, verified.stderr
        assert "wrong-machine" in _codes(verified.stdout, "linux/arm64")
        shutil.rmtree(project.folder / "dist")
    dockerfile.write_text(good)
    settings.write_text(plain)


def _codes(document: str, platform: str) -> set[str]:
    (report,) = json.loads(document)["reports"]
    (found,) = [one for one in report["platforms"] if one["platform"] == platform]
    return {finding["code"] for finding in found["findings"]}
