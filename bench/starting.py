"""What the front ends cost before they do anything: `invoke --list`, and baking the template."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench.harness import Comparison, Contender, Target
from bench.workbench import REPOSITORY, Workbench

_EMPTY: Final = "from invoke import task\n\n\n@task\ndef nothing(context):\n    pass\n"
_OURS: Final = "from gopherwhale.tasks import namespace\n\nns = namespace()\n"


def comparisons(bench: Workbench) -> Iterator[Comparison]:
    """Start-up against an empty collection; the time to make a repository."""
    yield _listing(bench)
    yield _baking(bench)


def _listing(bench: Workbench) -> Comparison:
    contenders = []
    for name, text in (("gopherwhale: two lines", _OURS), ("a task that does nothing", _EMPTY)):
        folder = bench.scratch(f"listing-{'ours' if text is _OURS else 'empty'}")
        (folder / "tasks.py").write_text(text)
        invoke = str(Path(sys.executable).with_name("invoke"))
        # Ten starts in a round: one is as short as the noise.
        commands = [bench.command(invoke, "--list", folder=folder)] * 10
        contenders.append(Contender(name=name, commands=commands))
    return Comparison(
        name="invoke-list",
        title="`invoke --list`, ten times",
        contenders=contenders,
        targets=[Target(of=contenders[0].name, to=contenders[1].name, at_most=1.2)],
        rounds=7,
    )


def _baking(bench: Workbench) -> Comparison:
    def command(number: int, *extra: str) -> list[str]:
        program = str(Path(sys.executable).with_name("cookiecutter"))
        folder = bench.scratch(f"baking-{number}")
        return [program, str(REPOSITORY), "--no-input", "--overwrite-if-exists", "-o", str(folder), *extra]

    home = {"HOME": str(bench.scratch("baking-home"))}
    ours = bench.command(*command(0), folder=bench.folder, **home)
    return Comparison(
        name="bake",
        title="Making a repository from the template",
        contenders=[Contender(name="gopherwhale: cookiecutter", commands=[ours])],
    )
