"""The installable collection `docker` for invoke: `from gopherwhale.tasks import namespace`.

The only module that knows invoke. Bodies import what they need, so that `invoke --list` stays light.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any, Final, cast

from invoke import Argument, Collection, Config, Context, Exit, Task

from gopherwhale.commands import COMMANDS
from gopherwhale.errors import UsageError
from gopherwhale.flags import Command, Flag
from gopherwhale.repository_commands import REPOSITORY_COMMANDS
from gopherwhale.running import run

_MAX_TOLD: Final = 300
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
    """The tasks `new`, `init` and `update`, which bring the template's files into a repository."""
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
    # invoke turns byte code off, to leave none beside a tasks.py. What is imported from here on is installed,
    # and where the installer compiled nothing (uv), every run would compile it anew: 0.3 s and more.
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    if code := run(command, flags, lambda: _own_part(context.config)):
        raise Exit(code=code)


def configuration_of(folder: Path) -> Mapping[str, Any]:
    """What invoke's configuration files say of `gopherwhale`, for a front end that is not invoke.

    Args:
        folder: The repository's, where `invoke.yaml` may stand; the user's and the system's are read too.

    Raises:
        UsageError: One of them is not sound.
    """
    try:
        config = Config(project_location=folder)
        config.load_project()
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 -- YAML, JSON or Python of the user's, each with errors of its own
        told = " ".join(f"{type(error).__name__}: {error}".split())[:_MAX_TOLD]
        raise UsageError(
            f"invoke's configuration cannot be read: {told}",
            hint=f"look at invoke.yaml, .json or .py in {folder}, at .invoke in your home, at /etc/invoke",
        ) from None
    return _own_part(config)


def _own_part(config: Config) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", _plain(config.get("gopherwhale", {})))


def _plain(value: Any) -> Any:
    """Plain dicts and lists for the proxies in which invoke hands out nested configuration."""
    if hasattr(value, "items"):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
