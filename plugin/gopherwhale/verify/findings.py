"""What verify says: findings, and the reports that hold them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gopherwhale.platforms import Platform
from gopherwhale.verify.codes import CODES, Severity
from gopherwhale.verify.facts import BinaryFacts

__all__ = ["Finding", "PlatformReport", "Report", "Severity", "finding"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is not as it should be.

    Attributes:
        code: Stable, for policies and scripts.
        severity: How bad it is.
        platform: The platform that it is about, or empty for the image as a whole.
        path: The path inside the image, or empty.
        expected: What should be there.
        found: What is there.
        remedy: How to mend it.
        reason: Of the policy that gave it its severity, else empty.
    """

    code: str
    severity: Severity
    platform: str
    path: str
    expected: str
    found: str
    remedy: str
    reason: str = ""

    def to_document(self) -> dict[str, str]:
        """JSON for machines."""
        return {name: str(getattr(self, name)) for name in self.__dataclass_fields__}


def finding(
    code: str, platform: Platform | None, path: str = "", *, expected: str, found: str, remedy: str = ""
) -> Finding:
    """A finding of a known code, with the code's severity and, unless another is given, its remedy."""
    known = CODES[code]
    return Finding(
        code=code,
        severity=known.severity,
        platform=str(platform) if platform else "",
        path=path,
        expected=expected,
        found=found,
        remedy=remedy or known.remedy,
    )


@dataclass(frozen=True, kw_only=True)
class PlatformReport:
    """What was found for one platform.

    Attributes:
        platform: As declared.
        digest: Its manifest's.
        size: Compressed bytes of its layers.
        entrypoint: The program's resolved path, or empty.
        facts: Of that program.
        findings: About this platform.
    """

    platform: Platform
    digest: str
    size: int
    entrypoint: str
    facts: BinaryFacts | None
    findings: tuple[Finding, ...]

    def to_document(self) -> dict[str, Any]:
        """JSON for machines."""
        return {
            "platform": str(self.platform),
            "digest": self.digest,
            "size": self.size,
            "entrypoint": self.entrypoint,
            "facts": self.facts.to_document() if self.facts else {},
            "findings": [finding.to_document() for finding in self.findings],
        }


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was found for an image.

    Attributes:
        source: The image, as the user named it.
        digest: Its root's.
        platforms: By platform, in the index's order.
        findings: About the image as a whole.
        attestations: How many there are.
        undecided: How many programs do not tell what they are for.
    """

    source: str
    digest: str
    platforms: tuple[PlatformReport, ...]
    findings: tuple[Finding, ...]
    attestations: int
    undecided: int

    @property
    def all_findings(self) -> tuple[Finding, ...]:
        """Those of the image, then those of each platform."""
        return (*self.findings, *(finding for report in self.platforms for finding in report.findings))

    @property
    def ok(self) -> bool:
        """Whether there is no error."""
        return all(finding.severity is not Severity.ERROR for finding in self.all_findings)

    def to_document(self) -> dict[str, Any]:
        """JSON for machines."""
        return {
            "schema": 1,
            "source": self.source,
            "digest": self.digest,
            "ok": self.ok,
            "platforms": [report.to_document() for report in self.platforms],
            "findings": [finding.to_document() for finding in self.findings],
            "attestations": self.attestations,
            "undecided": self.undecided,
        }
