"""Say what is under way where another program has long said nothing."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from gopherwhale.pipeline import Say


@contextlib.contextmanager
def broken(say: Say, under_way: Callable[[], str], after: float) -> Iterator[Say]:
    """Break a silence: a download that has come to a stand looks like one that goes on.

    Args:
        say: Takes each line; it is called from a thread of ours too.
        under_way: Tells what is being waited for.
        after: Seconds of silence before each such line.

    Yields:
        What to say lines with instead: each begins the silence anew.
    """
    started = last = time.monotonic()
    over = threading.Event()

    def spoken(line: str) -> None:
        nonlocal last
        last = time.monotonic()
        say(line)

    def watch() -> None:
        nonlocal last
        while not over.wait(max(0.0, last + after - time.monotonic())):
            now = time.monotonic()
            if now >= last + after:
                last = now
                say(f"{under_way()} ({now - started:.0f} s)")

    watching = threading.Thread(target=watch, name="silence", daemon=True)
    watching.start()
    try:
        yield spoken
    finally:
        over.set()
        watching.join()
