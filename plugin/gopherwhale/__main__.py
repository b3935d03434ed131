"""The console script `gopherwhale`: the same tasks with no tasks.py."""

from __future__ import annotations

import os
import sys

from invoke import Collection, Program

from gopherwhale.flags import Flag
from gopherwhale.tasks import docker_collection, repository_tasks


class _Program(Program):
    def print_version(self) -> None:
        """Print the name and the version that is installed."""
        from importlib.metadata import version  # noqa: PLC0415

        sys.stdout.write(f"{self.name} {version('gopherwhale')}\n")

    def print_task_help(self, name: str) -> None:
        """Print what a command is for, how it is called, and what its words and flags mean."""
        command = self.collection[name].command
        words = [flag for flag in command.flags if flag.kind == "words"]
        called = [self.binary, name, "[--flags]", *(f"[{flag.name.upper()} ...]" for flag in words)]
        sys.stdout.write(f"Usage: {' '.join(called)}\n\n{command.summary}\n\n")
        self.print_columns([(_spelt(flag), flag.help) for flag in command.flags])


def _spelt(flag: Flag) -> str:
    if flag.kind == "words":
        return flag.name.upper()
    return f"--{flag.name}" if flag.kind == "switch" else f"--{flag.name}=VALUE"


def main(argv: list[str] | None = None) -> None:
    """Run the tasks named on the command line and exit with the code of what happened."""
    program = _Program(
        name="gopherwhale",
        binary="gopherwhale",
        namespace=Collection(docker_collection(), *repository_tasks()),
        # A program without a version has no --version; which one it is, only that flag pays to learn.
        version="unread",
    )
    try:
        try:
            program.run(argv if argv is None else ["gopherwhale", *argv])
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read has had enough, as `head`: https://docs.python.org/3/library/signal.html#note-on-sigpipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


if __name__ == "__main__":
    sys.argv[0] = "gopherwhale"
    main()
