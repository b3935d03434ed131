"""Results as `results.json`, and as the page docs/benchmarks.md with its plots."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench.harness import PEAK, SECONDS
from gopherwhale.console import human_size
from gopherwhale.files import write_atomically

BEGIN: Final = "<!-- figures: written by `nox -s bench` -->"
END: Final = "<!-- end of figures -->"
_SIGNS: Final = {"yes": "met", "no": "**missed**", "unknown": "unknown"}


def machine() -> dict[str, Any]:
    """What the figures were taken on; no name and no path of it."""
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "cores": os.cpu_count() or 1,
        "python": platform.python_version(),
    }


def write_json(document: Mapping[str, Any], path: Path) -> None:
    """Write the results whole or not at all."""
    write_atomically(path, json.dumps(document, indent=1).encode() + b"\n")


def write_page(document: Mapping[str, Any], page: Path) -> None:
    """Put the figures into the page, between its two marks; what people wrote around them stays."""
    text = page.read_text(encoding="utf-8") if page.exists() else f"# Benchmarks\n\n{BEGIN}\n{END}\n"
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    figures = "\n".join(_figures(document))
    write_atomically(page, f"{before}{BEGIN}\n\n{figures}\n{END}{after}".encode())


def _figures(document: Mapping[str, Any]) -> Iterator[str]:
    where = document["machine"]
    versions = ", ".join(f"{name} {text}" for name, text in document["versions"].items())
    yield f"Commit {document['commit']}, {document['date']}, {where['cores']} cores, {where['architecture']},"
    yield f"Python {where['python']}. {versions}."
    yield ""
    yield from _targets(document["comparisons"])
    for comparison in document["comparisons"]:
        yield f"### {comparison['title']}"
        yield ""
        yield from _table(comparison)
        if comparison.get("plot"):
            yield f"![{comparison['title']}]({comparison['plot']})"
            yield ""


def _targets(comparisons: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "| work | ours | against | of what | figure | target | |"
    yield "|---|---|---|---|---|---|---|"
    for comparison in comparisons:
        for target in comparison["targets"]:
            measured, limit = (_shown(target, target[name]) for name in ("measured", "at_most"))
            against, ours = _cell(target["to"] or "(absolute)"), _cell(target["of"])
            metric, sign = target["metric"].replace("_", " "), _SIGNS[target["met"]]
            yield f"| {comparison['name']} | {ours} | {against} | {metric} | {measured} | {limit} | {sign} |"
    yield ""


def _cell(text: str) -> str:
    """A text that ends no cell of a table."""
    return text.replace("|", "\\|")


def _shown(target: Mapping[str, Any], value: float | None) -> str:
    if value is None:
        return "none"
    if target["to"]:
        return f"{value:.2f} x"
    return human_size(value) if target["metric"].endswith("bytes") else f"{value:.2f} s"


def _table(comparison: Mapping[str, Any]) -> Iterator[str]:
    metrics = list(dict.fromkeys(name for one in comparison["contenders"] for name in one["figures"]))
    extra = [name for name in metrics if name not in (SECONDS, PEAK)]
    yield f"| contender | median s | min | max | rounds | memory |{''.join(f' {name} |' for name in extra)}"
    yield f"|---|---|---|---|---|---|{'---|' * len(extra)}"
    for one in comparison["contenders"]:
        if one["failed"]:
            reason = _cell(" ".join(one["failed"].split())[:160])
            yield f"| {_cell(one['name'])} | failed: {reason} | | | | |{' |' * len(extra)}"
        else:
            yield f"| {_cell(one['name'])} | {_row(one['figures'], extra)} |"
    yield ""


def _row(figures: Mapping[str, list[float]], extra: Sequence[str]) -> str:
    seconds = figures[SECONDS]
    cells = [
        f"{statistics.median(seconds):.3f}",
        f"{min(seconds):.3f}",
        f"{max(seconds):.3f}",
        str(len(seconds)),
        human_size(statistics.median(figures[PEAK])),
    ]
    for name in extra:
        found = figures.get(name)
        cells.append("" if not found else human_size(found[0]) if name.endswith("bytes") else f"{found[0]:g}")
    return " | ".join(cells)
