"""How late Go's own commands collect their garbage."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gopherwhale.engines import memory

_GIB = 1024**3


@pytest.mark.parametrize(
    ("gib", "side_by_side", "expected"),
    [
        (24, 2, {"GOGC": "off", "GOMEMLIMIT": f"{6 * _GIB}B"}),
        (16, 8, {"GOGC": "off", "GOMEMLIMIT": f"{_GIB}B"}),
        (2, 1, {"GOGC": "off", "GOMEMLIMIT": f"{_GIB}B"}),
        (15, 8, {}),
        (1, 1, {}),
        (0, 1, {}),
    ],
)
def test_each_command_gets_its_share_where_there_is_enough(
    gib: int, side_by_side: int, expected: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half the memory is parted among those that run at once; under 1 GiB each, Go does as it always does."""
    monkeypatch.setattr(memory, "available", lambda: gib * _GIB)
    assert memory.collecting_late({}, side_by_side) == expected


@pytest.mark.parametrize("name", ["GOGC", "GOMEMLIMIT"])
def test_what_the_user_says_of_the_collector_stands(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Either variable of the surroundings is enough for ours to stay away; an empty one says nothing."""
    monkeypatch.setattr(memory, "available", lambda: 64 * _GIB)
    assert memory.collecting_late({name: "50"}, 1) == {}
    assert memory.collecting_late({name: ""}, 1)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (("3221225472\n", ""), 3 * _GIB),
        (("max\n", ""), 8 * _GIB),
        (("", "1073741824\n"), _GIB),
        (("", "9223372036854771712\n"), 8 * _GIB),
        (("\xff\xfe", "-1"), 8 * _GIB),
    ],
)
def test_a_container_has_what_its_limit_leaves_it(
    said: tuple[str, str], expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The least of the machine's memory and of either version's limit; what is no number limits nothing."""
    paths = [tmp_path / "memory.max", tmp_path / "memory.limit_in_bytes"]
    for path, text in zip(paths, said, strict=True):
        path.write_bytes(text.encode("latin-1"))
    monkeypatch.setattr(memory, "_LIMITS", tuple(map(str, paths)))
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 8 * _GIB // 4096}.__getitem__)
    assert memory.available() == expected


def test_a_machine_that_does_not_say_has_nothing_to_give(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where neither the system nor a container says how much memory there is, nothing is changed."""
    monkeypatch.setattr(memory, "_LIMITS", (str(tmp_path / "none"),))
    monkeypatch.delattr(os, "sysconf")
    assert memory.available() == 0
