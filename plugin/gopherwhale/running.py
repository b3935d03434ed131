"""One command run: what every front end ends in, from its flags to its exit code.

It imports what a command needs when that command runs, so that lists and help stay light.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gopherwhale.errors import ExitCode, GopherwhaleError, UsageError, system_refusal
from gopherwhale.flags import Command

if TYPE_CHECKING:
    from gopherwhale.console import Console


def run(command: Command, flags: Mapping[str, Any], configuration: Callable[[], Mapping[str, Any]]) -> int:
    """Do a command; an error of ours becomes one or two lines on stderr.

    Args:
        command: Which.
        flags: By identifier; what is empty was not given.
        configuration: Gives the `gopherwhale` part of invoke's configuration, as plain dicts and lists.

    Returns:
        The exit code: of the error's class, or the command's own.
    """
    from gopherwhale.stopping import stoppable  # noqa: PLC0415 -- lists and help need no signals

    open_streams()
    try:
        with stoppable():
            return _do(command, flags, configuration)
    except GopherwhaleError as error:
        _tell(str(error))
        return int(error.exit_code)
    except BrokenPipeError:
        # Whoever read has had enough, which the front end knows how to end by.
        raise
    except OSError as error:
        # A disk that is full, a file that nobody may read: no bug of ours, wherever it was met.
        _tell(f"{command.name} failed: {system_refusal(error)}")
        return ExitCode.USAGE
    except KeyboardInterrupt:
        # What is written is whole, and a push keeps notes of what it has sent.
        _tell(f"{command.name} was interrupted; the same again does what is left")
        return ExitCode.INTERRUPTED
    except SystemExit:
        # By a signal: the terminal may be gone, or the log of a CI holds why a job ends.
        with contextlib.suppress(OSError):
            _tell(f"{command.name} was told to stop; the same again does what is left")
        raise


def _tell(problem: str) -> None:
    from gopherwhale.console import harmless  # noqa: PLC0415 -- who fails has time

    sys.stderr.write(f"gopherwhale: {harmless(problem)}\n")


def open_streams() -> None:
    """Put a stream that holds and takes nothing where a process was started without one, as by `<&-`.

    What is opened next would else be taken for it by every process that is started.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 -- to the very end


def _do(command: Command, flags: Mapping[str, Any], configuration: Callable[[], Mapping[str, Any]]) -> int:
    from gopherwhale.app.request import Request  # noqa: PLC0415, TID251 -- for the front ends

    given = {flag: flags.get(flag.identifier) for flag in command.flags}
    request = Request(
        start=Path.cwd(),
        environment=dict(os.environ),
        configuration=configuration(),
        # A switch that was not given says nothing: a file or the environment may still turn it on.
        flags={flag.setting: value or None for flag, value in given.items() if flag.setting},
        images=tuple(flags.get("image") or ()),
        reports=tuple(flags.get("report") or ()),
        console=_console(command, flags.get("format") or ""),
    )
    own = {name: value for name in command.own if (value := flags.get(name))}
    module, _, function = command.function.partition(":")
    return int(getattr(import_module(f"gopherwhale.app.{module}"), function)(request, **own))


def _console(command: Command, form: str) -> Console:
    from gopherwhale.console import Console  # noqa: PLC0415

    choices = next(flag.choices for flag in command.flags if flag.name == "format")
    if form and form not in choices:
        raise UsageError(f"--format {form!r} is not known", hint=f"one of: {', '.join(choices)}")
    chosen = form or choices[0]
    asking = chosen == "table" and sys.stdin.isatty() and sys.stderr.isatty()
    return Console(out=sys.stdout, err=sys.stderr, format=chosen, ask=_ask if asking else None)


def _ask(question: str) -> bool:
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
