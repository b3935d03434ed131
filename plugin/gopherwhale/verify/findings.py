"""What verify says: findings, and the reports that hold them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

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


class Group(NamedTuple):
    """One finding that several platforms have alike, so that people read it once."""

    finding: Finding
    platforms: tuple[str, ...]


def grouped(findings: Iterable[Finding]) -> list[Group]:
    """Findings that differ in the platform alone put together, the worst first, causes before effects."""
    order = list(CODES)
    groups: dict[Finding, list[Finding]] = {}
    for one in findings:
        groups.setdefault(_alike(one), []).append(one)
    ordered = sorted(groups.items(), key=lambda item: (item[0].severity.rank, order.index(item[0].code)))
    return [
        Group(
            finding=found[0] if len(found) == 1 else alike,
            platforms=tuple(dict.fromkeys(one.platform for one in found if one.platform)),
        )
        for alike, found in ordered
    ]


def _alike(one: Finding) -> Finding:
    expected = one.expected.replace(one.platform, "its own platform") if one.platform else one.expected
    return replace(one, platform="", expected=expected)


class File(NamedTuple):
    """One file that was judged.

    Attributes:
        path: In the image, links followed.
        role: entrypoint, interpreter, argument, script, health, loader, library, base, or other.
        facts: What it is.
        digest: Of its bytes.
    """

    path: str
    role: str
    facts: BinaryFacts
    digest: str

    def to_document(self) -> dict[str, str]:
        """JSON for machines."""
        return {
            "path": self.path,
            "role": self.role,
            "format": self.facts.format,
            "platform": str(self.facts.platform) if self.facts.architecture else "",
            "digest": self.digest,
        }


@dataclass(frozen=True, kw_only=True)
class PlatformReport:
    """What was found for one platform.

    Attributes:
        platform: As declared.
        digest: Its manifest's.
        size: Compressed bytes of its layers.
        entrypoint: The path of what is started, or empty.
        program: The path of the program that it comes to: past shells, scripts and launchers; or empty.
        facts: Of that program.
        files: Everything that was judged.
        findings: About this platform.
    """

    platform: Platform
    digest: str
    size: int
    entrypoint: str
    program: str
    facts: BinaryFacts | None
    files: tuple[File, ...]
    findings: tuple[Finding, ...]

    def to_document(self) -> dict[str, Any]:
        """JSON for machines."""
        return {
            "platform": str(self.platform),
            "digest": self.digest,
            "size": self.size,
            "entrypoint": self.entrypoint,
            "program": self.program,
            "facts": self.facts.to_document() if self.facts else {},
            "files": [file.to_document() for file in self.files],
            "findings": [finding.to_document() for finding in self.findings],
        }


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was found for an image.

    Attributes:
        source: The image, as the user named it.
        digest: Its root's, or empty where it could not be opened.
        platforms: By platform, in the index's order.
        findings: About the image as a whole, and about platforms compared with each other.
        attestations: How many attestations and other artifacts there are, which are not judged.
    """

    source: str
    digest: str
    platforms: tuple[PlatformReport, ...]
    findings: tuple[Finding, ...]
    attestations: int

    @property
    def all_findings(self) -> tuple[Finding, ...]:
        """Those of the image, then those of each platform."""
        return (*self.findings, *(finding for report in self.platforms for finding in report.findings))

    @property
    def ok(self) -> bool:
        """Whether there is no error."""
        return not self.count(Severity.ERROR)

    @property
    def undecided(self) -> int:
        """How many programs do not tell all that counts."""
        return sum(finding.code == "cannot-tell" for finding in self.all_findings)

    @property
    def judged(self) -> int:
        """How many files were judged."""
        return sum(len(report.files) for report in self.platforms)

    def count(self, severity: Severity) -> int:
        """How many findings have a severity; what cannot be told is counted apart, unless it was raised."""
        return sum(
            finding.severity is severity
            and (finding.code != "cannot-tell" or finding.severity is not Severity.NOTICE)
            for finding in self.all_findings
        )

    def to_document(self) -> dict[str, Any]:
        """JSON for machines, as `report.schema.json` says."""
        return {
            "source": self.source,
            "digest": self.digest,
            "ok": self.ok,
            "errors": self.count(Severity.ERROR),
            "warnings": self.count(Severity.WARNING),
            "notices": self.count(Severity.NOTICE),
            "allowed": self.count(Severity.ALLOWED),
            "undecided": self.undecided,
            "judged": self.judged,
            "attestations": self.attestations,
            "platforms": [report.to_document() for report in self.platforms],
            "findings": [finding.to_document() for finding in self.findings],
        }
