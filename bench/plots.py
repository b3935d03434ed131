"""A plot for each comparison, as PNG and SVG: bars of medians with their spread."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

_OURS: Final = "#00718f"
_THEIRS: Final = "#b8b8b8"


def draw(document: Mapping[str, Any], folder: Path) -> None:
    """Draw every comparison that has two contenders with figures, and note its file in the document.

    Args:
        document: The results; `plot` is added to what is drawn, once for each series.
        folder: Beside the page that shows the plots.
    """
    folder.mkdir(parents=True, exist_ok=True)
    series: dict[str, list[dict[str, Any]]] = {}
    for comparison in document["comparisons"]:
        comparison.pop("plot", None)
        good = [one for one in comparison["contenders"] if not one["failed"]]
        if comparison["series"]:
            series.setdefault(comparison["series"], []).append(comparison)
        elif len(good) > 1:
            comparison["plot"] = _save(comparison["name"], _bars(comparison, good), folder)
    for name, points in series.items():
        points.sort(key=lambda point: point["at"])
        points[-1]["plot"] = _save(name, _lines(name, points), folder)


def _figure(height: float) -> tuple[Any, Any]:
    import matplotlib as mpl  # noqa: PLC0415 -- of the extra `bench` alone

    mpl.use("agg")
    # The same figures give the same file, so that git shows a change where there is one.
    mpl.rcParams["svg.hashsalt"] = "gopherwhale"
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(figsize=(7, height), layout="constrained")
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _save(name: str, figure: Any, folder: Path) -> str:
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
    figure.savefig(folder / f"{name}.png", dpi=120, metadata={"Software": None})
    plt.close(figure)
    return f"{folder.name}/{name}.svg"


def _color(contender: str) -> str:
    return _OURS if contender.startswith("gopherwhale") else _THEIRS


def _bars(comparison: Mapping[str, Any], good: list[Mapping[str, Any]]) -> Any:
    names = [one["name"] for one in good]
    seconds = [one["figures"]["seconds"] for one in good]
    medians = [statistics.median(one) for one in seconds]
    spread = [
        [m - min(one) for m, one in zip(medians, seconds, strict=True)],
        [max(one) - m for m, one in zip(medians, seconds, strict=True)],
    ]
    figure, axes = _figure(0.8 + 0.45 * len(good))
    axes.barh(names, medians, xerr=spread, color=[_color(name) for name in names], capsize=2)
    axes.invert_yaxis()
    axes.set_xlabel("seconds, median and spread")
    axes.set_title(comparison["title"], fontsize=10)
    return figure


def _lines(name: str, points: list[dict[str, Any]]) -> Any:
    figure, axes = _figure(3.5)
    for contender in dict.fromkeys(one["name"] for point in points for one in point["contenders"]):
        found = [
            (point["at"], statistics.median(one["figures"]["seconds"]))
            for point in points
            for one in point["contenders"]
            if one["name"] == contender and not one["failed"]
        ]
        axes.plot(*zip(*found, strict=True), marker="o", color=_color(contender), label=contender)
    axes.set_xlabel(name.partition("-")[2])
    axes.set_ylabel("seconds, median")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    return figure
