"""What a new repository keeps of its making: `.gopherwhale.json`."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.template.baking import GOOD, HOOKS, bake_with, files
from tests.template.conftest import Bake

RECORD = ".gopherwhale.json"


@pytest.fixture(scope="module")
def post() -> ModuleType:
    """The hook that writes the record, unrendered."""
    spec = importlib.util.spec_from_file_location("post_gen_project", HOOKS / "post_gen_project.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.invalid")
    done = subprocess.run(
        ["git", "-C", str(folder), *identity, *words], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def test_the_record_names_every_file_as_git_does(bake: Bake) -> None:
    """Each file's id is that of `git hash-object`, so that its first text can be found again."""
    folder = bake()
    record = json.loads((folder / RECORD).read_text())
    paths = sorted(path.relative_to(folder).as_posix() for path in files(folder))
    assert sorted([*record["files"], RECORD]) == paths
    git(folder, "init", "--quiet")
    assert list(record["files"].values()) == git(folder, "hash-object", *record["files"]).splitlines()


def test_the_same_repository_follows_from_the_recorded_answers(bake: Bake, tmp_path: Path) -> None:
    """The answers are all that is needed to make the same files again, the record too."""
    folder = bake(project="a-b", license="none", builder="debian", time_zones="yes", description="déjà <vu>")
    answers = json.loads((folder / RECORD).read_text())["answers"]
    again = bake_with(tmp_path / "again", answers)
    assert [path.read_bytes() for path in files(folder)] == [path.read_bytes() for path in files(again)]


@pytest.mark.parametrize(
    ("template", "kept"),
    [
        ("https://user:secret@host.example/acme/t.git", "https://host.example/acme/t.git"),
        ("https://to@ken@host.example/acme/t", "https://host.example/acme/t"),
        ("gh:acme/t", "gh:acme/t"),
        ("git@host.example:acme/t.git", "git@host.example:acme/t.git"),
        ("/home/somebody/t", ""),
        ("../t", ""),
        ("C:\\t", ""),
    ],
)
def test_the_record_holds_no_secret_and_no_folder_of_a_machine(
    post: ModuleType, tmp_path: Path, template: str, kept: str
) -> None:
    """Of where the template came from, only what means something elsewhere is kept, without a password."""
    record = json.loads(post.record({"_template": template, "project": "x"}, tmp_path, [], commit=""))
    assert record == {"template": kept, "commit": "", "answers": {"project": "x"}, "files": {}}


def test_the_commit_is_that_of_a_clean_checkout_alone(post: ModuleType, tmp_path: Path) -> None:
    """A template that was changed, or a folder inside somebody's repository, has no commit to be found by."""
    assert post.commit_of(tmp_path) == ""
    git(tmp_path, "init", "--quiet")
    (tmp_path / "inner").mkdir()
    (tmp_path / "file").write_text("x")
    assert post.commit_of(tmp_path) == ""
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "x")
    assert post.commit_of(tmp_path) == git(tmp_path, "rev-parse", "HEAD")
    assert post.commit_of(tmp_path / "inner") == ""
    (tmp_path / "file").write_text("y")
    assert post.commit_of(tmp_path) == ""


@pytest.mark.parametrize(
    "shape",
    [
        {"package": "./cmd/$(id)"},
        {"package": "../other"},
        {"packages": ["./x", "./x=/../y"]},
        {"modules": ["a b"]},
        {"modules": ["/etc"]},
        {"ports": ["8080 && id"]},
        {"dockerfile": "a/../../b"},
        {"engine": "podman"},
        {"vendored": "yes"},
        {"unknown": 1},
        {"images": [{"name": "a\nRUN id"}]},
        {"images": [{"name": "a", "repository": "Acme/x y"}]},
        {"images": [{"name": "a", "table": "x]\n[y"}]},
    ],
)
def test_a_shape_that_gopherwhale_did_not_write_is_refused(hook: ModuleType, shape: dict[str, Any]) -> None:
    """What a configuration of the user's may put where no question is asked gets into no file."""
    assert len(hook.problems({**GOOD, "_shape": shape})) == 1
    assert hook.problems({**GOOD, "_shape": {}}) == []
