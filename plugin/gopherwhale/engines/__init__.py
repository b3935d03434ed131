"""Engines: each leaves an OCI image layout and nothing else. `choose` is how one is picked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from gopherwhale.errors import MissingToolError
from gopherwhale.pipeline import Engine
from gopherwhale.plan import ImagePlan


def choose(name: str, environment: Mapping[str, str], say: Callable[[str], None]) -> Engine:
    """Pick the engine of an image and say in one line which it is and why.

    Args:
        name: The setting `engine`.
        environment: The process environment.
        say: Takes the line.

    Raises:
        MissingToolError: What the engine needs is not there.
    """
    # python_on_whales costs 185 ms to import: only a build pays for it.
    from gopherwhale.engines.buildx import BuildxEngine  # noqa: PLC0415

    engine = BuildxEngine(environment)
    try:
        version = engine.check()
    except MissingToolError as error:
        raise MissingToolError(f"no engine can build here: {error.problem}", hint=error.hint) from None
    why = "it is set" if name == "buildx" else f"Docker {version} answers"
    say(f"engine: buildx ({why})")
    return engine


def describe(image: ImagePlan, environment: Mapping[str, str]) -> list[list[str]]:
    """The exact commands of an image's build, running none of them."""
    from gopherwhale.engines.buildx import BuildxEngine  # noqa: PLC0415

    return BuildxEngine(environment).commands(image)


def load(archive: Path, environment: Mapping[str, str], timeout: int) -> None:
    """Load an archive into Docker's own image store, whichever engine made it.

    Raises:
        MissingToolError: There is no Docker.
        BuildError: Docker refuses the archive.
    """
    from gopherwhale.engines.buildx import BuildxEngine  # noqa: PLC0415

    BuildxEngine(environment).load(archive, timeout)
