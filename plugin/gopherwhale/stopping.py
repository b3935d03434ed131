"""How a run that is told to stop ends: through its own blocks, which clean up, and not amid its last steps.

A leaf.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType
from typing import Any, Final, NoReturn

# A CI cancels a job by the one; a terminal that is closed, or a lost connection, sends the other, where there
# is such a signal.
_TOLD: Final = (signal.SIGTERM, *(one for one in signal.Signals if one.name == "SIGHUP"))


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Let a signal that would end the process at once end it through its blocks, by `SystemExit`."""

    def stop(number: int, _frame: FrameType | None) -> NoReturn:
        # As a shell counts it.
        raise SystemExit(128 + number)

    before = _ours(_TOLD)
    _set(dict.fromkeys(before, stop))
    try:
        yield
    finally:
        _set(before)


@contextlib.contextmanager
def held(say: Callable[[str], object], what: str) -> Iterator[None]:
    """Let a signal that ends a run wait for the end of a block; a second one is obeyed at once.

    Args:
        say: Takes the line that says so.
        what: What is ended first, as `the tags are moved`.
    """
    waiting: list[int] = []

    def wait(number: int, _frame: FrameType | None) -> None:
        waiting.append(number)
        _set(before)
        # It may have come in the middle of another line.
        with contextlib.suppress(RuntimeError):
            say(f"{what} first, and then this ends; once more ends it at once")

    before = _ours((signal.SIGINT, *_TOLD))
    _set(dict.fromkeys(before, wait))
    try:
        yield
    finally:
        _set(before)
    if waiting:
        signal.raise_signal(waiting[0])


def _ours(numbers: Sequence[signal.Signals]) -> dict[signal.Signals, Any]:
    """What each does now: of those that are ours to heed, and of none in a thread, which may not say."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    now = {number: signal.getsignal(number) for number in numbers}
    return {number: handler for number, handler in now.items() if handler is not signal.SIG_IGN}


def _set(handlers: Mapping[signal.Signals, Any]) -> None:
    for number, handler in handlers.items():
        # What was not set from Python cannot be set back from it.
        signal.signal(number, handler or signal.SIG_DFL)
