"""Reports in files, beside the one that is on standard output: what a CI takes up as an artifact."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gopherwhale.app.request import Request
from gopherwhale.errors import UsageError
from gopherwhale.files import write_atomically
from gopherwhale.guesses import advice

# A table is for people, and GitHub reads its commands from the log.
FORMATS = ("json", "junit", "sarif")


def files(request: Request) -> dict[Path, str]:
    """The formats by the file that each is written to.

    Raises:
        UsageError: A format is not known, or a file cannot be one; told before anything is judged.
    """
    found: dict[Path, str] = {}
    for text in request.reports:
        form, _, name = text.partition("=")
        if form not in FORMATS:
            raise UsageError(f"--report {text[:80]}: {form[:80]!r} is no format", hint=advice(form, FORMATS))
        if not name:
            raise UsageError(f"--report {text[:80]}: no file is named", hint=f"as {form}=report.{form}")
        # A link stays a link.
        path = (request.start / name).resolve()
        if path.exists() and not path.is_file():
            raise UsageError(f"--report {text[:80]}: it is no file", hint=f"as {form}=report.{form}")
        if path in found:
            raise UsageError(f"--report {text[:80]}: two reports cannot be one file")
        found[path] = form
    return found


def show(
    request: Request,
    text: str | Callable[[], str],
    document: Mapping[str, Any],
    others: Mapping[str, Callable[[], str]],
    wanted: Mapping[Path, str],
) -> None:
    """Write a result to standard output, and to the files that were asked for.

    Args:
        request: What was asked for.
        text: The result for people; see `Console.show`.
        document: The result as JSON.
        others: What makes the further formats.
        wanted: As `files` gives it.

    Raises:
        UsageError: A file cannot be written; what stood there stands. Standard output has the result.
    """
    made = {"json": lambda: json.dumps(document, indent=2, ensure_ascii=False), **others}
    failed = None
    # First: whoever reads standard output may have had enough before its end.
    for path, form in wanted.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, f"{made[form]().rstrip()}\n".encode(), sync=False)
        except OSError as error:
            failed = UsageError(f"the report {path} cannot be written: {error.strerror}")
    request.console.show(text, document, others)
    if failed:
        raise failed
