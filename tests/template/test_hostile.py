"""Number 20 of the harsh tests: what a hostile answer, configuration or place does to anything but itself."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from cookiecutter.exceptions import CookiecutterException, FailedHookException

from gopherwhale import settings
from tests.template.baking import HOOKS, ROOT, bake, bake_with, files

_WHO = ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")
_IDENTITY = dict.fromkeys(_WHO, "t@example.invalid")
_DERIVED = ("__base", "__docker", "__ci_docker", "__ci_flags", "__ci_task", "__go_minor")


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *words], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


@pytest.mark.parametrize("key", _DERIVED)
def test_20_what_follows_from_the_answers_cannot_be_set(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], key: str
) -> None:
    """A configuration that names a command for the workflow is refused, and nothing is left of it."""
    with pytest.raises(FailedHookException):
        bake_with(tmp_path / "target", {}, defaults={key: "touch touched; "})
    assert f"gopherwhale: {key} is 'touch touched; '" in capfd.readouterr().err
    assert not (tmp_path / "target" / "hello").exists()


def test_20_a_hostile_cookiecutterrc_is_inert(tmp_path: Path) -> None:
    """Through the program itself, with a HOME of a stranger's: refused with our words, and nothing is run."""
    home, target, temporary = (tmp_path / name for name in ("home", "target", "temporary"))
    for folder in (home, target, temporary):
        folder.mkdir()
    answers = {"project": "$(touch touched)", "module": "a`touch touched`", "__ci_task": "touch touched; "}
    (home / ".cookiecutterrc").write_text(json.dumps({"default_context": answers}), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "cookiecutter", "--no-input", str(ROOT)],
        cwd=target, env={**os.environ, "HOME": str(home), "TMPDIR": str(temporary)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert {line.split()[1] for line in done.stderr.splitlines() if line.startswith("gopherwhale: ")} == {
        *answers
    }
    assert list(target.rglob("*")) == []
    assert list(temporary.rglob("*")) == []
    assert list(tmp_path.rglob("touched")) == []


@pytest.mark.parametrize("name", ["日本", "\u202eolleh", "ﬁsh", "hello\u0301", "h\u0435llo", "ẞ"])
def test_20_a_name_in_unicode_is_refused_with_one_that_works(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    """Letters that look like others get into no path; the message escapes them and says what to type."""
    with pytest.raises(FailedHookException):
        bake(tmp_path / "target", project=name)
    (line,) = (line for line in capfd.readouterr().err.splitlines() if line.startswith("gopherwhale: "))
    assert line.isascii()
    proposal = line.rsplit("'", 2)[1]
    assert bake(tmp_path / "target", project=proposal).name == proposal


def test_20_a_path_with_spaces_and_quotes(tmp_path: Path) -> None:
    """The folder around may be called anything: the commit is made, and the settings are read."""
    target = tmp_path / "a 'folder' of $(mine) \"here\""
    with pytest.MonkeyPatch.context() as patch:
        for name, text in _IDENTITY.items():
            patch.setenv(name, text)
        folder = bake(target, first_commit="yes", layout="several", default_branch="trunk")
    assert _git(folder, "status", "--porcelain", "--branch") == "## trunk"
    assert set(settings.load(folder).images) == {"hello", "hello-job"}


def test_20_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """Where no folder can be made, cookiecutter says so, and there is nothing to tidy."""
    (tmp_path / "target").write_text("mine\n", encoding="utf-8")
    with pytest.raises((OSError, CookiecutterException)):
        bake_with(tmp_path / "target", {})
    assert (tmp_path / "target").read_text(encoding="utf-8") == "mine\n"


@pytest.mark.parametrize("link", ["cmd", "internal", ".github", "Dockerfile", ".github/workflows"])
def test_20_a_link_that_leads_out_of_an_existing_folder_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], link: str
) -> None:
    """Forced into a folder with such a link, nothing is written on its other side, nor in the folder."""
    folder, outside = tmp_path / "target" / "hello", tmp_path / "outside"
    (folder / link).parent.mkdir(parents=True)
    outside.mkdir()
    (folder / link).symlink_to(outside)
    with pytest.raises(FailedHookException):
        bake_with(folder.parent, {}, force=True)
    assert "leads out of the folder" in capfd.readouterr().err
    assert list(outside.iterdir()) == []
    assert files(folder) == []


def test_20_a_first_commit_goes_into_no_other_repository(tmp_path: Path) -> None:
    """Inside somebody's repository, or under a git hook's variables, that repository stays as it is."""
    outer = tmp_path / "outer"
    outer.mkdir()
    _git(outer, "init", "--quiet")
    with pytest.MonkeyPatch.context() as patch:
        for name, text in _IDENTITY.items():
            patch.setenv(name, text)
        inside = bake(outer / "target", first_commit="yes")
        patch.setenv("GIT_DIR", str(outer / ".git"))
        patch.setenv("GIT_WORK_TREE", str(outer))
        beside = bake(tmp_path / "beside", first_commit="yes")
    assert not (inside / ".git").exists()
    assert (beside / ".git").is_dir()
    assert not list((outer / ".git" / "refs" / "heads").iterdir())


def test_20_no_name_to_commit_under_costs_no_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Where git does not know who commits, the repository stands, and the greeting says what is left."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_CONFIG_COUNT", "1")
        patch.setenv("GIT_CONFIG_KEY_0", "user.useConfigOnly")
        patch.setenv("GIT_CONFIG_VALUE_0", "true")
        folder = bake(tmp_path / "target", first_commit="yes")
    assert (folder / "go.mod").is_file()
    assert "No commit was made: git commit:" in capfd.readouterr().out


def test_the_greeting_puts_it_under_git_on_the_default_branch(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The command that is shown starts the branch that is `latest`, whatever git calls a first branch."""
    folder = bake(tmp_path / "target", default_branch="trunk")
    (line,) = (line for line in capfd.readouterr().out.splitlines() if "git init" in line)
    environment = {**os.environ, **_IDENTITY}
    subprocess.run(["sh", "-ec", line], cwd=folder, env=environment, check=True, timeout=60)
    assert _git(folder, "status", "--porcelain", "--branch") == "## trunk"


@pytest.mark.parametrize("name", ["pre_gen_project", "post_gen_project"])
def test_a_hook_removes_its_rendered_copy_and_never_itself(tmp_path: Path, name: str) -> None:
    """Cookiecutter runs a copy under another name and leaves it in the folder of temporary files."""
    text = (HOOKS / f"{name}.py").read_bytes()
    for copy in (tmp_path / "tmp1.py", tmp_path / f"{name}.py"):
        copy.write_bytes(text)
        runpy.run_path(str(copy), run_name="loaded")["leave_nothing"](copy)
    assert [path.name for path in tmp_path.iterdir()] == [f"{name}.py"]
