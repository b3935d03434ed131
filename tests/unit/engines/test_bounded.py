from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gopherwhale.engines import bounded


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-S", bounded.__file__, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("code", [0, 3])
def test_the_exit_code_is_the_commands(code: int) -> None:
    """What the command answered is passed on, output and all."""
    done = run("30", sys.executable, "-c", f"print('out'); raise SystemExit({code})")
    assert (done.returncode, done.stdout) == (code, "out\n")


def test_output_can_be_sent_to_stderr() -> None:
    """What a command says of itself does not stand between our results."""
    done = run(bounded.TO_STDERR, "30", sys.executable, "-c", "print('out')")
    assert (done.stdout, done.stderr) == ("", "out\n")


def test_a_command_over_its_time_is_stopped() -> None:
    """Past the limit the command is killed and the code is 124, as timeout(1) has it."""
    assert run("0.2", sys.executable, "-c", "import time; time.sleep(60)").returncode == bounded.TIMED_OUT


def test_a_signal_reaches_the_command() -> None:
    """Being told to stop, it takes the command with it."""
    # A handler that comes between Python's last look and the sleep is not heard before its end.
    script = (
        "import signal\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})\n"
        "print('ready', flush=True)\n"
        "signal.sigtimedwait({signal.SIGTERM}, 60)\n"
        "raise SystemExit(7)\n"
    )
    command = [sys.executable, "-I", "-S", bounded.__file__, "60", sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        assert process.wait(timeout=30) == 7


def test_a_signal_that_comes_before_the_command_reaches_it() -> None:
    """Told to stop in the moment before the command is there, it leaves none behind that goes on alone."""
    script = (
        "import os, signal, subprocess, sys\n"
        "from gopherwhale.engines import bounded\n"
        "start = subprocess.Popen\n"
        "def late(command, **options):\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    return start(command, **options)\n"
        "subprocess.Popen = late\n"
        "raise SystemExit(bounded.main(['60', sys.executable, '-c', 'import time; time.sleep(60)']) != -15)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 0


def test_a_command_whose_starter_is_gone_is_stopped(tmp_path: Path) -> None:
    """Were we killed, Docker would build on for an hour, and nobody would wait for it."""
    told = tmp_path / "told"
    command = [
        *(sys.executable, "-I", "-S", bounded.__file__, "60", sys.executable, "-c"),
        f"import os, time; print(os.getpid(), file=open({str(told)!r}, 'w'), flush=True); time.sleep(60)",
    ]
    starter = f"import subprocess, time\nsubprocess.Popen({command!r})\ntime.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", starter]) as process:
        _await(lambda: told.exists() and told.read_text().endswith("\n"))
        process.kill()
    _await(lambda: not Path(f"/proc/{told.read_text().strip()}").exists())


def _await(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)
