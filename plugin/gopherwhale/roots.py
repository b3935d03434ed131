"""Where a repository begins. A leaf, so that one may ask for it without what settings cost to import."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from gopherwhale.errors import UsageError

FILE_NAME: Final = "gopherwhale.toml"
PREFIX: Final = "GOPHERWHALE_"


def find_root(start: Path) -> Path:
    """The nearest folder, from `start` upwards, with `gopherwhale.toml` or else with `go.mod`.

    Raises:
        UsageError: There is none.
    """
    for marker in (FILE_NAME, "go.mod"):
        for folder in (start, *start.parents):
            if (folder / marker).is_file():
                return folder
    raise UsageError(
        f"{start} is not in a Go repository: no {FILE_NAME} and no go.mod here or above",
        hint=_advice(start),
    )


def _advice(start: Path) -> str:
    # Commands that need no repository ask too, and what lies below may be a whole disk: it is not looked at.
    if any((folder / "go.work").is_file() for folder in (start, *start.parents)):
        return "`gopherwhale init` gives a workspace its settings"
    return "change into one, or make one with `gopherwhale new`"
