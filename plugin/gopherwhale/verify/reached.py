"""One file that an image's start comes to."""

from __future__ import annotations

from typing import Final, NamedTuple

from gopherwhale.verify.contents import Node
from gopherwhale.verify.facts import BinaryFacts

MACHINE_CODE: Final = frozenset({"ELF", "PE", "Mach-O"})


class Reached(NamedTuple):
    """One file that runs, or is loaded, when a container starts.

    Attributes:
        path: Where it is, links followed.
        role: entrypoint, interpreter, argument, script, health, loader, library, base, or other.
        facts: What it is.
        node: What stands there.
    """

    path: str
    role: str
    facts: BinaryFacts
    node: Node

    @property
    def is_code(self) -> bool:
        """Whether it holds machine code."""
        return self.facts.format in MACHINE_CODE

    @property
    def is_run(self) -> bool:
        """Whether it is started, not loaded by something that is."""
        return self.role in ("entrypoint", "interpreter", "argument", "script", "health")
