"""Every target, by area."""

from __future__ import annotations

from tests.fuzz import adopting, assembling, binaries, dockerfiles, images, registries, registry_answers
from tests.fuzz.targets import Target


def targets() -> tuple[Target, ...]:
    """The readers that are fuzzed, in the order of the report."""
    areas = (binaries, images, dockerfiles, adopting, registry_answers, registries, assembling)
    return tuple(target for area in areas for target in area.TARGETS)
