"""Run commands side by side, one for each platform: the first that fails stops the rest."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gopherwhale.errors import BuildError

_MAX_LINES: Final = 60
_MAX_LINE: Final = 2000
_GRACE: Final = 5
# By what stands in cmd/go's messages.
_ADVICE: Final[Mapping[str, str]] = {
    "build constraints exclude all Go files": "they need cgo, without which images are built, or build tags:"
    " build_tags in the table [go]",
    "GOCACHE is not defined": "set HOME, or GOCACHE to a folder that may be written",
    "GOTOOLCHAIN=local": "install that release of Go, or let it be fetched: GOTOOLCHAIN=auto",
}


class Stopped(Exception):  # noqa: N818 -- it is no error of this command's: another one failed
    """This command was stopped because another one failed."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One command.

    Attributes:
        name: What its output is shown under.
        arguments: The command.
        environment: The whole environment.
        folder: Where it runs.
        lock: An open file whose lock the command keeps, should we be killed before it ends; -1 for none.
    """

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    lock: int = -1


class Group:
    """Commands that live and die together.

    Args:
        say: Takes each line of output, with the job's name before it.
        timeout: Seconds for all of them.
    """

    def __init__(self, say: Callable[[str], None], timeout: int) -> None:
        """Start the clock."""
        self._say = say
        self._timeout = timeout
        self._deadline = time.monotonic() + timeout
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = False

    def run(self, job: Job) -> None:
        """Run one command to its end.

        Raises:
            BuildError: It failed or took too long; its output was shown.
            Stopped: Another one had failed.
        """
        process = self._start(job)
        # A pipe that a grandchild keeps open must not outlast the limit: the timer ends them all.
        timer = threading.Timer(max(0.0, self._deadline - time.monotonic()), _end, [process])
        timer.daemon = True
        timer.start()
        try:
            lines = self._read(process, job.name)
            code = process.wait()
        except BaseException:
            # As where nobody takes our lines any more: it must not go on behind our back.
            _end(process)
            raise
        finally:
            timer.cancel()
            with self._lock:
                self._running.discard(process)
        if self._stopped:
            raise Stopped
        if time.monotonic() >= self._deadline:
            raise BuildError(
                f"the build for {job.name} took over {self._timeout} s and was stopped",
                hint="raise the setting `timeout`",
            )
        if code:
            cause = _cause(lines, code)
            raise BuildError(f"go build failed for {job.name}: {cause}", hint=_advice(cause))

    def stop(self) -> None:
        """End every command and let no further one start."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for process in running:
            _end(process)

    def _start(self, job: Job) -> subprocess.Popen[str]:
        with self._lock:
            if self._stopped:
                raise Stopped
            try:
                process = subprocess.Popen(
                    job.arguments,
                    cwd=job.folder,
                    env=dict(job.environment),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    errors="replace",
                    # A group of its own, so that the compiler's processes end with the go command.
                    start_new_session=True,
                    pass_fds=() if job.lock < 0 else (job.lock,),
                )
            except OSError as error:
                raise BuildError(f"cannot start {job.arguments[0]}: {error.strerror}") from None
            self._running.add(process)
            return process

    def _read(self, process: subprocess.Popen[str], name: str) -> list[str]:
        tail: deque[str] = deque(maxlen=_MAX_LINES)
        assert process.stdout is not None  # noqa: S101 -- for the type checker: it was asked for
        with process.stdout:
            for line in process.stdout:
                text = line.rstrip()[:_MAX_LINE]
                tail.append(text)
                if not self._stopped:
                    self._say(f"{name}: {text}")
        return list(tail)


def _end(process: subprocess.Popen[str]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_GRACE)
            return


def _cause(lines: Sequence[str], code: int) -> str:
    """The first line that is a message and not a heading such as `# example.com/hello`."""
    said = [line.strip() for line in lines if line.strip() and not line.startswith(("#", "go: downloading"))]
    # What mends it, or what git said, stands in the next line.
    parts = said[:2] if said and said[0].endswith(":") else said[:1]
    return " ".join(parts) if parts else f"exit code {code}"


def _advice(cause: str) -> str:
    """What to do about a message of Go's that does not say so itself; empty for all others."""
    return next((advice for words, advice in _ADVICE.items() if words in cause), "")
