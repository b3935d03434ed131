"""`--compare`: which figures became worse than in an earlier run, by ratios alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

TOLERATED: Final = 1.10


def worse(earlier: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """A line for each target whose figure grew by over 10 %, or that is not measured any more."""
    before = dict(_figures(earlier))
    lines = []
    for key, measured in _figures(now):
        then = before.get(key)
        if then is None:
            continue
        name = f"{key[0]}: {key[1]} against {key[2] or 'its limit'}, {key[3]}"
        if measured is None:
            lines.append(f"{name}: was {then:.3g}, is not measured any more")
        elif measured > then * TOLERATED:
            lines.append(f"{name}: was {then:.3g}, is {measured:.3g} ({measured / then - 1:+.0%})")
    return lines


def _figures(document: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str, str, str], float | None]]:
    for comparison in document["comparisons"]:
        for target in comparison["targets"]:
            key = (comparison["name"], target["of"], target["to"], target["metric"])
            yield key, target["measured"]
