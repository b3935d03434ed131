"""One run at a time: the lock of an open file, waited for within a bound. A leaf."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable
from typing import Final

from gopherwhale.errors import UsageError

# A build takes seconds or minutes, and may be told to wait as long as it may take itself.
PATIENCE: Final = 3600.0
_POLL: Final = 0.1


def take(file: int, holder: str, say: Callable[[str], None], seconds: float = PATIENCE) -> None:
    """Lock an open file for this run; the lock goes when the file is closed by all who have it.

    Args:
        file: Its descriptor.
        holder: Who else may have it, as `another build in /src`: for the line that says what is waited for.
        say: Takes that line.
        seconds: How long to wait.

    Raises:
        UsageError: The other one had not ended by then.
    """
    end = time.monotonic() + seconds
    told = False
    while not _taken(file):
        if time.monotonic() > end:
            raise UsageError(f"{holder} has not ended within {seconds:.0f} s", hint="wait for it, or stop it")
        if not told:
            say(f"waiting for {holder} to end")
            told = True
        time.sleep(_POLL)


def _taken(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
