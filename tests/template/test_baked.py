"""What the template makes, for every two choices together."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from gopherwhale import settings
from gopherwhale.platforms import Platform
from tests.template.baking import ROOT, files

Baked = tuple[Path, dict[str, str]]

_EXPECTED = {
    *(".dockerignore", ".github/dependabot.yml", ".github/workflows/image.yaml", ".gitignore", "Dockerfile"),
    ".gopherwhale.json",
    *(
        "README.md",
        "build.go",
        "go.mod",
        "gopherwhale.toml",
        "main.go",
        "main_test.go",
        "noxfile.py",
        "tasks.py",
    ),
}
_SECRETS = {
    "ghcr": {"GITHUB_TOKEN"},
    "dockerhub": {"DOCKERHUB_USER", "DOCKERHUB_TOKEN"},
    "ecr": {"AWS_ROLE"},
    "other": {"REGISTRY_USER", "REGISTRY_TOKEN"},
}


def _workflow(folder: Path) -> dict[Any, Any]:
    document = yaml.safe_load((folder / ".github/workflows/image.yaml").read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document


def _steps(folder: Path, job: str) -> list[dict[str, Any]]:
    steps = _workflow(folder)["jobs"][job]["steps"]
    assert isinstance(steps, list)
    return steps


def test_the_files(baked: Baked) -> None:
    """The repository holds what it should and nothing else; a licence where one was chosen."""
    folder, answers = baked
    names = {path.relative_to(folder).as_posix() for path in files(folder)}
    assert names == _EXPECTED | ({"LICENSE"} if answers["license"] != "none" else set())


def test_no_leftover(baked: Baked) -> None:
    """No mark of the template is left in a name or in a text."""
    folder, _ = baked
    for path in files(folder):
        text = path.relative_to(folder).as_posix() + path.read_text(encoding="utf-8")
        assert re.findall(r".*(?:<<|>>|<%|%>|<#|#>|cookiecutter).*", text) == []


def test_the_texts_are_tidy(baked: Baked) -> None:
    """Each file ends with one newline and has no blank at a line's end, no double empty line and no CR."""
    folder, _ = baked
    for path in files(folder):
        text = path.read_text(encoding="utf-8")
        assert text.endswith("\n")
        assert not text.endswith("\n\n")
        assert re.findall(r".*(?:[ \t]$|\r|\n\n\n).*", text, re.MULTILINE) == [], path
        if path.suffix != ".go":
            assert "\t" not in text, path


def test_the_python_is_formatted(baked: Baked, tool: Callable[..., str]) -> None:
    """What Python there is, ruff would write the same way."""
    folder, _ = baked
    tool("ruff", "format", "--isolated", "--no-cache", "--check", ".", cwd=folder)


def test_hadolint_is_content(baked: Baked, tool: Callable[..., str]) -> None:
    """The Dockerfile has no finding of hadolint's default rules."""
    folder, _ = baked
    assert not tool("hadolint", "--no-color", "Dockerfile", cwd=folder)


def test_zizmor_is_content(baked: Baked, tool: Callable[..., str]) -> None:
    """Workflow and dependabot's configuration have no finding of zizmor's default persona."""
    folder, _ = baked
    assert (
        tool(
            "zizmor", "--offline", "--quiet", "--format=json", "--strict-collection", ".", cwd=folder
        ).strip()
        == "[]"
    )


def test_tasks_are_two_lines(baked: Baked) -> None:
    """tasks.py is one import and one assignment."""
    folder, _ = baked
    lines = (folder / "tasks.py").read_text(encoding="utf-8").split("\n")
    assert [line for line in lines if line] == ["from gopherwhale.tasks import namespace", "ns = namespace()"]


def test_nox_makes_its_own_environment(baked: Baked) -> None:
    """noxfile.py carries the metadata of PEP 723 with nox and gopherwhale, and registers the sessions."""
    folder, _ = baked
    text = (folder / "noxfile.py").read_text(encoding="utf-8")
    # PEP 723, "Reference implementation".
    found = re.search(r"(?m)^# /// script$\s(?P<content>(^#(| .*)$\s)+)^# ///$", text)
    assert found
    metadata = tomllib.loads("".join(line[2:] or "\n" for line in found["content"].splitlines(keepends=True)))
    assert metadata["requires-python"] == ">=3.11"
    assert {Requirement(text).name for text in metadata["dependencies"]} == {"nox", "gopherwhale"}
    called = [node.value for node in ast.parse(text).body if isinstance(node, ast.Expr)]
    assert ast.unparse(called[-1]) == "register()"


def test_the_settings_are_ours(baked: Baked) -> None:
    """The settings are read without a complaint and are the answers."""
    folder, answers = baked
    image = settings.load(folder).images["hello"]
    assert [str(platform) for platform in image.platforms] == ["linux/amd64", "linux/arm64"]
    assert image.repository.endswith("/hello")
    assert image.labels.get("org.opencontainers.image.licenses", "none") == answers["license"]
    assert f"ARG GO_VERSION={image.build_args['GO_VERSION']}\n" in (folder / "Dockerfile").read_text(
        encoding="utf-8"
    )


def test_the_licence(baked: Baked) -> None:
    """LICENSE is the text of the licence that was chosen, with its holder where it has a place for one."""
    folder, answers = baked
    if answers["license"] == "none":
        assert "all rights reserved" in (folder / "README.md").read_text(encoding="utf-8")
        return
    text = (folder / "LICENSE").read_text(encoding="utf-8")
    if answers["license"] == "Apache-2.0":
        assert text == (ROOT / "LICENSE").read_text(encoding="utf-8")
    else:
        heading = {"MIT": "MIT License", "BSD-3-Clause": "BSD 3-Clause License"}[answers["license"]]
        assert text.startswith(f"{heading}\n\nCopyright (c) The hello authors\n\n")


def test_the_dockerfile_keeps_the_rules(baked: Baked) -> None:
    """Modules before sources, platform arguments late and bare, the result on scratch."""
    folder, answers = baked
    lines = (folder / "Dockerfile").read_text(encoding="utf-8").splitlines()
    starts = [line for line in lines if line.startswith("FROM ")]
    assert all(
        line.startswith("FROM --platform=$BUILDPLATFORM golang:${GO_VERSION}-") for line in starts[:-1]
    )
    assert starts[-1] == "FROM scratch"
    order = [
        "COPY go.mod go.sum* ./",
        "    go mod download",
        "COPY . .",
        "ARG COMMIT VERSION SOURCE_DATE_EPOCH",
    ]
    places = [lines.index(line) for line in order]
    assert places == sorted(places)
    arguments = [number for number, line in enumerate(lines) if line.startswith("ARG ") and "TARGET" in line]
    assert all("=" not in lines[number] and number > places[2] for number in arguments)
    assert "USER 65532:65532" in lines
    assert any("/usr/share/zoneinfo" in line for line in lines) == (answers["time_zones"] == "yes")


@pytest.mark.parametrize("job", ["test", "verify", "push"])
def test_every_action_is_pinned(baked: Baked, job: str) -> None:
    """Each action stands at a commit, with the version that the commit is of beside it."""
    folder, _ = baked
    text = (folder / ".github/workflows/image.yaml").read_text(encoding="utf-8")
    for step in _steps(folder, job):
        if "uses" in step:
            assert re.fullmatch(r"[a-z-]+/[a-z-]+@[0-9a-f]{40}", step["uses"])
            assert re.search(rf"uses: {step['uses']} # v[0-9]+\.[0-9]+\.[0-9]+\n", text)


def test_the_workflow_has_no_more_rights_than_it_needs(baked: Baked) -> None:
    """Everything reads the sources only; the job that pushes may do what its registry takes, and no more."""
    folder, answers = baked
    workflow = _workflow(folder)
    assert workflow["permissions"] == {"contents": "read"}
    more = {"ghcr": {"packages": "write"}, "ecr": {"id-token": "write"}}.get(answers["registry"])
    given = {name: job.get("permissions") for name, job in workflow["jobs"].items()}
    assert given == {"test": None, "verify": None, "push": more and {"contents": "read", **more}}
    for job in workflow["jobs"]:
        assert _steps(folder, job)[0]["with"]["persist-credentials"] is False


def test_the_workflow_pushes_no_pull_request(baked: Baked) -> None:
    """A pull request is verified without a secret; what lands on the branch or is tagged is pushed."""
    folder, answers = baked
    workflow = _workflow(folder)
    # YAML 1.1 reads the key `on` as true.
    assert workflow[True] == {"push": {"branches": ["main"], "tags": ["v*"]}, "pull_request": None}
    jobs = workflow["jobs"]
    assert jobs["verify"]["if"] == "github.event_name == 'pull_request'"
    assert jobs["push"]["if"] == "github.event_name == 'push'"
    assert "secrets." not in str(jobs["verify"]) + str(jobs["test"])
    assert set(re.findall(r"secrets\.([A-Z_]+)", str(jobs["push"]))) == _SECRETS[answers["registry"]]
    assert _steps(folder, "verify")[-1]["run"] == "nox -s docker-cross-build docker-verify-arch"
    assert "nox -s docker-push" in [step.get("run") for step in _steps(folder, "push")]


def test_the_secrets_are_explained(baked: Baked) -> None:
    """README names each secret that somebody must set."""
    folder, answers = baked
    text = (folder / "README.md").read_text(encoding="utf-8")
    for name in _SECRETS[answers["registry"]] - {"GITHUB_TOKEN"}:
        assert f"`{name}`" in text


@pytest.mark.parametrize("job", ["test", "verify", "push"])
def test_no_name_gets_near_a_shell(baked: Baked, job: str) -> None:
    """No expression stands in a command, so a branch called `$(reboot)` stays a name."""
    folder, _ = baked
    for step in _steps(folder, job):
        assert "${{" not in step.get("run", "")
        assert "env" not in step
        assert "shell" not in step


def test_readme_explains_every_file(baked: Baked) -> None:
    """README says of each file but the obvious what it is for."""
    folder, _ = baked
    text = (folder / "README.md").read_text(encoding="utf-8")
    for name in _EXPECTED - {"README.md", ".gitignore", "go.mod"}:
        assert f"`{name}`" in text


def test_dependabot_watches_all_three(baked: Baked) -> None:
    """Actions, Go modules and the base image are kept up to date."""
    folder, _ = baked
    document = yaml.safe_load((folder / ".github/dependabot.yml").read_text(encoding="utf-8"))
    assert {update["package-ecosystem"] for update in document["updates"]} == {
        "github-actions",
        "gomod",
        "docker",
    }


@pytest.mark.parametrize(
    ("version", "floor"),
    [("1.27.3", "1.26.0"), ("1.24", "1.23.0"), ("1.28rc1", "1.27.0"), ("1.26.8", "1.25.0")],
)
def test_go_mod_asks_for_the_release_before(bake: Callable[..., Path], version: str, floor: str) -> None:
    """go.mod lets the release before the chosen one compile it too, as `go mod init` does since Go 1.26."""
    folder = bake(go_version=version)
    assert (folder / "go.mod").read_text(encoding="utf-8") == f"module github.com/acme/hello\n\ngo {floor}\n"


def test_defaults_follow_the_first_answers(bake: Callable[..., Path]) -> None:
    """Module, image and holder come from project and owner, the image in lower case."""
    folder = bake(project="otter", owner="Acme-Co")
    assert (folder / "go.mod").read_text(encoding="utf-8").startswith("module github.com/Acme-Co/otter\n")
    assert settings.load(folder).images["otter"].repository == "ghcr.io/acme-co/otter"
    assert "Copyright The otter authors" in (folder / "README.md").read_text(encoding="utf-8")


def test_blanks_between_platforms_are_dropped(bake: Callable[..., Path]) -> None:
    """`linux/arm/v7, linux/386` is what it says."""
    image = settings.load(bake(platforms="linux/arm/v7, linux/386")).images["hello"]
    assert image.platforms == (
        Platform(os="linux", architecture="arm", variant="v7"),
        Platform(os="linux", architecture="386"),
    )
