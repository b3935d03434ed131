"""What the go command calls the program of a package."""

from __future__ import annotations

import pytest

from gopherwhale import import_paths


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("example.com/a/b", "b"),
        ("example.com/a/b/v2", "b"),
        ("example.com/a/b/v10", "b"),
        ("example.com/a/b/v0", "v0"),
        ("example.com/a/b/v1", "v1"),
        ("example.com/a/b/v05", "v05"),
        ("example.com/a/b/v2a", "v2a"),
        ("example.com/a/v2/v3", "v2"),
        ("hello", "hello"),
        ("v2", "v2"),
    ],
)
def test_a_program_has_the_name_that_go_gives_it(path: str, name: str) -> None:
    """The last element of the import path, a major version passed by; v0 and v1 are none."""
    assert import_paths.program_name(path) == name
