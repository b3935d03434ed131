"""A report as SARIF 2.1.0, for code scanning (OASIS, "Static Analysis Results Interchange Format")."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

from gopherwhale.console import printable
from gopherwhale.verify.codes import CODES, Severity
from gopherwhale.verify.escaping import SARIF_LEVEL, SARIF_SCHEMA, sarif_rule, sarif_text
from gopherwhale.verify.findings import Finding, Report

_BASE: Final = "IMAGE"
_RULES: Final = {name: number for number, name in enumerate(CODES)}


def sarif(reports: Sequence[Report], version: str) -> str:
    """One run for each report; what a policy allowed is a suppressed result with its reason.

    Args:
        reports: What was found.
        version: Ours.
    """
    document = {"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [_run(one, version) for one in reports]}
    return json.dumps(document, indent=2)


def _run(report: Report, version: str) -> dict[str, Any]:
    rules = [sarif_rule(code) for code in CODES.values()]
    return {
        "tool": {"driver": {"name": "gopherwhale", "semanticVersion": version, "rules": rules}},
        "automationDetails": {"id": f"gopherwhale/verify-arch/{_uri(report.source, safe='')}"},
        "invocations": [{"executionSuccessful": True}],
        "originalUriBaseIds": {_BASE: {"description": sarif_text("the root of the image's file system")}},
        "columnKind": "unicodeCodePoints",
        "properties": {
            "source": printable(report.source),
            "digest": report.digest,
            "undecided": report.undecided,
        },
        "results": [_result(finding, report) for finding in report.all_findings],
    }


def _result(finding: Finding, report: Report) -> dict[str, Any]:
    about = " ".join(part for part in (finding.platform, finding.path) if part) or report.source
    told = f"{about}: expected {finding.expected}, found {finding.found}. To mend it: {finding.remedy}."
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": _RULES[finding.code],
        "level": SARIF_LEVEL[finding.severity],
        "message": sarif_text(told),
        "locations": [_location(finding, report)],
        "partialFingerprints": {"finding/v1": _fingerprint(finding)},
        "properties": {
            "platform": finding.platform,
            "expected": finding.expected,
            "found": finding.found,
            "severity": finding.severity.value,
        },
    }
    if finding.severity is Severity.ALLOWED:
        result["suppressions"] = [
            {"kind": "external", "status": "accepted", "justification": printable(finding.reason)}
        ]
    return result


def _location(finding: Finding, report: Report) -> dict[str, Any]:
    """The file in the image; a finding of the image as a whole is at its name."""
    place: dict[str, Any] = {"uri": _uri(finding.path.lstrip("/")), "uriBaseId": _BASE}
    if not finding.path.strip("/"):
        place = {"uri": _uri(report.source)}
    name = ":".join(part for part in (finding.platform, finding.path) if part) or report.source
    return {
        # Code scanning shows no result without a line, whatever it is in.
        "physicalLocation": {"artifactLocation": place, "region": {"startLine": 1}},
        "logicalLocations": [{"fullyQualifiedName": printable(name), "kind": "resource"}],
    }


def _uri(text: str, safe: str = "/") -> str:
    return quote(printable(text), safe=safe)


def _fingerprint(finding: Finding) -> str:
    """The same from one build to the next, where found and expected may change."""
    parts = json.dumps([finding.code, finding.platform, finding.path])
    return hashlib.sha256(parts.encode()).hexdigest()[:32]
