"""What a repository's Dockerfile does that the go engine's recipe does not say.

`engine = "auto"` may take the go engine where the buildx engine would have built something else: another
base, more files, another user. This module names the lines, so that nobody finds out in production.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gopherwhale.dockerfile.syntax import Instruction, parse
from gopherwhale.engines.files import CERTIFICATES, TIME_ZONES
from gopherwhale.engines.recipe import Recipe

_HARMLESS: Final = frozenset({"ARG", "LABEL", "MAINTAINER", "SHELL"})
_MAX_SHOWN: Final = 80


def differences(text: str, recipe: Recipe, target: str = "") -> list[tuple[int, str]]:
    """The lines of a Dockerfile's final stage that the recipe does not follow.

    Args:
        text: The Dockerfile.
        recipe: What the go engine would make.
        target: The stage that would be built; empty for the last.

    Returns:
        Line numbers with what stands there, shortened.
    """
    stage = _final_stage(parse(text).instructions, target)
    found = [one for one in stage if not _follows(one, recipe)]
    shown = [(one.line, f"{one.name} {one.rest}".strip()) for one in found]
    return [(line, what if len(what) <= _MAX_SHOWN else f"{what[:_MAX_SHOWN]}…") for line, what in shown]


def _final_stage(found: Sequence[Instruction], target: str) -> Sequence[Instruction]:
    starts = [index for index, one in enumerate(found) if one.name == "FROM"]
    chosen = starts[-1:]
    for index in starts:
        words = [word.text.lower() for word in found[index].words]
        if target and words[1:] == ["as", target.lower()]:
            chosen = [index]
    if not chosen:
        return []
    end = next((index for index in starts if index > chosen[0]), len(found))
    return found[chosen[0] : end]


def _follows(one: Instruction, recipe: Recipe) -> bool:
    process, words = recipe.process, [word.text for word in one.words]
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
