"""The memory that Go's own commands may take, so that they spend their time compiling."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

_LEAST: Final = 1024**3
# https://docs.kernel.org/admin-guide/cgroup-v2.html: the limit of the container that we may be in, or of the
# service or session, which a limit of any cgroup above it binds too.
_CGROUPS: Final = Path("/sys/fs/cgroup")
_OWN_CGROUP: Final = Path("/proc/self/cgroup")
# The same of cgroup v1, where a container sees its own at the top.
_V1_LIMIT: Final = "memory/memory.limit_in_bytes"
# https://docs.kernel.org/filesystems/proc.html: what can be had without swapping, caches given back.
_MEMORY: Final = Path("/proc/meminfo")
_FREE: Final = re.compile(r"^MemAvailable: +(\d+) kB$", re.MULTILINE)
_MAX_FILE: Final = 4096


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
    """The bytes that can be had of the memory of this machine, or of the container we are in; 0 if unknown.

    Of what the machine has, programs that run already hold a part: a limit that forgets them would let Go
    swap, or be killed.
    """
    known = [int(text) for path in _limits() if (text := _read(path).strip()).isdecimal()]
    if told := _FREE.search(_read(_MEMORY)):
        known.append(int(told[1]) * 1024)
    else:
        with contextlib.suppress(AttributeError, ValueError, OSError):
            known.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return min(known, default=0)


def _limits() -> Iterator[Path]:
    yield _CGROUPS / _V1_LIMIT
    own = re.search(r"^0::/(.*)$", _read(_OWN_CGROUP), re.MULTILINE)
    below = Path(own[1] if own else "")
    # Of a cgroup beside the one that is mounted here nothing can be read.
    for place in (below, *below.parents) if ".." not in below.parts else (Path(),):
        yield _CGROUPS / place / "memory.max"


def _read(path: Path) -> str:
    with contextlib.suppress(OSError), path.open(encoding="ascii", errors="replace") as stream:
        return stream.read(_MAX_FILE)
    return ""
