"""Reports for machines: annotations for GitHub's workflows, and SARIF 2.1.0 for code scanning."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

from gopherwhale.console import printable
from gopherwhale.lint.codes import CODES
from gopherwhale.lint.findings import Finding, LintReport
from gopherwhale.lint.report import summary
from gopherwhale.verify.codes import Severity
from gopherwhale.verify.escaping import (
    COMMAND_LEVEL,
    SARIF_LEVEL,
    SARIF_SCHEMA,
    command_property,
    command_text,
    sarif_rule,
    sarif_text,
)

_RULES: Final = {name: number for number, name in enumerate(CODES)}


def workflow_commands(reports: Sequence[LintReport]) -> str:
    """One workflow command for each finding, at its file and line, and a line that sums each report up."""
    lines = []
    for report in reports:
        for one in report.findings:
            place = f"file={command_property(one.path)},line={one.line},title={command_property(one.code)}"
            lines.append(f"::{COMMAND_LEVEL[one.severity]} {place}::{command_text(_told(one))}")
        lines.append(command_text(summary(report)))
    return "\n".join(lines)


def _told(one: Finding) -> str:
    """What a finding says, in sentences: what is there, why it matters, and what should stand there."""
    if one.severity is Severity.ALLOWED:
        return f"{printable(one.found)}. Allowed: {printable(one.reason)}."
    parts = (one.found, one.why, f"Mended: {one.mended}" if one.mended else "")
    return ". ".join("\n".join(map(printable, part.splitlines())) for part in parts if part)


def sarif(reports: Sequence[LintReport], version: str) -> str:
    """One run for each program that found something; what is allowed is suppressed, with its reason.

    Args:
        reports: What was found.
        version: Ours.
    """
    found = [one for report in reports for one in report.findings]
    own = {
        "name": "gopherwhale",
        "semanticVersion": version,
        "rules": [sarif_rule(c) for c in CODES.values()],
    }
    runs = [_run(own, [one for one in found if one.tool == "gopherwhale"])]
    others = dict.fromkeys(one.tool for one in found if one.tool != "gopherwhale")
    runs += [_run({"name": tool}, [one for one in found if one.tool == tool]) for tool in others]
    return json.dumps({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": runs}, indent=2)


def _run(driver: dict[str, Any], findings: Sequence[Finding]) -> dict[str, Any]:
    return {
        "tool": {"driver": driver},
        "automationDetails": {"id": f"gopherwhale/lint/{driver['name']}"},
        "invocations": [{"executionSuccessful": True}],
        "columnKind": "unicodeCodePoints",
        "results": [_result(one) for one in findings],
    }


def _result(one: Finding) -> dict[str, Any]:
    uri = quote(printable(one.path.replace("\\", "/")), safe="/.")
    place = {"artifactLocation": {"uri": uri}, "region": {"startLine": one.line}}
    parts = json.dumps([one.code, one.path, one.found])
    result: dict[str, Any] = {
        "ruleId": one.code,
        "level": SARIF_LEVEL[one.severity],
        "message": sarif_text(_told(one).replace("\n", "; ")),
        "locations": [{"physicalLocation": place}],
        # The same where lines move.
        "partialFingerprints": {"finding/v1": hashlib.sha256(parts.encode()).hexdigest()[:32]},
    }
    if one.code in _RULES and one.tool == "gopherwhale":
        result["ruleIndex"] = _RULES[one.code]
    if one.severity is Severity.ALLOWED:
        result["suppressions"] = [
            {"kind": "external", "status": "accepted", "justification": printable(one.reason)}
        ]
    return result
