"""The simple commands of a shell's script, as far as a linter needs them.

No shell: nothing is run or expanded. Conditions and loops are passed through, so every command counts, with
what stands in front of it. https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from gopherwhale.dockerfile.shells import shell_command
from gopherwhale.dockerfile.words import Word, unquote

_DEEPEST: Final = 4
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*+)=(.*)", re.DOTALL)
_PLAIN = re.compile(r"[^\s\"'\\$`;&|()<>]++")
_SPACE = re.compile(r"(?:[^\S\n]|\\\n)++")
_SEPARATOR = re.compile(r"&&|\|\||;;|[;&|()\n]")
_REDIRECTION = re.compile(r"(?:\d*+|&)(?:<<-?|>>|>\||[<>]&?)\s*+")
_WORDS_OF_THE_SHELL: Final = frozenset(
    {"!", "do", "elif", "else", "exec", "if", "sudo", "then", "time", "until", "while", "{"}
)


@dataclass(kw_only=True)
class Command:
    """A simple command.

    Attributes:
        assignments: What stands in front of it, as `GOOS=linux`; all of it where there is no word.
        words: The program and its arguments.
        offset: Where it begins, in the script.
    """

    offset: int
    assignments: list[tuple[str, Word]] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)

    @property
    def program(self) -> str:
        """The program's name without its folder, or empty."""
        return self.words[0].text.rpartition("/")[2] if self.words else ""

    @property
    def script(self) -> str:
        """What it gives to a shell behind `-c`, or empty."""
        return shell_command([word.text for word in self.words])

    @property
    def arguments(self) -> list[str]:
        """Its arguments, quotes gone."""
        return [word.text for word in self.words[1:]]


def commands(script: str, start: int = 0) -> list[Command]:
    """The commands of a script, those inside substitutions too, in their order.

    Args:
        script: POSIX shell, or something near it; whatever it is, it is read to its end once.
        start: Where to begin; offsets count from the script's own beginning.
    """
    return sorted(_Reader(script, start, len(script), _DEEPEST).read(), key=lambda one: one.offset)


def assignment(word: Word) -> tuple[str, Word] | None:
    """The name and the value of a word as `NAME=value`."""
    found = _ASSIGNMENT.fullmatch(word.raw)
    if not found:
        return None
    raw = found[2]
    return found[1], Word(raw=raw, text=unquote(raw, "\\"), offset=word.offset + found.start(2))


class _Reader:
    def __init__(self, script: str, start: int, end: int, depth: int) -> None:
        self._script, self._at, self._end, self._depth = script, start, end, depth
        self._found: list[Command] = []
        self._inner: list[tuple[int, int]] = []

    def read(self) -> Iterator[Command]:
        current: Command | None = None
        while self._at < self._end:
            if space := _SPACE.match(self._script, self._at, self._end):
                self._at = space.end()
            elif self._script[self._at] == "#":
                newline = self._script.find("\n", self._at, self._end)
                self._at = newline if newline >= 0 else self._end
            elif redirection := _REDIRECTION.match(self._script, self._at, self._end):
                self._at = redirection.end()
                self._word()
            elif separator := _SEPARATOR.match(self._script, self._at, self._end):
                self._at, current = separator.end(), None
            else:
                current = self._take(current)
        yield from self._found
        for start, end in self._inner if self._depth else ():
            yield from _Reader(self._script, start, end, self._depth - 1).read()

    def _take(self, current: Command | None) -> Command:
        word = self._word()
        if current is None:
            current = Command(offset=word.offset)
            self._found.append(current)
        if not current.words and (pair := assignment(word)):
            current.assignments.append(pair)
        elif current.words or word.text not in _WORDS_OF_THE_SHELL:
            current.words.append(word)
        return current

    def _word(self) -> Word:
        start = self._at
        while self._at < self._end:
            if plain := _PLAIN.match(self._script, self._at, self._end):
                self._at = plain.end()
            elif self._script[self._at] in "\"'\\$`":
                self._skip_special()
            else:
                break
        # Something always is read, so that no script stops the reader.
        raw = self._script[start : self._at]
        return Word(raw=raw, text=unquote(raw, "\\"), offset=start)

    def _skip_special(self) -> None:
        mark = self._script[self._at]
        if mark == "\\":
            self._at = min(self._at + 2, self._end)
        elif mark == "'":
            self._at = self._behind("'", self._at + 1)
        elif mark == '"':
            self._double()
        elif mark == "`":
            close = self._behind("`", self._at + 1)
            self._inner.append((self._at + 1, close - 1))
            self._at = close
        elif self._script.startswith("$(", self._at):
            self._substitution()
        elif self._script.startswith("${", self._at):
            self._parameter()
        else:
            self._at += 1

    def _parameter(self) -> None:
        """Pass `${NAME:?a message}` by, whose word may hold blanks; one that is never closed is a letter."""
        depth, at = 0, self._at
        while at < self._end and not (depth == 1 and self._script[at] == "}"):
            depth += {"{": 1, "}": -1}.get(self._script[at], 0)
            at += 2 if self._script[at] == "\\" else 1
        self._at = min(at, self._end - 1) + 1

    def _behind(self, mark: str, at: int) -> int:
        found = self._script.find(mark, at, self._end)
        return found + 1 if found >= 0 else self._end

    def _double(self) -> None:
        self._at += 1
        while self._at < self._end and self._script[self._at] != '"':
            if self._script[self._at] == "\\":
                self._at += 2
            elif self._script.startswith("$(", self._at):
                self._substitution()
            else:
                self._at += 1
        self._at = min(self._at + 1, self._end)

    def _substitution(self) -> None:
        """Pass `$(…)` by, and remember what is inside."""
        start = self._at = self._at + 2
        depth = 1
        while self._at < self._end and depth:
            mark = self._script[self._at]
            if mark == "'":
                self._at = self._behind("'", self._at + 1)
                continue
            depth += {"(": 1, ")": -1}.get(mark, 0)
            self._at += 2 if mark == "\\" else 1
        self._at = min(self._at, self._end)
        self._inner.append((start, self._at if depth else self._at - 1))
