"""What is dear to make, made by one of the workers for all of them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

_MARK: Final = ".made"


@contextlib.contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Let one worker at a time into a block, by a lock on a file."""
    with lock.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder for this run, filled by who comes first; the others wait for it, and change nothing in it.

    Args:
        factory: Of this worker; the base folders of one run's workers stand side by side.
        name: What is in it.
        make: Fills the folder. Where it fails, the next one tries again.
    """
    base = factory.getbasetemp()
    # Without workers what stands beside is another run's.
    common = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = common / name
    with alone(common / f"{name}.lock"):
        if not (folder / _MARK).exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            (folder / _MARK).touch()
    return folder
