"""`gopherwhale init` as a user calls it, in this process."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from gopherwhale.adopt import changes
from gopherwhale.app.adopting import init
from gopherwhale.app.request import Request
from gopherwhale.console import Console
from gopherwhale.errors import ExitCode
from gopherwhale.settings import load
from tests.documented import documented, keys
from tests.tasks.conftest import Call
from tests.unit.adopt.repositories import (
    LIBRARY,
    MAIN,
    MOD,
    Tree,
    commit,
    git,
    snapshot,
    write,
)

HELLO: Tree = {"go.mod": MOD, "main.go": MAIN, "README.md": "# hello\n"}
NEW = {
    *(".dockerignore", ".gitignore", ".gopherwhale.json", "Dockerfile", "gopherwhale.toml", "noxfile.py"),
    *("tasks.py", ".github/dependabot.yml", ".github/go-cache.Dockerfile", ".github/workflows/image.yaml"),
    "requirements.txt",
}


pytestmark = pytest.mark.usefixtures("quick_rendering")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Go repository with one program, under git, made once."""
    root = write(tmp_path_factory.mktemp("made"), HELLO)
    commit(root)
    git(root, "remote", "add", "origin", "git@github.com:acme/hello.git")
    return root


@pytest.fixture
def hello(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it for each test, in a folder whose name has a space and an umlaut."""
    root = shutil.copytree(made, tmp_path / "häl lo")
    monkeypatch.chdir(root)
    return root


def test_what_is_missing_is_written_after_a_diff(
    hello: Path, call: Call, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The diff of every file is on standard output before the first file is there; nothing else changes."""
    before, shown = snapshot(hello), []
    write_them = changes.write

    def watch(root: Path, found: Any) -> None:
        assert snapshot(root) == before
        shown.append(capsys.readouterr().out)
        write_them(root, found)

    monkeypatch.setattr(changes, "write", watch)
    assert call("init", "--yes") == 0
    after = snapshot(hello)
    assert set(after) >= {*before, *NEW}
    assert not {path for path in set(after) - set(before) if path.endswith((".go", ".mod", ".md"))}
    assert {path: after[path] for path in before} == before
    assert all(f"+++ b/{path}" in shown[0] for path in NEW)
    assert f"wrote {len(after) - len(before)} files" in capsys.readouterr().err


def test_the_second_run_is_silent(hello: Path, call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing on standard output, a line on the other, the same files to the byte and the second."""
    call("init", "--yes")
    before = {
        path: (path.read_bytes(), path.stat().st_mtime_ns) for path in hello.rglob("*") if path.is_file()
    }
    capsys.readouterr()
    for arguments in (("init",), ("init", "--yes"), ("init", "--dry-run")):
        assert call(*arguments) == 0
        shown = capsys.readouterr()
        assert (shown.out, len(shown.err.splitlines())) == ("", 1)
    after = {
        path: (path.read_bytes(), path.stat().st_mtime_ns) for path in hello.rglob("*") if path.is_file()
    }
    assert after == before


def test_what_it_writes_works(hello: Path, call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    """The settings load, the plan is made, the workflow is YAML, and each says what the repository is."""
    call("init", "--yes")
    capsys.readouterr()
    image = load(hello).images["hello"]
    assert (image.repository, image.go.packages, image.go.expose) == ("ghcr.io/acme/hello", (".",), ())
    assert tomllib.loads((hello / "gopherwhale.toml").read_text())["default_branch"] == "main"
    assert "EXPOSE" not in (hello / "Dockerfile").read_text()
    assert yaml.safe_load((hello / ".github/workflows/image.yaml").read_text())["jobs"]
    assert call("docker.plan", "--engine", "go") == 0
    assert "ghcr.io/acme/hello" in capsys.readouterr().out


def test_a_file_that_is_there_is_kept_unless_told(
    hello: Path, call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    """The user's own stay; --overwrite replaces one, --force all; the next run leaves even those alone."""
    own = {"tasks.py": "# mine\n", ".dockerignore": "mine\n", "requirements.txt": "mine\n"}
    write(hello, own)
    assert call("init", "--yes") == 0
    said = capsys.readouterr().err
    assert "kept: .dockerignore, requirements.txt, tasks.py" in said
    assert "requirements.txt: the workflow installs what it names: add gopherwhale" in said
    assert (hello / "tasks.py").read_text() == "# mine\n"
    assert call("init", "--yes", "--overwrite", "tasks.py") == 0
    assert "namespace()" in (hello / "tasks.py").read_text()
    assert (hello / ".dockerignore").read_text() == "mine\n"
    assert call("init", "--yes", "--overwrite", "main.go") == 2
    assert "it is no file that gopherwhale would write" in capsys.readouterr().err
    assert call("init", "--yes", "--force") == 0
    assert (hello / ".dockerignore").read_text() != "mine\n"
    assert (hello / "main.go").read_text() == MAIN


@pytest.mark.parametrize("runner", ["invoke", "nox"])
def test_what_a_run_leaves_does_not_keep_it_from_pushing(
    hello: Path, call: Call, capsys: pytest.CaptureFixture[str], runner: str
) -> None:
    """A .gitignore of the user's gets what our tools leave, once, so that the tree is clean in CI."""
    write(hello, {".gitignore": "bin\n"})
    assert call("init", "--yes", "--answer", f"runner={runner}") == 0
    shown = capsys.readouterr()
    assert "+/.cache/" in shown.out
    assert "kept: .gitignore" not in shown.err
    commit(hello)
    write(hello, {".cache/go/go.tar": "", "__pycache__/noxfile.pyc": "", ".nox/x/y": "", "dist/hello/x": ""})
    assert git(hello, "status", "--porcelain") == ""
    assert (hello / ".gitignore").read_text().startswith("bin\n\n# What gopherwhale")
    assert call("init") == 0
    assert capsys.readouterr().out == ""
    assert call("update", "--yes", "--answer", "weekly=yes") == 0
    assert (hello / ".gitignore").read_text().startswith("bin\n")


def test_a_gitignore_behind_a_link_is_left_to_its_owner(
    hello: Path, call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is kept and named as kept, and hinders nothing else."""
    write(hello, {"shared": "bin\n"})
    (hello / ".gitignore").symlink_to("shared")
    assert call("init", "--yes") == 0
    assert "kept: .gitignore" in capsys.readouterr().err
    assert (hello / "shared").read_text() == "bin\n"
    assert (hello / "gopherwhale.toml").exists()


def test_a_package_of_the_projects_name_is_not_ignored(hello: Path, call: Call) -> None:
    """A new .gitignore ignores no program by name: the name may be that of a folder of sources."""
    write(hello, {"hello/library.go": LIBRARY, "dist/x": ""})
    assert call("init", "--yes") == 0
    assert git(hello, "check-ignore", "--no-index", "dist/x") == "dist/x"
    assert "hello/library.go" in git(hello, "ls-files", "--others", "--exclude-standard").splitlines()


@pytest.mark.parametrize(
    ("repository", "runner", "told"),
    [
        (
            "docker.io/acme/hello",
            "both",
            ["| `DOCKERHUB_TOKEN` |", "invoke docker.cross-build && invoke docker.v"],
        ),
        (
            "ghcr.io/acme/hello",
            "nox",
            ["There is nothing to set", "nox -s docker-cross-build && nox -s docker-v"],
        ),
    ],
)
def test_what_comes_next_is_said(
    hello: Path, call: Call, capsys: pytest.CaptureFixture[str], repository: str, runner: str, told: list[str]
) -> None:
    """The first commands and the secrets that CI needs, which no README tells: once, after the writing."""
    arguments = ("init", "--repository", repository, "--answer", f"runner={runner}")
    assert call(*arguments, "--dry-run") == 0
    assert not [text for text in told if text in capsys.readouterr().err]
    assert call(*arguments, "--yes") == 0
    said = capsys.readouterr().err.partition("wrote ")[2]
    assert [text for text in told if text not in said] == []
    assert "python3 -m pip install --requirement requirements.txt" in said
    assert (hello / "README.md").read_text() == "# hello\n"
    assert call("init", "--yes", "--force") == 0
    assert "Commit it" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("remote", "theirs"),
    [
        ("git@github.com:acme/hello.git", ".github/workflows/image.yaml"),
        ("git@code.example:acme/hello.git", ".gitlab-ci.yml"),
    ],
)
def test_a_pipeline_that_is_kept_is_not_told_to_be_ours(
    hello: Path, call: Call, capsys: pytest.CaptureFixture[str], remote: str, theirs: str
) -> None:
    """Nothing pushes the image there: that is said, and how to see the jobs that would."""
    git(hello, "remote", "set-url", "origin", remote)
    write(hello, {theirs: "theirs: true\n"})
    commit(hello)
    assert call("init", "--yes", "--repository", "docker.io/acme/hello") == 0
    said = capsys.readouterr().err
    command = f"gopherwhale init --dry-run --overwrite {theirs}"
    assert f"{theirs} is yours: no job of ours is in it: `{command}` shows them" in said
    assert "builds and verifies every" not in said
    assert "invoke docker.cross-build" in said
    assert call(*command.split()[1:]) == 0
    assert "docker-push" in capsys.readouterr().out
    assert (hello / theirs).read_text() == "theirs: true\n"


def test_where_go_builds_the_image_the_workflow_has_that_go(hello: Path, call: Call) -> None:
    """A Dockerfile that compiles nothing leaves it to Go: CI takes the release of the settings."""
    write(hello, {"Dockerfile": 'FROM alpine:3.22\nCOPY hello /\nENTRYPOINT ["/hello"]\n'})
    assert call("init", "--yes", "--answer", "go_version=1.27.2", "--answer", "ci=github-matrix") == 0
    assert load(hello).images["hello"].engine == "go"
    assert not (hello / ".github/go-cache.Dockerfile").exists()
    text = (hello / ".github/workflows/image.yaml").read_text()
    assert "buildx" not in text
    for name, job in yaml.safe_load(text)["jobs"].items():
        steps = list(map(str, job["steps"]))
        if any("download-artifact" in step for step in steps):
            continue  # it builds nothing
        task = "nox -s test" if name == "check" else "nox -s docker-"
        order = ("'go-version': '1.27.2'", "cache/restore", task, "cache/save")
        places = [next(n for n, step in enumerate(steps) if wanted in step) for wanted in order]
        assert places == sorted(places)
        assert f"go-{'check' if name == 'check' else 'image'}-" in steps[places[1]]


NOT_OURS: Tree = {"tasks.py": "# mine\n", "noxfile.py": "# mine\n"}


@pytest.mark.parametrize(
    ("own", "ran", "said"),
    [
        (
            ["tasks.py"],
            "nox -s docker-push",
            "tasks.py is yours: mount gopherwhale.tasks.docker_collection()",
        ),
        (["noxfile.py"], "invoke docker.push", "runner = invoke: noxfile.py is yours"),
        (
            ["tasks.py", "noxfile.py"],
            "nox -s docker-push",
            "noxfile.py is yours: call gopherwhale.nox.register()",
        ),
    ],
)
def test_ci_runs_tasks_that_are_there(
    hello: Path, call: Call, capsys: pytest.CaptureFixture[str], own: list[str], ran: str, said: str
) -> None:
    """Where a file of tasks is the user's, the workflow runs the other's, or is told what it lacks."""
    write(hello, {name: NOT_OURS[name] for name in own})
    assert call("init", "--yes") == 0
    assert said in capsys.readouterr().err
    assert f"run: {ran}\n" in (hello / ".github/workflows/image.yaml").read_text()
    assert {name: (hello / name).read_text() for name in own} == {name: NOT_OURS[name] for name in own}


@pytest.mark.parametrize("module", ["hello", "my_app", "GitHub.com/Acme/X", "backend/api/v2"])
def test_a_module_that_nobody_downloads_is_adopted(hello: Path, call: Call, module: str) -> None:
    """`go mod init hello` is how many a program begins: go.mod is its own, and stays as it is."""
    write(hello, {"go.mod": f"module {module}\n\ngo 1.26\n"})
    assert call("init", "--yes", "--repository", "ghcr.io/acme/hello") == 0
    assert (hello / "go.mod").read_text() == f"module {module}\n\ngo 1.26\n"
    assert load(hello).images
    assert call("update", "--yes", "--allow-dirty", "--answer", "weekly=yes") == 0


def test_what_the_user_calls_it_is_what_it_is_called(
    hello: Path, call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    """--answer project and image are what all else follows from, in a second run too."""
    git(hello, "remote", "set-url", "origin", "https://git.example/acme/hello")
    assert call("init", "--yes") == 2
    assert "gopherwhale init --repository REGISTRY/NAME" in capsys.readouterr().err
    answers = ("--answer", "project=otter", "--answer", "image=docker.io/acme/otter")
    assert call("init", "--yes", *answers) == 0, capsys.readouterr().err
    image = load(hello).images["otter"]
    assert (image.repository, image.go.packages) == ("docker.io/acme/otter", (".=/otter",))
    assert "/otter\n" in (hello / "Dockerfile").read_text()
    assert "DOCKERHUB_TOKEN" in (hello / ".github/workflows/image.yaml").read_text()
    answers = ("--answer", "project=seal", "--overwrite", "gopherwhale.toml")
    assert call("init", "--yes", "--repository", "ghcr.io/acme/x", *answers) == 0
    assert load(hello).images["x"].go.packages == (".=/seal",)


def test_a_package_of_go_called_tasks_is_none_of_invokes(hello: Path, call: Call) -> None:
    """Only a package of Python takes the place of tasks.py."""
    write(hello, {"tasks/queue.go": LIBRARY})
    assert call("init", "--yes") == 0
    assert "namespace()" in (hello / "tasks.py").read_text()


@pytest.mark.parametrize("theirs", [".github/dependabot.yaml", "renovate.json", ".github/renovate.json5"])
def test_no_second_bot_is_set_up(
    hello: Path, call: Call, capsys: pytest.CaptureFixture[str], theirs: str
) -> None:
    """Where something updates dependencies already, dependabot is left out, by an update too."""
    write(hello, {theirs: "{}\n"})
    assert call("init", "--yes") == 0
    assert f".github/dependabot.yml: left out, for {theirs} is there" in capsys.readouterr().err
    commit(hello)
    assert call("update", "--yes", "--answer", "weekly=yes") == 0
    assert not (hello / ".github/dependabot.yml").exists()


def test_dependabot_looks_where_the_modules_are(hello: Path, call: Call) -> None:
    """A workspace's modules are named, each folder of them, and the folder of the Dockerfile."""
    (hello / "go.mod").unlink()
    tree = {"go.work": "go 1.24\nuse (\n./app\n./lib\n)\n", "app/main.go": MAIN, "app/go.mod": MOD}
    write(hello, {**tree, "lib/go.mod": "module lib\n", "docker/Dockerfile": "FROM scratch\n"})
    (hello / "main.go").unlink()
    assert call("init", "--yes") == 0
    document = yaml.safe_load((hello / ".github/dependabot.yml").read_text())
    found = {
        one["package-ecosystem"]: one.get("directories", one.get("directory")) for one in document["updates"]
    }
    assert found == {"github-actions": "/", "gomod": ["/app", "/lib"], "docker": "/docker", "pip": "/"}


def test_17_what_is_interrupted_amid_its_files_is_written_whole(
    hello: Path, call: Call, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of them or none: half of them would be neither, and the record would be wrong."""
    put, told = changes._put, []  # noqa: SLF001 -- the seam

    def interrupted(place: Path, partial: Path | None) -> None:
        put(place, partial)
        told.append(place)
        if len(told) == 1:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(changes, "_put", interrupted)
    assert call("init", "--yes") == 130
    assert {path for path in NEW if (hello / path).is_file()} == NEW
    assert "the files are written first" in capsys.readouterr().err


def test_a_dry_run_writes_nothing(hello: Path, call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    """It shows all of it and leaves the folder as it was."""
    before = snapshot(hello)
    assert call("init", "--dry-run") == 0
    assert "+++ b/Dockerfile" in capsys.readouterr().out
    assert snapshot(hello) == before


def test_where_nobody_can_be_asked_nothing_is_written(
    hello: Path, call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    """Off a terminal, without --yes, the diff is shown and the command fails with what to type."""
    before = snapshot(hello)
    assert call("init") == 2
    assert "--yes writes it" in capsys.readouterr().err
    assert snapshot(hello) == before


@pytest.mark.parametrize("answer", [True, False])
def test_a_person_is_asked(hello: Path, *, answer: bool) -> None:
    """After the diff, with the number of files; a no writes nothing and is no failure."""
    out, asked = io.StringIO(), []

    def ask(question: str) -> bool:
        asked.append(question)
        assert "+++ b/Dockerfile" in out.getvalue()
        return answer

    before = snapshot(hello)
    console = Console(out=out, err=io.StringIO(), ask=ask)
    assert init(Request(start=hello, environment=dict(os.environ), console=console)) == ExitCode.GOOD
    number = out.getvalue().count("\n--- /dev/null") + 1
    assert asked == [f"Write {number} files in {hello}?"]
    assert len(snapshot(hello)) - len(before) == (number if answer else 0)


def test_a_machine_is_told_in_json(hello: Path, call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    """Every file with what happens to it and its diff, and whether it was written."""
    assert call("init", "--dry-run", "--format", "json") == 0
    document = json.loads(capsys.readouterr().out)
    assert keys(document) == documented("init and update")
    assert {file["path"] for file in document["files"]} >= NEW
    assert {file["action"] for file in document["files"]} == {"add"}
    assert document["written"] is False
    assert call("init", "--yes", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["written"] is True
    assert call("init", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["files"] == []
    assert (hello / "Dockerfile").exists()


SEVERAL: Tree = {
    "go.work": "go 1.24\nuse ./app\nuse ./lib\n",
    "app/go.mod": "module example.com/hello/app\n",
    "app/cmd/hello/main.go": MAIN,
    "app/cmd/Job/main.go": f"// Job does the nightly work. And more.\n{MAIN}",
    "lib/go.mod": "module example.com/hello/lib\n",
    "lib/lib.go": LIBRARY,
}


def test_several_programs_in_a_workspace(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An image each, one stage each in one Dockerfile, every module's go.mod before the sources."""
    root = write(tmp_path / "hello", SEVERAL)
    monkeypatch.chdir(root)
    assert call("init", "--yes", "--repository", "registry.example/acme/hello") == 0, capsys.readouterr().err
    images = load(root).images
    assert {name: (image.repository, image.target, image.go.packages) for name, image in images.items()} == {
        "hello": ("registry.example/acme/hello", "hello", ("./app/cmd/hello",)),
        "job": ("registry.example/acme/hello-job", "job", ("./app/cmd/Job=/job",)),
    }
    told = {name: image.labels["org.opencontainers.image.description"] for name, image in images.items()}
    assert told == {"hello": "hello, a program in Go", "job": "Job does the nightly work"}
    text = (root / "Dockerfile").read_text()
    assert all(f'image.description="{text_of_one}"' in text for text_of_one in told.values())
    for line in (
        "COPY go.work go.work.sum* ./",
        "COPY app/go.mod app/go.sum* ./app/",
        "COPY lib/go.mod lib/go.sum* ./lib/",
        "FROM scratch AS hello",
        "FROM scratch AS job",
        "COPY --from=build /out/${TARGETPLATFORM}/Job /job",
        'ENTRYPOINT ["/job"]',
    ):
        assert f"\n{line}\n" in text
    assert '-o "/out/${TARGETPLATFORM}/" ./app/cmd/Job ./app/cmd/hello\n' in text


def test_a_dockerfile_that_is_there_is_the_recipe(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays, the settings name it, and no second one is written."""
    recipe = 'FROM golang:1.24 AS b\nFROM debian:12\nEXPOSE 9000\nENTRYPOINT ["/hello"]\n'
    root = write(tmp_path / "hello", {**HELLO, "docker/Dockerfile": recipe})
    monkeypatch.chdir(root)
    assert call("init", "--yes") == 0
    image = load(root).images["hello"]
    assert (image.dockerfile, image.engine, image.go.expose) == ("docker/Dockerfile", "buildx", ("9000",))
    assert not (root / "Dockerfile").exists()
    assert (root / "docker/Dockerfile").read_text() == recipe
    assert 'DOCKERFILE = Path("docker/Dockerfile")' in (root / "guard.py").read_text()
    assert call("docker.plan") == 0


def test_a_dockerfile_that_is_replaced_has_no_say(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --overwrite the template's own recipe comes, and the settings follow that one."""
    recipe = "FROM ruby:3\nEXPOSE 9000\nCMD rake\n"
    root = write(tmp_path / "hello", {**HELLO, "Dockerfile": recipe})
    monkeypatch.chdir(root)
    assert call("init", "--yes", "--overwrite", "Dockerfile") == 0
    image = load(root).images["hello"]
    assert (image.engine, image.go.expose) == ("auto", ())
    assert (root / "Dockerfile").read_text() != recipe


def test_a_module_below_the_top_gets_no_workflow(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """GitHub reads workflows at the repository's top alone: that is said, and nothing is written above."""
    write(tmp_path, {f"sub/{path}": text for path, text in HELLO.items()})
    write(tmp_path, {"sub/tasks/__init__.py": ""})
    commit(tmp_path)
    monkeypatch.chdir(tmp_path / "sub")
    assert call("init", "--yes") == 0
    said = capsys.readouterr().err
    assert "they belong at the top" in said
    assert "mount gopherwhale.tasks.docker_collection()" in said
    assert [path.name for path in tmp_path.iterdir() if path.name != ".git"] == ["sub"]
    assert not (tmp_path / "sub/.github").exists()
    assert not (tmp_path / "sub/tasks.py").exists()


def linked(root: Path, outside: Path) -> None:
    (root / ".github").symlink_to(outside)


def blocked(root: Path, _outside: Path) -> None:
    (root / ".github").write_text("a file")


@pytest.mark.parametrize("spoil", [linked, blocked])
def test_what_cannot_be_written_leaves_everything_as_it_was(
    hello: Path,
    tmp_path: Path,
    call: Call,
    capsys: pytest.CaptureFixture[str],
    spoil: Callable[[Path, Path], None],
) -> None:
    """A link out of the repository, or a file in a folder's place: one line, and no file at all."""
    outside = tmp_path / "outside"
    outside.mkdir()
    spoil(hello, outside)
    before = snapshot(hello)
    assert call("init", "--yes") == 2
    assert "Traceback" not in capsys.readouterr().err
    assert snapshot(hello) == before
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--answer", "bilder=debian"), "did you mean builder?"),
        (("--answer", "_shape=x"), "asks no such question"),
        (("--answer", "xyz"), "as QUESTION=ANSWER"),
        (("--template=-x",), "is no template"),
        (("--template", "/nowhere.whl"), "cannot read /nowhere.whl"),
        (("--template", "."), "is no template"),
        (("--package", "./nothing"), "no program is there"),
        (("--answer", "description=<< 7*7 >>"), "holds a mark of the template's"),
    ],
)
def test_a_users_mistake_is_told(
    hello: Path, call: Call, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    """Two lines at the most, exit code 2, nothing written."""
    before = snapshot(hello)
    assert call("init", "--yes", *arguments) == 2
    said = capsys.readouterr().err
    assert message in said
    assert len(said.splitlines()) <= 2
    assert snapshot(hello) == before


def test_the_template_refuses_an_answer_in_its_own_words(
    hello: Path, call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the hook of a new repository refuses is refused here, with what to type."""
    assert call("init", "--yes", "--answer", "go_version=1.2", "--answer", "platforms=linux/x") == 2
    said = capsys.readouterr().err
    assert "the template: " in said
    assert "type a release of Go" in said
    assert call("init", "--yes", "--answer", "project=Foo") == 2
    ours = capsys.readouterr().err.partition("the template: ")[2]
    assert "type 'foo'" in ours
    assert "_shape" not in ours
    assert not (hello / "Dockerfile").exists()
