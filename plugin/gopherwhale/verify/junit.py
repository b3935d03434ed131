"""A report as JUnit's XML: a case for each platform, a failed one for each error."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gopherwhale.junit import Failure, Suite, document
from gopherwhale.verify.findings import Finding, Report, Severity
from gopherwhale.verify.report import summary


def junit(reports: Sequence[Report]) -> str:
    """One suite for each report."""
    return document("gopherwhale verify-arch", [_suite(report) for report in reports])


def _suite(report: Report) -> Suite:
    errors = [finding for finding in report.all_findings if finding.severity is Severity.ERROR]
    failed = {finding.platform for finding in errors}
    names = ["image", *dict.fromkeys(str(one.platform) for one in report.platforms)]
    return Suite(
        name=report.source,
        failures=[_failure(finding) for finding in errors],
        passed=[name for name in names if (name if name != "image" else "") not in failed],
        notes=[*_others(report.all_findings), summary(report)],
    )


def _failure(one: Finding) -> Failure:
    return Failure(
        name=" ".join(part for part in (one.platform or "image", one.code, one.path) if part),
        code=one.code,
        told=f"expected {one.expected}, found {one.found}",
        remedy=one.remedy,
    )


def _others(findings: Iterable[Finding]) -> Iterable[str]:
    """What fails nothing, a line each."""
    for one in findings:
        if one.severity is not Severity.ERROR:
            reason = f" (policy: {one.reason})" if one.reason else ""
            about = " ".join(part for part in (one.severity.value, one.code, one.platform, one.path) if part)
            yield f"{about}: expected {one.expected}, found {one.found}{reason}"
