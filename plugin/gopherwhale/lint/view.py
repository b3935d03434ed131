"""A Dockerfile as the rules look at it: its stages, its scripts, and each `go build` with its environment."""

from __future__ import annotations

import bisect
import functools
import itertools
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from gopherwhale.dockerfile.shell import Command, assignment, commands
from gopherwhale.dockerfile.shells import SHELLS, shell_command
from gopherwhale.dockerfile.stages import Stage, Stages, read_stages
from gopherwhale.dockerfile.syntax import Dockerfile, Instruction
from gopherwhale.dockerfile.words import Word
from gopherwhale.lint.findings import Edit
from gopherwhale.platforms import Platform
from gopherwhale.verify.policy import Rule

_GO = re.compile(r"(xx-)?go(1\.[0-9.]+)?")
# What a script asks of the machine or of BuildKit to tell architectures apart by itself.
_ASKS = re.compile(
    r"\$\{?TARGET(ARCH|PLATFORM|VARIANT)|\buname\b|--print-arch|\bxx-info\b|\bgo env\b|\barch\)|`arch`"
)
_OPENING: Final = frozenset({"case", "if"})
_CLOSING: Final = frozenset({"esac", "fi"})
_KEYWORD = re.compile(rf"(?<![\w$.-])({'|'.join((*_OPENING, *_CLOSING))})(?![\w.-])")
# https://github.com/docker-library/official-images#architectures-other-than-amd64, and what uname says.
_ALIASES: Final = {
    **dict.fromkeys(("x86_64", "x64"), "amd64"),
    **dict.fromkeys(("aarch64", "arm64v8"), "arm64"),
    **dict.fromkeys(("arm32v5", "arm32v6", "arm32v7", "armv5", "armv6", "armv7", "armhf", "armel"), "arm"),
    "i386": "386",
}
# Nobody writes as many; a file of nothing but builds shall not cost a machine's time and memory.
MOST_BUILDS: Final = 100
_TESTS: Final = frozenset({"[", "[[", "test"})


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What is known beside a Dockerfile's text.

    Attributes:
        platforms: What is built; empty where that is not known.
        target: The stage to build; empty for the last.
        build_args: What a build passes.
        ignore_path: The file of the build's context that says what is left out of it.
        ignore_text: Its text; None where there is no such file.
        unwanted: Names in the context's folder that an image's sources do not need, by code.
        go_mod: The text of go.mod; None where it is not known.
        single: Of bases that are named by a digest: whether it is one platform's, where that was asked.
        policy: Findings that somebody weighs otherwise.
    """

    platforms: tuple[Platform, ...] = ()
    target: str = ""
    build_args: Mapping[str, str] = field(default_factory=dict)
    ignore_path: str = ".dockerignore"
    ignore_text: str | None = None
    unwanted: Mapping[str, str] = field(default_factory=dict)
    go_mod: str | None = None
    single: Mapping[str, bool] = field(default_factory=dict)
    policy: tuple[Rule, ...] = ()


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
        before = self.text[:offset]
        column = offset - (before.rfind("\n") + 1)
        return (self.line + before.count("\n"), column) if self.line > 0 else (self.run.line, column)

    @functools.cached_property
    def commands(self) -> list[Command]:
        """Its simple commands."""
        return commands(self.text, self.start)

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


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The value of a variable for a command: None where only the builder knows it."""

    value: str | None
    line: int
    word: Word | None = None


@dataclass(frozen=True, kw_only=True)
class GoBuild:
    """One `go build` or `go install` of what the sources hold."""

    stage: Stage
    script: Script
    command: Command
    at: Word
    arguments: list[str]
    environment: Mapping[str, Setting]

    @property
    def by_xx(self) -> bool:
        """Whether the helpers of tonistiigi/xx choose the platform: `--wrap` does so for all that follows."""
        line = self.script.run.line
        above = (one for stage in self.stage.chain for one in stage.instructions if one.line < line)
        texts = (self.script.text, *(one.source for one in above if one.name == "RUN"))
        return self.at.text.startswith("xx-") or any("xx-go --wrap" in text for text in texts)

    @property
    def line(self) -> int:
        """Where it stands."""
        return self.script.place(self.at.offset)[0]


@dataclass(frozen=True, kw_only=True, eq=False)
class View:
    """What a rule may look at."""

    path: str
    file: Dockerfile
    around: Surroundings

    @functools.cached_property
    def stages(self) -> Stages:
        """The stages."""
        return read_stages(self.file, self.around.target, self.around.build_args)

    @functools.cached_property
    def used(self) -> list[Stage]:
        """Those that the image is made of, in order."""
        return [stage for stage in self.stages.all if stage in self.stages.used]

    @functools.cached_property
    def final_chain(self) -> frozenset[Stage]:
        """The final stage and those that it stands on."""
        return frozenset(self.stages.final.chain if self.stages.final else ())

    @functools.cached_property
    def chosen(self) -> frozenset[Stage]:
        """The stages that a variable in a FROM chooses from: each is for an architecture of its own."""
        pairs = [(stage, stage.parents) for stage in self.stages.all if "$" in stage.base]
        return frozenset(parent for _, parents in pairs for parent in parents)

    @functools.cached_property
    def builds(self) -> list[GoBuild]:
        """The Go builds of the stages that the image is made of; of very many, the first."""
        every = (build for stage in self.used for build in builds_of(stage))
        return list(itertools.islice(every, MOST_BUILDS))

    def is_all(self, value: str) -> bool:
        """Whether every platform that is built is of one architecture, and a value says that one."""
        wanted = {platform.architecture for platform in self.around.platforms}
        words = [word for word in re.split(r"[^a-z0-9_]+", value.lower()) if word not in ("linux", "")]
        return len(wanted) == 1 and bool(words) and wanted == {_ALIASES.get(word, word) for word in words}

    def replacing(self, script: Script | Instruction, start: int, end: int, text: str) -> Edit | None:
        """The edit that puts a text in the place of another, where that stands in one line as it was read."""
        source = script.source if isinstance(script, Instruction) else script.text
        line, column = script.place(start)
        old = source[start:end]
        physical = self.file.lines[line - 1]
        if "\n" in old or not physical.startswith(old, column):
            return None
        if isinstance(script, Script) and script.line < 0:
            return None
        return Edit(line=line, end=line, text=physical[:column] + text + physical[column + len(old) :])


def scripts(stage: Stage) -> Iterator[Script]:
    """What the RUNs of a stage give to a shell; nothing where that is no POSIX shell."""
    *below, own = reversed(list(stage.chain))
    shells = [one for part in below for one in part.instructions if one.name == "SHELL"]
    posix = _is_posix(shells[-1]) if shells else True
    for one in own.instructions:
        if one.name == "SHELL":
            posix = _is_posix(one)
        elif one.name == "RUN" and posix:
            yield from scripts_of(one)


def scripts_of(one: Instruction) -> Iterator[Script]:
    """The scripts of one RUN: its own line, and heredocs that are scripts themselves."""
    if one.json is not None:
        yield Script(text=shell_command(one.json) or shlex.join(one.json), start=0, run=one, line=-1)
        return
    yield Script(text=one.source, start=one.text_start, run=one, line=0)
    if one.text.startswith("<<"):
        for heredoc in one.heredocs:
            text = "\n".join(heredoc.lines)
            if (
                not text.startswith("#!")
                or text.partition("\n")[0].rpartition("/")[2].split(" ")[-1] in SHELLS
            ):
                yield Script(text=text, start=0, run=one, line=heredoc.line)


def _is_posix(shell: Instruction) -> bool:
    return (shell.json or [""])[0].rpartition("/")[2] in SHELLS


def builds_of(stage: Stage) -> Iterator[GoBuild]:
    """Each build of the sources by Go in a stage, with the variables that are set for it."""
    for script in scripts(stage):
        environment = {
            one.name: Setting(value=one.value, line=one.by.line)
            for one in stage.variables
            if one.by.line < script.run.line
        }
        for command in script.commands:
            given = dict(_given(command, script))
            rest = _program(command)
            if not rest or not _GO.fullmatch(rest[0].text.rpartition("/")[2]):
                lasts = not command.words or command.program == "export"
                environment |= given if lasts else {}
                continue
            arguments = [word.text for word in rest[1:]]
            if arguments[:2] == ["env", "-w"]:
                environment |= dict(_pairs(rest, script))
            elif arguments[:1] in (["build"], ["install"]) and not any("@" in word for word in arguments):
                yield GoBuild(
                    stage=stage,
                    script=script,
                    command=command,
                    at=rest[0],
                    arguments=arguments,
                    environment={**environment, **given},
                )


def _program(command: Command) -> list[Word]:
    """The words of a command behind `env` and its pairs."""
    words = command.words
    if command.program != "env":
        return words
    return next((words[at:] for at in range(1, len(words)) if not assignment(words[at])), [])


def _given(command: Command, script: Script) -> Iterator[tuple[str, Setting]]:
    """What a command sets: in front of it, by `env`, or for those behind it by `export`."""
    yield from _settings(command.assignments, script)
    if command.program in ("env", "export"):
        yield from _pairs(command.words, script)


def _pairs(words: list[Word], script: Script) -> Iterator[tuple[str, Setting]]:
    yield from _settings([pair for word in words if (pair := assignment(word))], script)


def _settings(pairs: list[tuple[str, Word]], script: Script) -> Iterator[tuple[str, Setting]]:
    for name, word in pairs:
        yield name, Setting(value=word.raw.strip("\"'"), line=script.place(word.offset)[0], word=word)
