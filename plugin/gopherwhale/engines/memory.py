"""The memory that Go's own commands may take, so that they spend their time compiling."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_LEAST: Final = 1024**3
# The limit of the container that we may be in: `memory.max` of cgroup v2, and v1's (kernel.org, cgroup-v2).
_LIMITS: Final = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_MAX_FILE: Final = 64


def collecting_late(environment: Mapping[str, str], side_by_side: int) -> dict[str, str]:
    """Have Go's commands collect no garbage before it is worth it, where memory is ample.

    A compiler lives for a second, and a linker for little more: a sixth of that goes into collecting what
    their end would free anyway, and a quarter where nothing is compiled (docs/benchmarks.md). It changes no
    byte of what they make: https://pkg.go.dev/runtime#hdr-Environment_Variables.

    The limit is each process's, and `go build` runs a compiler for each core. That half the memory is parted
    among the go commands alone leaves room all the same, for few packages are large: of the 1053 processes
    that compile and link ko 0.18.1, the mean takes 37 MB and the largest 757 MB.

    Args:
        environment: The process environment; what it says of the collector stands.
        side_by_side: How many commands run at once.

    Returns:
        Variables for them: none where each would have under 1 GiB.
    """
    share = available() // (2 * side_by_side)
    if environment.get("GOGC") or environment.get("GOMEMLIMIT") or share < _LEAST:
        return {}
    return {"GOGC": "off", "GOMEMLIMIT": f"{share}B"}


def available() -> int:
    """The bytes of memory that this machine, or the container we are in, has; 0 where nobody says."""
    known = [text for path in map(Path, _LIMITS) if (text := _read(path)).isdecimal()]
    with contextlib.suppress(AttributeError, ValueError, OSError):
        known.append(str(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")))
    return min(map(int, known), default=0)


def _read(path: Path) -> str:
    with contextlib.suppress(OSError), path.open(encoding="ascii", errors="replace") as stream:
        return stream.read(_MAX_FILE).strip()
    return ""
