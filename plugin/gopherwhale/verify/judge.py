"""Facts and expectations become findings. Pure: nothing is read here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Final

from gopherwhale.oci.documents import Descriptor, ImageConfig
from gopherwhale.platforms import Platform
from gopherwhale.verify.findings import Finding, Severity, finding
from gopherwhale.verify.fits import fits, fits_beside
from gopherwhale.verify.reached import Reached
from gopherwhale.verify.scope import Scope

REVISION_LABEL: Final = "org.opencontainers.image.revision"
_ABBREVIATED: Final = re.compile(r"[0-9a-f]{7,63}")
# A script that chooses among programs by `uname -m` names those of other machines on purpose.
_ARCHITECTURE_WORDS: Final = {
    "386": ("386", "i686", "x86"),
    "amd64": ("amd64", "x86_64", "x86-64", "x64"),
    "arm": ("arm", "armhf", "armel", "armv5", "armv6", "armv6l", "armv7", "armv7l"),
    "arm64": ("arm64", "aarch64"),
}


def judge_set(declared: Sequence[tuple[Platform, str]], expected: Sequence[Platform] | None) -> list[Finding]:
    """Requested == delivered, each once.

    Args:
        declared: The platform and the Windows version (else empty) of the index's images.
        expected: What must be there, exactly; None for whatever is declared.
    """
    platforms = [platform for platform, _ in declared]
    findings = [
        finding(
            "platform-duplicated",
            platform,
            expected="one image",
            found=f"{declared.count((platform, version))} images",
        )
        for platform, version in dict.fromkeys(declared)
        if declared.count((platform, version)) > 1
    ]
    if not declared and not expected:
        # Attestations and other artifacts alone, or nothing that was asked about: nothing was judged.
        wanted, mend = "at least one image", "name an image, and platforms that it has"
        return [finding("platform-missing", None, expected=wanted, found="no image", remedy=mend)]
    if expected is None:
        return findings
    listed = ", ".join(map(str, platforms)) or "nothing"
    findings += [
        finding("platform-missing", platform, expected=f"an image for {platform}", found=listed)
        for platform in expected
        if platform not in platforms
    ]
    findings += [
        finding("platform-unexpected", platform, expected=", ".join(map(str, expected)), found=str(platform))
        for platform in dict.fromkeys(platforms)
        if platform not in expected
    ]
    return findings


def judge_entry(entry: Descriptor, *, listed: bool) -> list[Finding]:
    """An index's entry must name a platform; `unknown/unknown` that is no attestation names none."""
    if entry.platform is None:
        found = "no platform"
        return [finding("platform-undeclared", None, expected="a platform", found=found)] if listed else []
    if not entry.platform.is_unknown:
        return []
    wanted = "a platform, or an attestation's annotation"
    return [finding("platform-unknown", entry.platform, expected=wanted, found="unknown/unknown")]


def judge_config(declared: Platform, config: ImageConfig) -> list[Finding]:
    """The index and the config must name the same platform."""
    own, expected = config.platform, f"{declared} in the config, as in the index"
    if own == declared:
        return []
    same = (own.os, own.architecture) == (declared.os, declared.architecture)
    if same and not config.variant:
        found = f"{own.os}/{own.architecture} without a variant"
        return [finding("config-without-variant", declared, expected=expected, found=found)]
    found = str(own) or "no platform"
    return [finding("platform-disagrees", declared, expected=expected, found=found)]


def judge_revision(declared: Platform, config: ImageConfig, scope: Scope, revision: str) -> list[Finding]:
    """The image and its program must be of the revision that is asked for, where one is."""
    if not revision:
        return []
    label, program = config.labels.get(REVISION_LABEL, ""), scope.program
    own = program.facts.revision if program else ""
    wanted = f"the commit {revision}"
    findings = [
        finding("revision", declared, path, expected=wanted, found=found)
        for path, found in (("", label), (program.path if program else "", own))
        if found and not _is_revision(found, revision)
    ]
    if not label and not own:
        found = f"neither the label {REVISION_LABEL} nor Go's build information names one"
        findings.append(finding("revision", declared, expected=wanted, found=found))
    if program and own and program.facts.modified:
        found = f"{own} with changes (vcs.modified)"
        findings.append(finding("revision-modified", declared, program.path, expected=wanted, found=found))
    return findings


def _is_revision(found: str, wanted: str) -> bool:
    return found == wanted or (bool(_ABBREVIATED.fullmatch(wanted)) and found.startswith(wanted))


def judge_reached(scope: Scope) -> list[Finding]:
    """Everything that is reached must fit; what is odd beyond that counts for the program alone."""
    declared, program = scope.declared, scope.program
    findings: list[Finding] = []
    beside: list[Finding] = []
    for one in scope.reached.values():
        if one is program or (one.role == "entrypoint" and program is None):
            findings += fits(declared, one.path, one.facts)
        elif one.is_run:
            verdict = [f for f in fits(declared, one.path, one.facts) if _counts_beside(f)]
            chosen = one.role == "script" and _names_its_machine(one)
            beside += [] if chosen else verdict
        elif one.role == "other":
            beside += fits_beside(declared, one.path, one.facts)
    return [*findings, *_gathered(beside), *_judge_base(scope)]


def _counts_beside(one: Finding) -> bool:
    return one.severity is Severity.ERROR or one.code == "variant-too-new"


def _names_its_machine(one: Reached) -> bool:
    words = _ARCHITECTURE_WORDS.get(one.facts.architecture, (one.facts.architecture,))
    pattern = rf"(?<![a-z])({'|'.join(map(re.escape, words))})(?![a-z0-9])"
    return bool(one.facts.architecture) and bool(re.search(pattern, one.path.lower()))


def _judge_base(scope: Scope) -> list[Finding]:
    """The shell must fit, or, where there is none, one of the C libraries (there may be foreign ones too)."""
    names = [scope.shell] if scope.shell else list(scope.c_libraries)
    base = [scope.reached[name] for name in names if name in scope.reached]
    verdicts = [fits_beside(scope.declared, one.path, one.facts) for one in base]
    # What runs was judged for itself already.
    if not verdicts or not all(verdicts) or any(one.is_run for one in base):
        return []
    first = verdicts[0][0]
    if first.severity is not Severity.ERROR:
        return [first]
    found = f"{'the shell' if scope.shell else 'the C library'} is {first.found}"
    expected = f"a base for {first.expected}" if first.expected == str(scope.declared) else first.expected
    return [finding("wrong-base", scope.declared, first.path, expected=expected, found=found)]


def _gathered(findings: Iterable[Finding]) -> list[Finding]:
    """One finding for all the files of a base that are wrong in the same way."""
    gathered = []
    ordered = sorted(findings, key=lambda one: (one.code, one.found))
    for _, group in groupby(ordered, key=lambda one: (one.code, one.found)):
        first, *others = group
        more = ", ".join(other.path for other in others[:3]) + (", ..." if len(others) > 3 else "")  # noqa: PLR2004 -- as many are named
        told = f"{first.found}; so are {len(others)} more: {more}" if others else first.found
        gathered.append(replace(first, found=told))
    return gathered
