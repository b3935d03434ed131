from __future__ import annotations

import pytest

from gopherwhale.adopt.ignoring import completed

OURS = b"# ours\n/dist/\n/hello\n*.test\n/.cache/\n__pycache__/\n"
HEAD = "# What gopherwhale builds, and what its tools leave\n"


@pytest.mark.parametrize(
    ("theirs", "added"),
    [
        ("", f"{HEAD}/dist/\n/.cache/\n__pycache__/\n"),
        ("bin\n", f"\n{HEAD}/dist/\n/.cache/\n__pycache__/\n"),
        ("bin", f"\n\n{HEAD}/dist/\n/.cache/\n__pycache__/\n"),
        ("dist\n.cache/*\n", f"\n{HEAD}__pycache__/\n"),
        ("dist/**\r\n/.cache\r\n", f"\n{HEAD}__pycache__/\n".replace("\n", "\r\n")),
        ("/dist/ \n.cache/\n**/__pycache__\n", ""),
        ("!/dist/\n.cache\n__pycache__\n", ""),
        ("\udcff\n", f"\n{HEAD}/dist/\n/.cache/\n__pycache__/\n"),
    ],
)
def test_the_folders_that_are_missing_are_added_at_the_end(theirs: str, added: str) -> None:
    """However they are spelt there, those that are there are not; files are left to whoever wrote it."""
    text = theirs.encode(errors="surrogateescape")
    assert completed(text, OURS) == text + added.encode()
    assert completed(text + added.encode(), OURS) == text + added.encode()
