from __future__ import annotations

import pytest

from tests.corpus.cases import FOLDER, Case, load
from tests.corpus.checks import CHECKS


@pytest.mark.parametrize("case", load() or [None], ids=lambda case: case.name if case else "absent")
def test_a_file_made_by_others_gets_its_right_answer(case: Case | None) -> None:
    """What the row expects is what our readers say."""
    if case is None:
        pytest.skip(f"no cases beside the repository, and {FOLDER} names no folder of them")
    check = CHECKS.get(case.kind)
    if check is None:
        pytest.skip(f"nothing answers for rows of kind {case.kind} yet")
    check(case)
