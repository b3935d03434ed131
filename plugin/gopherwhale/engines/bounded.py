"""Run one command with a time limit: `python bounded.py [--to-stderr] SECONDS COMMAND…`.

python-on-whales starts the Docker client itself and offers no time limit, so the client is started through
this script, which needs the standard library alone. It exits as the command does, or with 124 past the
limit, and takes the command with it when it is told to stop.
With `--to-stderr` what the command prints goes there: python-on-whales would let some of it stand between our
results.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from types import FrameType

TIMED_OUT = 124
TO_STDERR = "--to-stderr"


def main(arguments: list[str]) -> int:
    """Run the command and answer with its exit code."""
    output = sys.stderr if arguments[0] == TO_STDERR else None
    seconds, *command = arguments[1:] if output else arguments
    with subprocess.Popen(command, stdout=output) as process:

        def stop(number: int, _frame: FrameType | None) -> None:
            process.send_signal(number)

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        try:
            return process.wait(timeout=float(seconds))
        except subprocess.TimeoutExpired:
            process.kill()
            return TIMED_OUT


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
