from __future__ import annotations

import pytest

from tests.fuzz.readers import fuzz, make_input
from tests.fuzz.registry import targets
from tests.fuzz.targets import Target

TARGETS = targets()


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_no_damaged_input_breaks_a_reader(target: Target) -> None:
    """A few of the inputs of `python -m tests.fuzz`: refused or read, in little time and memory."""
    tally = fuzz(target, 15_000)
    assert tally.failures == []
    assert tally.inputs > 50


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_the_seeds_are_read_and_an_input_can_be_made_again(target: Target) -> None:
    """What is mutated is valid before, most of it; and a number names one input for ever."""
    seeds = target.seeds()
    good = 0
    for seed in seeds:
        try:
            target.read(seed)
            good += 1
        except target.refusals:
            pass
    assert good * 2 >= len(seeds)
    assert make_input(target, seeds, 0, 7) == make_input(target, target.seeds(), 0, 7)


def test_each_reader_has_a_name_of_its_own() -> None:
    """`--only NAME` means one reader."""
    assert len({target.name for target in TARGETS}) == len(TARGETS)
