"""The console script `gopherwhale`: the same tasks with no tasks.py."""

from __future__ import annotations

import sys

from invoke import Collection, Program

from gopherwhale.tasks import docker_collection, repository_tasks


class _Program(Program):
    def print_version(self) -> None:
        """Print the name and the version that is installed."""
        from importlib.metadata import version  # noqa: PLC0415

        sys.stdout.write(f"{self.name} {version('gopherwhale')}\n")


def main(argv: list[str] | None = None) -> None:
    """Run the tasks named on the command line and exit with the code of what happened."""
    program = _Program(
        name="gopherwhale",
        binary="gopherwhale",
        namespace=Collection(docker_collection(), *repository_tasks()),
        # A program without a version has no --version; which one it is, only that flag pays to learn.
        version="unread",
    )
    program.run(argv if argv is None else ["gopherwhale", *argv])


if __name__ == "__main__":
    sys.argv[0] = "gopherwhale"
    main()
