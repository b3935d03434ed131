"""Counts the rows of the corpus and says at the end how many were tried, right and wrong."""

from __future__ import annotations

from collections import Counter
from typing import Final

import pytest

_MODULE: Final = "tests/corpus/test_cases.py"
_ROWS: Final = pytest.StashKey[Counter[str]]()


class _Count:
    def __init__(self, rows: Counter[str]) -> None:
        self._rows = rows

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.nodeid.startswith(_MODULE) and (report.when == "call" or report.failed):
            self._rows[report.outcome] += 1


def pytest_configure(config: pytest.Config) -> None:
    """Count from here on."""
    config.stash[_ROWS] = Counter()
    config.pluginmanager.register(_Count(config.stash[_ROWS]))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """One line: rows tried, right and wrong."""
    rows = config.stash.get(_ROWS, Counter())
    right, wrong = rows["passed"], rows["failed"]
    if rows.total():
        terminalreporter.write_line(
            f"corpus: {right + wrong} rows tried, {right} right, {wrong} wrong, {rows['skipped']} skipped"
        )
