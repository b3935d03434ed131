"""Run one command with a time limit: `python bounded.py SECONDS COMMAND…`.

python-on-whales starts the Docker client itself and offers no time limit, so the client is started through
this script, which needs the standard library alone. It exits as the command does, or with 124 past the
limit, and takes the command with it when it is told to stop.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from types import FrameType

TIMED_OUT = 124


def main(arguments: list[str]) -> int:
    """Run the command and answer with its exit code."""
    seconds, *command = arguments
    with subprocess.Popen(command) as process:

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
