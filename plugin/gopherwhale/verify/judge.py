"""Facts and expectations become findings. Pure: nothing is read here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from gopherwhale.oci.documents import Descriptor, ImageConfig
from gopherwhale.platforms import Platform
from gopherwhale.verify.facts import BinaryFacts
from gopherwhale.verify.findings import Finding, Severity
from gopherwhale.verify.fits import MEND_BUILD

REVISION_LABEL: Final = "org.opencontainers.image.revision"


def judge_set(declared: Sequence[Platform], expected: Sequence[Platform] | None) -> list[Finding]:
    """Requested == delivered, each once.

    Args:
        declared: The platforms of the index's images.
        expected: What must be there, exactly; None for whatever is declared.
    """
    findings = [
        _error(
            "platform-duplicated",
            platform,
            "one image",
            f"{declared.count(platform)} images",
            "remove the entries that are too many; runtimes take any of them",
        )
        for platform in dict.fromkeys(declared)
        if declared.count(platform) > 1
    ]
    if expected is None:
        return findings
    listed = ", ".join(map(str, declared)) or "nothing"
    findings += [
        _error(
            "platform-missing",
            platform,
            f"an image for {platform}",
            listed,
            "build this platform, or do not ask for it",
        )
        for platform in expected
        if platform not in declared
    ]
    findings += [
        _error(
            "platform-unexpected",
            platform,
            ", ".join(map(str, expected)),
            str(platform),
            "add it to the platforms that are asked for, or do not build it",
        )
        for platform in dict.fromkeys(declared)
        if platform not in expected
    ]
    return findings


def judge_config(declared: Platform, config: ImageConfig) -> list[Finding]:
    """The index and the config must name the same platform."""
    if config.platform == declared:
        return []
    return [
        _error(
            "platform-disagrees",
            declared,
            f"{declared} in the config, as in the index",
            str(config.platform),
            "let one build make both, and do not pin the final stage to a platform",
        )
    ]


def judge_revision(declared: Platform, config: ImageConfig, revision: str) -> list[Finding]:
    """The image must be of the revision that is asked for, where one is."""
    found = config.labels.get(REVISION_LABEL, "")
    if not revision or found == revision:
        return []
    return [
        _error(
            "revision",
            declared,
            revision,
            found or "no revision label",
            "build this commit, then verify again",
        )
    ]


def judge_interpreter(declared: Platform, path: str, facts: BinaryFacts, *, present: bool) -> list[Finding]:
    """What must load a program has to be in the image."""
    if not facts.interpreter or present:
        return []
    return [
        _at(
            "interpreter-missing",
            declared,
            path,
            "a static program, or its interpreter in the image",
            f"it needs {facts.interpreter}, which the image lacks",
            "build with CGO_ENABLED=0 and without -buildmode=pie",
        )
    ]


def judge_sameness(binaries: Iterable[tuple[Platform, str, str]]) -> list[Finding]:
    """No two platforms may hold the same program.

    Args:
        binaries: Platform, path and digest of each entrypoint that is a binary.
    """
    first: dict[str, Platform] = {}
    findings = []
    for platform, path, digest in binaries:
        other = first.setdefault(digest, platform)
        if other != platform:
            findings.append(
                _at(
                    "same-binary",
                    platform,
                    path,
                    "a program of its own",
                    f"the bytes of {other}'s program",
                    MEND_BUILD,
                )
            )
    return findings


def judge_unknown(entry: Descriptor) -> list[Finding]:
    """An entry for `unknown/unknown` that is no attestation is an image nobody can run."""
    if entry.platform is None or not entry.platform.is_unknown:
        return []
    return [
        _error(
            "platform-unknown",
            entry.platform,
            "a platform, or an attestation's annotation",
            "unknown/unknown",
            "build it with its platform, or remove the entry",
        )
    ]


def entrypoint_finding(declared: Platform, code: str, path: str, found: str) -> Finding:
    """The image's program cannot be run."""
    return _at(
        code,
        declared,
        path,
        "a program that can be run",
        found,
        "see ENTRYPOINT and the COPY of the final stage",
    )


def _at(code: str, platform: Platform, path: str, expected: str, found: str, remedy: str) -> Finding:
    return Finding(
        code=code,
        severity=Severity.ERROR,
        platform=str(platform),
        path=path,
        expected=expected,
        found=found,
        remedy=remedy,
    )


def _error(code: str, platform: Platform, expected: str, found: str, remedy: str) -> Finding:
    return _at(code, platform, "", expected, found, remedy)


def _soften(finding: Finding, severity: Severity) -> Finding:
    return replace(finding, severity=severity)
