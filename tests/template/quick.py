"""Cookiecutter without what it does anew for each repository: compile the template, start Python, ask git."""

from __future__ import annotations

import contextlib
import functools
import os
import runpy
import subprocess
import sys
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from cookiecutter import generate, hooks
from cookiecutter.environment import StrictEnvironment
from cookiecutter.exceptions import FailedHookException
from cookiecutter.utils import work_in

_ROOT: Final = Path(__file__).resolve().parents[2]
_compile: Final = StrictEnvironment.compile
_from_string: Final = StrictEnvironment.from_string
_is_binary: Final = generate.is_binary
_run: Final = subprocess.run
_compiled: Final[dict[Hashable, Any]] = {}
_binary: Final[dict[Hashable, bool]] = {}


@contextlib.contextmanager
def quick() -> Iterator[None]:
    """Compile each text of a template once, and run hooks in this process.

    A hook is run as cookiecutter rendered it, as `__main__` and in the new repository. That it runs as a
    program of its own too is shown by the tests that start cookiecutter itself, or the console script.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StrictEnvironment, "compile", _compile_once)
        patch.setattr(StrictEnvironment, "from_string", _as_it_is)
        patch.setattr(generate, "is_binary", _is_binary_once)
        patch.setattr(hooks, "run_script", _run_here)
        patch.setattr(subprocess, "run", _ask_once)
        yield


def _compile_once(environment: StrictEnvironment, *arguments: Any, **options: Any) -> Any:
    # Code knows nothing of the environment that it will run in, but for its syntax and extensions.
    syntax = (environment.variable_start_string, environment.block_start_string, *environment.extensions)
    key = (arguments, *options.items(), syntax, environment.keep_trailing_newline)
    if key not in _compiled:
        _compiled[key] = _compile(environment, *arguments, **options)
    return _compiled[key]


class _Plain:
    """A text without a mark of the template's, which need not be compiled: most are names of folders."""

    def __init__(self, text: str) -> None:
        self._text = text

    def render(self, **_context: object) -> str:
        return self._text


def _as_it_is(environment: StrictEnvironment, source: str, *arguments: Any, **options: Any) -> Any:
    starts = (
        *(environment.variable_start_string, environment.block_start_string),
        *(environment.comment_start_string, "\n", "\r"),
    )
    if any(start in source for start in starts):
        return _from_string(environment, source, *arguments, **options)
    return _Plain(source)


def _is_binary_once(path: str) -> bool:
    state = os.stat(path)  # noqa: PTH116 -- a Path costs more than the answer
    key = (state.st_dev, state.st_ino, state.st_mtime_ns)
    if key not in _binary:
        _binary[key] = bool(_is_binary(path))
    return _binary[key]


def _run_here(script_path: str, cwd: Path | str = ".") -> None:
    path = list(sys.path)
    try:
        with work_in(cwd):
            runpy.run_path(script_path, run_name="__main__")
    except SystemExit as end:
        if end.code:
            raise FailedHookException(f"Hook script failed (exit status: {end.code})") from None
    finally:
        sys.path[:] = path
        Path(script_path).unlink(missing_ok=True)


def _ask_once(command: Any, **options: Any) -> Any:
    """What git says of this repository, which is the template's, stays as it is while tests run."""
    if isinstance(command, list) and command[:3] == ["git", "-C", str(_ROOT)]:
        return _of_the_template(tuple(command))
    return _run(command, **options)


@functools.cache
def _of_the_template(command: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    return _run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
