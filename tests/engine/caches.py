"""What Go compiled on this machine, given to the builder: each would compile the same once more.

An entry of Go's cache is named after everything that it depends on, and with -trimpath no folder is among
that: the builder's Go finds it under the name that it looks for, or compiles.
"""

from __future__ import annotations

import fcntl
import os
import tarfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.engine.projects import Project

_RECIPE: Final = """\
FROM {golang}
RUN --mount=type=bind,target=/given --mount=type=cache,target=/root/.cache/go-build \\
    tar -xf /given/go.tar -C /root/.cache/go-build
"""


def give(folder: Path, environment: Mapping[str, str], golang: str) -> None:
    """Give the builder what is new in Go's cache since the last time, in whatever session that was.

    Args:
        folder: An empty folder for what is sent.
        environment: Leads to Go's cache and to the engine.
        golang: The base image, with the same Go.
    """
    cache = Path(environment["GOCACHE"])
    cache.mkdir(parents=True, exist_ok=True)
    with cache.with_name("given").open("ab") as mark:
        fcntl.flock(mark, fcntl.LOCK_EX)
        begun = time.time()
        last = os.fstat(mark.fileno()).st_mtime if mark.tell() else 0.0
        new = [path for path in cache.glob("*/*") if path.is_file() and path.stat().st_mtime >= last]
        if new:
            with tarfile.open(folder / "go.tar", "w") as archive:
                for path in new:
                    archive.add(path, str(path.relative_to(cache)))
            (folder / "Dockerfile").write_text(_RECIPE.format(golang=golang))
            sent = Project(folder=folder, environment=environment)
            sent.good("docker", "buildx", "build", "--output=type=cacheonly", ".")
        mark.write(b"x")
        mark.flush()
        os.utime(mark.fileno(), (begun, begun))
