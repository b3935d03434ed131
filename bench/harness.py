"""Contenders for the same work, run in turn A B A B in one run, so that only ratios have to be trusted."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from bench.measuring import Command, Failed, run

Metric = str
SECONDS: Final = "seconds"
PEAK: Final = "peak_bytes"
Say = Callable[[str], None]


def _nothing(_round: int) -> None:
    """What a contender does before a round that needs no preparation."""


def _no_facts() -> Mapping[str, float]:
    return {}


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One way of doing the work.

    Attributes:
        name: As it stands in tables; ours begins with `gopherwhale`.
        commands: What is timed.
        side_by_side: Whether the commands run at once.
        before: Prepares a round, numbered from 0, untimed. Round 0 is a warm-up that is not counted.
        check: Looks after each round, untimed, whether the work was really done; raises Failed.
        facts: Figures of the result beside time and memory, as `{"bytes": 5_000_000}`, after the last round.
    """

    name: str
    commands: Sequence[Command]
    side_by_side: bool = False
    before: Callable[[int], None] = _nothing
    check: Callable[[], None] = lambda: None
    facts: Callable[[], Mapping[Metric, float]] = _no_facts


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a figure of ours must not exceed.

    Attributes:
        of: The contender.
        at_most: A ratio to `to`, or an absolute figure where `to` is empty.
        to: The contender that it is compared with.
        metric: `seconds`, `peak_bytes`, or one of the facts.
    """

    of: str
    at_most: float
    to: str = ""
    metric: Metric = SECONDS


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The same work, done by several.

    Attributes:
        name: Short, for `--only` and for file names.
        title: One line that says what work it is.
        contenders: Who does it.
        targets: What is to be shown.
        rounds: How often each runs.
        warm_up: Whether an uncounted round comes first.
        series: The plot in which this comparison is one point, for work that grows.
        at: How much work it is, in that plot.
    """

    name: str
    title: str
    contenders: Sequence[Contender]
    targets: Sequence[Target] = ()
    rounds: int = 5
    warm_up: bool = True
    series: str = ""
    at: int = 0


@dataclass(kw_only=True)
class Outcome:
    """What a contender's rounds gave; `failed` says why there are none."""

    figures: dict[Metric, list[float]] = field(default_factory=dict)
    failed: str = ""

    def median(self, metric: Metric) -> float | None:
        """The median of a metric; None where there is no figure."""
        return statistics.median(self.figures[metric]) if self.figures.get(metric) else None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A target and what was measured; `met` is `unknown` where a contender failed."""

    target: Target
    measured: float | None
    met: Literal["yes", "no", "unknown"]


@dataclass(frozen=True, kw_only=True)
class Result:
    """A comparison with its outcomes by contender."""

    comparison: Comparison
    outcomes: Mapping[str, Outcome]

    def ratio(self, of: str, to: str, metric: Metric = SECONDS) -> float | None:
        """The median of the ratios of each round: what is slow for both in a round counts for neither."""
        mine, theirs = (self.outcomes[name].figures.get(metric, []) for name in (of, to))
        pairs = [(a, b) for a, b in zip(mine, theirs, strict=False) if b]
        return statistics.median(a / b for a, b in pairs) if pairs else None

    @property
    def verdicts(self) -> list[Verdict]:
        """Every target, judged."""
        return [self._verdict(target) for target in self.comparison.targets]

    def _verdict(self, target: Target) -> Verdict:
        if target.to:
            measured = self.ratio(target.of, target.to, target.metric)
        else:
            measured = self.outcomes[target.of].median(target.metric)
        if measured is None:
            return Verdict(target=target, measured=None, met="unknown")
        return Verdict(target=target, measured=measured, met="yes" if measured <= target.at_most else "no")

    def to_document(self) -> dict[str, Any]:
        """The JSON object: every figure of every round, failures, and targets with their verdicts."""
        return {
            "name": self.comparison.name,
            "title": self.comparison.title,
            "series": self.comparison.series,
            "at": self.comparison.at,
            "contenders": [
                {"name": name, "failed": outcome.failed, "figures": outcome.figures}
                for name, outcome in self.outcomes.items()
            ],
            "targets": [
                {
                    "of": verdict.target.of,
                    "to": verdict.target.to,
                    "metric": verdict.target.metric,
                    "at_most": verdict.target.at_most,
                    "measured": verdict.measured,
                    "met": verdict.met,
                }
                for verdict in self.verdicts
            ],
        }


def compare(comparison: Comparison, say: Say, *, rounds: int | None = None) -> Result:
    """Run a comparison: a warm-up of each contender, then the rounds, all contenders in each.

    A contender that fails is reported and left out of the further rounds; the others go on.

    Args:
        comparison: What to run.
        say: Takes a line for each round.
        rounds: Instead of the comparison's own number.
    """
    outcomes = {contender.name: Outcome() for contender in comparison.contenders}
    total = rounds or comparison.rounds
    for number in range(0 if comparison.warm_up else 1, total + 1):
        said = []
        for contender in comparison.contenders:
            outcome = outcomes[contender.name]
            if not outcome.failed:
                _round(contender, outcome, number)
                last = outcome.figures.get(SECONDS, [])
                said.append(f"{contender.name} {last[-1]:.2f} s" if last else contender.name)
            if outcome.failed:
                said.append(f"{contender.name} FAILED: {outcome.failed.splitlines()[0][:200]}")
        say(f"{comparison.name}: {f'round {number} of {total}' if number else 'warm-up'}: {', '.join(said)}")
    for contender in comparison.contenders:
        _add_facts(contender, outcomes[contender.name])
    return Result(comparison=comparison, outcomes=outcomes)


def _round(contender: Contender, outcome: Outcome, number: int) -> None:
    try:
        contender.before(number)
        measured = run(contender.commands, side_by_side=contender.side_by_side)
        contender.check()
    except (Failed, OSError) as error:
        outcome.failed = str(error)
        return
    if number:
        outcome.figures.setdefault(SECONDS, []).append(measured.seconds)
        outcome.figures.setdefault(PEAK, []).append(float(measured.peak_bytes))


def _add_facts(contender: Contender, outcome: Outcome) -> None:
    if outcome.failed:
        return
    try:
        outcome.figures.update({name: [float(value)] for name, value in contender.facts().items()})
    except (Failed, OSError) as error:
        outcome.failed = str(error)
