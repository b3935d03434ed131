"""A Dockerfile's text becomes instructions: lines joined, heredocs and comments kept, no line lost.

The grammar is that of BuildKit: https://docs.docker.com/reference/dockerfile/. Whatever the text holds, it is
read to its end in one pass; what BuildKit would refuse is told as a problem.
"""

from __future__ import annotations

import bisect
import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from gopherwhale.dockerfile.words import Flag, Word, flags_of, json_list, split, unquote

MAX_BYTES: Final = 512 * 1024
NAMES: Final = frozenset(
    (
        *("ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL"),
        *("MAINTAINER", "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
    )
)
_WITH_HEREDOC: Final = frozenset({"ADD", "COPY", "RUN"})
_WITH_LIST: Final = frozenset({"ADD", "CMD", "COPY", "ENTRYPOINT", "RUN", "SHELL", "VOLUME"})
_DIRECTIVE = re.compile(r"\s*#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(\S.*?)\s*")
_DIRECTIVES: Final = frozenset({"check", "escape", "syntax"})
_HEREDOC = re.compile(r"(\d*)<<(-?)([^<]+)", re.DOTALL)
_NAME = re.compile(r"\s*(\S+)\s*")


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What BuildKit would refuse, and in which line."""

    line: int
    what: str


@dataclass(frozen=True, kw_only=True)
class Heredoc:
    """A here-document of RUN, COPY or ADD.

    Attributes:
        name: Its terminator.
        expand: Whether variables in it are filled in: its name was not quoted.
        line: Where its text begins, counted from 1.
        lines: Its text, without the tabs that `<<-` takes away.
    """

    name: str
    expand: bool
    line: int
    lines: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Instruction:
    """One instruction of a Dockerfile.

    Attributes:
        line: Where it starts, counted from 1.
        end: Its last line, heredocs included.
        name: In capitals.
        source: The whole of it as one line; every offset counts in it.
        start: The offset behind the name.
        escape: The file's escape character.
        places: Where each piece of `source` came from: offset, line, column from 0.
        heredocs: In the order of their names.
    """

    line: int
    end: int
    name: str
    source: str
    start: int
    escape: str
    places: tuple[tuple[int, int, int], ...]
    heredocs: tuple[Heredoc, ...] = ()

    @functools.cached_property
    def _parts(self) -> tuple[tuple[Flag, ...], list[Word]]:
        return flags_of(split(self.source, self.escape, self.start))

    @property
    def flags(self) -> tuple[Flag, ...]:
        """The flags in front."""
        return self._parts[0]

    def flag(self, name: str) -> str:
        """The value of a flag, or empty."""
        return next((flag.value for flag in self.flags if flag.name == name), "")

    @property
    def text_start(self) -> int:
        """The offset of what stands behind the flags."""
        words = self._parts[1]
        return words[0].offset if words else len(self.source)

    @property
    def text(self) -> str:
        """What stands behind the name and the flags."""
        return self.source[self.text_start :].rstrip()

    @property
    def rest(self) -> str:
        """What stands behind the name, flags included."""
        return self.source[self.start :].strip()

    @functools.cached_property
    def json(self) -> list[str] | None:
        """The strings of the JSON form, or None where it is the shell form."""
        return json_list(self.text) if self.name in _WITH_LIST else None

    @property
    def words(self) -> list[Word]:
        """The words behind the flags, whichever form they have."""
        if self.json is None:
            return self._parts[1]
        return [Word(raw=text, text=text, offset=self.text_start) for text in self.json]

    def place(self, offset: int) -> tuple[int, int]:
        """The line, from 1, and the column, from 0, of an offset."""
        index = bisect.bisect_right(self.places, offset, key=lambda place: place[0]) - 1
        begin, line, column = self.places[max(index, 0)]
        return line, column + offset - begin

    @property
    def trigger(self) -> Instruction | None:
        """The instruction inside an ONBUILD."""
        if self.name != "ONBUILD":
            return None
        found = _NAME.match(self.source, self.start)
        if not found or found[1].upper() == "ONBUILD":
            return None
        return replace(self, name=found[1].upper(), start=found.end())


@dataclass(frozen=True, kw_only=True)
class Dockerfile:
    """A Dockerfile as it was read.

    Attributes:
        lines: Every line of the text.
        instructions: In their order.
        comments: By line; those inside a continued instruction too, those inside a heredoc not.
        directives: `syntax`, `escape` and `check`, where given.
        problems: What BuildKit would refuse.
    """

    lines: tuple[str, ...]
    instructions: tuple[Instruction, ...]
    comments: Mapping[int, str]
    directives: Mapping[str, str]
    problems: tuple[Problem, ...]


def parse(text: str) -> Dockerfile:
    """Read a Dockerfile; any text gives one."""
    lines = [line.removesuffix("\r") for line in text.removeprefix("\ufeff").split("\n")]
    if lines[-1] == "":
        lines.pop()
    directives = _directives(lines)
    reader = _Reader(lines, directives.get("escape", "\\"))
    reader.read()
    return Dockerfile(
        lines=tuple(lines),
        instructions=tuple(reader.instructions),
        comments=reader.comments,
        directives=directives,
        problems=tuple(reader.problems),
    )


def _directives(lines: Sequence[str]) -> dict[str, str]:
    """The comments at the very top that steer the parser; the first other line ends them."""
    found: dict[str, str] = {}
    for line in lines:
        match = _DIRECTIVE.fullmatch(line)
        if not match:
            break
        if match[1].lower() in _DIRECTIVES:
            found.setdefault(match[1].lower(), match[2])
    if found.get("escape", "\\") not in ("\\", "`"):
        del found["escape"]
    return found


class _Reader:
    def __init__(self, lines: Sequence[str], escape: str) -> None:
        self._lines = lines
        self._escape = escape
        self._next = 0
        self.instructions: list[Instruction] = []
        self.comments: dict[int, str] = {}
        self.problems: list[Problem] = []

    def read(self) -> None:
        while self._next < len(self._lines):
            line = self._lines[self._next]
            if not line.strip() or self._is_comment(line):
                self._next += 1
            else:
                one = self._instruction()
                # A continuation of nothing is nothing, as for BuildKit.
                self.instructions += [one] if one.name else []

    def _is_comment(self, line: str) -> bool:
        text = line.lstrip()
        if not text.startswith("#"):
            return False
        self.comments[self._next + 1] = text[1:].strip()
        return True

    def _instruction(self) -> Instruction:
        first = self._next + 1
        source, places = self._joined()
        match = _NAME.match(source)
        name, start = (match[1].upper(), match.end()) if match else ("", len(source))
        one = Instruction(
            line=first,
            end=self._next,
            name=name,
            source=source,
            start=start,
            escape=self._escape,
            places=tuple(places),
        )
        heredocs = tuple(self._heredoc(one, *opened) for opened in _opened(one.trigger or one))
        return replace(one, heredocs=heredocs, end=self._next) if heredocs else one

    def _joined(self) -> tuple[str, list[tuple[int, int, int]]]:
        """The lines of one instruction as one; comments and blank lines between do not end it."""
        pieces: list[str] = []
        places: list[tuple[int, int, int]] = []
        length, more = 0, True
        while more and self._next < len(self._lines):
            line = self._lines[self._next]
            if not places or (line.strip() and not self._is_comment(line)):
                piece, more = self._continued(line)
                places.append((length, self._next + 1, 0))
                pieces.append(piece)
                length += len(piece)
            self._next += 1
        return "".join(pieces), places

    def _continued(self, line: str) -> tuple[str, bool]:
        """A line without its escape at the end, and whether there was one; an escaped escape is none."""
        text = line.rstrip(" \t")
        if text.endswith(self._escape) and not text[:-1].endswith(self._escape):
            return text[:-1], True
        return line, False

    def _heredoc(self, one: Instruction, name: str, tabs: str, expand: str) -> Heredoc:
        first = self._next
        lines: list[str] = []
        while self._next < len(self._lines):
            line = self._lines[self._next]
            line = line.lstrip("\t") if tabs else line
            self._next += 1
            if line == name:
                break
            lines.append(line)
        else:
            self.problems.append(Problem(line=one.line, what=f"the heredoc {name} is never ended"))
        return Heredoc(name=name, expand=bool(expand), line=first + 1, lines=tuple(lines))


def _opened(one: Instruction) -> list[tuple[str, str, str]]:
    """The heredocs that an instruction opens: their names, `-` where tabs go, and whether they expand."""
    if one.name not in _WITH_HEREDOC or "<<" not in one.source or one.json is not None:
        return []
    found = [_HEREDOC.fullmatch(word.raw) for word in split(one.source, one.escape, one.start)]
    named = [(unquote(match[3], one.escape), match[2], match[3]) for match in found if match]
    return [(name, tabs, "expand" if name == raw else "") for name, tabs, raw in named if name]
