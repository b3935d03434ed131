"""Every target, by area."""

from __future__ import annotations

from tests.fuzz import adopting, binaries, dockerfiles, images
from tests.fuzz.targets import Target


def targets() -> tuple[Target, ...]:
    """The readers that are fuzzed, in the order of the report."""
    return (*binaries.TARGETS, *images.TARGETS, *dockerfiles.TARGETS, *adopting.TARGETS)
