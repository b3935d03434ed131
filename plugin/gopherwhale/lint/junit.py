"""What lint says as JUnit's XML: a failed case for each error, or one for the file that has none."""

from __future__ import annotations

from collections.abc import Sequence

from gopherwhale.junit import Failure, Suite, document
from gopherwhale.lint.findings import Finding, LintReport
from gopherwhale.lint.report import summary
from gopherwhale.verify.codes import Severity


def junit(reports: Sequence[LintReport]) -> str:
    """One suite for each report."""
    return document("gopherwhale lint", [_suite(report) for report in reports])


def _suite(report: LintReport) -> Suite:
    return Suite(
        name=report.path,
        failures=[_failure(one) for one in report.findings if one.severity is Severity.ERROR],
        passed=[report.path] if report.ok else [],
        notes=[
            *(_line(one) for one in report.findings if one.severity is not Severity.ERROR),
            summary(report),
        ],
    )


def _failure(one: Finding) -> Failure:
    return Failure(
        name=f"{one.path}:{one.line} {one.code}",
        code=one.code,
        told=f"{one.found}; {one.why}",
        remedy=one.mended.replace("\n", "; "),
        file=one.path,
    )


def _line(one: Finding) -> str:
    reason = f" (allowed: {one.reason})" if one.reason else ""
    return f"{one.path}:{one.line}: {one.severity.value}: {one.code}: {one.found}{reason}"
