"""The console script `gopherwhale`: the same tasks with no tasks.py."""

from __future__ import annotations

import sys

from invoke import Collection, Program

from gopherwhale.tasks import docker_collection, repository_tasks


def main(argv: list[str] | None = None) -> None:
    """Run the tasks named on the command line and exit with the code of what happened."""
    from importlib.metadata import version  # noqa: PLC0415

    program = Program(
        name="gopherwhale",
        binary="gopherwhale",
        namespace=Collection(docker_collection(), *repository_tasks()),
        version=version("gopherwhale"),
    )
    program.run(argv if argv is None else ["gopherwhale", *argv])


if __name__ == "__main__":
    sys.argv[0] = "gopherwhale"
    main()
