from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from gopherwhale import engines
from gopherwhale.app import building, pushing
from gopherwhale.app.linting import refuse_unless_clean
from gopherwhale.app.request import Request, resolve
from gopherwhale.console import Console
from gopherwhale.errors import VerificationError
from tasks._lint_examples import GOOD
from tests.tasks.test_front_ends import call, repository

__all__ = ["repository"]

BAD = GOOD.replace("TARGETOS TARGETARCH", "TARGETOS TARGETARCH=amd64")


@pytest.fixture
def project(repository: Path) -> Path:
    """A repository with a good Dockerfile, which leaves out what it must."""
    (repository / "Dockerfile").write_text(GOOD)
    (repository / ".dockerignore").write_text(".git\ndist\n")
    # What hadolint says of a good file is hadolint's.
    (repository / ".hadolint.yaml").write_text("failure-threshold: error\nignored: [DL3006, DL3059]\n")
    return repository


def request(project: Path) -> Request:
    return Request(start=project, environment={}, console=Console(out=io.StringIO(), err=io.StringIO()))


def document(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_a_good_repository_is_good(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0, and a line that says so."""
    assert call("docker.lint") == 0, project
    assert capsys.readouterr().out == "Dockerfile: nothing to mend\n"


def test_a_mistake_is_shown_with_its_place_and_the_mended_line(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """File and line, code, what is there, why, and what should stand there; exit code 10."""
    (project / "Dockerfile").write_text(BAD)
    assert call("docker.lint") == 10
    shown = capsys.readouterr().out
    assert "Dockerfile:8: error: platform-arg-default: ARG sets TARGETARCH\n" in shown
    assert "every platform gets the same binary" in shown
    assert "    > ARG TARGETOS TARGETARCH TARGETVARIANT\n" in shown
    assert shown.endswith("Dockerfile: 1 error\n")


def test_a_machine_gets_json(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same, field by field."""
    (project / "Dockerfile").write_text(BAD)
    assert call("docker.lint", "--format", "json") == 10
    shown = document(capsys)
    assert shown["ok"] is False
    (finding,) = shown["reports"][0]["findings"]
    assert (finding["code"], finding["line"], finding["path"]) == ("platform-arg-default", 8, "Dockerfile")
    assert finding["mended"] == "ARG TARGETOS TARGETARCH TARGETVARIANT"


def test_files_and_folders_may_be_named(
    project: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each has its report; one of an image here is judged by that image's settings."""
    other = tmp_path_factory.mktemp("other")
    (other / "Dockerfile").write_text(BAD)
    # A build for arm v7 alone: what the settings say turns a warning into a notice.
    (project / "Dockerfile").write_text(GOOD.replace(" GOARM=${TARGETVARIANT#v}", ""))
    (project / "gopherwhale.toml").write_text('platforms = ["linux/arm/v7"]\n')
    assert call("docker.lint", "Dockerfile", str(other), "--format", "json") == 10
    first, second = document(capsys)["reports"]
    assert [finding["severity"] for finding in first["findings"]] == ["notice"]
    assert {finding["code"] for finding in second["findings"]} >= {"platform-arg-default"}


def test_outside_of_a_repository_a_path_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Anybody's Dockerfile can be judged."""
    (tmp_path / "Dockerfile").write_text("FROM a:1\nARG TARGETPLATFORM=linux/amd64\n")
    monkeypatch.chdir(tmp_path)
    assert call("docker.lint", ".") == 10
    assert "target-platform-default" in capsys.readouterr().out
    assert call("docker.lint") == 2


@pytest.mark.parametrize(("setting", "code"), [('engine = "go"', 0), ('dockerfile = "deploy/Dockerfile"', 2)])
def test_a_dockerfile_that_is_not_there(project: Path, setting: str, code: int) -> None:
    """The go engine needs none; elsewhere its absence is told."""
    (project / "Dockerfile").unlink()
    (project / "gopherwhale.toml").write_text(f"{setting}\n")
    assert call("docker.lint") == code


def test_a_file_beyond_bounds_is_refused(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No file costs more than its bounds."""
    (project / "Dockerfile").write_bytes(b"#" * (512 * 1024 + 1))
    assert call("docker.lint") == 2
    assert "is larger than" in capsys.readouterr().err


def test_the_ignore_file_of_a_dockerfile_wins(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """BuildKit reads `Dockerfile.dockerignore` before the other, and so does lint."""
    (project / "Dockerfile.dockerignore").write_text("docs\n")
    (project / ".git").mkdir()
    assert call("docker.lint", "--format", "json") == 0
    found = document(capsys)["reports"][0]["findings"]
    assert {(one["code"], one["path"]) for one in found} == {
        ("dockerignore-dist", "Dockerfile.dockerignore"),
        ("dockerignore-git", "Dockerfile.dockerignore"),
    }


def test_a_build_is_refused_with_the_first_mistake(project: Path) -> None:
    """The error names file, line, code and the mended line; the other mistakes are a line each."""
    (project / "Dockerfile").write_text(BAD.replace("distroless/static-debian12:nonroot", "x/y:arm64"))
    asked = request(project)
    with pytest.raises(VerificationError) as error:
        refuse_unless_clean(resolve(asked)[1].images, asked)
    assert error.value.problem.startswith("Dockerfile:8: platform-arg-default: ARG sets TARGETARCH; 2 mis")
    assert error.value.hint.endswith("mended: ARG TARGETOS TARGETARCH TARGETVARIANT")
    assert isinstance(asked.console.err, io.StringIO)
    assert "Dockerfile:13: base-of-one-architecture" in asked.console.err.getvalue()


def test_warnings_stop_no_build(project: Path) -> None:
    """They are counted in a line of progress."""
    (project / "Dockerfile").write_text(GOOD.replace("go build", "go build -a"))
    asked = request(project)
    refuse_unless_clean(resolve(asked)[1].images, asked)
    assert isinstance(asked.console.err, io.StringIO)
    assert asked.console.err.getvalue() == "lint: Dockerfile: 1 warning; docker.lint shows them\n"


class Recorder:
    """Stands in for an engine, which must not be reached."""

    name = "buildx"

    def build(self, *_arguments: object) -> None:
        """Tell that a build began."""
        pytest.fail("a build began")


@pytest.mark.parametrize("command", [building.build, building.cross_build, pushing.push])
def test_each_command_that_builds_is_refused_before_it_builds(
    project: Path, monkeypatch: pytest.MonkeyPatch, command: Any
) -> None:
    """docker.build, docker.cross-build and docker.push look at the Dockerfile first."""
    (project / "Dockerfile").write_text(BAD)
    (project / "gopherwhale.toml").write_text('repository = "example.com/x"\ntags = ["a"]\n')
    monkeypatch.setattr(engines, "choose", lambda *_: Recorder())
    with pytest.raises(VerificationError, match="platform-arg-default"):
        command(request(project))
    assert not (project / "dist").exists()
