from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gopherwhale.errors import UsageError
from tasks._testbed.state import State

_STATE = State(
    docker_host="unix:///bed/run/docker.sock",
    docker_config="/bed/docker-config",
    path=("/bed/prefix/usr/bin", "/bed/prefix/usr/sbin"),
    registry="127.0.0.1:5000",
    go_version="1.26.8",
    base_images=("golang:1.26.8", "golang:1.26"),
    bridge="gw-0123456789",
    pids={"dockerd": 41, "registry": 42},
)


def test_a_state_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    """Writing and reading is the identity, and nothing lies beside the file afterwards."""
    file = tmp_path / "state.json"
    _STATE.write(file)
    assert State.read(file) == _STATE
    assert list(tmp_path.iterdir()) == [file]


def test_no_file_is_no_state(tmp_path: Path) -> None:
    """Where no state was written, there is none."""
    assert State.read(tmp_path / "state.json") is None


def test_a_failed_write_leaves_the_old_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupted write changes nothing and leaves no litter."""
    file = tmp_path / "state.json"
    _STATE.write(file)

    def broken(_self: Path, _target: Path) -> Path:
        raise OSError

    monkeypatch.setattr(Path, "replace", broken)
    with pytest.raises(OSError):  # noqa: PT011 - the one raised above
        _STATE.write(file)
    assert State.read(file) == _STATE
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    "change",
    [
        {"docker_host": 1},
        {"path": "/usr/bin"},
        {"base_images": [1]},
        {"pids": {"dockerd": "41"}},
        {"pids": {"dockerd": 1}},
        {"pids": {"dockerd": True}},
        {"pids": []},
        {"surplus": 1},
    ],
)
def test_a_state_of_another_shape_is_refused(change: dict[str, Any], tmp_path: Path) -> None:
    """A surplus key or a value of the wrong kind is named as damage, with what to do."""
    file = tmp_path / "state.json"
    _STATE.write(file)
    file.write_text(json.dumps(json.loads(file.read_bytes()) | change), encoding="utf-8")
    with pytest.raises(UsageError, match=r"is damaged[^\n]*\n.*testbed.down"):
        State.read(file)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(st.binary(max_size=60) | _JSON.map(lambda value: json.dumps(value).encode()))
def test_nonsense_is_refused_without_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    """Whatever stands in the file, the answer is our own error."""
    file = tmp_path_factory.mktemp("state") / "state.json"
    file.write_bytes(content)
    with pytest.raises(UsageError, match="is damaged"):
        State.read(file)


def test_the_variables_put_our_folders_in_front_of_path() -> None:
    """A process with these variables finds our programs first, and the others still."""
    variables = _STATE.variables("/usr/bin")
    assert variables["PATH"].split(os.pathsep) == [*_STATE.path, "/usr/bin"]
    assert (variables["DOCKER_HOST"], variables["DOCKER_CONFIG"]) == (
        _STATE.docker_host,
        _STATE.docker_config,
    )
