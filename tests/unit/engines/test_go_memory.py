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


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for /: a machine of 8 GiB that says nothing more of itself."""
    monkeypatch.setattr(memory, "_CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(memory, "_OWN_CGROUP", tmp_path / "own")
    monkeypatch.setattr(memory, "_MEMORY", tmp_path / "meminfo")
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 8 * _GIB // 4096}.__getitem__)
    return tmp_path


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 8 * _GIB),
        ({"cgroup/memory.max": "3221225472\n"}, 3 * _GIB),
        ({"cgroup/memory.max": "max\n"}, 8 * _GIB),
        ({"cgroup/memory/memory.limit_in_bytes": "1073741824\n"}, _GIB),
        ({"cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 8 * _GIB),
        ({"cgroup/memory.max": "\xff\xfe"}, 8 * _GIB),
        ({"cgroup/memory.max": "-1"}, 8 * _GIB),
        ({"own": "0::/a/b\n", "cgroup/a/b/memory.max": "max", "cgroup/a/memory.max": f"{_GIB}\n"}, _GIB),
        ({"own": "1:cpu:/x\n0::/a\n", "cgroup/a/memory.max": f"{_GIB}\n"}, _GIB),
        ({"own": "0::/../x\n", "memory.max": "1", "x/memory.max": "1"}, 8 * _GIB),
        ({"meminfo": "MemTotal:       8388608 kB\nMemAvailable:    2097152 kB\n"}, 2 * _GIB),
        ({"meminfo": "MemAvailable:    2097152 kB\n", "cgroup/memory.max": f"{_GIB}\n"}, _GIB),
        ({"meminfo": "MemTotal:       1 kB\n"}, 8 * _GIB),
    ],
)
def test_what_can_be_had_is_what_others_and_limits_leave(
    files: dict[str, str], expected: int, machine: Path
) -> None:
    """The least of what the machine has free and of the limits above us; what is no number limits nothing."""
    for name, text in files.items():
        (machine / name).parent.mkdir(parents=True, exist_ok=True)
        (machine / name).write_bytes(text.encode("latin-1"))
    assert memory.available() == expected


@pytest.mark.usefixtures("machine")
def test_a_machine_that_does_not_say_has_nothing_to_give(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where neither the system nor a container says how much memory there is, nothing is changed."""
    monkeypatch.delattr(os, "sysconf")
    assert memory.available() == 0
