"""Each `go build` of a Dockerfile, with the variables that are set for it."""

from __future__ import annotations

import functools
import itertools
import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gopherwhale.dockerfile.shell import Command, assignment
from gopherwhale.dockerfile.stages import Stage
from gopherwhale.dockerfile.syntax import Instruction
from gopherwhale.dockerfile.words import Word
from gopherwhale.import_paths import program_name
from gopherwhale.lint.scripts import Script, Scripts

_GO = re.compile(r"(xx-)?go(1\.[0-9.]+)?")
_TOOL = re.compile(r"[^-=\s@][^=\s@]*@[^=\s]+")


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The value of a variable for a command: None where only the builder knows it."""

    value: str | None
    line: int
    word: Word | None = None


@dataclass(frozen=True, kw_only=True)
class GoBuild:
    """One `go build` or `go install`, of what the sources hold or of a tool."""

    stage: Stage
    script: Script
    command: Command
    at: Word
    arguments: list[str]
    environment: Mapping[str, Setting]

    @property
    def named(self) -> str:
        """`MODULE@VERSION` of a tool of others, else empty."""
        return _named(self.arguments)

    @property
    def tool(self) -> str:
        """The name of the program that such a tool is, else empty."""
        return program_name(self.named.partition("@")[0])

    @functools.cached_property
    def by_xx(self) -> bool:
        """Whether the helpers of tonistiigi/xx choose the platform: `--wrap` does so for all that follows."""
        line = self.script.run.line
        if self.at.text.startswith("xx-") or "xx-go --wrap" in self.script.text:
            return True
        return any(
            one.name == "RUN" and "xx-go --wrap" in one.source
            for stage in self.stage.chain
            for one in itertools.takewhile(lambda one: one.line < line, stage.instructions)
        )

    @property
    def line(self) -> int:
        """Where it stands."""
        return self.script.place(self.at.offset)[0]


def builds_of(stage: Stage, scripts: Scripts) -> Iterator[GoBuild]:
    """Each build of the sources by Go in a stage, with the variables that are set for it."""
    return _every(stage, scripts, tools=False)


def tools_of(stage: Stage, scripts: Scripts) -> Iterator[GoBuild]:
    """Each `go install MODULE@VERSION` in a stage, likewise."""
    return _every(stage, scripts, tools=True)


def _every(stage: Stage, scripts: Scripts, *, tools: bool) -> Iterator[GoBuild]:
    declared: dict[str, Setting] = {}
    waiting = deque(stage.variables)
    for script in scripts.within(stage):
        while waiting and waiting[0].by.line < script.run.line:
            one = waiting.popleft()
            declared[one.name] = Setting(value=one.value, line=one.by.line)
        own: dict[str, Setting] = {}
        for command in script.commands:
            given = dict(_given(command, script))
            rest = _program(command)
            if not rest or not _GO.fullmatch(rest[0].text.rpartition("/")[2]):
                lasts = not command.words or command.program == "export"
                own |= given if lasts else {}
                continue
            arguments = [word.text for word in rest[1:]]
            if arguments[:2] == ["env", "-w"]:
                own |= dict(_pairs(rest, script))
            elif arguments[:1] in (["build"], ["install"]) and bool(_named(arguments)) is tools:
                yield GoBuild(
                    stage=stage,
                    script=script,
                    command=command,
                    at=rest[0],
                    arguments=arguments,
                    environment={**declared, **own, **given},
                )


def _named(arguments: list[str]) -> str:
    """`MODULE@VERSION` of a tool of others that is installed, else empty."""
    words = arguments[1:] if arguments[0] == "install" else ()
    return next((word for word in words if _TOOL.fullmatch(word)), "")


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


def caches(run: Instruction) -> list[str]:
    """The folders of a RUN's cache mounts."""
    mounts = (flag.options for flag in run.flags if flag.name == "mount")
    return [
        options.get("target", options.get("dst", options.get("destination", "")))
        for options in mounts
        if options.get("type") == "cache"
    ]
