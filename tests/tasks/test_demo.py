"""What `invoke demo` says where a step does not go as it should."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from invoke import Context, Exit

from gopherwhale.errors import VerificationError
from gopherwhale.platforms import of_this_machine
from tests.unit.oci.images import make_layout

# The package has the task under this name.
demo = importlib.import_module("tasks.demo")


def _said(folder: Path, program: bytes) -> str:
    here = of_this_machine()
    return str(demo.start(make_layout(folder / "layout", {str(here): program}), here))


def test_the_program_of_this_machine_says_what_it_is(tmp_path: Path) -> None:
    """It is asked for its version."""
    assert _said(tmp_path, b'#!/bin/sh\necho "app $1"\n') == "app -version"


@pytest.mark.parametrize(
    ("program", "timeout", "why"),
    [
        (b"#!/bin/sh\necho no such flag >&2\nexit 3\n", 60, "no such flag"),
        (b"#!/bin/sh\nkill -9 $$\n", 60, "SIGKILL"),
        (b"#!/bin/sh\nexec sleep 60\n", 0.1, "timed out"),
        (b"\x7fELF", 60, "Exec format error"),
    ],
)
def test_a_program_that_does_not_run_fails_the_demo(
    program: bytes, timeout: float, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The demo ended well whatever the program said, and in a traceback where it could not be started."""
    monkeypatch.setattr(demo, "_TIMEOUT", timeout)
    with pytest.raises(VerificationError, match=rf"/app of {of_this_machine()} does not run here: .*{why}"):
        _said(tmp_path, program)


def test_what_the_system_refuses_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A disk that is full, a folder that nobody may write into."""

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device", str(tmp_path / "hello"))

    monkeypatch.setattr(demo, "run", refuse)
    with pytest.raises(Exit) as caught:
        demo.demo.body(Context())
    assert str(caught.value) == f"demo: {tmp_path / 'hello'}: No space left on device"
    assert caught.value.code == 2
