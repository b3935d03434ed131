"""Go repositories of every shape, written from tables."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from cookiecutter.cli import main as cookiecutter

from tests.template.quick import quick

MAIN: Final = "package main\n\nfunc main() {}\n"
LIBRARY: Final = "package library\n"
MOD: Final = "module github.com/acme/hello\n\ngo 1.24.0\n"

Tree = Mapping[str, str]


def write(root: Path, tree: Tree) -> Path:
    """Write files by path, and give the folder."""
    for name, text in tree.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def git(root: Path, *words: str) -> str:
    """Run git as somebody, and give its output."""
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.invalid", "-c", "init.defaultBranch=main")
    done = subprocess.run(
        ["git", "-C", str(root), *identity, *words], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def commit(root: Path, message: str = "x") -> None:
    """Commit everything, in a repository that is made if need be."""
    git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", message)


def snapshot(root: Path) -> dict[str, bytes]:
    """Every file below a folder but git's own."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(root).parts
    }


Run = Callable[..., str]


def here_if_it_works(run: Run) -> Run:
    """Run cookiecutter in this process, and only where it fails as the program that it is."""

    def shortcut(command: list[str], folder: Path, what: str, **variables: str) -> str:
        if command[:3] == [sys.executable, "-m", "cookiecutter"]:
            try:
                # What hooks say is read by nobody there either, if all goes well.
                with quick(), contextlib.redirect_stdout(io.StringIO()):
                    cookiecutter(command[3:], standalone_mode=False)
            except BaseException:  # noqa: BLE001 -- it is done again, by those who must deal with it
                for path in folder.glob("made/*"):
                    shutil.rmtree(path)
            else:
                return ""
        return run(command, folder, what, **variables)

    return shortcut


def made_by(template: Path, output: Path, answers: Mapping[str, str]) -> Path:
    """Make a repository with cookiecutter, away from the user's own configuration."""
    output.mkdir()
    configuration = {"replay_dir": str(output / ".replay"), "default_context": {}}
    file = output.with_name(f"{output.name}.yaml")
    file.write_text(json.dumps(configuration), encoding="utf-8")
    options = ["--no-input", "--config-file", str(file), "--output-dir", str(output), str(template)]
    with quick():
        cookiecutter([*options, *(f"{name}={text}" for name, text in answers.items())], standalone_mode=False)
    return next(path for path in output.iterdir() if path.name[0] != ".")
