"""Instructions become stages: what each is based on, what it may read, which of them make the image."""

from __future__ import annotations

import fnmatch
import functools
import glob
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from gopherwhale.dockerfile.syntax import Dockerfile, Instruction
from gopherwhale.dockerfile.variables import PLATFORM_ARGS, expand
from gopherwhale.dockerfile.words import Word

SCRATCH: Final = "scratch"
_VARIABLE = re.compile(r"\$\{[^}]*+\}|\$\w++")
_BUILDERS: Final[Mapping[str, str | None]] = dict.fromkeys(PLATFORM_ARGS)
_MOST_VARIABLES: Final = 4
# Nobody writes as many; a file of nothing but stages shall not cost a machine's time.
MOST_STAGES: Final = 200


@dataclass(frozen=True, kw_only=True)
class Variable:
    """An ARG or ENV: `value` is None for an ARG without a default."""

    name: str
    value: str | None
    by: Instruction
    word: Word


@dataclass(frozen=True, kw_only=True, eq=False)
class Stage:
    """One stage.

    Attributes:
        index: Its number, from 0.
        name: Behind AS, in small letters, or empty.
        start: Its FROM.
        base: What it is from, the global arguments filled in; what is not known stays as `${NAME}`.
        platform: The value of `--platform`, filled in like `base`, or empty.
        parents: The earlier stages that `base` names: one, or each that its variables may choose.
        instructions: Those behind FROM.
    """

    index: int
    name: str
    start: Instruction
    base: str
    platform: str
    parents: tuple[Stage, ...]
    instructions: tuple[Instruction, ...]

    @property
    def chain(self) -> Iterator[Stage]:
        """The stages that it stands on, itself first; where a variable chooses, the first of them."""
        stage: Stage | None = self
        while stage:
            yield stage
            stage = stage.parents[0] if stage.parents else None

    @functools.cached_property
    def variables(self) -> tuple[Variable, ...]:
        """Its ARGs and ENVs, those of its parents first."""
        return (*(self.parents[0].variables if self.parents else ()), *self.own_variables)

    @functools.cached_property
    def own_variables(self) -> tuple[Variable, ...]:
        """Its ARGs and ENVs."""
        return tuple(one for instruction in self.instructions for one in variables_of(instruction))

    @functools.cached_property
    def heir(self) -> Stage | None:
        """What its ONBUILDs make of whatever is built on it; None where it has none."""
        triggers = tuple(filter(None, (one.trigger for one in self.instructions)))
        return replace(self, name="", parents=(self,), instructions=triggers) if triggers else None

    @functools.cached_property
    def values(self) -> Mapping[str, str | None]:
        """What its variables hold at its end, its parents' too; an ARG without a default hides nothing.

        What only the builder knows is None, BuildKit's own arguments among it.
        """
        held: dict[str, str | None] = dict(self.parents[0].values if self.parents else _BUILDERS)
        for one in self.own_variables:
            if one.by.name == "ENV" or one.value:
                held[one.name] = one.value
            else:
                held.setdefault(one.name)
        return held

    @functools.cached_property
    def shell(self) -> Instruction | None:
        """The last SHELL of its instructions and its parents'; None for the base's own."""
        own = (one for one in reversed(self.instructions) if one.name == "SHELL")
        return next(own, self.parents[0].shell if self.parents else None)

    def may_read(self, name: str, before: int) -> bool:
        """Whether an ARG or ENV of the name stands above a line."""
        return self._declared.get(name, before) < before

    @functools.cached_property
    def _declared(self) -> dict[str, int]:
        """The line of each variable's first ARG or ENV."""
        return {one.name: one.by.line for one in reversed(self.variables)}

    @property
    def platform_of_base(self) -> str:
        """The `--platform` of the stage that names the image which it all stands on, `${X}` as `$X`."""
        last = list(self.chain)[-1]
        return re.sub(r"\$\{(\w+)\}", r"$\1", last.platform)

    @property
    def on_build_platform(self) -> bool:
        """Whether it runs on the machine that builds."""
        return self.platform_of_base == "$BUILDPLATFORM"

    @property
    def root_base(self) -> str:
        """The image that it stands on in the end."""
        return list(self.chain)[-1].base


@dataclass(frozen=True, kw_only=True)
class Stages:
    """The stages of a Dockerfile.

    Attributes:
        arguments: The ARGs above the first FROM.
        all: Every stage, in order; of a file with more than MOST_STAGES, those at its end.
        final: The one that becomes the image; None where there is no stage.
        used: Those that the image is made of, `final` among them.
    """

    arguments: tuple[Variable, ...]
    all: tuple[Stage, ...]
    final: Stage | None
    used: frozenset[Stage]

    @functools.cached_property
    def names(self) -> frozenset[str]:
        """What a stage may be called by where files are taken from it: its name, or its number."""
        return frozenset(name for one in self.all for name in (one.name, str(one.index)))

    def copied(self, stage: Stage) -> Iterator[tuple[Instruction, str]]:
        """The images, and no stages, that a stage's instructions take files from."""
        for one in stage.instructions:
            yield from ((one, image) for image in sources(one) if image.lower() not in self.names)

    def written(self) -> Iterator[Variable]:
        """Every ARG and ENV of the file, once: above the first FROM, in stages, and in their ONBUILDs."""
        yield from self.arguments
        for stage in self.all:
            yield from stage.own_variables
            yield from stage.heir.own_variables if stage.heir else ()


def read_stages(file: Dockerfile, target: str = "", build_args: Mapping[str, str] | None = None) -> Stages:
    """Part a Dockerfile into stages.

    Args:
        file: As it was read.
        target: The stage to build; empty, or one that is not there, for the last.
        build_args: Values that a build passes, which win over the defaults of global arguments.
    """
    every = [index for index, one in enumerate(file.instructions) if one.name == "FROM"]
    starts = every[-MOST_STAGES:]
    top = file.instructions[: every[0]] if every else file.instructions
    arguments = tuple(one for instruction in top for one in variables_of(instruction))
    known = _known(arguments, build_args or {})
    stages: list[Stage] = []
    by_name: dict[str, Stage] = {}
    for begin, end in zip(starts, [*starts, len(file.instructions)][1:], strict=True):
        stage = _stage(stages, by_name, file.instructions[begin:end], known)
        stages.append(stage)
        by_name[stage.name or str(stage.index)] = stage
    final = by_name.get(target.lower()) or (stages[-1] if stages else None)
    used = frozenset(_used(final, by_name, known) if final else ())
    return Stages(arguments=arguments, all=tuple(stages), final=final, used=used)


def variables_of(one: Instruction) -> Iterator[Variable]:
    """What an ARG or ENV declares, in each of its forms."""
    words = one.words
    if one.name == "ENV" and words and "=" not in words[0].raw:
        value = one.source[words[0].end :].strip()
        yield Variable(name=words[0].text, value=value, by=one, word=words[0])
    elif one.name in ("ARG", "ENV"):
        for word in words:
            name, sign, value = word.text.partition("=")
            yield Variable(name=name, value=value if sign else None, by=one, word=word)


def _known(arguments: Sequence[Variable], given: Mapping[str, str]) -> dict[str, str | None]:
    known: dict[str, str | None] = dict.fromkeys(PLATFORM_ARGS)
    # Those of BuildKit differ by platform, whatever default somebody hides them behind.
    for one in (argument for argument in arguments if argument.name not in PLATFORM_ARGS):
        value = None if one.value is None else expand(one.value, known)
        known[one.name] = given.get(one.name, value)
    return known


def _stage(
    earlier: Sequence[Stage],
    by_name: Mapping[str, Stage],
    instructions: Sequence[Instruction],
    known: Mapping[str, str | None],
) -> Stage:
    start = instructions[0]
    words = [word.text for word in start.words]
    named = len(words) > 2 and words[1].lower() == "as"  # noqa: PLR2004 -- BASE AS NAME
    base = expand(words[0], known) if words else ""
    return Stage(
        index=len(earlier),
        name=words[2].lower() if named else "",
        start=start,
        base=base,
        platform=expand(start.flag("platform"), known),
        parents=tuple(_named(base, by_name)),
        instructions=tuple(instructions[1:]),
    )


def _named(text: str, by_name: Mapping[str, Stage]) -> Iterator[Stage]:
    """The stages that a name can mean, its variables being anything."""
    name = text.lower()
    if name in by_name:
        yield by_name[name]
        return
    parts = _VARIABLE.split(name)
    if 1 < len(parts) <= _MOST_VARIABLES + 1 and any(parts):
        pattern = "*".join(map(glob.escape, parts))
        yield from (stage for known, stage in by_name.items() if fnmatch.fnmatchcase(known, pattern))


def sources(one: Instruction) -> Iterator[str]:
    """The stages or images that an instruction takes files from."""
    if one.name in ("COPY", "ADD") and (origin := one.flag("from")):
        yield origin
    if one.name == "RUN":
        mounts = (flag.options for flag in one.flags if flag.name == "mount")
        yield from (options["from"] for options in mounts if options.get("from"))


def _used(final: Stage, by_name: Mapping[str, Stage], known: Mapping[str, str | None]) -> set[Stage]:
    found: set[Stage] = set()
    waiting = [final]
    names = {**{str(stage.index): stage for stage in by_name.values()}, **by_name}
    while waiting:
        stage = waiting.pop()
        if stage in found:
            continue
        found.add(stage)
        waiting += stage.parents
        for instruction in stage.instructions:
            for source in sources(instruction):
                waiting += _named(expand(source, known), names)
    return found
