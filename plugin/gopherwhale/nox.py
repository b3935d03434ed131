"""The same commands as nox sessions: `from gopherwhale.nox import register`, then `register()`.

The only module that knows nox. Each session runs the console script's task in the environment that nox
itself runs in, so a noxfile in script mode needs nothing but its own header.
"""

from __future__ import annotations

import sys
from collections.abc import Collection
from typing import Final

import nox

from gopherwhale.commands import COMMANDS
from gopherwhale.errors import UsageError
from gopherwhale.flags import Command
from gopherwhale.guesses import advice

# Seconds that a run has to end its compilers and to clean up: after Ctrl-C, and then after SIGTERM. Of itself
# nox gives it half of one; GitHub gives a cancelled step ten in all.
_INTERRUPTED: Final = 5.0
_TERMINATED: Final = 5.0


def register(only: Collection[str] = ()) -> None:
    """Register the sessions `docker-plan`, `docker-build` and so on; flags after `--` go to the command.

    Args:
        only: Names of the sessions that are wanted; empty for all.

    Raises:
        UsageError: A name is no session's.
    """
    sessions = {f"docker-{command.name}": command for command in COMMANDS}
    if unknown := [name for name in only if name not in sessions]:
        raise UsageError(f"there is no session {unknown[0]!r}", hint=advice(unknown[0], sessions))
    for name, command in sessions.items():
        if not only or name in only:
            _register(name, command)


def _register(name: str, command: Command) -> None:
    def session(session: nox.Session) -> None:
        task = f"docker.{command.name}"
        session.run(
            *(sys.executable, "-m", "gopherwhale", task, *session.posargs),
            external=True,
            # nox would put progress among the results.
            stderr=None,
            interrupt_timeout=_INTERRUPTED,
            terminate_timeout=_TERMINATED,
        )

    session.__doc__ = command.summary
    # Nothing is installed: gopherwhale is where nox is. Not a default: a bare `nox` must not push.
    nox.session(name=name, venv_backend="none", default=False)(session)
