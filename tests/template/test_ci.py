"""The workflows that the template makes, for every two choices together."""

from __future__ import annotations

import importlib.resources
import json
import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from gopherwhale import __main__ as console
from gopherwhale.flags import Command
from tests.engine import rehearsal
from tests.template.conftest import Baked

_WORKFLOW = ".github/workflows/image.yaml"
_PINNED = re.compile(r"[a-z-]+(/[a-z-]+){1,2}@[0-9a-f]{40} # v\d+\.\d+\.\d+")
_SECRETS = {
    "ghcr": {"GITHUB_TOKEN"},
    "dockerhub": {"DOCKERHUB_USER", "DOCKERHUB_TOKEN"},
    "ecr": {"AWS_ROLE"},
    "other": {"REGISTRY_USER", "REGISTRY_TOKEN"},
}
_VARIABLES = {**_SECRETS, "ghcr": _SECRETS["other"], "ecr": {"AWS_ROLE_ARN"}}


def workflow(folder: Path) -> dict[Any, Any]:
    document = rehearsal.document(folder / _WORKFLOW)
    assert isinstance(document, dict)
    return document


def test_zizmor_is_content(bakes: tuple[Baked, ...], tool: Callable[..., str]) -> None:
    """Workflow and dependabot's configuration have no finding of zizmor's default persona."""
    folders = [folder for folder, answers in bakes if answers["ci"] != "gitlab"]
    arguments = ("--offline", "--quiet", "--format=json", "--strict-collection")
    assert tool("zizmor", *arguments, *folders, cwd=folders[0]).strip() == "[]"


@pytest.mark.parametrize(
    ("schema", "name"), [("gitlab-ci", ".gitlab-ci.yml"), ("dependabot", ".github/dependabot.yml")]
)
def test_the_schemas_of_those_who_read_it_are_content(
    bakes: tuple[Baked, ...], schema: str, name: str
) -> None:
    """GitLab's own schema of pipelines takes every one of ours and no misspelt one; so does dependabot's."""
    carried = importlib.resources.files("check_jsonschema.builtin_schemas.vendor").joinpath(f"{schema}.json")
    document = json.loads(carried.read_bytes())
    judge = jsonschema.validators.validator_for(document)(document)
    files = [folder / name for folder, _ in bakes if (folder / name).exists()]
    assert files
    for file in files:
        text = file.read_text(encoding="utf-8")
        judge.validate(yaml.safe_load(text))
        wrong = re.sub(r"\bjunit:|\binterval:", "no-such-key:", text)
        assert wrong != text
        assert not judge.is_valid(yaml.safe_load(wrong))


def test_every_action_is_pinned(baked: Baked) -> None:
    """Each action stands at a commit, with the version that the commit is of beside it."""
    folder, answers = baked
    if answers["ci"] == "gitlab":
        return
    text = (folder / _WORKFLOW).read_text(encoding="utf-8")
    used = re.findall(r"uses: (.*)", text)
    assert used
    assert [
        line
        for line in used
        if not re.fullmatch(r"[a-z-]+(/[a-z-]+){1,2}@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)
    ] == []
    names = {(line.partition("@")[0], line) for line in used}
    assert len(names) == len({line.partition("@")[0] for line in used}), "one action in two versions"


def test_the_workflow_has_no_more_rights_than_it_needs(baked: Baked) -> None:
    """Everything reads the sources only; the job that pushes may do what its registry takes, and no more."""
    folder, answers = baked
    if answers["ci"] == "gitlab":
        return
    document = workflow(folder)
    assert document["permissions"] == {"contents": "read"}
    more = {"ghcr": {"packages": "write"}, "ecr": {"id-token": "write"}}.get(answers["registry"])
    for name, job in document["jobs"].items():
        pushes = "secrets." in str(job)
        assert job.get("permissions") == (more and {"contents": "read", **more} if pushes else None), name
        assert job["timeout-minutes"] <= 60
        checkouts = [step for step in job["steps"] if "actions/checkout" in step.get("uses", "")]
        assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_the_workflow_pushes_no_pull_request(baked: Baked) -> None:
    """A pull request is verified without a secret; what lands on the branch or is tagged is pushed."""
    folder, answers = baked
    if answers["ci"] == "gitlab":
        return
    document = workflow(folder)
    # YAML 1.1 reads the key `on` as true.
    events = {"push": {"branches": ["main"], "tags": ["v*"]}, "pull_request": None}
    if answers["weekly"] == "yes":
        events["schedule"] = [{"cron": "23 4 * * 1"}]  # type: ignore[assignment]
    assert document[True] == events
    jobs = document["jobs"]
    secret = {name for name, job in jobs.items() if "secrets." in str(job)}
    assert all(jobs[name]["if"] == "github.event_name != 'pull_request'" for name in secret)
    assert jobs["verify"]["if"] == "github.event_name == 'pull_request'"
    assert "verify" not in secret
    assert set(re.findall(r"secrets\.([A-Z_]+)", str(jobs))) == _SECRETS[answers["registry"]]
    commands = [step["run"] for step in jobs["push"]["steps"] if "run" in step]
    docker = "invoke docker." if answers["runner"] == "invoke" else "nox -s docker-"
    last = "merge" if answers["ci"] == "github-matrix" else "push"
    assert any(f"{docker}{last}" in command for command in commands)
    weekly = [command for command in commands if "--tag latest" in command]
    assert bool(weekly) == (answers["weekly"] == "yes")


_OURS = re.compile(r"(?:invoke docker\.|nox -s docker-)([a-z-]+)(?: --(?= |$))?(.*?)(?: \+)?$")


@pytest.mark.parametrize("event", ["push", "pull_request", "schedule"])
def test_each_line_of_ours_says_what_its_event_needs(
    baked: Baked, event: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The console reads every one; a week's rebuild takes Go's newest patch release and moves one tag."""
    folder, answers = baked
    ran: list[tuple[str, Mapping[str, Any]]] = []

    def record(command: Command, flags: Mapping[str, Any], _configuration: object) -> int:
        ran.append((command.name, {name: value for name, value in flags.items() if value}))
        return 0

    monkeypatch.setattr(console, "run", record)
    if answers["ci"] == "gitlab":
        event = event.replace("pull_request", "merge_request_event")
        lines = rehearsal.of_gitlab(folder / ".gitlab-ci.yml", event, {}, {})
    else:
        lines = rehearsal.of_github(folder / _WORKFLOW, event)
    for line in lines:
        for text in line.text.splitlines():
            if found := _OURS.search(text):
                with pytest.raises(SystemExit) as ended:
                    console.main([f"docker.{found[1]}", *shlex.split(found[2])])
                assert not ended.value.code, text
    sent = [(name, flags) for name, flags in ran if name in {"push", "merge"}]
    if event == "schedule" and answers["weekly"] == "yes":
        (version,) = set(re.findall(r"GO_VERSION=(\d+\.\d+)\.", (folder / "Dockerfile").read_text()))
        newest, latest = {"build_arg": [f"GO_VERSION={version}"]}, {"tag": ["latest"]}
        if answers["ci"] == "github-matrix":
            *built, last = sent
            assert built
            assert all(one == ("push", {"untagged": True, **newest}) for one in built)
            assert last == ("merge", {**latest, "receipt": ["{}"]})
        else:
            assert sent == [("push", {**newest, **latest})]
    elif event == "push":
        assert sent
        assert all(not {"tag", "build_arg"} & flags.keys() for _, flags in sent)
    elif event != "schedule":
        assert sent == []


def test_a_weeks_rebuild_is_checked_with_the_go_it_is_built_with(baked: Baked) -> None:
    """The release before it may have a known vulnerability, which is what the rebuild is for."""
    folder, answers = baked
    if answers["ci"] == "gitlab":
        return
    (setup,) = [
        step["with"] for step in workflow(folder)["jobs"]["check"]["steps"] if "setup-go" in str(step)
    ]
    (version,) = re.findall(r"GO_VERSION=(\S+)", (folder / "Dockerfile").read_text())
    minor = ".".join(version.split(".")[:2])
    expected = {"go-version": version, "cache": False}
    if answers["weekly"] == "yes":
        expected |= {"go-version": f"${{{{ github.event_name == 'schedule' && '{minor}' || '{version}' }}}}"}
        expected |= {"check-latest": True}
    assert setup == expected


def test_a_pipeline_pushes_no_merge_request(baked: Baked) -> None:
    """On GitLab it is the same: a job that pushes runs for a push alone, one that is weekly by a schedule."""
    folder, answers = baked
    if answers["ci"] != "gitlab":
        return
    document = rehearsal.document(folder / ".gitlab-ci.yml")
    jobs = {name: job for name, job in document.items() if isinstance(job, dict) and "script" in job}
    rules = {name: [rule["if"] for rule in job["rules"]] for name, job in jobs.items()}
    source = "$CI_PIPELINE_SOURCE"
    expected = {
        "check": [f'{source} != "schedule"'],
        "verify": [f'{source} == "merge_request_event"'],
        "push": [f'{source} == "push"'],
    }
    if answers["weekly"] == "yes":
        expected["weekly"] = [f'{source} == "schedule"']
    assert rules == expected
    report = jobs["verify"]["artifacts"]
    assert report["when"] == "always", "a failed job is what it is for"
    written = f"--report junit={report['reports']['junit']}"
    assert [line for line in jobs["verify"]["script"] if "verify-arch" in line and line.endswith(written)]
    named = set(re.findall(r"\$([A-Z_]+)", str([jobs["push"], jobs.get("weekly")])))
    theirs = {name for name in named if not name.startswith(("CI_", "AWS_TOKEN", "AWS_WEB", "GOPHERWHALE_"))}
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert theirs == _VARIABLES[answers["registry"]] - {"AWS_ROLE_ARN"}
    assert all(f"`{name}`" in readme for name in _VARIABLES[answers["registry"]])


def test_the_secrets_are_explained(baked: Baked) -> None:
    """README names each secret that somebody must set."""
    folder, answers = baked
    text = (folder / "README.md").read_text(encoding="utf-8")
    names = (_VARIABLES if answers["ci"] == "gitlab" else _SECRETS)[answers["registry"]]
    for name in names - {"GITHUB_TOKEN"}:
        assert f"| `{name}` |" in text


def test_no_name_gets_near_a_shell(baked: Baked) -> None:
    """No expression stands in a command, so a branch called `$(reboot)` stays a name."""
    folder, answers = baked
    if answers["ci"] == "gitlab":
        return
    for job in workflow(folder)["jobs"].values():
        for step in job["steps"]:
            assert "${{" not in step.get("run", "")
            assert "shell" not in step


def test_the_caches_are_kept(baked: Baked) -> None:
    """What Go compiled and downloaded is kept between runs, in a folder that git and Docker do not see."""
    folder, answers = baked
    assert ".cache" in (folder / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "/.cache/" in (folder / ".gitignore").read_text(encoding="utf-8").splitlines()
    if answers["ci"] == "gitlab":
        return
    for name, job in workflow(folder)["jobs"].items():
        steps = list(map(str, job["steps"]))
        if any("download-artifact" in step for step in steps):
            continue  # it builds nothing
        order = ["cache/restore", "cache/save"]
        if name != "check":
            task = "docker-" if answers["runner"] != "invoke" else "invoke docker."
            order[1:1] = [
                "--target fill",
                f": '{'nox -s ' if task == 'docker-' else ''}{task}",
                "--target keep",
            ]
        places = [next(n for n, step in enumerate(steps) if text in step) for text in order]
        assert places == sorted(places)
        assert "github.ref_type == 'branch'" in job["steps"][places[0]]["if"], "a release trusts no cache"


def test_dependabot_watches_all(baked: Baked) -> None:
    """Actions, Go modules, the base image and the Python packages are kept up to date."""
    folder, answers = baked
    if answers["ci"] == "gitlab":
        return
    document = yaml.safe_load((folder / ".github/dependabot.yml").read_text(encoding="utf-8"))
    found = {update["package-ecosystem"] for update in document["updates"]}
    assert found == {"github-actions", "gomod", "docker", "pip"}
