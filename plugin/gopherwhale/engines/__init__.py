"""Engines: each leaves an OCI image layout and nothing else. `choose` is how one is picked."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from gopherwhale.engines.ports import OpenRegistry
from gopherwhale.errors import MissingToolError
from gopherwhale.oci.ci_credentials import Credential
from gopherwhale.pipeline import Engine
from gopherwhale.plan import ImagePlan


def has_dockerfile(image: ImagePlan) -> bool:
    """Whether there is what the buildx engine would build."""
    return (image.root / image.settings.dockerfile).is_file()


def choose(
    name: str,
    environment: Mapping[str, str],
    say: Callable[[str], None],
    open_registry: OpenRegistry,
    *,
    dockerfile: bool = True,
) -> Engine:
    """Pick the engine of an image and say in one line which it is and why.

    `auto` takes buildx where there is a Dockerfile and Docker answers, else go where there is a Go toolchain.

    Args:
        name: The setting `engine`.
        environment: The process environment.
        say: Takes the line.
        open_registry: How the go engine reads a base image in a registry.
        dockerfile: Whether the image has one.

    Raises:
        MissingToolError: What the engine needs is not there.
    """
    if name == "go":
        return _go(environment, say, open_registry, "it is set")
    try:
        return _buildx(environment, say, "it is set" if name == "buildx" else "", dockerfile=dockerfile)
    except MissingToolError as error:
        without_docker = error
    if name == "buildx":
        raise MissingToolError(
            f"no engine can build here: {without_docker.problem}", hint=without_docker.hint
        ) from None
    try:
        return _go(environment, say, open_registry, without_docker.problem)
    except MissingToolError as error:
        raise MissingToolError(
            f"no engine can build here: {without_docker.problem}, and {error.problem}",
            hint=f"{without_docker.hint}; or, for the go engine: {error.hint}",
        ) from None


def prepare(names: Iterable[str]) -> None:
    """Import what engines need, which takes up to 0.3 s, while something else is waited for.

    Args:
        names: Settings `engine`; `auto` is known only once Docker was asked.
    """
    if "go" in names:
        import gopherwhale.engines.go  # noqa: PLC0415
    if "buildx" in names:
        import gopherwhale.engines.buildx  # noqa: F401, PLC0415


def describe(image: ImagePlan, environment: Mapping[str, str]) -> list[list[str]]:
    """The exact commands of an image's build, running none of them.

    For `auto` Docker is not asked, since a plan runs nothing: a client on PATH counts as one that answers.
    """
    name = image.settings.engine
    with_docker = shutil.which("docker", path=environment.get("PATH")) is not None
    if name == "go" or (name == "auto" and not (with_docker and has_dockerfile(image))):
        from gopherwhale.engines.go import GoEngine  # noqa: PLC0415

        return GoEngine(environment).commands(image)
    from gopherwhale.engines.buildx import BuildxEngine  # noqa: PLC0415

    return BuildxEngine(environment).commands(image)


def ask_docker(environment: Mapping[str, str]) -> None:
    """Ask whether an image can be loaded, whichever engine makes it.

    Raises:
        MissingToolError: There is no Docker, or it does not answer.
    """
    from gopherwhale.engines.buildx import BuildxEngine  # noqa: PLC0415

    try:
        BuildxEngine(environment).ask()
    except MissingToolError as error:
        raise MissingToolError(
            f"the image cannot be loaded: {error.problem}",
            hint=f"{error.hint}; `docker.cross-build --docker-archive FILE` writes a file to load",
        ) from None


def load(archive: Path, environment: Mapping[str, str], timeout: int) -> None:
    """Load an archive into Docker's own image store, whichever engine made it.

    Raises:
        MissingToolError: There is no Docker.
        BuildError: Docker refuses the archive.
    """
    from gopherwhale.engines.buildx import BuildxEngine  # noqa: PLC0415

    BuildxEngine(environment).load(archive, timeout)


def save(name: str, archive: Path, environment: Mapping[str, str], timeout: int, bound: int) -> None:
    """Write an image of Docker's own store to an archive.

    Args:
        name: Its reference.
        archive: The file to write.
        environment: Says how to reach Docker.
        timeout: Seconds.
        bound: The most bytes that the image may have.

    Raises:
        MissingToolError: There is no Docker.
        UsageError: Docker has no such image, or cannot save it, or it is too large.
    """
    from gopherwhale.engines.buildx import BuildxEngine  # noqa: PLC0415

    BuildxEngine(environment).save(name, archive, timeout, bound)


def login(registry: str, credential: Credential, environment: Mapping[str, str]) -> None:
    """Log Docker in to a registry.

    Raises:
        AuthenticationError: Docker or the registry refuses it.
        MissingToolError: There is no Docker.
    """
    from gopherwhale.engines.buildx import BuildxEngine  # noqa: PLC0415

    BuildxEngine(environment).login(registry, credential)


def _buildx(
    environment: Mapping[str, str], say: Callable[[str], None], why: str, *, dockerfile: bool
) -> Engine:
    if not dockerfile:
        raise MissingToolError("there is no Dockerfile", hint="`gopherwhale init` writes one")
    if shutil.which("docker", path=environment.get("PATH")) is None:
        raise MissingToolError("there is no docker on PATH", hint="install Docker with its buildx plugin")
    # python_on_whales costs 185 ms to import: only a build with Docker pays for it.
    from gopherwhale.engines.buildx import BuildxEngine  # noqa: PLC0415

    engine = BuildxEngine(environment)
    # Whoever chose it need not wait for a question: the build itself tells.
    say(f"engine: buildx ({why or f'Docker {engine.check()} answers'})")
    return engine


def _go(
    environment: Mapping[str, str], say: Callable[[str], None], open_registry: OpenRegistry, why: str
) -> Engine:
    from gopherwhale.engines.go import GoEngine  # noqa: PLC0415

    engine = GoEngine(environment, open_registry)
    found = engine.check()
    say(f"engine: go ({why}; {found})")
    return engine
