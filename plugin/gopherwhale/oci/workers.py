"""Work done side by side, bounded, that ends at the first failure and never outlives the run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock, Thread
from typing import Final, Generic, TypeVar

Result = TypeVar("Result")
# How long a failed run waits for the threads that are in the middle of a request.
_PATIENCE: Final = 5.0


def side_by_side(
    tasks: Sequence[Callable[[], Result]], jobs: int, cancel: Callable[[], None]
) -> list[Result]:
    """Do tasks in a few threads.

    Args:
        tasks: Each may raise; the first failure ends the run.
        jobs: How many at once.
        cancel: Makes the tasks under way fail soon; called at the first failure.

    Returns:
        The results, in the order of the tasks.

    Raises:
        Exception: That of the first task which failed.
    """
    if jobs == 1 or len(tasks) <= 1:
        return [task() for task in tasks]
    run: _Run[Result] = _Run(tasks=tasks, cancel=cancel, results=[None] * len(tasks))
    # Daemons, unlike an executor's threads: an interrupted run does not wait for a silent registry.
    threads = [Thread(target=run.work, daemon=True) for _ in range(min(jobs, len(tasks)))]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            run.wait_for(thread)
    except BaseException:
        run.stop()
        raise
    if run.errors:
        raise run.errors[0]
    return [result for result in run.results if result is not None]


@dataclass(kw_only=True)
class _Run(Generic[Result]):
    tasks: Sequence[Callable[[], Result]]
    cancel: Callable[[], None]
    results: list[Result | None]
    errors: list[BaseException] = field(default_factory=list)
    _next: int = 0
    _failed_at: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    def work(self) -> None:
        while (number := self._take()) is not None:
            try:
                self.results[number] = self.tasks[number]()
            except BaseException as error:  # noqa: BLE001 -- it is raised in the thread that waits
                self.errors.append(error)
                self.stop()

    def stop(self) -> None:
        with self._lock:
            self._next = len(self.tasks)
            self._failed_at = self._failed_at or time.monotonic()
        self.cancel()

    def wait_for(self, thread: Thread) -> None:
        while thread.is_alive():
            thread.join(0.5)
            if self._failed_at and time.monotonic() > self._failed_at + _PATIENCE:
                return

    def _take(self) -> int | None:
        with self._lock:
            if self._next >= len(self.tasks):
                return None
            self._next += 1
            return self._next - 1
