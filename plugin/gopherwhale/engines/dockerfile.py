"""What a repository's Dockerfile does that the go engine's recipe does not say.

`engine = "auto"` may take the go engine where the buildx engine would have built something else: another
base, more files, another user. This module names the lines, so that nobody finds out in production. It reads
as much of a Dockerfile as that needs; it is no linter.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gopherwhale.engines.files import CERTIFICATES, TIME_ZONES
from gopherwhale.engines.recipe import Recipe

_HEREDOC = re.compile(r"<<-?\s*[\"']?([A-Za-z_][A-Za-z0-9_]*)[\"']?")
_DIRECTIVE = re.compile(r"#\s*escape\s*=\s*(\S)", re.IGNORECASE)
_HARMLESS: Final = frozenset({"ARG", "LABEL", "MAINTAINER", "SHELL"})
_MAX_SHOWN: Final = 80


@dataclass(frozen=True, kw_only=True)
class Instruction:
    """One instruction of a Dockerfile.

    Attributes:
        line: Where it starts, counted from 1.
        name: In capitals.
        rest: Everything behind the name, its lines joined.
    """

    line: int
    name: str
    rest: str

    @property
    def words(self) -> list[str]:
        """The words behind the name, flags left out: a JSON list's items, or as a shell would part them."""
        text = self.rest
        while text.startswith("--"):
            text = text.partition(" ")[2].lstrip()
        try:
            found = json.loads(text)
            if isinstance(found, list):
                return [str(item) for item in found]
        except ValueError:
            pass
        try:
            return shlex.split(text)
        except ValueError:
            return text.split()


def instructions(text: str) -> Iterator[Instruction]:
    """The instructions of a Dockerfile, heredocs passed by."""
    directive = _DIRECTIVE.match(text)
    escape = directive[1] if directive else "\\"
    lines = iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        joined = line.strip()
        if not joined or joined.startswith("#"):
            continue
        while joined.endswith(escape):
            joined = joined[:-1] + " " + _next_line(lines)
        name, _, rest = joined.partition(" ")
        if name.upper() in ("RUN", "COPY", "ADD"):
            for end in _HEREDOC.findall(rest):
                _skip_to(lines, end)
        yield Instruction(line=number, name=name.upper(), rest=rest.strip())


def differences(text: str, recipe: Recipe, target: str = "") -> list[tuple[int, str]]:
    """The lines of a Dockerfile's final stage that the recipe does not follow.

    Args:
        text: The Dockerfile.
        recipe: What the go engine would make.
        target: The stage that would be built; empty for the last.

    Returns:
        Line numbers with what stands there, shortened.
    """
    stage = _final_stage(list(instructions(text)), target)
    found = [one for one in stage if not _follows(one, recipe)]
    shown = [(one.line, f"{one.name} {one.rest}".strip()) for one in found]
    return [(line, what if len(what) <= _MAX_SHOWN else f"{what[:_MAX_SHOWN]}…") for line, what in shown]


def _next_line(lines: Iterator[tuple[int, str]]) -> str:
    """The next line that continues an instruction; comments and blank lines between do not end it."""
    for _, line in lines:
        if line.strip() and not line.lstrip().startswith("#"):
            return line.strip()
    return ""


def _skip_to(lines: Iterator[tuple[int, str]], end: str) -> None:
    for _, line in lines:
        if line.strip() == end:
            return


def _final_stage(found: list[Instruction], target: str) -> list[Instruction]:
    starts = [index for index, one in enumerate(found) if one.name == "FROM"]
    chosen = starts[-1:]
    for index in starts:
        words = [word.lower() for word in found[index].words]
        if target and words[1:] == ["as", target.lower()]:
            chosen = [index]
    if not chosen:
        return []
    end = next((index for index in starts if index > chosen[0]), len(found))
    return found[chosen[0] : end]


def _follows(one: Instruction, recipe: Recipe) -> bool:
    process, words = recipe.process, one.words
    settings = {
        "USER": (process.user,),
        "ENTRYPOINT": process.entrypoint,
        "CMD": process.command,
        "WORKDIR": (process.working_dir,),
        "STOPSIGNAL": (process.stop_signal,),
    }
    match one.name:
        case "FROM":
            return words[:1] == ["scratch"]
        case "COPY" | "ADD":
            return _is_ours(words, recipe)
        case "EXPOSE":
            return all((port if "/" in port else f"{port}/tcp") in process.ports for port in words)
        case "ENV":
            pairs = words if "=" in one.rest else ["=".join(one.rest.split(None, 1))]
            return all(pair in process.environment for pair in pairs)
        case name if name in settings:
            return tuple(words) == settings[name]
        case name:
            return name in _HARMLESS


def _is_ours(words: list[str], recipe: Recipe) -> bool:
    """Whether a COPY brings what the recipe brings too: the binaries, certificates or time zones."""
    if not words:
        return False
    *sources, place = words
    targets = [f"{place}{source.rsplit('/', 1)[-1]}" if place.endswith("/") else place for source in sources]
    ours = {binary.path for binary in recipe.binaries}
    ours |= {f"/{entry.path}" for entry in (*recipe.files, *recipe.system)}
    if recipe.certificates != "none":
        ours |= {f"/{CERTIFICATES}", f"/{CERTIFICATES.rsplit('/', 1)[0]}"}
    if recipe.time_zones:
        ours |= {f"/{TIME_ZONES}"}
    return all(target.rstrip("/") in ours for target in targets)
