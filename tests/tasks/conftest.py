"""What the tests of the commands share."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gopherwhale.__main__ import main
from gopherwhale.adopt import rendering
from tests.unit.adopt.repositories import here_if_it_works

Call = Callable[..., int]

_render = rendering.render


@functools.cache
def _rendered(template: Path, stamp: float, answers: str) -> dict[str, bytes]:
    assert stamp
    return _render(template, json.loads(answers))


@pytest.fixture
def quick_rendering(monkeypatch: pytest.MonkeyPatch) -> None:
    """Render the same answers once, and in this process: cookiecutter takes half a second to start."""

    def cached(template: Path, answers: dict[str, object]) -> dict[str, bytes]:
        stamp = max(path.stat().st_mtime for path in template.glob("*cookiecutter*/*"))
        return dict(_rendered(template, stamp, json.dumps(dict(answers))))

    monkeypatch.setattr(rendering, "_run", here_if_it_works(rendering._run))  # noqa: SLF001 -- the seam
    monkeypatch.setattr(rendering, "render", cached)


@pytest.fixture
def call() -> Call:
    """Give a function that runs the console script in this process and gives its exit code."""

    def run(*arguments: str) -> int:
        try:
            main(list(arguments))
        except SystemExit as end:
            return int(end.code or 0)
        return 0

    return run
