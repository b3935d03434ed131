"""BuildKit's plain progress, read line by line: which steps ran, which were cached, how long, for whom."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from gopherwhale import platforms
from gopherwhale.errors import UsageError

_NAMED = re.compile(r"#(\d+) \[([^\]]+)\] (.*)")
_CACHED = re.compile(r"#(\d+) CACHED")
_DONE = re.compile(r"#(\d+) DONE (\d+(?:\.\d+)?)s")
_ERROR = re.compile(r"(?:#(\d+) )?ERROR: (.*)")
_CANCELED = re.compile(r"#(\d+) CANCELED")
# A step's mounts are long, and say nothing of what it does.
_MOUNT = re.compile(r"--mount=\S+\s+")
_MAX_NAME = 60
_COUNTER = re.compile(r"\d+/\d+")
_COLOR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(kw_only=True)
class Step:
    """One step of a Dockerfile, as BuildKit ran it.

    Attributes:
        name: The instruction.
        platform: The platform it is for, as BuildKit writes it; empty where it serves all of them.
        cached: Whether its result was there already.
        seconds: How long it took.
        ended: Whether it is over, in whatever way.
    """

    name: str
    platform: str = ""
    cached: bool = False
    seconds: float = 0.0
    ended: bool = False


@dataclass(kw_only=True)
class Progress:
    """What has been read so far of one build."""

    steps: dict[str, Step] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def read(self, line: str) -> str:
        """Take in one line.

        Args:
            line: As BuildKit wrote it, with `--progress plain`.

        Returns:
            The line without colours and line end, to be shown.
        """
        text = _COLOR.sub("", line).rstrip()
        if match := _NAMED.fullmatch(text):
            self._named(*match.groups())
        elif match := _CACHED.fullmatch(text):
            self._end(match[1]).cached = True
        elif match := _DONE.fullmatch(text):
            self._end(match[1]).seconds = float(match[2])
        elif match := _CANCELED.fullmatch(text):
            self._end(match[1])
        elif match := _ERROR.fullmatch(text):
            if match[1]:
                self._end(match[1])
            self.errors.append(match[2])
        return text

    def of(self, platform: str) -> list[Step]:
        """The steps of a Dockerfile's stages that were run for one platform."""
        return [step for step in self.steps.values() if step.platform == platform]

    def under_way(self) -> str:
        """What runs now, in few words: the steps with their platforms, each name cut short."""
        steps = [step for step in list(self.steps.values()) if step.name and not step.ended]
        names = [
            f"{step.platform} {_MOUNT.sub('', step.name)}".strip()[:_MAX_NAME].rstrip() for step in steps
        ]
        return f"under way: {', '.join(names)}" if names else "no step is under way"

    def _named(self, number: str, where: str, name: str) -> None:
        words = where.split()
        # "[internal] load …" and the like are BuildKit's own errands, not the Dockerfile's.
        if any(_COUNTER.fullmatch(word) for word in words):
            step = self._step(number)
            step.name, step.platform = name, _platform(words)

    def _end(self, number: str) -> Step:
        step = self._step(number)
        step.ended = True
        return step

    def _step(self, number: str) -> Step:
        return self.steps.setdefault(number, Step(name=""))


def _platform(words: Iterable[str]) -> str:
    """The target among `[linux/amd64->arm64 build 3/6]`: what stands after the arrow, else before it."""
    for word in words:
        build, _, target = word.partition("->")
        if "/" not in build or _COUNTER.fullmatch(build):
            continue
        system = build.partition("/")[0]
        text = target or build
        try:
            return str(platforms.parse(text if text.startswith(f"{system}/") else f"{system}/{text}"))
        except UsageError:
            return ""
    return ""
