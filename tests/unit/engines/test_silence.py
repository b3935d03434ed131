from __future__ import annotations

import queue
import threading

import pytest

from gopherwhale.engines import silence

_SECONDS = 30.0


def test_a_silence_is_broken_again_and_again() -> None:
    """Where nothing is said for a while, what is under way is said, and how long it has been."""
    said: queue.Queue[str] = queue.Queue()
    with silence.broken(said.put, lambda: "a download", 0.01):
        lines = [said.get(timeout=_SECONDS) for _ in range(3)]
    assert all(line.startswith("a download (0") for line in lines)


def test_nothing_is_added_to_what_speaks() -> None:
    """Lines pass as they are; before the silence has lasted, nothing stands between them."""
    said: list[str] = []
    with silence.broken(said.append, lambda: "a download", 3600.0) as spoken:
        for line in ("one", "two"):
            spoken(line)
    assert said == ["one", "two"]


def test_nothing_is_said_after_the_end() -> None:
    """An end by an error passes, and the watcher is gone with it."""
    with pytest.raises(KeyError), silence.broken(lambda _line: None, lambda: "a download", 3600.0):
        assert "silence" in [thread.name for thread in threading.enumerate()]
        raise KeyError
    assert "silence" not in [thread.name for thread in threading.enumerate()]
