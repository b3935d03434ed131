"""A policy: findings that somebody weighs otherwise than we do, each with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from gopherwhale.verify.codes import Severity
from gopherwhale.verify.findings import Finding


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Raise, lower or allow a finding.

    Attributes:
        code: The finding's.
        severity: What it becomes; `allowed` is still shown, with the reason.
        reason: Why.
        platform: Of the findings it is about, as `linux/arm/v7`; empty for any.
        path: The same for the path in the image, a pattern as `/usr/lib/*`; empty for any.
    """

    code: str
    severity: Severity
    reason: str
    platform: str = ""
    path: str = ""

    def matches(self, finding: Finding) -> bool:
        """Whether it is about a finding."""
        return (
            finding.code == self.code
            and self.platform in ("", finding.platform)
            and (not self.path or fnmatchcase(finding.path, self.path))
        )


def weigh(findings: Iterable[Finding], rules: Sequence[Rule]) -> tuple[Finding, ...]:
    """Apply a policy; of several rules that match a finding, the last one counts."""
    return tuple(_weigh(finding, rules) for finding in findings)


def _weigh(finding: Finding, rules: Sequence[Rule]) -> Finding:
    for rule in reversed(rules):
        if rule.matches(finding):
            return replace(finding, severity=rule.severity, reason=rule.reason)
    return finding
