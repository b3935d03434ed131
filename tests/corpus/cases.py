"""Real files made by others, with the right answer for each; none of them is part of this repository."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.conftest import AMBIENT

FOLDER: Final = "GOPHERWHALE_CASES"
_BESIDE: Final = Path(__file__).resolve().parents[3] / "shared" / "cases"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row of cases.tsv.

    Attributes:
        name: The file or folder, relative to the folder of cases.
        kind: elf, not-elf, table, oci-layout, image-tar, compression, json-schema or tar.
        expected: The right answer, in words.
        path: Where the file or folder is.
    """

    name: str
    kind: str
    expected: str
    path: Path


def folder() -> Path | None:
    """Where the cases are: beside the repository, or where GOPHERWHALE_CASES says; None if absent."""
    named = AMBIENT.get(FOLDER)
    found = Path(named) if named else _BESIDE
    return found if (found / "cases.tsv").is_file() else None


def load() -> tuple[Case, ...]:
    """Every row, in the file's order; none where the folder is absent."""
    root = folder()
    if root is None:
        return ()
    return tuple(
        Case(name=row["name"], kind=row["kind"], expected=row["expected"], path=root / row["name"])
        for row in table(root / "cases.tsv")
    )


def table(path: Path) -> list[dict[str, str]]:
    """The rows of a file of tab-separated values, whose quotes mean nothing."""
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
