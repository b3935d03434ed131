"""The template's own source."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.template.baking import (
    CHOICES,
    HOOKS,
    PARTS,
    QUESTIONS,
    ROOT,
    TEMPLATE,
    all_pairs,
    covering,
    files,
    pairs,
)

_IN_A_CHECKOUT = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this tree is not a git checkout")


def _git(*arguments: str, given: str = "") -> list[str]:
    done = subprocess.run(
        ["git", "-C", str(ROOT), *arguments],
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in {0, 1}, done.stderr
    return [name for name in done.stdout.split("\0") if name]


@pytest.mark.parametrize(
    "path", [*files(TEMPLATE), *files(PARTS)], ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_a_value_is_inserted_in_one_way_only(path: Path) -> None:
    """`<<` starts nothing but an answer: a shell's heredoc or Go's shift would vanish without a word."""
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"<<(?! cookiecutter\.)[^\n]*", text) == []
    assert "<#" not in text


def test_the_hook_takes_the_answers_in_one_place() -> None:
    """The answers enter each hook once, as JSON, so that no answer can become code."""
    marks = [re.findall(r"<[<%#][^\n]*?[>%#]>", path.read_text(encoding="utf-8")) for path in files(HOOKS)]
    assert marks == [["<< cookiecutter | tojson >>"]] * 2


@_IN_A_CHECKOUT
def test_every_file_is_tracked() -> None:
    """The .gitignore in the template, which is live in this repository too, hides none of its files."""
    ours = [
        *files(TEMPLATE),
        *files(PARTS),
        ROOT / "local_extensions.py",
        *(path for path in files(HOOKS) if path.suffix == ".py"),
        ROOT / "cookiecutter.json",
    ]
    names = {path.relative_to(ROOT).as_posix() for path in ours}
    assert names - set(_git("ls-files", "-z")) == set()
    assert _git("check-ignore", "--no-index", "-z", "--stdin", given="\0".join(sorted(names))) == []


@pytest.mark.parametrize(
    "path", [path for path in files(HOOKS) if path.suffix == ".py"], ids=lambda path: path.name
)
def test_a_hook_needs_nothing_installed(path: Path) -> None:
    """A hook runs alone, in whatever Python cookiecutter has: it imports the standard library only."""
    imported = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add((node.module or "").partition(".")[0])
    assert imported
    assert imported <= sys.stdlib_module_names


def test_every_question_says_what_it_asks() -> None:
    """Each question has a prompt, each choice of it too, and no prompt asks for nothing."""
    prompts = QUESTIONS["__prompts__"]
    asked = {key: value for key, value in QUESTIONS.items() if not key.startswith("_")}
    assert set(prompts) == set(asked)
    for key, value in asked.items():
        if isinstance(value, list):
            assert set(prompts[key]) == {"__prompt__", *value}


def test_every_question_is_checked(hook: object) -> None:
    """No answer reaches a file unchecked."""
    assert set(hook.CHECKS) == {key for key in QUESTIONS if not key.startswith("_")}  # type: ignore[attr-defined]


def test_the_baked_set_covers_every_pair(record_property: Callable[[str, object], None]) -> None:
    """The repositories that these tests look at hold every two choices together; the count is printed."""
    met = set().union(*map(pairs, covering()))
    text = f"{len(met)} of {len(all_pairs())} pairs of {len(CHOICES)} questions in {len(covering())} bakes"
    record_property("pairs", text)
    sys.stdout.write(f"{text}\n")
    assert met == all_pairs()


def test_every_choice_has_its_folder() -> None:
    """Each folder of choices is laid over the repository by some answer, and each answer finds its own."""
    spec = importlib.util.spec_from_file_location("post_gen_project", HOOKS / "post_gen_project.py")
    assert spec is not None
    assert spec.loader is not None
    post = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(post)
    wanted = {
        name
        for answers in covering()
        for name, _ in post.chosen({"project": "x", "_shape": QUESTIONS["_shape"], **answers})
    }
    assert {path.name for path in (TEMPLATE / post.CHOICES).iterdir()} == wanted - {"license-none"}
