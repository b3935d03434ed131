"""One run of some commands: seconds on the wall, and the most memory that each of them held."""

from __future__ import annotations

import contextlib
import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final, cast

_LOOK: Final = 0.02
_TIMEOUT: Final = 1800.0
_SHOWN: Final = 2000
_HIGH_WATER: Final = re.compile(rb"VmHWM:\s+(\d+) kB")


class Failed(Exception):  # noqa: N818 -- a state of a contender, which is reported and stops nothing
    """A contender did not do its work."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """A process to start.

    Attributes:
        arguments: The program and its arguments.
        folder: Where it runs.
        environment: Its whole environment.
    """

    arguments: Sequence[str]
    folder: Path
    environment: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What one run took.

    Attributes:
        seconds: From the first command's start to the last one's end.
        peak_bytes: The most that any of the processes themselves held, without their children
            (VmHWM of proc(5), looked at 50 times a second).
    """

    seconds: float
    peak_bytes: int


def run(commands: Sequence[Command], *, side_by_side: bool = False) -> Measured:
    """Run commands to their ends, one after the other or all at once.

    Raises:
        Failed: One cannot be started, runs for over half an hour, or exits with non-zero.
    """
    started = time.perf_counter()
    peaks: list[int] = []
    for batch in [commands] if side_by_side else [[command] for command in commands]:
        with contextlib.ExitStack() as stack:
            running = [_Running(command, stack) for command in batch]
            peaks += [one.finish() for one in running]
    return Measured(seconds=time.perf_counter() - started, peak_bytes=max(peaks, default=0))


class Serving:
    """A server beside the contenders, for a block; it is ended by its own process.

    Args:
        command: Starts it.
        pattern: What it prints when it serves; the first group is the block's value.
    """

    def __init__(self, command: Command, pattern: str) -> None:
        """Keep what to start."""
        self._command, self._pattern = command, re.compile(pattern)

    def __enter__(self) -> str:
        """Start it and wait until it serves.

        Raises:
            Failed: It ended, or printed something else.
        """
        self._process = subprocess.Popen(
            list(self._command.arguments),
            cwd=self._command.folder,
            env=dict(self._command.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        line = self._output.readline(_SHOWN).decode(errors="replace")
        found = self._pattern.search(line)
        if found is None:
            self.__exit__()
            raise Failed(f"{self._command.arguments[0]} does not serve: {line.strip()}")
        return found[1]

    @property
    def _output(self) -> IO[bytes]:
        return cast("IO[bytes]", self._process.stdout)

    def __exit__(self, *_error: object) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(_TIMEOUT)
        self._output.close()


class _Running:
    def __init__(self, command: Command, stack: contextlib.ExitStack) -> None:
        self._command = command
        self._log: IO[bytes] = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 -- the stack closes it
        try:
            self._process = subprocess.Popen(
                list(command.arguments),
                cwd=command.folder,
                env=dict(command.environment),
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=subprocess.STDOUT,
            )
        except OSError as error:
            raise Failed(f"{command.arguments[0]} cannot be started: {error.strerror}") from None
        stack.callback(self._end)
        self._peak = 0
        threading.Thread(target=self._watch, daemon=True).start()

    def finish(self) -> int:
        late = threading.Event()

        def end() -> None:
            late.set()
            self._process.kill()

        # subprocess's own timeout looks every 50 ms, which is longer than what is measured here at times.
        timer = threading.Timer(_TIMEOUT, end)
        timer.start()
        code = self._process.wait()
        timer.cancel()
        if late.is_set():
            raise Failed(f"{self._name} ran for over {_TIMEOUT:.0f} seconds")
        if code:
            self._log.seek(0)
            said = self._log.read()[-_SHOWN:].decode(errors="replace").strip()
            raise Failed(f"{self._name} exits with {code}: {said}")
        return self._peak

    @property
    def _name(self) -> str:
        return Path(self._command.arguments[0]).name

    def _end(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _watch(self) -> None:
        status = Path(f"/proc/{self._process.pid}/status")
        while self._process.poll() is None:
            with contextlib.suppress(OSError):
                if found := _HIGH_WATER.search(status.read_bytes()):
                    self._peak = max(self._peak, int(found[1]) * 1024)
            time.sleep(_LOOK)
