"""What lint says: findings, each with a place in a file and the line as it should be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gopherwhale.lint.codes import CODES
from gopherwhale.verify.codes import Severity


@dataclass(frozen=True, kw_only=True)
class Edit:
    """Lines that take the place of others.

    Attributes:
        line: The first that goes, counted from 1.
        end: The last that goes; `line - 1` where the new ones are put in front of `line`.
        text: The new ones, with newlines between; empty where the old ones just go.
    """

    line: int
    end: int
    text: str


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One mistake.

    Attributes:
        code: Stable, for policies and scripts.
        severity: How bad it is.
        path: The file, as it was named.
        line: The line, counted from 1.
        found: What is there; never a value that may be secret.
        why: What comes of it.
        mended: The line as it should be, or what to do.
        edit: What mends it, where that can be done without thought.
        reason: Of the policy or the comment that gave it its severity, else empty.
        tool: Who found it.
    """

    code: str
    severity: Severity
    path: str
    line: int
    found: str
    why: str
    mended: str
    edit: Edit | None = None
    reason: str = ""
    tool: str = "gopherwhale"

    @property
    def platform(self) -> str:
        """None: a Dockerfile is of every platform."""
        return ""

    def to_document(self) -> dict[str, Any]:
        """JSON for machines."""
        return {
            "code": self.code,
            "severity": str(self.severity),
            "path": self.path,
            "line": self.line,
            "found": self.found,
            "why": self.why,
            "mended": self.mended,
            "reason": self.reason,
            "tool": self.tool,
        }


@dataclass(frozen=True, kw_only=True)
class LintReport:
    """What was found in a Dockerfile and beside it.

    Attributes:
        path: The Dockerfile, as it was named.
        findings: In the order of files and lines.
    """

    path: str
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether there is no error."""
        return all(finding.severity is not Severity.ERROR for finding in self.findings)

    def to_document(self) -> dict[str, Any]:
        """JSON for machines."""
        findings = [finding.to_document() for finding in self.findings]
        return {"path": self.path, "ok": self.ok, "findings": findings}


def finding(
    code: str,
    path: str,
    line: int,
    found: str,
    *,
    mended: str = "",
    edit: Edit | None = None,
    severity: Severity | None = None,
) -> Finding:
    """A finding of a known code, with the code's severity and remedy unless others are given.

    Where there is an edit, its text is the mended line.
    """
    known = CODES[code]
    return Finding(
        code=code,
        severity=severity or known.severity,
        path=path,
        line=line,
        found=found,
        why=known.why,
        mended=(edit.text if edit else mended) or known.remedy,
        edit=edit,
    )
