"""Two platforms of one image must not hold the same program, under whatever guise."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

from gopherwhale.platforms import Platform
from gopherwhale.verify.facts import BinaryFacts
from gopherwhale.verify.findings import Finding, finding


class Held(NamedTuple):
    """What one platform holds, as far as it is compared with the others.

    Attributes:
        platform: As declared.
        path: The program's.
        facts: The program's; None where none was found.
        digest: The program's.
        programs: Digest to path of the other programs that start with it.
        layers: diff_id of each layer.
        machines: By diff_id, the architectures of the machine code in that layer.
    """

    platform: Platform
    path: str
    facts: BinaryFacts | None
    digest: str
    programs: dict[str, str]
    layers: tuple[str, ...]
    machines: dict[str, set[str]]


def judge_sameness(held: Sequence[Held]) -> list[Finding]:
    """Compare every two platforms; the later of the two has the finding, and each kind once."""
    findings: dict[tuple[str, Platform, str], Finding] = {}
    for first, second in combinations(held, 2):
        if first.platform != second.platform:
            for found in (*_same_program(first, second), *_same_layers(first, second)):
                findings.setdefault((found.code, second.platform, found.path), found)
    return list(findings.values())


def _is_variant(first: Held, second: Held) -> bool:
    """Whether one program can be right for both: they differ in the variant alone."""
    one, two = first.platform, second.platform
    return (one.os, one.architecture) == (two.os, two.architecture)


def _same_program(first: Held, second: Held) -> list[Finding]:
    code = "same-binary-variant" if _is_variant(first, second) else "same-binary"
    wanted, found = "a program of its own", f"the bytes of {first.platform}'s {first.path}"
    findings = []
    if second.digest and first.digest == second.digest:
        findings.append(finding(code, second.platform, second.path, expected=wanted, found=found))
    elif shared := _build_id(first, second):
        wanted, found = "a build of its own", f"the {shared} of {first.platform}'s {first.path}"
        findings.append(finding("same-build-id", second.platform, second.path, expected=wanted, found=found))
    for digest, path in second.programs.items():
        if digest in first.programs and digest != second.digest and code == "same-binary":
            found = f"the bytes of {first.platform}'s {first.programs[digest]}"
            findings.append(finding(code, second.platform, path, expected=wanted, found=found))
    return findings


def _build_id(first: Held, second: Held) -> str:
    one, two = first.facts, second.facts
    if one is None or two is None:
        return ""
    if one.go_build_id and one.go_build_id == two.go_build_id:
        return "Go build id"
    return "build id" if one.build_id and one.build_id == two.build_id else ""


def _same_layers(first: Held, second: Held) -> list[Finding]:
    if _is_variant(first, second):
        return []
    if first.layers == second.layers and any(second.machines.values()):
        found = f"the layers of {first.platform}, every one"
        return [finding("same-layers", second.platform, expected="layers of its own", found=found)]
    # A layer with programs for several machines is a store of them, and meant for every platform.
    shared = [
        layer
        for layer in dict.fromkeys(second.layers)
        if layer in first.layers and len(second.machines.get(layer, ())) == 1
    ]
    return [
        finding(
            "same-layer",
            second.platform,
            expected="a layer of its own for its programs",
            found=f"{layer}, with programs for {next(iter(second.machines[layer]))}, as in {first.platform}",
        )
        for layer in shared[:1]
    ]
