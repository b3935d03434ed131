"""A report for GitHub's workflows: annotations as workflow commands, and a summary of the step in Markdown.

https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Final

from gopherwhale.console import printable
from gopherwhale.verify.escaping import COMMAND_LEVEL, command_property, command_text
from gopherwhale.verify.findings import Group, Report, Severity, grouped
from gopherwhale.verify.report import row, summary, where

# GitHub takes no more than 1 MiB for one step.
_MAX_SUMMARY: Final = 1000 * 1024
_MARK: Final = {
    Severity.ERROR: "\N{CROSS MARK}",
    Severity.WARNING: "\N{WARNING SIGN}",
    Severity.NOTICE: "\N{INFORMATION SOURCE}",
    Severity.ALLOWED: "\N{WHITE HEAVY CHECK MARK}",
}
_ENTITIES: Final = {ord(c): f"&#{ord(c)};" for c in "\\`*_{}[]()#+!|~@"}


def workflow_commands(reports: Sequence[Report]) -> str:
    """One workflow command for each finding, and for each report a line that says how it came out."""
    lines = []
    for report in reports:
        for group in grouped(report.all_findings):
            title = f"{group.finding.code} ({report.source})"
            level = COMMAND_LEVEL[group.finding.severity]
            told = command_text(_message(group, where(group) or report.source))
            lines.append(f"::{level} title={command_property(title)}::{told}")
        lines.append(command_text(f"{printable(report.source)}: {summary(report)}"))
    return "\n".join(lines)


def _message(group: Group, about: str) -> str:
    one = group.finding
    parts = [f"{printable(about)}: expected {printable(one.expected)}, found {printable(one.found)}."]
    if one.severity is Severity.ALLOWED:
        parts.append(f"Allowed: {printable(one.reason)}.")
    else:
        parts.append(f"To mend it: {printable(one.remedy)}.")
    return " ".join(parts)


def step_summary(reports: Sequence[Report]) -> str:
    """Markdown for GITHUB_STEP_SUMMARY."""
    text = "\n".join(line for report in reports for line in _markdown(report)) + "\n"
    if len(text.encode()) > _MAX_SUMMARY:
        cut = text.encode()[:_MAX_SUMMARY].decode(errors="ignore").rpartition("\n")[0]
        return f"{cut}\n\nThe rest is left out: GitHub shows no more.\n"
    return text


def _markdown(report: Report) -> Iterable[str]:
    mark = "\N{WHITE HEAVY CHECK MARK}" if report.ok else "\N{CROSS MARK}"
    yield f"### {mark} {_cell(report.source)}"
    yield ""
    if report.platforms:
        yield from ("| platform | program | holds | linked | Go | size |", "|---|---|---|---|---|--:|")
        for platform in report.platforms:
            yield f"| {' | '.join(map(_cell, row(platform)))} |"
        yield ""
    groups = grouped(report.all_findings)
    if groups:
        yield from ("| finding | where | expected | found | to mend it |", "|---|---|---|---|---|")
    for group in groups:
        one = group.finding
        told = one.reason if one.severity is Severity.ALLOWED else one.remedy
        name = f"{_MARK[one.severity]} {one.severity.value} {one.code}"
        yield f"| {' | '.join(map(_cell, (name, where(group), one.expected, one.found, told)))} |"
    yield from ("", f"{_cell(summary(report))}", "")


def _cell(text: str) -> str:
    """A string as HTML's own text, in which neither Markdown nor a table's bar means anything."""
    return html.escape(printable(text)).translate(_ENTITIES)
