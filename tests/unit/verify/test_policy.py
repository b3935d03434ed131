from __future__ import annotations

import pytest

from gopherwhale.verify.codes import Severity
from gopherwhale.verify.image import Wanted
from gopherwhale.verify.policy import Rule
from gopherwhale.verify.report import render
from tests.unit.verify.judged import code, judge, named, program

V6, V7 = "linux/arm/v6", "linux/arm/v7"


def rule(severity: Severity, *, name: str = "wrong-machine", platform: str = "", path: str = "") -> Rule:
    return Rule(code=name, severity=severity, reason=f"{severity} for {path}", platform=platform, path=path)


IMAGE = {"linux/amd64": {"/app": code("s390x")}}


@pytest.mark.parametrize(
    ("rules", "severity"),
    [
        ((), Severity.ERROR),
        ((rule(Severity.ALLOWED),), Severity.ALLOWED),
        ((rule(Severity.NOTICE, platform="linux/amd64"),), Severity.NOTICE),
        ((rule(Severity.NOTICE, platform="linux/arm64"),), Severity.ERROR),
        ((rule(Severity.WARNING, path="/app"),), Severity.WARNING),
        ((rule(Severity.WARNING, path="/a*"),), Severity.WARNING),
        ((rule(Severity.WARNING, path="/b*"),), Severity.ERROR),
        ((rule(Severity.WARNING, name="wrong-os"),), Severity.ERROR),
        ((rule(Severity.ALLOWED), rule(Severity.WARNING)), Severity.WARNING),
        ((rule(Severity.WARNING), rule(Severity.ALLOWED, path="/x")), Severity.WARNING),
    ],
)
def test_a_policy_weighs_the_findings_it_is_about(rules: tuple[Rule, ...], severity: Severity) -> None:
    """By code, platform and path; the last rule that matches counts, and says why."""
    report = judge(IMAGE, Wanted(policy=rules))
    found = named(report, "wrong-machine")
    assert found.severity is severity
    assert bool(found.reason) is (severity is not Severity.ERROR)
    assert report.ok is (severity is not Severity.ERROR)


def test_what_is_allowed_is_shown_with_its_reason() -> None:
    """And is counted apart from the rest."""
    report = judge(IMAGE, Wanted(policy=[rule(Severity.ALLOWED)]))
    shown = render(report, color=False, width=160)
    assert "allowed[wrong-machine] linux/amd64 /app" in shown
    assert "policy   allowed for" in shown
    assert shown.splitlines()[-1].endswith("0 notices, 1 allowed by policy")


def test_a_policy_may_raise_a_finding_to_an_error() -> None:
    """Findings of the image as a whole and what cannot be told alike."""
    images = {V6: {"/app": program(V6)}, V7: {"/app": program(V6)}}
    raised = [rule(Severity.ERROR, name=name) for name in ("same-binary-variant", "variant-older")]
    assert judge(images).ok
    assert judge(images, Wanted(policy=raised)).count(Severity.ERROR) == 2
    blind = {V7: {"/app": code("arm")}}
    assert not judge(blind, Wanted(policy=[rule(Severity.ERROR, name="cannot-tell")])).ok
