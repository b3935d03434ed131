"""`python -m bench`: run the comparisons, write the results, say which targets are missed."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bench import plots, regression, report
from bench.harness import compare
from bench.measuring import Failed
from bench.suites import SUITES, comparisons
from bench.workbench import REPOSITORY, Workbench

RESULTS: Final = REPOSITORY / "bench" / "results.json"
PAGE: Final = REPOSITORY / "docs" / "benchmarks.md"
_PEERS: Final = ("go", "docker", "skopeo", "ko", "crane", "goreleaser")
_QUICK_ROUNDS: Final = 2


def main(arguments: Sequence[str]) -> int:
    """Run what was asked for.

    Returns:
        0; 1 where `--compare` found a figure that became worse.
    """
    options = _parser().parse_args(arguments)
    earlier = _read(options.compare) if options.compare else None
    with tempfile.TemporaryDirectory(prefix="gopherwhale-bench-") as folder:
        bench = Workbench(folder=Path(folder), quick=options.quick, say=_say)
        rounds = _QUICK_ROUNDS if options.quick else None
        results = [
            compare(comparison, _say, rounds=rounds) for comparison in comparisons(bench, tuple(options.only))
        ]
        document = _document(bench, [result.to_document() for result in results])
    _write(document, options)
    for result in results:
        for verdict in result.verdicts:
            measured = "no figure" if verdict.measured is None else f"{verdict.measured:.3g}"
            _say(f"{verdict.met:8} {result.comparison.name}: {measured}, target {verdict.target.at_most:g}")
    lines = regression.worse(earlier, document) if earlier else []
    for line in lines:
        _say(f"worse: {line}")
    return 1 if lines else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two rounds on small work, as in CI")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="SUITE[/NAME]",
        help=f"a suite or comparison (repeatable): {', '.join(SUITES)}",
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the figures go (JSON)")
    parser.add_argument("--page", action="store_true", help="write docs/benchmarks.md and its plots too")
    parser.add_argument(
        "--compare",
        type=Path,
        nargs="?",
        const=RESULTS,
        help="say what became worse by over 10 %% than in these results, and exit with 1",
    )
    return parser


def _document(bench: Workbench, found: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "schema": 1,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "commit": _commit(bench),
        "quick": bench.quick,
        "machine": report.machine(),
        "versions": {name: bench.peers.version(name) for name in _PEERS},
        "comparisons": found,
    }


def _commit(bench: Workbench) -> str:
    try:
        return bench.peers.ask("git", "-C", str(REPOSITORY), "rev-parse", "--short=12", "HEAD")
    except Failed:
        return "unknown"


def _write(document: dict[str, Any], options: argparse.Namespace) -> None:
    earlier = _read(options.results) if options.only and options.results.exists() else None
    if earlier:
        # A part of the comparisons replaces its own figures and no others.
        names = {one["name"] for one in document["comparisons"]}
        kept = [one for one in earlier["comparisons"] if one["name"] not in names]
        document["comparisons"] = [*kept, *document["comparisons"]]
    if options.page:
        plots.draw(document, PAGE.parent / "benchmarks")
        report.write_page(document, PAGE)
    report.write_json(document, options.results)


def _read(path: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        sys.exit(f"bench: {path} cannot be read: {error}")
    return document


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
