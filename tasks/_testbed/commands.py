"""Programs that run to their end, bounded in time, their failure told in two lines."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from gopherwhale.errors import MissingToolError

_TAIL: Final = 600


def run(
    arguments: Sequence[str | Path],
    *,
    timeout: float,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run a program and give its standard output.

    Args:
        arguments: The program and its arguments; no shell reads them.
        timeout: Seconds after which it is ended.
        cwd: Where it runs.
        environment: Its whole environment; ours where it is None.

    Raises:
        MissingToolError: It is not there, failed or took too long. What it last said is the hint.
    """
    name = Path(arguments[0]).name
    try:
        done = subprocess.run(
            list(arguments),
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise MissingToolError(f"the testbed gave up on {name} after {timeout:.0f} s") from error
    except OSError as error:
        raise MissingToolError(f"the testbed cannot run {name}: {error.strerror}") from error
    if done.returncode != 0:
        said = " ".join((done.stderr or done.stdout).decode(errors="replace").split())
        raise MissingToolError(
            f"the testbed met a failure: {name} {arguments[1] if len(arguments) > 1 else ''} "
            f"ended with {done.returncode}",
            hint=said[-_TAIL:],
        )
    return done.stdout.decode(errors="replace")
