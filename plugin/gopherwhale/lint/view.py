"""A Dockerfile as the rules look at it, and what is known beside its text."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from gopherwhale.dockerfile.stages import Stage, Stages, read_stages
from gopherwhale.dockerfile.syntax import Dockerfile, Instruction
from gopherwhale.dockerfile.variables import expand
from gopherwhale.lint.builds import GoBuild, builds_of
from gopherwhale.lint.findings import Edit
from gopherwhale.lint.scripts import Script, Scripts
from gopherwhale.platforms import Platform
from gopherwhale.verify.policy import Rule

# https://github.com/docker-library/official-images#architectures-other-than-amd64, and what uname says.
ALIASES: Final = {
    **dict.fromkeys(("x86_64", "x64"), "amd64"),
    **dict.fromkeys(("aarch64", "arm64v8"), "arm64"),
    **dict.fromkeys(("arm32v5", "arm32v6", "arm32v7", "armv5", "armv6", "armv7", "armhf", "armel"), "arm"),
    "i386": "386",
}
# Nobody writes as many; a file of nothing but builds shall not cost a machine's time and memory.
MOST_BUILDS: Final = 100
# Nobody writes longer lines; each edit holds its line whole.
_LONGEST: Final = 16 * 1024


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
        go_mod: The text of go.mod, empty where the context has none at its top; None where that is not known.
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
    def scripts(self) -> Scripts:
        """What its RUNs give to a shell."""
        return Scripts()

    @functools.cached_property
    def used(self) -> list[Stage]:
        """Those that the image is made of, in order."""
        return [stage for stage in self.stages.all if stage in self.stages.used]

    @functools.cached_property
    def bodies(self) -> list[Stage]:
        """The used stages, and what their ONBUILDs make of those that stand on them."""
        return [one for stage in self.used for one in (stage, stage.heir) if one]

    def is_final(self, stage: Stage) -> bool:
        """Whether what a stage, or its ONBUILDs, put into the file system is the image's own."""
        return any(one in self.final_chain and stage in (one, one.heir) for one in (stage, *stage.parents))

    @functools.cached_property
    def final_chain(self) -> frozenset[Stage]:
        """The final stage and those that it stands on."""
        return frozenset(self.stages.final.chain if self.stages.final else ())

    @functools.cached_property
    def chosen(self) -> frozenset[Stage]:
        """The stages that a variable in a FROM chooses from: each is for an architecture of its own."""
        pairs = [(stage, stage.parents) for stage in self.stages.all if "$" in stage.base]
        several = (one for _, parents in pairs for parent in parents for one in (parent, parent.heir))
        return frozenset(one for one in several if one)

    def taken(self, stages: Iterable[Stage]) -> Iterator[tuple[Instruction, str]]:
        """The images that some stages take files from, by COPY --from and mounts, and where."""
        known = {one.name: one.value for one in self.stages.arguments}
        for stage in stages:
            for one, source in self.stages.copied(stage):
                if (image := expand(source, known)).lower() not in self.stages.names:
                    yield one, image

    @functools.cached_property
    def builds(self) -> list[GoBuild]:
        """The Go builds of the stages that the image is made of, and of their ONBUILDs; of many the first."""
        every = (build for stage in self.bodies for build in builds_of(stage, self.scripts))
        return list(itertools.islice(every, MOST_BUILDS))

    def is_all(self, value: str) -> bool:
        """Whether every platform that is built is of one architecture, and a value says that one."""
        wanted = {platform.architecture for platform in self.around.platforms}
        words = [word for word in re.split(r"[^a-z0-9_]+", value.lower()) if word not in ("linux", "")]
        return len(wanted) == 1 and bool(words) and wanted == {ALIASES.get(word, word) for word in words}

    def replacing(self, script: Script | Instruction, start: int, end: int, text: str) -> Edit | None:
        """The edit that puts a text in the place of another, where that stands in one line as it was read."""
        source = script.source if isinstance(script, Instruction) else script.text
        line, column = script.place(start)
        old = source[start:end]
        physical = self.file.lines[line - 1]
        if len(physical) > _LONGEST:
            return None
        if isinstance(script, Script) and script.line:
            # Of a heredoc that opens with `<<-` the tabs in front are no part of the script.
            own = source[start - column :].partition("\n")[0]
            if script.line < 0 or not physical.endswith(own):
                return None
            column += len(physical) - len(own)
        if "\n" in old or not physical.startswith(old or source[start : start + 1], column):
            return None
        return Edit(line=line, end=line, text=physical[:column] + text + physical[column + len(old) :])
