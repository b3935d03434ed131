"""Reports for people: each finding with its place, why it matters, and the line as it should be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from gopherwhale.console import laid_out, printable
from gopherwhale.lint.findings import Finding, LintReport
from gopherwhale.verify.codes import Severity

_STYLE: Final = {
    Severity.ERROR: "bold red",
    Severity.WARNING: "yellow",
    Severity.NOTICE: "cyan",
    Severity.ALLOWED: "dim",
}


def render(reports: Sequence[LintReport], *, color: bool, width: int) -> str:
    """Lay reports out as text.

    Args:
        reports: What was found.
        color: Whether escape sequences for colour may be used; a file's strings never bring their own.
        width: Columns.
    """
    # rich costs 50 ms to import, which only a report pays.
    from rich.text import Text  # noqa: PLC0415

    def parts() -> Iterator[Text]:
        for report in reports:
            for finding in report.findings:
                yield from (Text(line, style=style) for style, line in _lines(finding))
            yield Text(summary(report))

    return laid_out(parts(), color=color, width=width)


def summary(report: LintReport) -> str:
    """One line: how many of each severity, for one file and those beside it."""
    counts = [(sum(one.severity is level for one in report.findings), level) for level in Severity]
    told = ", ".join(f"{count} {_plural(level, count)}" for count, level in counts if count)
    return f"{printable(report.path)}: {told or 'nothing to mend'}"


def _plural(level: Severity, count: int) -> str:
    return level.value if level is Severity.ALLOWED or count == 1 else f"{level.value}s"


def _lines(one: Finding) -> Iterator[tuple[str, str]]:
    tool = "" if one.tool == "gopherwhale" else f" ({one.tool})"
    head = f"{one.path}:{one.line}: {one.severity.value}: {one.code}{tool}: {one.found}"
    yield _STYLE[one.severity], printable(head)
    if one.severity is Severity.ALLOWED:
        yield "", f"    allowed: {printable(one.reason)}"
        return
    if one.why:
        yield "", f"    {printable(one.why)}"
    # A line that is put in is told from one that takes another's place.
    mark = "+" if one.edit and one.edit.end < one.edit.line else ">"
    for line in one.mended.splitlines():
        yield "green", f"    {mark} {printable(line)}"
