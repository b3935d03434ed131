"""What the comparisons stand on: a scratch folder, the testbed, the peers, and our own program."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from bench.harness import Say
from bench.measuring import Command, Failed
from bench.peers import Peers
from tasks._testbed import lifecycle
from tasks._testbed.places import Places
from tasks._testbed.state import State

REPOSITORY: Final = Path(__file__).resolve().parents[1]
# Without byte code each start of ours would compile itself anew, which it never does where pip installed it.
_DROPPED: Final = (
    "PYTHONDONTWRITEBYTECODE",
    "GOPHERWHALE_",
    "GOFLAGS",
    "GOOS",
    "GOARCH",
    "GOARM",
    "GOAMD64",
    "SOURCE_DATE_EPOCH",
)


@dataclass(frozen=True, kw_only=True)
class Workbench:
    """Where and with what a run of the benchmarks works.

    Attributes:
        folder: A scratch folder of this run.
        quick: Whether fewer rounds on smaller work will do, as in CI.
        say: Takes lines of progress.
    """

    folder: Path
    quick: bool
    say: Say

    @cached_property
    def testbed(self) -> State | None:
        """The running testbed, or None: then what needs Docker or a registry is reported as failed."""
        return lifecycle.standing(Places.find(REPOSITORY, os.environ))

    @cached_property
    def environment(self) -> Mapping[str, str]:
        """Of every command: the ambient one without what would steer us or Go, and the testbed's."""
        kept = {key: text for key, text in os.environ.items() if not key.startswith(_DROPPED)}
        found = self.testbed.variables(kept.get("PATH", os.defpath)) if self.testbed else {}
        return {**kept, **found, "GOTOOLCHAIN": "local"}

    @cached_property
    def peers(self) -> Peers:
        """The peers, kept between runs."""
        return Peers(REPOSITORY / ".bench" / "peers", self.environment)

    @property
    def standing(self) -> State:
        """The running testbed, for what cannot do without.

        Raises:
            Failed: There is none.
        """
        if self.testbed is None:
            raise Failed("no testbed is up: run `invoke testbed.up`")
        return self.testbed

    @property
    def registry(self) -> str:
        """`127.0.0.1:PORT` of the testbed's registry; errors as of `standing`."""
        return self.standing.registry

    def ours(self, *arguments: str, folder: Path, **variables: str) -> Command:
        """Our console script with some arguments, as a user starts it."""
        program = str(Path(sys.executable).with_name("gopherwhale"))
        return self.command(program, *arguments, folder=folder, **variables)

    def command(self, *arguments: str, folder: Path, **variables: str) -> Command:
        """Any command in this run's environment, which `variables` change."""
        return Command(arguments=arguments, folder=folder, environment={**self.environment, **variables})

    def peer(self, name: str, *arguments: str, folder: Path, **variables: str) -> Command:
        """A peer's command; where the peer cannot be had, one whose start fails and says so."""
        try:
            program = self.peers.find(name)
        except Failed as failure:
            self.say(f"{name}: {failure}")
            program = name
        return self.command(program, *arguments, folder=folder, **variables)

    def scratch(self, name: str) -> Path:
        """A folder of that name in this run's scratch folder."""
        path = self.folder / name
        path.mkdir(parents=True, exist_ok=True)
        return path
