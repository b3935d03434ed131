"""A report for people: one row a platform, then every finding with what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gopherwhale.verify.findings import Finding, PlatformReport, Report, Severity

if TYPE_CHECKING:
    from rich.console import RenderableType

_STYLE: Final = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.NOTICE: "cyan"}


def render(report: Report, *, color: bool, width: int) -> str:
    """Lay a report out as text.

    Args:
        report: What was found.
        color: Whether escape sequences for colour may be used; strings of the image never bring their own.
        width: Columns.
    """
    # rich costs 50 ms to import, which only a table pays.
    from rich.console import Console  # noqa: PLC0415

    console = Console(
        width=width,
        force_terminal=color,
        no_color=not color,
        color_system="standard" if color else None,
        highlight=False,
    )
    with console.capture() as capture:
        console.print(_table(report))
        for finding in report.all_findings:
            console.print(_finding(finding), soft_wrap=True)
        console.print(_verdict(report), soft_wrap=True)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def _table(report: Report) -> RenderableType:
    from rich import box  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(
        title=Text(f"{_safe(report.source)} {report.digest}"),
        box=box.SIMPLE_HEAD,
        title_justify="left",
        pad_edge=False,
    )
    for name in ("platform", "entrypoint", "holds", "linked", "Go", "verdict"):
        table.add_column(name, overflow="fold")
    for one in report.platforms:
        table.add_row(*(Text(_safe(cell)) for cell in _row(one, report)))
    return table


def _row(one: PlatformReport, report: Report) -> tuple[str, ...]:
    facts = one.facts
    mine = [finding for finding in report.all_findings if finding.platform == str(one.platform)]
    worst = min((list(Severity).index(finding.severity) for finding in mine), default=None)
    holds = "unknown" if facts is None else str(facts.platform) if facts.architecture else facts.format
    linked = "" if facts is None or not facts.architecture else facts.interpreter or "static"
    verdict = "good" if worst is None else list(Severity)[worst].value
    return (
        str(one.platform),
        one.entrypoint or "none",
        holds,
        linked,
        facts.go_version if facts else "",
        verdict,
    )


def _finding(finding: Finding) -> RenderableType:
    from rich.text import Text  # noqa: PLC0415

    where = " ".join(part for part in (finding.platform, finding.path) if part)
    text = Text(f"{finding.severity.value} {finding.code}", style=_STYLE[finding.severity])
    differs = f"expected {_safe(finding.expected)}, found {_safe(finding.found)}"
    text.append(
        f" {_safe(where)}: {differs}\n  {finding.remedy}",
        style="default",
    )
    return text


def _verdict(report: Report) -> str:
    errors = sum(finding.severity is Severity.ERROR for finding in report.all_findings)
    parts = [f"{len(report.platforms)} platforms", f"{errors} errors"]
    if report.undecided:
        parts.append(f"{report.undecided} undecided")
    if report.attestations:
        parts.append(f"{report.attestations} attestations not judged")
    return ", ".join(parts)


def _safe(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
