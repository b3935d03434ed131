"""The go engine interrupted, failing and out of space: the old layout or the new one, and no litter."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gopherwhale.errors import ExitCode
from tests.engine.go_projects import CROSS_BUILD, Make, check_whole, litter, make
from tests.engine.projects import Project

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("warm")]
__all__ = ["make"]

KILLS = 50
_MEGABYTE = 1024 * 1024


def test_03_a_platform_that_does_not_compile_leaves_the_old_layout(make: Make) -> None:
    """The compiler's message stands under the platform's name, exit code 11, and nothing has changed."""
    project = make(kind="tool")
    project.good(*CROSS_BUILD)
    before = _files(project.folder / "dist" / "hello")
    (project.folder / "broken_arm64.go").write_text("package main\n\nvar x int = undefined\n")
    done = project.run(*CROSS_BUILD)
    assert done.returncode == ExitCode.BUILD, done.stderr
    assert "linux/arm64: ./broken_arm64.go:3:13: undefined: undefined" in done.stderr
    assert "gopherwhale: go build failed for linux/arm64: ./broken_arm64.go:3:13" in done.stderr
    assert "Traceback" not in done.stderr
    assert _files(project.folder / "dist" / "hello") == before
    assert litter(project.folder / "dist") == []


def test_17_a_build_killed_at_any_moment_leaves_the_old_image_or_the_new_one(make: Make) -> None:
    """Fifty times SIGKILL: what stands is always whole, and the next build takes away what was left."""
    # A small program has as many steps in which it can be killed, and each takes less time.
    project = make(kind="tool", platforms="linux/amd64,linux/arm64")
    project.good(*CROSS_BUILD)
    started = time.monotonic()
    digests = {_turn(project, "kill-even"), _turn(project, "kill-odd")}
    longest = (time.monotonic() - started) / 2
    moments = random.Random(7)  # noqa: S311 -- moments, not secrets
    for number in range(KILLS):
        _write_turn(project, f"kill-{'even' if number % 2 else 'odd'}")
        with _started(project) as process:
            time.sleep(moments.uniform(0.05, longest))
            process.kill()
        assert check_whole(project.folder / "dist" / "hello") in digests
    assert _turn(project, "kill-even") in digests
    assert litter(project.folder / "dist") == []


@pytest.mark.parametrize("free", [0.05, 1, 4, 9, 14, 20])
def test_17_a_full_disk_leaves_the_old_image_or_the_new_one(make: Make, tmp_path: Path, free: float) -> None:
    """Wherever space runs out, the command fails in our words and the layout is whole."""
    project = make(platforms="linux/amd64,linux/arm64")
    with _small_disk(project.folder / "dist"):
        project.good(*CROSS_BUILD)
        old = check_whole(project.folder / "dist" / "hello")
        _write_turn(project, "full")
        _fill(project.folder / "dist" / "ballast", free)
        done = project.run(*CROSS_BUILD)
        now = check_whole(project.folder / "dist" / "hello")
        if done.returncode == 0:
            assert now != old
        else:
            assert done.returncode in (ExitCode.BUILD, ExitCode.USAGE), done.stderr
            assert "no space left" in done.stderr.lower()
            assert "Traceback" not in done.stderr
            assert now == old
        (project.folder / "dist" / "ballast").unlink()
        assert litter(project.folder / "dist") == []
    assert tmp_path.is_dir()


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _write_turn(project: Project, text: str) -> None:
    (project.folder / "turn.go").write_text(f'package main\n\nfunc init() {{ println("{text}") }}\n')


def _turn(project: Project, text: str) -> str:
    _write_turn(project, text)
    project.good(*CROSS_BUILD)
    return check_whole(project.folder / "dist" / "hello")


@contextlib.contextmanager
def _started(project: Project) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        CROSS_BUILD,
        cwd=project.folder,
        env=dict(project.environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        yield process


@contextlib.contextmanager
def _small_disk(folder: Path) -> Iterator[None]:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder], check=True, timeout=60)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True, timeout=60)


def _fill(ballast: Path, free: float) -> None:
    """Leave only some megabytes of a disk."""
    room = os.statvfs(ballast.parent)
    size = room.f_bavail * room.f_frsize - int(free * _MEGABYTE)
    with ballast.open("wb") as stream:
        while size > 0:
            size -= stream.write(bytes(min(size, _MEGABYTE)))
