"""The file itself: what BuildKit would refuse."""

from __future__ import annotations

from collections.abc import Iterator

from gopherwhale.dockerfile.syntax import NAMES
from gopherwhale.guesses import closest
from gopherwhale.lint.findings import Finding, finding
from gopherwhale.lint.view import View


def syntax(view: View) -> Iterator[Finding]:
    """`syntax`; another frontend than Docker's may read more."""
    for problem in view.file.problems:
        yield finding("syntax", view.path, problem.line, problem.what)
    if "syntax" in view.file.directives and "docker/dockerfile" not in view.file.directives["syntax"]:
        return
    first = next((one for one in view.file.instructions if one.name != "ARG"), None)
    if first is None or "FROM" not in {one.name for one in view.file.instructions}:
        yield finding("syntax", view.path, 1, "no stage: there is no FROM", mended="FROM scratch")
    elif first.name != "FROM":
        yield finding("syntax", view.path, first.line, f"{first.name[:40]} above the first FROM")
    meant: dict[str, str] = {}
    for one in view.file.instructions:
        if one.name not in NAMES:
            name = one.name[:40]
            if name not in meant:
                meant[name] = closest(name, NAMES)
            yield finding("syntax", view.path, one.line, f"{name} is no instruction", mended=meant[name])
