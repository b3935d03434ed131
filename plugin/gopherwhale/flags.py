"""What a command and a flag are; which there are, `commands` says. A leaf that imports nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Flag:
    """One flag of a command.

    Attributes:
        name: As it is typed, without its dashes.
        kind: `text` has one value, `list` may be repeated, `switch` has none, `words` stands without dashes.
        help: One line.
        setting: The setting that it overrides, else empty.
        choices: What a text may be; empty for anything.
    """

    name: str
    kind: Literal["text", "list", "switch", "words"]
    help: str
    setting: str = ""
    choices: tuple[str, ...] = ()

    @property
    def identifier(self) -> str:
        """The flag's name in Python."""
        return self.name.replace("-", "_")


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command.

    Attributes:
        name: Its name in its collection, with dashes.
        summary: One line for lists and help.
        flags: In the order of help.
        function: `module:function` of `gopherwhale.app` that does it.
        own: Flags which that function takes itself.
    """

    name: str
    summary: str
    function: str
    flags: tuple[Flag, ...]
    own: tuple[str, ...] = ()
