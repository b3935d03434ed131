"""Temporary files in memory: the tests that need no engine make thousands of small ones."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

# As Linux has it for this; a container may have little of it.
_PLACE: Final = Path("/dev/shm")
_ENOUGH: Final = 512 << 20


def use() -> None:
    """Have this process and its workers keep temporary files in memory, where nobody said otherwise."""
    if "TMPDIR" in os.environ or not _serves():
        return
    os.environ["TMPDIR"] = str(_PLACE)
    tempfile.tempdir = None


def _serves() -> bool:
    """Whether there is such a place, with room, and programs may be started from it, as tests do."""
    try:
        return (
            os.access(_PLACE, os.W_OK | os.X_OK)
            and not os.statvfs(_PLACE).f_flag & os.ST_NOEXEC
            and shutil.disk_usage(_PLACE).free >= _ENOUGH
        )
    except (AttributeError, OSError):
        return False
