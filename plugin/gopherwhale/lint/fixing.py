"""Mistakes mended where that can be done without thought: texts in, texts out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from gopherwhale.lint.findings import Edit, LintReport
from gopherwhale.lint.linter import lint
from gopherwhale.lint.view import Surroundings
from gopherwhale.verify.codes import Severity

# A mended line may show the next mistake, as an argument that is used now and not declared.
_ROUNDS: Final = 12


def fix(path: str, text: str, around: Surroundings | None = None) -> tuple[dict[str, str], LintReport]:
    """Mend a Dockerfile and the ignore file beside it.

    Args:
        path: The file, as it is named in findings.
        text: What it holds.
        around: What is known beside it.

    Returns:
        The new texts of those files that change, by path, and what is left to be mended by hand.
    """
    around = around or Surroundings()
    now = {path: text, around.ignore_path: around.ignore_text or ""}
    before = dict(now)
    report = lint(path, text, around)
    for _ in range(_ROUNDS):
        changed = {name: apply(now[name], _edits(report, name)) for name in now}
        if changed == now:
            break
        now = changed
        beside = now[around.ignore_path]
        around = replace(around, ignore_text=beside or around.ignore_text)
        report = lint(path, now[path], around)
    return {name: new for name, new in now.items() if new != before[name]}, report


def _edits(report: LintReport, path: str) -> list[Edit]:
    return [
        one.edit
        for one in report.findings
        if one.edit and one.path == path and one.severity is not Severity.ALLOWED
    ]


def apply(text: str, edits: Sequence[Edit]) -> str:
    """Apply edits that do not touch each other; of two that do, the first. No other line changes."""
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    lines = text.removeprefix(mark).split("\n")
    taken: list[Edit] = []
    touched: set[int] = set()
    for edit in edits:
        place = range(edit.line - 1, edit.end + 1)
        if touched.isdisjoint(place):
            taken.append(edit)
            touched.update(place)
    for edit in sorted(taken, key=lambda one: one.line, reverse=True):
        ending = "\r" if lines[min(edit.line, len(lines)) - 1].endswith("\r") else ""
        lines[edit.line - 1 : edit.end] = [
            f"{line}{ending}" for line in (edit.text.split("\n") if edit.text else ())
        ]
    return mark + "\n".join(lines)
