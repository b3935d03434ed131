"""Every comparison, by area. A new area is a module with `comparisons(bench)` and a line here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from bench import article, assembling, engines, gate, growth, pushing, sizes, starting, verifying
from bench.harness import Comparison
from bench.measuring import Failed
from bench.workbench import Workbench

# Each makes its comparisons one by one, so that what a comparison leaves on disk can go before the next.
SUITES: Final[Mapping[str, Callable[[Workbench], Iterable[Comparison]]]] = {
    "starting": starting.comparisons,
    "article": article.comparisons,
    "assembling": assembling.comparisons,
    "engines": engines.comparisons,
    "gate": gate.comparisons,
    "growth": growth.comparisons,
    "pushing": pushing.comparisons,
    "sizes": sizes.comparisons,
    "verifying": verifying.comparisons,
}


def comparisons(bench: Workbench, only: tuple[str, ...]) -> Iterator[Comparison]:
    """The comparisons of the suites; one that cannot be prepared is said, and the others go on.

    Args:
        bench: The run.
        only: Names of suites, or of comparisons as `suite/name`; empty for all.
    """
    for suite, make in SUITES.items():
        wanted = [word for word in only if word.partition("/")[0] == suite]
        if only and not wanted:
            continue
        try:
            for comparison in make(bench):
                if not only or suite in wanted or f"{suite}/{comparison.name}" in wanted:
                    yield comparison
        except Failed as failure:
            bench.say(f"{suite}: cannot be prepared: {failure}")
