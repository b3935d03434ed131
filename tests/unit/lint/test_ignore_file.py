from __future__ import annotations

import pytest

from gopherwhale.lint.ignore_file import leaves_out


@pytest.mark.parametrize(
    ("lines", "name", "out"),
    [
        ([".git"], ".git", True),
        (["/.git/"], ".git", True),
        (["./.git"], ".git", True),
        (["  .git  "], ".git", True),
        ([".git*"], ".git", True),
        (["**/.git"], ".git", True),
        (["**"], ".git", True),
        (["*"], "dist", True),
        ([".?it"], ".git", True),
        ([".[a-h]it"], ".git", True),
        ([".[^a-h]it"], ".git", False),
        (["\\.git"], ".git", True),
        ([".git/**"], ".git", True),
        ([".gitignore"], ".git", False),
        (["# .git"], ".git", False),
        (["git"], ".git", False),
        (["x/.git"], ".git", False),
        (["*", "!.git"], ".git", False),
        (["*", "!main.go"], ".git", True),
        (["!.git", "*"], ".git", True),
        (["dist"], "build/dist", False),
        (["build"], "build/dist", True),
        (["**/dist"], "build/dist", True),
        (["*/dist"], "build/dist", True),
        (["b**t"], "build/dist", True),
        ([], ".git", False),
        (["["], ".git", False),
        (["*" * 900 + "x"], "y" * 200, False),
    ],
)
def test_what_an_ignore_file_leaves_out(lines: list[str], name: str, out: bool) -> None:  # noqa: FBT001
    """By Docker's rules: the last line that fits counts, and no pattern takes long."""
    assert leaves_out(lines, name) is out
