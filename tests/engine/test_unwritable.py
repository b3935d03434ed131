"""A repository that may not be written to, for a real process without root's power over modes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.adopt.repositories import MAIN, MOD, commit, snapshot, write

pytestmark = pytest.mark.engine

# Root passes by the modes of files; without its capabilities it does not.
_POWERLESS = ("setpriv", "--bounding-set=-all", "--inh-caps=-all") if os.geteuid() == 0 else ()


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    """A Go repository under git in which no file may be made."""
    root = write(tmp_path / "hello", {"go.mod": MOD, "main.go": MAIN})
    commit(root)
    root.chmod(0o555)
    yield root
    root.chmod(0o755)


def call(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    if _POWERLESS and not shutil.which(_POWERLESS[0]):
        pytest.skip("root without setpriv cannot lay down its power")
    command = [*_POWERLESS, sys.executable, "-m", "gopherwhale", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(
    "arguments",
    [
        ("init", "--yes", "--repository", "ghcr.io/acme/hello"),
        ("init", "--yes", "--repository", "ghcr.io/acme/hello", "--force"),
        ("new", "--no-input"),
        ("docker.cross-build", "--engine", "go", "--repository", "acme/hello"),
    ],
    ids=lambda arguments: " ".join(arguments[::3]),
)
def test_17_a_folder_that_may_not_be_written_is_told_in_one_line(
    locked: Path, arguments: tuple[str, ...], request: pytest.FixtureRequest
) -> None:
    """Exit code 2, the folder's name and the cause; nothing is made, and nothing is left behind."""
    if "--engine" in arguments:
        # It looks for Go first.
        request.getfixturevalue("go_environment")
    before, git = snapshot(locked), (locked / ".git" / "HEAD").stat().st_mtime_ns
    done = call(locked, *arguments)
    assert done.returncode == 2, done.stderr
    told = [line for line in done.stderr.splitlines() if line.startswith("gopherwhale: ")]
    assert len(told) == 1, done.stderr
    assert "cannot write" in told[0]
    assert str(locked) in told[0]
    assert ".gopherwhale-" not in told[0]
    assert "Traceback" not in done.stderr
    assert (snapshot(locked), (locked / ".git" / "HEAD").stat().st_mtime_ns) == (before, git)
    assert sorted(path.name for path in locked.iterdir()) == [".git", "go.mod", "main.go"]


def test_17_an_update_that_cannot_be_written_changes_nothing(locked: Path) -> None:
    """A repository that was adopted and is read-only now stays as it was, to the byte."""
    locked.chmod(0o755)
    assert call(locked, "init", "--yes", "--repository", "ghcr.io/acme/hello").returncode == 0
    commit(locked)
    locked.chmod(0o555)
    before = snapshot(locked)
    done = call(locked, "update", "--yes", "--answer", "runner=nox")
    assert (done.returncode, snapshot(locked)) == (2, before), done.stderr
    assert done.stderr.splitlines()[-1] == f"gopherwhale: cannot write to {locked}: Permission denied"
