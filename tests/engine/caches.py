"""What Go compiled and fetched on this machine, given to the builder: each would do the same once more.

An entry of Go's cache is named after everything that it depends on, and with -trimpath no folder is among
that: the builder's Go finds it under the name that it looks for, or compiles. A module that is there already
needs no network.
"""

from __future__ import annotations

import fcntl
import json
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from gopherwhale.platforms import Platform
from tests.engine.projects import Project

_COMPILED: Final = "root/.cache/go-build"
_FETCHED: Final = "go/pkg/mod/cache/download"
# What a module cache holds of each version that the choice of versions looks at, and is small.
_SMALL: Final = frozenset({".info", ".mod", ".ziphash"})
_RECIPE: Final = """\
FROM {golang}
RUN --mount=type=bind,target=/given --mount=type=cache,target=/root/.cache/go-build \\
    --mount=type=cache,target=/go/pkg/mod tar -xf /given/go.tar -C /
"""


def give(
    project: Project, packages: Sequence[str], platforms: Iterable[Platform], golang: str, folder: Path
) -> None:
    """Give the builder what it lacks to compile some packages, which this machine has compiled.

    All that the cache holds would be a gigabyte: the tests' tools, the race detector, all ports.

    Args:
        project: Whose packages; its environment leads to Go's caches and to the engine.
        packages: As `go build` is told.
        platforms: For which they were compiled.
        golang: The base image, with the same Go.
        folder: An empty folder for what is sent.
    """
    wanted = {**_compiled(project, packages, platforms), **_fetched(project)}
    with Path(project.environment["GOCACHE"]).with_name("given").open("a+", encoding="utf-8") as record:
        fcntl.flock(record, fcntl.LOCK_EX)
        record.seek(0)
        new = sorted(wanted.keys() - set(record.read().split()))
        if not new:
            return
        with tarfile.open(folder / "go.tar", "w") as archive:
            for name in new:
                archive.add(wanted[name], name)
        (folder / "Dockerfile").write_text(_RECIPE.format(golang=golang))
        sent = Project(folder=folder, environment=project.environment)
        sent.good("docker", "buildx", "build", "--output=type=cacheonly", ".")
        record.writelines(f"{name}\n" for name in new)


def _compiled(project: Project, packages: Sequence[str], platforms: Iterable[Platform]) -> dict[str, Path]:
    """What `go build` made of the packages and of all that they import, and the actions that lead there."""
    folder = Path(project.environment["GOCACHE"])
    found = list(folder.glob("*/*-a"))
    listing = ("go", "list", "-deps", "-export", "-trimpath", "-f", "{{.Export}}", *packages)
    for platform in platforms:
        listed = project.good(*listing, **platform.go_environment(), CGO_ENABLED="0")
        found += map(Path, filter(None, listed.splitlines()))
    return {f"{_COMPILED}/{path.relative_to(folder)}": path for path in found}


def _fetched(project: Project) -> dict[str, Path]:
    """The modules of the build list, as the Dockerfile's `go mod download` wants all of them."""
    folder = Path(project.environment["GOMODCACHE"]) / "cache" / "download"
    found = [path for path in folder.rglob("@v/*") if path.suffix in _SMALL]
    if not (project.folder / "vendor").exists():
        told, decoder = project.good("go", "mod", "download", "-json").strip(), json.JSONDecoder()
        while told:
            module, end = decoder.raw_decode(told)
            found.append(Path(module["Zip"]))
            told = told[end:].lstrip()
    return {f"{_FETCHED}/{path.relative_to(folder)}": path for path in found}
