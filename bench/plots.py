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
        document: The results; `plot` is added to what is drawn.
        folder: Beside the page that shows the plots.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for comparison in document["comparisons"]:
        good = [one for one in comparison["contenders"] if not one["failed"]]
        if len(good) > 1:
            _bars(comparison, good, folder / comparison["name"])
            comparison["plot"] = f"{folder.name}/{comparison['name']}.svg"


def _bars(comparison: Mapping[str, Any], good: list[Mapping[str, Any]], path: Path) -> None:
    import matplotlib as mpl  # noqa: PLC0415 -- of the extra `bench` alone

    mpl.use("agg")
    # The same figures give the same file, so that git shows a change where there is one.
    mpl.rcParams["svg.hashsalt"] = "gopherwhale"
    from matplotlib import pyplot as plt  # noqa: PLC0415

    names = [one["name"] for one in good]
    seconds = [one["figures"]["seconds"] for one in good]
    medians = [statistics.median(one) for one in seconds]
    spread = [
        [m - min(one) for m, one in zip(medians, seconds, strict=True)],
        [max(one) - m for m, one in zip(medians, seconds, strict=True)],
    ]
    figure, axes = plt.subplots(figsize=(7, 0.6 + 0.45 * len(good)), layout="constrained")
    colors = [_OURS if name.startswith("gopherwhale") else _THEIRS for name in names]
    axes.barh(names, medians, xerr=spread, color=colors, capsize=2)
    axes.invert_yaxis()
    axes.set_xlabel("seconds, median and spread")
    axes.set_title(comparison["title"], fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})
    figure.savefig(path.with_suffix(".png"), dpi=120, metadata={"Software": None})
    plt.close(figure)
