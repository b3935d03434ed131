"""The go engine's folder below `dist`: binaries kept between builds, one build at a time."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from gopherwhale.errors import UsageError
from gopherwhale.files import PARTIAL
from gopherwhale.plan import ImagePlan

TEMPORARY: Final = "tmp"
_POLL: Final = 0.1


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
    """
    folder = work_folder(image)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        _take(lock.fileno(), image, say)
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


def _take(lock: int, image: ImagePlan, say: Callable[[str], None]) -> None:
    deadline = time.monotonic() + image.timeout
    told = False
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise UsageError(
                    f"another build in {image.root} has not ended within {image.timeout} s",
                    hint="wait for it, or stop it",
                ) from None
            if not told:
                say("waiting for another build of this repository to end")
                told = True
            time.sleep(_POLL)
        else:
            return
