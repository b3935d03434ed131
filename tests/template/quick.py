"""Cookiecutter without what it does anew for each repository: compile the template, start Python twice."""

from __future__ import annotations

import contextlib
import runpy
import sys
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from cookiecutter import hooks
from cookiecutter.environment import StrictEnvironment
from cookiecutter.exceptions import FailedHookException
from cookiecutter.utils import work_in

_compile: Final = StrictEnvironment.compile
_compiled: Final[dict[Hashable, Any]] = {}


@contextlib.contextmanager
def quick() -> Iterator[None]:
    """Compile each text of a template once, and run hooks in this process.

    A hook is run as cookiecutter rendered it, as `__main__` and in the new repository. That it runs as a
    program of its own too is shown by the tests that start cookiecutter itself, or the console script.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StrictEnvironment, "compile", _compile_once)
        patch.setattr(hooks, "run_script", _run_here)
        yield


def _compile_once(environment: StrictEnvironment, *arguments: Any, **options: Any) -> Any:
    # Code knows nothing of the environment that it will run in, but for its syntax and extensions.
    syntax = (environment.variable_start_string, environment.block_start_string, *environment.extensions)
    key = (arguments, *options.items(), syntax, environment.keep_trailing_newline)
    if key not in _compiled:
        _compiled[key] = _compile(environment, *arguments, **options)
    return _compiled[key]


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
        Path(script_path).unlink()
