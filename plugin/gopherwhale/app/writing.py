"""Files that a command wants to change in a repository: shown, asked about, and only then written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gopherwhale.adopt import changes
from gopherwhale.adopt.changes import Change
from gopherwhale.app.request import Request
from gopherwhale.console import counted, printable
from gopherwhale.errors import ExitCode, UsageError
from gopherwhale.guesses import closest
from gopherwhale.stopping import held


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a command would do to a repository.

    Attributes:
        root: The repository.
        changes: In the order of writing.
        notes: What a person should know, a line each.
        after: What to do once it is written, a line each.
    """

    root: Path
    changes: tuple[Change, ...]
    notes: tuple[str, ...]
    after: tuple[str, ...] = ()


def read_answers(given: Sequence[str], questions: Mapping[str, Any]) -> dict[str, str]:
    """`QUESTION=ANSWER` from the command line.

    Raises:
        UsageError: The template asks no such question.
    """
    asked = [name for name in questions if not name.startswith("_")]
    found = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign or name not in asked:
            close = closest(name, asked)
            hint = f"did you mean {close}?" if close else f"as QUESTION=ANSWER; it asks {', '.join(asked)}"
            raise UsageError(f"--answer {text[:80]}: the template asks no such question", hint=hint)
        found[name] = value
    return found


def settle(request: Request, outcome: Outcome, *, dry_run: bool, yes: bool) -> ExitCode:
    """Show what would be done, ask, and do it.

    Returns:
        CONFLICT where a person has to decide something in the files; else GOOD.

    Raises:
        UsageError: There is nobody to ask, or a file cannot be written.
    """
    console = request.console
    if console.format == "table":
        _show(request, outcome)
    if not outcome.changes:
        console.say(f"nothing to do in {outcome.root}")
    elif not dry_run:
        if not _may(request, outcome, yes=yes):
            console.say("nothing was written")
            return ExitCode.GOOD
        with held(console.say, "the files are written"):
            changes.write(outcome.root, outcome.changes)
        console.say(f"wrote {_count(outcome)} in {outcome.root}")
        for line in outcome.after:
            console.say(printable(line))
    conflicts = {change.path: change.conflicts for change in outcome.changes if change.conflicts}
    for path, number in conflicts.items():
        console.say(f"conflict: {path} ({number}): decide between the marks <<<<<<< and >>>>>>>")
    if console.format == "json":
        console.show("", _document(outcome, written=bool(outcome.changes) and not dry_run))
    return ExitCode.CONFLICT if conflicts else ExitCode.GOOD


def _may(request: Request, outcome: Outcome, *, yes: bool) -> bool:
    if yes:
        return True
    if request.console.ask is None:
        raise UsageError(
            "nothing was written: there is nobody to ask", hint="--yes writes it, --dry-run only shows it"
        )
    return request.console.ask(f"Write {_count(outcome)} in {outcome.root}?")


def _show(request: Request, outcome: Outcome) -> None:
    for change in outcome.changes:
        request.console.show(change.diff(), {})
    for note in outcome.notes:
        request.console.say(printable(note))


def _count(outcome: Outcome) -> str:
    return counted(len(outcome.changes), "file")


def _document(outcome: Outcome, *, written: bool) -> dict[str, Any]:
    files = [
        {
            "path": change.path,
            "action": "remove" if change.new is None else "add" if change.old is None else "change",
            "conflicts": change.conflicts,
            "diff": change.diff(),
        }
        for change in outcome.changes
    ]
    return {
        "schema": 1,
        "root": str(outcome.root),
        "written": written,
        "files": files,
        "notes": list(outcome.notes),
    }
