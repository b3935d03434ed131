"""docs/json.md held to what the commands write: the keys of its tables, and those of a document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

_PAGE: Final = Path(__file__).parents[1] / "docs" / "json.md"
# Tables whose keys are the user's, or are told elsewhere.
_TABLES: Final = frozenset({"annotations", "build_args", "commands", "labels", "settings"})


def documented(title: str) -> set[str]:
    """The keys that a section of the page names, those of the section that it builds upon among them."""
    text = _PAGE.read_text(encoding="utf-8").partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    below = re.search(r"^As of (\S+),", text, re.MULTILINE)
    keys = re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)
    assert len(keys) == len(set(keys)), title
    return set(keys) | (documented(below[1]) if below else set())


def keys(document: Any) -> set[str]:
    """The keys of a document; `[]` stands behind those of a list of tables."""
    return set(_keys(document, ""))


def _keys(value: Any, place: str) -> Iterator[str]:
    if isinstance(value, dict) and place.rpartition(".")[2] not in _TABLES:
        for name, inner in value.items():
            yield from _keys(inner, f"{place}.{name}" if place else name)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for inner in value:
            yield from _keys(inner, f"{place}[]")
    else:
        yield place
