"""A policy: findings that somebody weighs otherwise than we do, each with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import Field, dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, ClassVar, Protocol, TypeVar

from gopherwhale.verify.codes import Severity


class Weighed(Protocol):
    """A finding of any kind."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def code(self) -> str:
        """Its code."""
        ...

    @property
    def platform(self) -> str:
        """The platform that it is about, or empty."""
        ...

    @property
    def path(self) -> str:
        """The file that it is about, or empty."""
        ...


AnyFinding = TypeVar("AnyFinding", bound=Weighed)


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

    def matches(self, finding: Weighed) -> bool:
        """Whether it is about a finding."""
        return (
            finding.code == self.code
            and self.platform in ("", finding.platform)
            and (not self.path or fnmatchcase(finding.path, self.path))
        )


def weigh(findings: Iterable[AnyFinding], rules: Sequence[Rule]) -> tuple[AnyFinding, ...]:
    """Apply a policy; of several rules that match a finding, the last one counts."""
    return tuple(_weigh(finding, rules) for finding in findings)


def _weigh(finding: AnyFinding, rules: Sequence[Rule]) -> AnyFinding:
    for rule in reversed(rules):
        if rule.matches(finding):
            return replace(finding, severity=rule.severity, reason=rule.reason)
    return finding
