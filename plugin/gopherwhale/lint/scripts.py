"""What the RUNs of a Dockerfile give to a shell, command by command, each with its place."""

from __future__ import annotations

import bisect
import functools
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gopherwhale.dockerfile.shell import Command, assignment, commands
from gopherwhale.dockerfile.shells import SHELLS, shell_command
from gopherwhale.dockerfile.stages import Stage
from gopherwhale.dockerfile.syntax import Instruction
from gopherwhale.dockerfile.words import Word

# What a script asks of the machine or of BuildKit to tell architectures apart by itself.
_ASKS = re.compile(
    r"\$\{?TARGET(ARCH|PLATFORM|VARIANT)|\buname\b|--print-arch|\bxx-info\b|\bgo env\b|\barch\)|`arch`"
)
_OPENING: Final = frozenset({"case", "if"})
_CLOSING: Final = frozenset({"esac", "fi"})
_KEYWORD = re.compile(rf"(?<![\w$.-])({'|'.join((*_OPENING, *_CLOSING))})(?![\w.-])")
# What sets variables that it names; of a loop's words more are taken than are meant.
_SETTING: Final = frozenset({"for", "getopts", "mapfile", "read", "readarray"})
_MOST_NAMES: Final = 64
_TESTS: Final = frozenset({"[", "[[", "test"})


@dataclass(frozen=True, kw_only=True)
class Script:
    """What a RUN gives to a shell.

    Attributes:
        text: Where the commands stand.
        start: Where they begin in it.
        run: The instruction.
        line: The first line of a heredoc; 0 where `text` is the instruction's own; -1 for the JSON form.
    """

    text: str
    start: int
    run: Instruction
    line: int

    def place(self, offset: int) -> tuple[int, int]:
        """The line and column of an offset, as far as they can be told."""
        if self.line == 0:
            return self.run.place(offset)
        number = bisect.bisect_right(self._starts, offset) - 1
        column = offset - self._starts[number]
        return (self.line + number, column) if self.line > 0 else (self.run.line, column)

    @functools.cached_property
    def _starts(self) -> list[int]:
        """The offset of each line."""
        return [0, *(newline.end() for newline in re.finditer("\n", self.text))]

    @functools.cached_property
    def commands(self) -> list[Command]:
        """Its simple commands."""
        return commands(self.text, self.start)

    @functools.cached_property
    def assigned(self) -> dict[str, list[Word | None]]:
        """Each value that it gives to a variable of its own: None for one that is computed or chosen."""
        found: dict[str, list[Word | None]] = {}
        for command in self.commands:
            given = [pair for word in command.words if (pair := assignment(word))]
            for name, word in (*command.assignments, *given):
                found.setdefault(name, []).append(None if self.chooses(command) else word)
            for name in command.arguments[:_MOST_NAMES] if command.program in _SETTING else ():
                found.setdefault(name, []).append(None)
        return found

    @functools.cached_property
    def values(self) -> dict[str, str | None]:
        """Its own variables: None where a value is computed, or is one of several."""
        alone = {name: words[0] if len(words) == 1 else None for name, words in self.assigned.items()}
        return {
            name: word.text if word and not ("$" in word.raw or "`" in word.raw) else None
            for name, word in alone.items()
        }

    @functools.cached_property
    def _asks(self) -> bool:
        return _ASKS.search(self.text, self.start) is not None

    @functools.cached_property
    def _depths(self) -> list[tuple[int, int]]:
        """Where a condition begins or ends, and how many are open from there on."""
        depth, found = 0, []
        for word in _KEYWORD.finditer(self.text, self.start):
            depth += 1 if word[1] in _OPENING else -1
            found.append((word.start(), depth))
        return found

    def chooses(self, command: Command) -> bool:
        """Whether a command runs for some architectures alone, as far as that can be seen."""
        if not self._asks:
            return False
        at = bisect.bisect_left(self._depths, (command.offset, 0)) - 1
        number = bisect.bisect_left(self.commands, command.offset, key=lambda one: one.offset)
        before = self.commands[number - 1].program if number else ""
        return before in _TESTS or (at >= 0 and self._depths[at][1] > 0)


class Scripts:
    """The scripts of a Dockerfile's RUNs, each taken apart once, whatever number of rules look at it."""

    def __init__(self) -> None:
        """None are known yet."""
        # By identity: to compare instructions is to read them. Each is held, so that its id stays its own.
        self._known: dict[int, tuple[Instruction, tuple[Script, ...]]] = {}

    def within(self, stage: Stage) -> Iterator[Script]:
        """What the RUNs of a stage give to a shell; nothing where that is no POSIX shell."""
        inherited = stage.parents[0].shell if stage.parents else None
        posix = _is_posix(inherited) if inherited else True
        for one in stage.instructions:
            if one.name == "SHELL":
                posix = _is_posix(one)
            elif one.name == "RUN" and posix:
                yield from self.of(one)

    def of(self, run: Instruction) -> tuple[Script, ...]:
        """The scripts of one RUN: its own line, and heredocs that are scripts themselves."""
        if id(run) not in self._known:
            self._known[id(run)] = (run, tuple(_scripts_of(run)))
        return self._known[id(run)][1]


def _scripts_of(one: Instruction) -> Iterator[Script]:
    if one.json is not None:
        yield Script(text=shell_command(one.json) or shlex.join(one.json), start=0, run=one, line=-1)
        return
    own = Script(text=one.source, start=one.text_start, run=one, line=0)
    yield own
    # What a shell of the script's own is given, too.
    given = filter(None, (command.script for command in own.commands))
    yield from (Script(text=text, start=0, run=one, line=-1) for text in given)
    first = own.commands[0].program if own.commands else ""
    if one.text.startswith("<<") or (first in SHELLS and not own.commands[0].script):
        for heredoc in one.heredocs:
            text = "\n".join(heredoc.lines)
            if (
                not text.startswith("#!")
                or text.partition("\n")[0].rpartition("/")[2].split(" ")[-1] in SHELLS
            ):
                yield Script(text=text, start=0, run=one, line=heredoc.line)


def _is_posix(shell: Instruction) -> bool:
    return (shell.json or [""])[0].rpartition("/")[2] in SHELLS
