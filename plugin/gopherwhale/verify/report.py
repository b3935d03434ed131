"""A report for people: one row a platform, then every finding with what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from gopherwhale.console import counted, human_size, laid_out, printable
from gopherwhale.verify.findings import Group, PlatformReport, Report, Severity, grouped

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

_STYLE: Final = {
    Severity.ERROR: "bold red",
    Severity.WARNING: "bold yellow",
    Severity.NOTICE: "bold cyan",
    Severity.ALLOWED: "bold green",
}
_COLUMNS: Final = ("platform", "program", "holds", "linked", "Go", "size", "verdict")


def render(report: Report, *, color: bool, width: int) -> str:
    """Lay a report out as text.

    Args:
        report: What was found.
        color: Whether escape sequences for colour may be used; strings of the image never bring their own.
        width: Columns.
    """
    return laid_out(_parts(report), color=color, width=width) + "\n"


def _parts(report: Report) -> Iterator[RenderableType]:
    yield _title(report)
    if report.platforms:
        yield _table(report)
    for group in grouped(report.all_findings):
        yield _group(group)
        yield ""
    yield _summary(report)


def _title(report: Report) -> Text:
    from rich.text import Text  # noqa: PLC0415

    return Text.assemble((printable(report.source), "bold"), f" {report.digest}".rstrip())


def _table(report: Report) -> RenderableType:
    from rich import box  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in _COLUMNS:
        table.add_column(name, overflow="fold", justify="right" if name == "size" else "left")
    for one in report.platforms:
        verdict, style = _verdict(one, report)
        cells = [Text(printable(cell)) for cell in row(one)]
        table.add_row(*cells, Text(verdict, style=style))
    return table


def row(one: PlatformReport) -> tuple[str, ...]:
    """A platform's line, without its verdict: platform, program, what it holds, how linked, Go, size."""
    facts = one.facts
    if facts is None:
        return (str(one.platform), one.entrypoint or "none", "unknown", "", "", human_size(one.size))
    holds = str(facts.platform) if facts.architecture else facts.format
    linked = ""
    if facts.architecture:
        linked = facts.interpreter.rpartition("/")[2] or "static"
    return (str(one.platform), one.program, holds, linked, facts.go_version, human_size(one.size))


def _verdict(one: PlatformReport, report: Report) -> tuple[str, str]:
    severities = [
        finding.severity for finding in report.all_findings if finding.platform == str(one.platform)
    ]
    for severity in (Severity.ERROR, Severity.WARNING):
        if number := severities.count(severity):
            return counted(number, severity.value), _STYLE[severity]
    return "good", "green"


def _group(group: Group) -> Text:
    from rich.text import Text  # noqa: PLC0415

    text = Text()
    text.append(f"{group.finding.severity.value}[{group.finding.code}]", style=_STYLE[group.finding.severity])
    text.append(f" {printable(where(group))}".rstrip(), style="bold")
    for name, value in _details(group):
        text.append(f"\n  {name:<9}", style="dim")
        text.append(printable(value))
    return text


def where(group: Group) -> str:
    """The platforms and the path that a finding is about."""
    return " ".join(part for part in (", ".join(group.platforms), group.finding.path) if part)


def _details(group: Group) -> Iterable[tuple[str, str]]:
    one = group.finding
    yield "expected", one.expected
    yield "found", one.found
    if one.severity is not Severity.ALLOWED:
        yield "mend", one.remedy
    if one.reason:
        yield "policy", one.reason


def summary(report: Report) -> str:
    """One line: what was judged, and how many findings of each kind there are."""
    counts = [counted(report.count(severity), severity.value) for severity in list(Severity)[:3]]
    told = f"{counted(len(report.platforms), 'platform')}, {counted(report.judged, 'file')} judged"
    parts = [*counts]
    if report.count(Severity.ALLOWED):
        parts.append(f"{report.count(Severity.ALLOWED)} allowed by policy")
    if report.undecided:
        parts.append(f"{report.undecided} cannot be told")
    if report.attestations:
        parts.append(f"{counted(report.attestations, 'attestation')} not judged")
    return f"{told}: {', '.join(parts)}"


def _summary(report: Report) -> Text:
    from rich.text import Text  # noqa: PLC0415

    return Text(summary(report), style="bold green" if report.ok else "bold red")
