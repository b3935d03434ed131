"""The go engine's folder below `dist`: binaries kept between builds, one build at a time."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from gopherwhale import locks
from gopherwhale.files import PARTIAL
from gopherwhale.plan import ImagePlan

TEMPORARY: Final = "tmp"


def work_folder(image: ImagePlan) -> Path:
    """Where binaries are kept between builds: one folder for all images, so that each is compiled once."""
    dist = image.layout.parent
    return (dist.parent if dist.name == ".local" else dist).absolute() / ".go"


@contextlib.contextmanager
def working(image: ImagePlan, say: Callable[[str], None]) -> Iterator[tuple[Path, int]]:
    """The work folder, for this build alone, with an empty folder for Go's temporary files.

    Yields:
        The folder, and the open file that holds its lock. The go commands inherit it: were we killed,
        the next build waits until they have ended, and never takes a binary that they write late.

    Raises:
        UsageError: Another build has not ended within the time that this one may take.
    """
    folder = work_folder(image)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        locks.take(lock.fileno(), f"another build in {image.root}", say, image.timeout)
        temporary = folder / TEMPORARY
        try:
            # What a killed run left goes first.
            shutil.rmtree(temporary, ignore_errors=True)
            for leftover in folder.glob(f"{PARTIAL}*"):
                leftover.unlink(missing_ok=True)
            temporary.mkdir()
            yield folder, lock.fileno()
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
