"""Repositories to look at, each baked once."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Protocol

import pytest

from tests.sharing import once
from tests.template.baking import HOOKS, bake, covering

Baked = tuple[Path, dict[str, str]]


def _name(number: int) -> str:
    return "-".join(covering()[number].values())


class Bake(Protocol):
    """Bake below the test's own folder."""

    def __call__(self, **answers: str) -> Path:
        """Give the new repository's folder."""


@pytest.fixture(name="bake")
def _bake(tmp_path: Path) -> Bake:
    """Give a function that makes a repository from answers."""
    output = tmp_path / "target"
    output.mkdir()

    def run(**answers: str) -> Path:
        return bake(output, **answers)

    return run


@pytest.fixture(scope="session")
def bakes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Baked, ...]:
    """Give a set of repositories that has every two choices together, with the answers of each."""

    def fill(folder: Path) -> None:
        for number, answers in enumerate(covering()):
            bake(folder / str(number), **answers)

    folder = once(tmp_path_factory, "baked", fill)
    return tuple((folder / str(n) / "hello", answers) for n, answers in enumerate(covering()))


@pytest.fixture(scope="session", params=range(len(covering())), ids=_name)
def baked(request: pytest.FixtureRequest, bakes: tuple[Baked, ...]) -> Baked:
    """Give one of that set."""
    number: int = request.param
    return bakes[number]


@pytest.fixture(scope="session")
def hook() -> ModuleType:
    """Give the validating hook as a module, unrendered."""
    spec = importlib.util.spec_from_file_location("pre_gen_project", HOOKS / "pre_gen_project.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def tool() -> Callable[..., str]:
    """Give a function that runs a linter from this environment and gives its output, if it is content."""

    def run(name: str, *arguments: str | Path, cwd: Path) -> str:
        beside = Path(sys.executable).parent / name
        program = str(beside) if beside.is_file() else shutil.which(name)
        assert program, f"{name} is not installed: see the extra `dev`"
        done = subprocess.run(
            [program, *map(str, arguments)],
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"
        return done.stdout

    return run
