"""What a killed engine leaves mounted in its folders."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tasks._testbed.commands import run

_TABLE: Final = Path("/proc/self/mountinfo")
_ESCAPE: Final = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, kw_only=True)
class Mount:
    """One mount.

    Attributes:
        point: Where it is mounted.
        bound: Whether it shows a folder of its filesystem, not the whole of it: a bind mount.
    """

    point: Path
    bound: bool


def parse(table: str) -> tuple[Mount, ...]:
    """Read mountinfo (proc_pid_mountinfo(5)), in the order of mounting."""
    rows = (line.split() for line in table.splitlines())
    return tuple(Mount(point=Path(_plain(row[4])), bound=row[3] != "/") for row in rows if len(row) > 4)  # noqa: PLR2004 - the fifth column


def below(mounts: Iterable[Mount], folder: Path) -> tuple[Mount, ...]:
    """Give the mounts at a folder and below it."""
    return tuple(mount for mount in mounts if mount.point.is_relative_to(folder))


def here() -> tuple[Mount, ...]:
    """Give this machine's mounts."""
    return parse(_TABLE.read_text(encoding="utf-8", errors="surrogateescape"))


def clear(folder: Path) -> None:
    """Unmount what lies below a folder, and the folder itself where it is bound to itself, as dockerd does.

    A disk that its owner mounted there stays.

    Raises:
        MissingToolError: Something is in use.
    """
    for mount in reversed(below(here(), folder)):
        if mount.point != folder or mount.bound:
            run(["umount", mount.point], timeout=30)


def _plain(text: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found[1], 8)), text)
