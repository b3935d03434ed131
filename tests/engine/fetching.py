"""What comes over a network: asked for again where it does not come, and had once by all workers."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.sharing import alone

# The new repository's own lint runs it.
STATICCHECK: Final = "honnef.co/go/tools/cmd/staticcheck@v0.8.2"
_SECONDS: Final = 600.0
_PAUSES: Final = (2.0, 10.0)


def fetched(
    command: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a command that downloads, again where it fails: Go itself asks once; how the last one ended."""
    done = run(command, folder, environment)
    for pause in _PAUSES:
        if done.returncode == 0:
            break
        time.sleep(pause)
        done = run(command, folder, environment)
    return done


def install(package: str, program: Path, environment: Mapping[str, str]) -> str:
    """Have Go build a program from the module proxy, whole or not at all, where that is not done yet.

    Args:
        package: As `go install` wants it.
        program: Where it shall be; its folder is made.
        environment: For Go.

    Returns:
        What Go said where it failed, else nothing.
    """
    program.parent.mkdir(parents=True, exist_ok=True)
    with alone(program.with_name(f".{program.name}.lock")):
        if not program.exists():
            # Go writes a program where it stands, and another worker would start half of it.
            with tempfile.TemporaryDirectory(dir=program.parent) as own:
                done = fetched(["go", "install", package], Path(own), {**environment, "GOBIN": own})
                if done.returncode:
                    return f"go install {package}: {done.stderr.strip()[-400:]}"
                next(Path(own).iterdir()).replace(program)
    return ""


def run(
    command: Sequence[str], folder: Path | None, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a command once, by its name on the PATH of its environment, to whatever end."""
    program = shutil.which(command[0], path=environment["PATH"])
    assert program is not None, f"{command[0]} is not there"
    return subprocess.run(
        [program, *command[1:]],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
