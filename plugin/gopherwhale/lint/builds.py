"""Each `go build` of a Dockerfile, with the variables that are set for it."""

from __future__ import annotations

import functools
import itertools
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from gopherwhale.dockerfile.shell import Command, assignment
from gopherwhale.dockerfile.stages import Stage
from gopherwhale.dockerfile.syntax import Instruction
from gopherwhale.dockerfile.words import Word
from gopherwhale.import_paths import program_name
from gopherwhale.lint.scripts import Script, Scripts

_GO = re.compile(r"(xx-)?go(1\.[0-9.]+)?|garble")
_MAKERS: Final = frozenset({"gmake", "goreleaser", "just", "mage", "make", "task"})
# Programs whose last arguments are a command again.
_LAUNCHERS: Final = frozenset(
    {"chronic", "command", "find", "ionice", "nice", "nohup", "parallel", "stdbuf", "timeout", "xargs"}
)
_TOOL = re.compile(r"[^-=\s@][^=\s@]*@[^=\s]+")


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The value of a variable for a command: None where only the builder knows it.

    `word` is the value where a script sets it, and `script` that one.
    """

    value: str | None
    line: int
    word: Word | None = None
    script: Script | None = None


@dataclass(frozen=True, kw_only=True)
class GoBuild:
    """One `go build` or `go install`, of what the sources hold or of a tool; or a call of `make`."""

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
    def front(self) -> int:
        """Where a variable may be set for it: behind `env`, in front of `nice`."""
        return (self.command.words[0] if self.command.program in _LAUNCHERS else self.at).offset

    @property
    def line(self) -> int:
        """Where it stands."""
        return self.script.place(self.at.offset)[0]


def builds_of(stage: Stage, scripts: Scripts) -> Iterator[GoBuild]:
    """Each build of the sources by Go in a stage, with the variables that are set for it."""
    return _every(stage, scripts, lambda words: _is_build(words) and not _named(_arguments(words)))


def tools_of(stage: Stage, scripts: Scripts) -> Iterator[GoBuild]:
    """Each `go install MODULE@VERSION` in a stage, likewise."""
    return _every(stage, scripts, lambda words: _is_build(words) and bool(_named(_arguments(words))))


def makes_of(stage: Stage, scripts: Scripts) -> Iterator[GoBuild]:
    """Each call of `make` and its like in a stage, which may build, likewise; `make GOARCH=…` sets too."""
    return _every(stage, scripts, lambda words: words[0].text.rpartition("/")[2] in _MAKERS)


def _every(stage: Stage, scripts: Scripts, wanted: Callable[[list[Word]], bool]) -> Iterator[GoBuild]:
    declared: dict[str, Setting] = {}
    # What `go env -w` writes stays, for the stages that stand on this one too; the environment wins over it.
    kept = {name: one for parent in [*stage.chain][:0:-1] for name, one in _written(parent, scripts)}
    waiting = deque(stage.variables)
    for script in scripts.within(stage):
        while waiting and waiting[0].by.line < script.run.line:
            one = waiting.popleft()
            declared[one.name] = Setting(value=one.value, line=one.by.line)
        own: dict[str, Setting] = {}
        for command in script.commands:
            given = dict(_given(command, script))
            rest = _program(command)
            if not command.words or command.program == "export":
                own |= given
            elif _is_kept(rest):
                kept |= dict(_pairs(rest, script))
            elif rest and wanted(rest):
                given |= {} if _is_go(rest) else dict(_pairs(rest, script))
                yield GoBuild(
                    stage=stage,
                    script=script,
                    command=command,
                    at=rest[0],
                    arguments=_arguments(rest),
                    environment={**kept, **declared, **own, **given},
                )


def _written(stage: Stage, scripts: Scripts) -> Iterator[tuple[str, Setting]]:
    """What the scripts of a stage give to `go env -w`."""
    for script in scripts.within(stage):
        for command in script.commands:
            rest = _program(command)
            if _is_kept(rest):
                yield from _pairs(rest, script)


def _is_go(words: list[Word]) -> bool:
    return bool(words) and _GO.fullmatch(words[0].text.rpartition("/")[2]) is not None


def _is_kept(words: list[Word]) -> bool:
    return _is_go(words) and _arguments(words)[:2] == ["env", "-w"]


def _is_build(words: list[Word]) -> bool:
    return _is_go(words) and _arguments(words)[:1] in (["build"], ["install"])


def _arguments(words: list[Word]) -> list[str]:
    """What stands behind `go`, from the verb on: `-C FOLDER`, and flags of garble's own, stand before it."""
    arguments = [word.text for word in words[1:]]
    if arguments[:1] == ["-C"]:
        return arguments[2:]
    return list(itertools.dropwhile(lambda word: word.startswith("-"), arguments))


def _named(arguments: list[str]) -> str:
    """`MODULE@VERSION` of a tool of others that is installed, else empty."""
    words = arguments[1:] if arguments[0] == "install" else ()
    return next((word for word in words if _TOOL.fullmatch(word)), "")


def _program(command: Command) -> list[Word]:
    """The words of a command behind what launches it: `env` and its pairs, `nice -n 5`."""
    words = command.words
    if command.program in _LAUNCHERS:
        return next((words[at:] for at in range(1, len(words)) if _is_go(words[at : at + 1])), [])
    if command.program != "env":
        return words
    program = (at for at in range(1, len(words)) if not (assignment(words[at]) or words[at].text[:1] == "-"))
    return words[next(program, len(words)) :]


def _given(command: Command, script: Script) -> Iterator[tuple[str, Setting]]:
    """What a command sets: in front of it, by `env`, or for those behind it by `export`."""
    yield from _settings(command.assignments, script)
    if command.program in ("env", "export"):
        yield from _pairs(command.words, script)


def _pairs(words: list[Word], script: Script) -> Iterator[tuple[str, Setting]]:
    yield from _settings([pair for word in words if (pair := assignment(word))], script)


def _settings(pairs: list[tuple[str, Word]], script: Script) -> Iterator[tuple[str, Setting]]:
    for name, word in pairs:
        value, line = word.raw.strip("\"'"), script.place(word.offset)[0]
        yield name, Setting(value=value, line=line, word=word, script=script)


def caches(run: Instruction) -> list[str]:
    """The folders of a RUN's cache mounts."""
    mounts = (flag.options for flag in run.flags if flag.name == "mount")
    return [
        options.get("target", options.get("dst", options.get("destination", "")))
        for options in mounts
        if options.get("type") == "cache"
    ]
