"""The installable collection `docker` for invoke: `from gopherwhale.tasks import namespace`.

With `__main__` the only module that knows invoke. Bodies import what they need, so that `invoke --list`
stays light.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from invoke import Argument, Collection, Context, Exit, Task

from gopherwhale.commands import COMMANDS, REPOSITORY_COMMANDS
from gopherwhale.flags import Command, Flag

if TYPE_CHECKING:
    from gopherwhale.console import Console

_DEFAULTS: Final[Mapping[str, Any]] = {"text": "", "list": None, "words": None, "switch": False}


class OptionalPositionals(Argument):
    """A positional argument that may be left out or repeated; invoke itself has only required ones.

    Its parser asks a positional argument for its value to learn whether it is still missing. This one
    says "missing" while a word is looked at that names no task and is no flag, and "there" else.
    """

    @property
    def value(self) -> Any:
        """The words so far, or None while invoke's parser offers one more."""
        frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 -- the parser hands over nothing to ask
        for _ in range(3):
            if frame is None or frame.f_code.co_name == "complete_context":
                break
            if frame.f_code.co_name == "see_positional_arg":
                return None
            if frame.f_code.co_name == "handle" and "token" in frame.f_locals:
                token, parser = frame.f_locals["token"], frame.f_locals["self"]
                # A flag is never a word: --help is the parser's, and a mistyped one is told as such.
                return self._value if token in parser.contexts or token.startswith("-") else None
            frame = frame.f_back
        return self._value

    @value.setter
    def value(self, word: str) -> None:
        self.raw_value = word
        self._value = [*(self._value or []), word]


class CommandTask(Task):  # type: ignore[type-arg] # invoke's Task is generic in its own stubs alone
    """A task made of a `Command`."""

    command: Command

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:  # noqa: FBT001 -- invoke's signature
        """The flags, with `words` as optional positional arguments."""
        words = {flag.name for flag in self.command.flags if flag.kind == "words"}
        return [
            _positional(argument) if set(argument.names) & words else argument
            for argument in super().get_arguments(ignore_unknown_help)
        ]


def _positional(argument: Argument) -> Argument:
    return OptionalPositionals(
        names=argument.names,
        kind=list,
        help=argument.help,
        positional=True,
        attr_name=argument.attr_name,
    )


def docker_collection() -> Collection:
    """The collection `docker`, to be mounted in a namespace of your own."""
    collection = Collection("docker")
    for command in COMMANDS:
        collection.add_task(_task(command))
    return collection


def repository_tasks() -> list[CommandTask]:
    """The tasks `init` and `update`, which bring the template's files into a repository."""
    return [_task(command) for command in REPOSITORY_COMMANDS]


def namespace() -> Collection:
    """Make the root of a repository's tasks.py, which says `ns = ` and this."""
    return Collection(docker_collection(), Collection("template", *repository_tasks()))


def _task(command: Command) -> CommandTask:
    def body(context: Context, **flags: Any) -> None:
        _run(command, context, flags)

    # invoke reads a task's flags from its signature; this one is written by the command's data.
    parameters = [inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    parameters += [_parameter(flag) for flag in command.flags]
    body.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    body.__doc__ = command.summary
    task = CommandTask(
        body,
        name=command.name,
        auto_shortflags=False,
        iterable=[flag.identifier for flag in command.flags if flag.kind in ("list", "words")],
        help={flag.name: flag.help for flag in command.flags},
    )
    task.command = command
    return task


def _parameter(flag: Flag) -> inspect.Parameter:
    return inspect.Parameter(
        flag.identifier, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=_DEFAULTS[flag.kind]
    )


def _run(command: Command, context: Context, flags: Mapping[str, Any]) -> None:
    """Do the command; our errors become one or two lines on stderr and the exit code of their class."""
    # invoke turns byte code off, to leave none beside a tasks.py. What is imported from here on is installed,
    # and where the installer compiled nothing (uv), every run would compile it anew: 0.3 s and more.
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    from importlib import import_module  # noqa: PLC0415

    from gopherwhale.app.request import Request  # noqa: PLC0415
    from gopherwhale.errors import GopherwhaleError  # noqa: PLC0415

    given = {flag: flags.get(flag.identifier) for flag in command.flags}
    try:
        request = Request(
            start=Path.cwd(),
            environment=dict(os.environ),
            configuration=_plain(context.config.get("gopherwhale", {})),
            # A switch that was not given says nothing: a file or the environment may still turn it on.
            flags={flag.setting: value or None for flag, value in given.items() if flag.setting},
            images=tuple(flags.get("image") or ()),
            console=_console(command, flags.get("format") or ""),
        )
        own = {name: value for name in command.own if (value := flags.get(name))}
        module, _, function = command.function.partition(":")
        run = getattr(import_module(f"gopherwhale.app.{module}"), function)
        code = int(run(request, **own))
    except GopherwhaleError as error:
        raise Exit(f"gopherwhale: {error}", code=int(error.exit_code)) from None
    if code:
        raise Exit(code=code)


def _console(command: Command, form: str) -> Console:
    from gopherwhale.console import Console  # noqa: PLC0415
    from gopherwhale.errors import UsageError  # noqa: PLC0415

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


def _plain(value: Any) -> Any:
    """Plain dicts and lists for the proxies in which invoke hands out nested configuration."""
    if hasattr(value, "items"):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
