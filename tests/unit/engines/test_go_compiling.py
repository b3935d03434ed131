from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from gopherwhale.engines.compiling import Group, Job, Stopped
from gopherwhale.errors import BuildError, ExitCode


def job(folder: Path, script: str, name: str = "linux/arm64") -> Job:
    return Job(
        name=name, arguments=["sh", "-c", script], environment={"PATH": os.environ["PATH"]}, folder=folder
    )


def test_output_is_shown_under_the_name_as_it_comes(tmp_path: Path) -> None:
    """Each line of a command says whose it is."""
    said: list[str] = []
    Group(said.append, 60).run(job(tmp_path, "echo one; echo two >&2"))
    assert said == ["linux/arm64: one", "linux/arm64: two"]


def test_a_failure_names_the_platform_and_the_first_message(tmp_path: Path) -> None:
    """Headings and downloads are no cause; the rest of the output was shown."""
    said: list[str] = []
    script = (
        "echo 'go: downloading x'; echo '# example.com/hello'; echo './main.go:3:5: undefined: x'; exit 1"
    )
    with pytest.raises(BuildError, match=r"linux/arm64: \./main\.go:3:5: undefined: x") as caught:
        Group(said.append, 60).run(job(tmp_path, script))
    assert caught.value.exit_code == ExitCode.BUILD
    assert len(said) == 3


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "main.go:3:8: missing go.sum entry; to add:|\tgo mod download x",
            "entry; to add: go mod download x",
        ),
        ("package x: build constraints exclude all Go files in /x", "in /x\n  they need cgo"),
        (
            "go: go.mod requires go >= 1.99 (running go 1.27.3; GOTOOLCHAIN=local)",
            ")\n  install that release",
        ),
        ("build cache is required: GOCACHE is not defined and", "defined and\n  set HOME, or GOCACHE"),
        ("./a.go:1:1: x|./b.go:2:2: y", ": ./a.go:1:1: x"),
        ("it ends with a colon:", "it ends with a colon:"),
    ],
)
def test_what_mends_it_is_told(tmp_path: Path, said: str, told: str) -> None:
    """Where Go's first line goes on in the next, both are the cause; what Go only states gets a hint."""
    lines = "; ".join(f"printf '%s\\n' '{line}'" for line in said.split("|"))
    with pytest.raises(BuildError) as caught:
        Group(print, 60).run(job(tmp_path, f"{lines}; exit 1"))
    assert told in str(caught.value)
    assert "b.go" not in str(caught.value)


def test_a_silent_failure_gives_its_code(tmp_path: Path) -> None:
    """Where a command says nothing, its exit code is the cause."""
    with pytest.raises(BuildError, match="exit code 7"):
        Group(print, 60).run(job(tmp_path, "exit 7"))


def test_a_command_that_is_not_there_is_our_error(tmp_path: Path) -> None:
    """A program that vanished since it was found ends in an error that names it."""
    gone = Job(name="x", arguments=[str(tmp_path / "go")], environment={}, folder=tmp_path)
    with pytest.raises(BuildError, match="No such file"):
        Group(print, 60).run(gone)


def test_a_command_and_its_children_end_at_the_limit(tmp_path: Path) -> None:
    """The limit of time ends the whole group, even a child that holds the output open."""
    with pytest.raises(BuildError, match="took over 1 s"):
        Group(print, 1).run(job(tmp_path, "sleep 600 & sleep 600"))


def test_where_nobody_takes_the_output_the_command_ends(tmp_path: Path) -> None:
    """A pipe that is closed on us leaves no compiler behind that nobody waits for."""

    def gone(_line: str) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        Group(gone, 600).run(job(tmp_path, "echo $$ > pid; echo up; sleep 600"))
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_stopping_ends_what_runs_and_starts_nothing_more(tmp_path: Path) -> None:
    """After a stop a running command ends at once and says nothing, and the next does not start."""
    ready, outcome = threading.Event(), []
    group = Group(lambda _line: ready.set(), 600)

    def run() -> None:
        try:
            group.run(job(tmp_path, "echo up; sleep 600"))
        except Stopped as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(60)
    group.stop()
    thread.join(60)
    assert not thread.is_alive()
    assert len(outcome) == 1
    with pytest.raises(Stopped):
        group.run(job(tmp_path, "touch ran"))
    assert not (tmp_path / "ran").exists()
