"""Services: started by us, known by their pid, and stopped by it once it is shown to be still theirs."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gopherwhale.errors import MissingToolError

_POLL: Final = 0.05
_LOG_TAIL: Final = 500


@dataclass(frozen=True, kw_only=True)
class Service:
    """A program that keeps running.

    Attributes:
        name: What we call it in messages.
        arguments: The program and its arguments. One of them holds `mark`.
        mark: A path of the testbed's own that tells this process from every other.
        pid_file: Where its pid is kept.
        log: Where its output goes.
        environment: Its whole environment.
    """

    name: str
    arguments: tuple[str, ...]
    mark: str
    pid_file: Path
    log: Path
    environment: Mapping[str, str]

    def start(self, *, ready: Callable[[], bool], timeout: float) -> int:
        """Start it and wait until it answers.

        Args:
            ready: Whether it answers.
            timeout: Seconds to wait.

        Returns:
            Its pid.

        Raises:
            MissingToolError: It ended, or did not answer in time. It does not run then.
        """
        with self.log.open("wb") as log:
            process = subprocess.Popen(
                self.arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment,
                start_new_session=True,
            )
        self.pid_file.write_text(f"{process.pid}\n", encoding="ascii")
        try:
            self._wait(process, ready, timeout)
        except BaseException:
            self._end(process)
            raise
        # It outlives us on purpose: Popen shall not warn of that.
        process.returncode = 0
        return process.pid

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        # By the process itself, not by its pid file: one that was only just started has no command line yet.
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=30)
        self.pid_file.unlink(missing_ok=True)

    def _wait(self, process: subprocess.Popen[bytes], ready: Callable[[], bool], timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while not ready():
            if process.poll() is not None:
                raise self._failure(f"ended with {process.returncode}")
            if time.monotonic() > deadline:
                raise self._failure(f"did not answer within {timeout:.0f} s")
            time.sleep(_POLL)

    def _failure(self, what: str) -> MissingToolError:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines() or [""]
        return MissingToolError(f"{self.name} {what}; see {self.log}", hint=lines[-1][-_LOG_TAIL:])


def owned_pid(pid_file: Path, mark: str) -> int | None:
    """Give the pid in the file if a living process has it and its command line holds the mark, else None."""
    try:
        pid = int(pid_file.read_text(encoding="ascii"))
        # A zombie's command line is empty, so a process that ended is never taken for a living one.
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return pid if pid > 1 and mark in os.fsdecode(command) else None


def stop(pid_file: Path, mark: str, *, timeout: float) -> bool:
    """End the process of a pid file, first politely, and remove the file.

    A process that merely got the same pid later is left alone.

    Args:
        pid_file: Where its pid is kept.
        mark: What its command line must hold.
        timeout: Seconds until it is killed.

    Returns:
        Whether it ran.
    """
    pid = owned_pid(pid_file, mark)
    if pid is not None:
        _signal(pid, signal.SIGTERM)
        deadline = time.monotonic() + timeout
        while owned_pid(pid_file, mark) is not None:
            if time.monotonic() > deadline:
                _signal(pid, signal.SIGKILL)
                deadline = float("inf")
            time.sleep(_POLL)
    pid_file.unlink(missing_ok=True)
    return pid is not None


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
