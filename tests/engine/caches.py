"""What Go compiled and fetched on this machine, given to the builder: each would do the same once more.

An entry of Go's cache is named after everything that it depends on, and with -trimpath no folder is among
that: the builder's Go finds it under the name that it looks for, or compiles. A module that is there already
needs no network, on which a builder has hung until the session's end.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tarfile
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from tests.engine.projects import Project

_COMPILED: Final = "root/.cache/go-build"
_FETCHED: Final = "go/pkg/mod/cache/download"
# Other releases of Go, and what the checksum database answered: nothing of that is a program's module.
_NO_MODULES: Final = ("golang.org/toolchain/", "sumdb/")
_MOMENTARY: Final = frozenset({".lock", ".tmp"})
_RECIPE: Final = """\
FROM {golang}
RUN --mount=type=bind,target=/given --mount=type=cache,target=/root/.cache/go-build \\
    --mount=type=cache,target=/go/pkg/mod tar -xf /given/go.tar -C /
"""


def give(folder: Path, environment: Mapping[str, str], golang: str) -> None:
    """Give the builder what is new in Go's caches since the last time, in whatever session that was.

    Args:
        folder: An empty folder for what is sent.
        environment: Leads to Go's caches and to the engine.
        golang: The base image, with the same Go.
    """
    cache = Path(environment["GOCACHE"])
    cache.mkdir(parents=True, exist_ok=True)
    with cache.with_name("given").open("ab") as mark:
        fcntl.flock(mark, fcntl.LOCK_EX)
        begun = time.time()
        last = os.fstat(mark.fileno()).st_mtime if mark.tell() else 0.0
        modules = Path(environment["GOMODCACHE"]) / "cache" / "download"
        new = [
            *((path, f"{_COMPILED}/{path.relative_to(cache)}") for path in _since(last, cache.glob("*/*"))),
            *((path, f"{_FETCHED}/{path.relative_to(modules)}") for path in _since(last, _modules(modules))),
        ]
        if new:
            with tarfile.open(folder / "go.tar", "w") as archive:
                for path, name in new:
                    archive.add(path, name)
            (folder / "Dockerfile").write_text(_RECIPE.format(golang=golang))
            sent = Project(folder=folder, environment=environment)
            sent.good("docker", "buildx", "build", "--output=type=cacheonly", ".")
        mark.write(b"x")
        mark.flush()
        os.utime(mark.fileno(), (begun, begun))


def _since(last: float, paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        # Another worker's Go may be writing: its files of the moment are gone a moment later.
        with contextlib.suppress(FileNotFoundError):
            found = path.stat()
            if found.st_mtime >= last and stat.S_ISREG(found.st_mode) and path.suffix not in _MOMENTARY:
                yield path


def _modules(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("@v/*"):
        if not path.relative_to(folder).as_posix().startswith(_NO_MODULES):
            yield path
