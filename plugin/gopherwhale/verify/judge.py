"""Facts and expectations become findings. Pure: nothing is read here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from gopherwhale.oci.documents import Descriptor, ImageConfig
from gopherwhale.platforms import Platform
from gopherwhale.verify.facts import BinaryFacts
from gopherwhale.verify.findings import Finding, Severity

REVISION_LABEL: Final = "org.opencontainers.image.revision"
_BASELINE: Final[Mapping[str, str]] = {"amd64": "v1", "arm64": "v8.0"}
_RUNNABLE: Final = frozenset({"executable", "PIE"})
_MEND_BUILD: Final = (
    "build with GOOS, GOARCH and GOARM from TARGETOS, TARGETARCH and TARGETVARIANT,"
    " declared without defaults in the stage that compiles"
)


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


def judge_binary(declared: Platform, path: str, facts: BinaryFacts) -> list[Finding]:
    """A program must be an executable for the declared platform and no newer CPU."""
    if facts.format == "malformed":
        return [_at("malformed", declared, path, "a sound executable", facts.problem, "build it again")]
    if facts.format in ("other", "script"):
        return []
    if facts.os != declared.os:
        return [_at("wrong-os", declared, path, declared.os, facts.os, _MEND_BUILD)]
    if facts.architecture != declared.architecture:
        return [_at("wrong-machine", declared, path, str(declared), str(facts.platform), _MEND_BUILD)]
    if facts.kind not in _RUNNABLE:
        return [
            _at(
                "not-a-program",
                declared,
                path,
                "an executable",
                facts.kind or "nothing",
                "use go build's default -buildmode",
            )
        ]
    return [*_judge_go(declared, path, facts), *_judge_level(declared, path, facts)]


def _judge_go(declared: Platform, path: str, facts: BinaryFacts) -> list[Finding]:
    found = (facts.settings.get("GOOS", declared.os), facts.settings.get("GOARCH", declared.architecture))
    if found == (declared.os, declared.architecture):
        return []
    return [
        _at(
            "build-info-disagrees",
            declared,
            path,
            f"{declared.os}/{declared.architecture}",
            "/".join(found),
            _MEND_BUILD,
        )
    ]


def _judge_level(declared: Platform, path: str, facts: BinaryFacts) -> list[Finding]:
    wanted = declared.variant or _BASELINE.get(declared.architecture, "")
    if not wanted or not facts.level:
        return []
    if _rank(facts.level) > _rank(wanted):
        return [
            _at(
                "variant-too-new",
                declared,
                path,
                f"code for {wanted} or older",
                f"code for {facts.level}",
                _MEND_BUILD,
            )
        ]
    if _rank(facts.level) < _rank(wanted) and declared.architecture == "arm":
        older = _at(
            "variant-older", declared, path, f"code for {wanted}", f"code for {facts.level}", _MEND_BUILD
        )
        return [_soften(older, Severity.WARNING)]
    return []


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


def judge_decided(declared: Platform, path: str, facts: BinaryFacts) -> list[Finding]:
    """Say so where a program does not tell what it is for; an empty list where it does."""
    needs_level = declared.architecture == "arm" and facts.architecture == "arm" and not facts.level
    if facts.format in ("ELF", "PE") and not needs_level:
        return []
    found = (
        f"a {facts.format} file"
        if facts.format not in ("ELF", "PE")
        else "a program without Go's build information"
    )
    note = _at(
        "cannot-tell",
        declared,
        path,
        f"a program that tells its platform, {declared}",
        found,
        "keep Go's build information in the program: it is packed, obfuscated or not a Go program",
    )
    return [_soften(note, Severity.NOTICE)]


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
                    _MEND_BUILD,
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


def _rank(level: str) -> tuple[int, int]:
    major, _, minor = level.removeprefix("v").partition(".")
    return (int(major) if major.isdigit() else 0, int(minor) if minor.isdigit() else 0)


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
