from __future__ import annotations

import errno
import os
import signal
import threading
import time
from collections.abc import Callable

import pytest

from gopherwhale.app import building
from gopherwhale.commands import COMMANDS
from gopherwhale.errors import ExitCode, UsageError
from gopherwhale.running import run

PLAN = next(command for command in COMMANDS if command.name == "plan")
DENIED = PermissionError(errno.EACCES, "Permission denied", "/r/main.go")


def raising(error: BaseException) -> Callable[..., ExitCode]:
    def fail(*_arguments: object, **_options: object) -> ExitCode:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (UsageError("no", hint="yes"), 2, "gopherwhale: no\n  yes\n"),
        (UsageError("found \x1b[2J", hint="\n::error::x"), 2, ":\\x3aerror:\\x3ax\n"),
        (OSError(errno.ENOSPC, "No space left on device"), 2, "plan failed: No space left on device\n"),
        (DENIED, 2, "gopherwhale: plan failed: /r/main.go: Permission denied\n"),
        (
            FileNotFoundError(errno.ENOENT, "No such file", "/r/a\x1b[2J"),
            2,
            r"/r/a\x1b[2J: No such file" + "\n",
        ),
        (KeyboardInterrupt(), 130, "gopherwhale: plan was interrupted; the same again does what is left\n"),
    ],
)
def test_what_ends_a_command_is_told_in_a_line_with_its_exit_code(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    told: str,
) -> None:
    """A disk that is full or a file that nobody may read ends in no traceback, wherever it was met."""
    monkeypatch.setattr(building, "show_plan", raising(error))
    assert run(PLAN, {}, dict) == code
    said = capsys.readouterr()
    assert said.err.endswith(told)
    assert said.out == ""


@pytest.mark.parametrize("error", [BrokenPipeError(errno.EPIPE, "Broken pipe"), ZeroDivisionError()])
def test_a_reader_that_has_enough_and_a_bug_of_ours_pass_through(
    monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """The front end ends the one, and the other is worth its traceback."""
    monkeypatch.setattr(building, "show_plan", raising(error))
    with pytest.raises(type(error)):
        run(PLAN, {}, dict)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_run_that_is_told_to_stop_ends_through_its_own_blocks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: signal.Signals
) -> None:
    """A CI cancels by SIGTERM, a terminal goes by SIGHUP: compilers and temporary files go all the same."""
    cleaned: list[str] = []

    def working(*_arguments: object, **_options: object) -> ExitCode:
        try:
            os.kill(os.getpid(), number)
            time.sleep(30)
        finally:
            cleaned.append("files")
        return ExitCode.GOOD

    before = signal.getsignal(number)
    monkeypatch.setattr(building, "show_plan", working)
    with pytest.raises(SystemExit) as ended:
        run(PLAN, {}, dict)
    assert (ended.value.code, cleaned) == (128 + number, ["files"])
    assert capsys.readouterr().err == "gopherwhale: plan was told to stop; the same again does what is left\n"
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("how", ["ignored", "in a thread"])
def test_a_signal_that_is_not_ours_to_heed_is_left_alone(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """Who starts us may have it ignored, and only the main thread may say what a signal does."""
    seen: list[object] = []

    def working(*_arguments: object, **_options: object) -> ExitCode:
        seen.append(signal.getsignal(signal.SIGTERM))
        return ExitCode.GOOD

    monkeypatch.setattr(building, "show_plan", working)
    before = signal.getsignal(signal.SIGTERM)
    try:
        if how == "ignored":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            assert run(PLAN, {}, dict) == ExitCode.GOOD
            assert seen == [signal.SIG_IGN]
        else:
            thread = threading.Thread(target=run, args=(PLAN, {}, dict))
            thread.start()
            thread.join(30)
            assert seen == [before]
    finally:
        signal.signal(signal.SIGTERM, before)
