"""A report as JUnit's XML, which every CI shows: a case for each platform, a failed one for each error."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from xml.etree import ElementTree as ET

from gopherwhale.console import printable
from gopherwhale.verify.findings import Finding, Report, Severity
from gopherwhale.verify.report import summary


def junit(reports: Sequence[Report]) -> str:
    """One suite for each report."""
    suites = ET.Element("testsuites", name="gopherwhale verify-arch")
    for report in reports:
        suites.append(_suite(report))
    for name in ("tests", "failures"):
        suites.set(name, str(sum(int(suite.get(name, "0")) for suite in suites)))
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=True)


def _suite(report: Report) -> ET.Element:
    errors = [finding for finding in report.all_findings if finding.severity is Severity.ERROR]
    failed = {finding.platform for finding in errors}
    suite = ET.Element("testsuite", name=printable(report.source))
    for finding in errors:
        name = " ".join(part for part in (finding.platform or "image", finding.code, finding.path) if part)
        case = _case(suite, report, name)
        told = f"expected {finding.expected}, found {finding.found}"
        failure = ET.SubElement(case, "failure", type=finding.code, message=printable(told))
        failure.text = printable(f"to mend it: {finding.remedy}")
    names = ["image", *dict.fromkeys(str(one.platform) for one in report.platforms)]
    for name in names:
        if (name if name != "image" else "") not in failed:
            _case(suite, report, name)
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(errors)))
    ET.SubElement(suite, "system-out").text = "\n".join([*_others(report.all_findings), summary(report)])
    return suite


def _case(suite: ET.Element, report: Report, name: str) -> ET.Element:
    return ET.SubElement(suite, "testcase", classname=printable(report.source), name=printable(name))


def _others(findings: Iterable[Finding]) -> Iterable[str]:
    """What fails nothing, a line each."""
    for one in findings:
        if one.severity is not Severity.ERROR:
            reason = f" (policy: {one.reason})" if one.reason else ""
            about = " ".join(part for part in (one.platform, one.path) if part)
            told = f"{one.severity.value} {one.code} {about}: expected {one.expected}, found {one.found}"
            yield printable(told + reason)
