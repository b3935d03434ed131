"""The proof in a new repository's CI that a spoilt Dockerfile is refused."""

from __future__ import annotations

import contextlib
import io
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gopherwhale.__main__ import main
from tests.template.baking import bake

_REFUSED = [
    "guard: a default hides the platform: refused, platform-arg-default",
    "guard: the architecture is written by hand: refused, goarch-by-hand",
    "guard: the last stage gets a default: refused, platform-arg-default",
]
_START = subprocess.run
_BLIND = 'print(\'{"reports": [{"findings": []}]}\')\n'
_BROKEN = "import sys\nsys.exit('no such flag')\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository, made once."""
    return bake(tmp_path_factory.mktemp("guard"))


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of it for each test."""
    return shutil.copytree(made, tmp_path / "hello")


def guard(folder: Path) -> tuple[int, list[str], str]:
    """What guard.py ends with and says."""
    done = subprocess.run(
        [sys.executable, "guard.py"], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stdout.splitlines(), done.stderr


def lint_here(command: list[str], **options: Any) -> Any:
    """Run the check that the guard starts in this process; the tests below start it as it does."""
    if command[:4] != [sys.executable, "-m", "gopherwhale", "docker.lint"]:
        return _START(command, **options)
    with contextlib.redirect_stdout(io.StringIO()) as out, pytest.raises(SystemExit) as ended:
        main(command[3:])
    return subprocess.CompletedProcess(command, int(ended.value.code or 0), out.getvalue(), "")


def guard_here(folder: Path) -> list[str]:
    """What guard.py says in this process, where all is well."""
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as out:
        patch.chdir(folder)
        patch.setattr(subprocess, "run", lint_here)
        with pytest.raises(SystemExit) as ended:
            runpy.run_path("guard.py", run_name="__main__")
    assert not ended.value.code
    return out.getvalue().splitlines()


def test_a_spoilt_dockerfile_is_refused_in_every_way(folder: Path) -> None:
    """Each mistake is named by its code, and the Dockerfile itself is left as it is."""
    text = (folder / "Dockerfile").read_text()
    assert guard_here(folder) == _REFUSED
    assert (folder / "Dockerfile").read_text() == text


def test_a_dockerfile_of_any_kind_is_spoilt_in_one_way_at_least(folder: Path) -> None:
    """Without the lines of the template's, and with a mistake of its own, the proof is made all the same."""
    (folder / "Dockerfile").write_text("FROM scratch\nARG TARGETOS=windows\nCOPY app /app\nUSER 1\n")
    code, lines, _ = guard(folder)
    assert (code, lines[-1]) == (0, _REFUSED[-1])
    assert [line.endswith("Dockerfile has no such line") for line in lines] == [True, True, False]


@pytest.mark.parametrize(
    "build",
    ["RUN GOARCH=$TARGETARCH make", "ENV GOARCH=$TARGETARCH\nRUN make", "RUN make GOARCH=$TARGETARCH"],
)
def test_what_make_compiles_is_left_to_the_check_of_the_image(folder: Path, build: str) -> None:
    """A mistake that no reader of the Dockerfile can tell stops no merge; one that it can tell is refused."""
    text = f"FROM golang:1.27 AS b\nARG TARGETARCH\n{build}\nFROM scratch\nCOPY --from=b /x /x\nUSER 1\n"
    (folder / "Dockerfile").write_text(text)
    lines = guard_here(folder)
    assert (lines[0], lines[2]) == (_REFUSED[0], _REFUSED[2])
    assert lines[1].endswith("out of sight, left to docker.verify-arch") or lines[1] == _REFUSED[1]


@pytest.mark.parametrize(
    ("lint", "said"),
    [(_BLIND, "a default hides the platform: NOT refused"), (_BROKEN, "cannot be checked: no such flag")],
)
def test_a_check_that_finds_nothing_is_found_out(folder: Path, lint: str, said: str) -> None:
    """Where lint lets the mistake pass or does not run at all, the guard fails and says so."""
    (folder / "gopherwhale").mkdir()
    (folder / "gopherwhale" / "__init__.py").touch()
    (folder / "gopherwhale" / "__main__.py").write_text(lint)
    code, lines, errors = guard(folder)
    assert code == 1
    assert said in "\n".join([*lines, errors])
