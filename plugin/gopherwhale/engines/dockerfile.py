"""What a repository's Dockerfile does that the go engine's recipe does not say.

`engine = "auto"` may take the go engine where the buildx engine would have built something else: another
base, more files, another user. This module names the lines, so that nobody finds out in production.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gopherwhale.dockerfile.stages import SCRATCH, read_stages
from gopherwhale.dockerfile.syntax import Instruction, parse
from gopherwhale.engines.files import CERTIFICATES, TIME_ZONES
from gopherwhale.engines.recipe import Recipe
from gopherwhale.errors import UsageError
from gopherwhale.files import read_bounded
from gopherwhale.plan import ImagePlan

_HARMLESS: Final = frozenset({"ARG", "LABEL", "MAINTAINER", "SHELL"})
_MAX_SHOWN: Final = 80
_MAX_FILE: Final = 1024 * 1024


def read_dockerfile(image: ImagePlan) -> str:
    """The text of an image's Dockerfile; empty where there is none.

    Raises:
        UsageError: It cannot be read, or is larger than anybody writes one.
    """
    path = image.root / image.settings.dockerfile
    return read_bounded(path, _MAX_FILE).decode(errors="replace") if path.is_file() else ""


def refuse_unpinned(image: ImagePlan) -> None:
    """Refuse a Dockerfile whose images may be others tomorrow.

    Raises:
        UsageError: An image has no digest; the message names its line.
    """
    settings = image.settings
    if found := unpinned(read_dockerfile(image), settings.target, image.build_args):
        line, name = found[0]
        raise UsageError(
            f"{settings.dockerfile}:{line}: {name} is not pinned by a digest, and this run is --locked",
            hint="write NAME:TAG@sha256:…; `invoke docker.pin` does it where no variable stands in the name",
        )


def differences(text: str, recipe: Recipe, target: str = "") -> list[tuple[int, str]]:
    """The lines of a Dockerfile's final stage that the recipe does not follow.

    Args:
        text: The Dockerfile.
        recipe: What the go engine would make.
        target: The stage that would be built; empty for the last.

    Returns:
        Line numbers with what stands there, shortened.
    """
    final = read_stages(parse(text), target).final
    stage = (final.start, *final.instructions) if final else ()
    found = [one for one in stage if not _follows(one, recipe)]
    shown = [(one.line, f"{one.name} {one.rest}".strip()) for one in found]
    return [(line, what if len(what) <= _MAX_SHOWN else f"{what[:_MAX_SHOWN]}…") for line, what in shown]


def unpinned(
    text: str, target: str = "", build_args: Mapping[str, str] | None = None
) -> list[tuple[int, str]]:
    """The images that a build of a Dockerfile starts from or copies from and that no digest pins.

    Args:
        text: The Dockerfile.
        target: The stage that would be built; empty for the last.
        build_args: Values that the build passes.

    Returns:
        Line numbers with the images.
    """
    stages = read_stages(parse(text), target, build_args)
    found = []
    for stage in sorted(stages.used, key=lambda stage: stage.index):
        if not stage.parents:
            found.append((stage.start.line, stage.base))
        found += [(one.line, image) for one, image in stages.copied(stage)]
    return [(line, image) for line, image in found if image != SCRATCH and "@sha256:" not in image]


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
            return words[:1] == [recipe.base.partition("@")[0]]
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
