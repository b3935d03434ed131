"""Run one command with a time limit: `python bounded.py [--to-stderr] SECONDS COMMAND…`.

python-on-whales starts the Docker client itself and offers no time limit, so the client is started through
this script, which needs the standard library alone. It exits as the command does, or with 124 past the
limit, and takes the command with it when it is told to stop, or when who started it is gone.
With `--to-stderr` what the command prints goes there: python-on-whales would let some of it stand between our
results.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from types import FrameType

TIMED_OUT = 124
TO_STDERR = "--to-stderr"
# Seconds between two looks at the clock, and at who started us.
_LOOK = 1.0


def main(arguments: list[str]) -> int:
    """Run the command and answer with its exit code."""
    output = sys.stderr if arguments[0] == TO_STDERR else None
    limit, *command = arguments[1:] if output else arguments
    seconds, starter, late = float(limit), os.getppid(), False
    end = time.monotonic() + seconds
    told: list[int] = []
    # From the first moment: told to stop a moment before there is one to tell, the command would go on alone.
    _on_stop(lambda number, _frame: told.append(number))
    with subprocess.Popen(command, stdout=output) as process:

        def stop(number: int, _frame: FrameType | None) -> None:
            process.send_signal(number)

        def look(_number: int, _frame: FrameType | None) -> None:
            nonlocal late
            if time.monotonic() >= end:
                late = True
                process.kill()
            elif os.getppid() != starter:
                process.terminate()

        _on_stop(stop)
        for number in told:
            process.send_signal(number)
        signal.signal(signal.SIGALRM, look)
        # A timer of our own: that of `wait` asks every 50 ms, by which each command would end later.
        signal.setitimer(signal.ITIMER_REAL, min(_LOOK, seconds), _LOOK)
        code = process.wait()
        # None may come while Python ends and hears no signal any more.
        signal.setitimer(signal.ITIMER_REAL, 0)
    return TIMED_OUT if late else code


def _on_stop(handler: Callable[[int, FrameType | None], None]) -> None:
    signal.signal(signal.SIGTERM, handler)
    signal.signal(signal.SIGINT, handler)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
