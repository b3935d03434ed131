"""`invoke testbed.up | down | status`: a real Docker engine and registry, for the engine tests."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from invoke import Context, Exit, task

from gopherwhale.errors import ExitCode, GopherwhaleError
from tasks._testbed import lifecycle
from tasks._testbed.machine import Machine
from tasks._testbed.places import Places

_REPOSITORY: Final = Path(__file__).resolve().parent.parent


@task
def up(_context: Context) -> None:
    """Start a real Docker engine, a registry and the Go base image, privately (Debian 12, root)."""
    with _told():
        lifecycle.up(_places(), Machine.here(), _say)


@task(help={"purge": "remove the folder too, with its packages and images"})
def down(_context: Context, purge: bool = False) -> None:  # noqa: FBT001, FBT002 - invoke makes it a flag
    """Stop the testbed; the next `up` takes seconds, unless it is purged."""
    with _told():
        lifecycle.down(_places(), _say, purge=purge)


@task(help={"export": "print only `export` lines, for eval"})
def status(_context: Context, export: bool = False) -> None:  # noqa: FBT001, FBT002 - invoke makes it a flag
    """Say whether the testbed stands and how to reach it; exit code 14 where it does not."""
    with _told():
        state = lifecycle.standing(_places())
    if state is None:
        raise Exit("the testbed is down: run `invoke testbed.up`", code=int(ExitCode.MISSING))
    exports = [
        f"export {name}={shlex.quote(value)}"
        for name, value in state.variables(os.environ.get("PATH", os.defpath)).items()
    ]
    facts = [
        "the testbed is up",
        f"  engine    {state.docker_host} (pid {state.pids['dockerd']})",
        f"  registry  {state.registry} (pid {state.pids['registry']})",
        f"  images    {' '.join(state.base_images)}",
        '  use it    eval "$(invoke testbed.status --export)"',
    ]
    _say("\n".join(exports if export else facts))


@contextmanager
def _told() -> Iterator[None]:
    """Turn our errors into two lines and their exit code."""
    try:
        yield
    except GopherwhaleError as error:
        raise Exit(str(error), code=int(error.exit_code)) from error


def _places() -> Places:
    return Places.find(_REPOSITORY, os.environ)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
