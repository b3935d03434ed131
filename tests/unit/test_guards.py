from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

_REFUSED = "not marked `engine`"
ROOT = Path(__file__).resolve().parents[2]
_SKIPPING = """
import pytest

@pytest.mark.engine
def test_engine():
    pytest.skip("no testbed")

def test_other():
    pytest.skip("another reason")
"""


@pytest.mark.parametrize("tool", ["docker", "go", "skopeo"])
def test_an_unmarked_test_cannot_start_the_real_tools(tool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tool that is on PATH outside the test's own folders is refused before it starts."""
    monkeypatch.setattr("shutil.which", lambda name, path=None: f"/usr/bin/{name}" if path else None)
    with pytest.raises(pytest.fail.Exception, match=_REFUSED):
        subprocess.run([tool, "version"], check=False)


def test_a_stand_in_may_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script which the test wrote itself is started, whatever its name."""
    stand_in = tmp_path / "docker"
    stand_in.write_text("#!/bin/sh\necho stand-in\n", encoding="utf-8")
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert subprocess.run(["docker"], capture_output=True, check=True).stdout == b"stand-in\n"


def test_an_unmarked_test_cannot_leave_this_machine() -> None:
    """Neither a name nor an address beyond loopback can be reached."""
    with pytest.raises(pytest.fail.Exception, match=_REFUSED):
        urllib.request.urlopen("http://registry.example/v2/", timeout=1)
    with socket.socket() as client, pytest.raises(pytest.fail.Exception, match=_REFUSED):
        client.connect(("192.0.2.1", 80))


def test_an_unmarked_test_cannot_reach_docker() -> None:
    """Docker's socket is refused even where it would answer."""
    with socket.socket(socket.AF_UNIX) as client, pytest.raises(pytest.fail.Exception, match="Docker"):
        client.connect("/var/run/docker.sock")


def test_loopback_stays_open() -> None:
    """A fake server of a test's own can be reached."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()


def test_the_environment_is_clean() -> None:
    """What a laptop or a CI machine has in its environment does not lead a test astray."""
    leading = ("DOCKER_", "GITHUB_", "GOPHERWHALE_")
    assert not [name for name in os.environ if name.startswith(leading) or name in {"CI", "GOOS", "GOARCH"}]
    assert not list(Path.home().glob(".docker"))


def test_a_skipped_engine_test_fails_where_the_engine_is_required(tmp_path: Path) -> None:
    """GOPHERWHALE_REQUIRE_ENGINE turns the skip of a marked test, and of no other, into a failure."""
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = engine: real parts\n", encoding="utf-8")
    (tmp_path / "test_it.py").write_text(_SKIPPING, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rfs"],
        cwd=tmp_path,
        # Our own conftest.py imports of ours.
        env={**os.environ, "GOPHERWHALE_REQUIRE_ENGINE": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert "1 failed, 1 skipped" in done.stdout
    assert "GOPHERWHALE_REQUIRE_ENGINE is set, and this was skipped" in done.stdout
