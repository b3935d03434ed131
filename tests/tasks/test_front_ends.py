from __future__ import annotations

import contextlib
import json
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from invoke import Program

from gopherwhale.__main__ import main
from gopherwhale.app import building, pushing, verifying
from gopherwhale.app.request import Request
from gopherwhale.commands import COMMANDS
from gopherwhale.errors import (
    AuthenticationError,
    BuildError,
    ExitCode,
    RegistryError,
    UsageError,
    VerificationError,
)
from gopherwhale.repository_commands import REPOSITORY_COMMANDS
from gopherwhale.tasks import configuration_of, namespace
from tests.documented import documented, keys
from tests.unit.adopt.repositories import MAIN, commit, git, write

NAMES = [f"docker.{command.name}" for command in COMMANDS]
TASKS = "from gopherwhale.tasks import namespace\n\nns = namespace()\n"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Go repository with the two files, and the process in it."""
    (tmp_path / "go.mod").write_text("module example.invalid/hello\n")
    (tmp_path / "gopherwhale.toml").write_text('repository = "acme/hello"\n')
    (tmp_path / "tasks.py").write_text(TASKS)
    (tmp_path / "noxfile.py").write_text("from gopherwhale.nox import register\n\nregister()\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments: str) -> int:
    """What `invoke ARGUMENTS` exits with, in this process."""
    try:
        Program(namespace=namespace()).run(["invoke", *arguments])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def run(
    *command: str,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    options: Sequence[str] = (),
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *options, "-m", *command],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=folder,
        env={**os.environ, **(environment or {})},
    )


def seen(monkeypatch: pytest.MonkeyPatch, function: str) -> list[tuple[Request, dict[str, Any]]]:
    """What a command's function of the application is called with."""
    calls: list[tuple[Request, dict[str, Any]]] = []

    def record(request: Request, **own: Any) -> ExitCode:
        calls.append((request, own))
        return ExitCode.GOOD

    module = next(module for module in (building, verifying, pushing) if hasattr(module, function))
    monkeypatch.setattr(module, function, record)
    return calls


@pytest.fixture(scope="module")
def listing(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """What `invoke --list` says beside a tasks.py of two lines, and what it imports for that."""
    folder = tmp_path_factory.mktemp("listing")
    (folder / "tasks.py").write_text(TASKS)
    return run("invoke", "--list", folder=folder, options=("-X", "importtime"))


def imported(done: subprocess.CompletedProcess[str]) -> set[str]:
    """The modules that a Python started with `-X importtime` has imported."""
    return {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}


@pytest.mark.parametrize("front_end", ["invoke", "gopherwhale"])
def test_every_command_is_listed(
    listing: subprocess.CompletedProcess[str], capfd: pytest.CaptureFixture[str], front_end: str
) -> None:
    """A tasks.py of two lines and the console script offer the same, a line each on a narrow terminal."""
    if front_end == "invoke":
        assert listing.returncode == 0, listing.stderr
        shown = listing.stdout
    else:
        with pytest.raises(SystemExit) as ended:
            main(["--list"])
        assert not ended.value.code
        shown = capfd.readouterr().out
    assert all(name in shown for name in NAMES)
    assert all(f"  {known.summary}\n" in shown for known in (*COMMANDS, *REPOSITORY_COMMANDS)), shown
    prefix = "template." if front_end == "invoke" else ""
    assert all(f" {prefix}{known.name} " in shown for known in REPOSITORY_COMMANDS), shown


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_command_has_help(flag: str, capfd: pytest.CaptureFixture[str]) -> None:
    """A command's flag and the console's own give the same: what it is for, its words and all its flags."""
    known = {f"docker.{one.name}": one for one in COMMANDS} | {one.name: one for one in REPOSITORY_COMMANDS}
    for name, command in known.items():
        shown = set()
        for arguments in ((name, flag), (flag, name)):
            with pytest.raises(SystemExit) as ended:
                main([*arguments])
            assert not ended.value.code
            shown.add(capfd.readouterr().out)
        (text,) = shown
        assert text.startswith(f"usage: gopherwhale {name} [--flags]")
        assert command.summary in text
        words = {one.name for one in command.flags if one.kind == "words"}
        assert all(f"[{word.upper()} ...]" in text for word in words)
        assert all(one.name in words or f"  --{one.name}" in text for one in command.flags)


@pytest.mark.parametrize(
    "words", [("docker.lint",), ("docker.lint", "x"), ("docker.copy", "a", "b"), ("init",)]
)
def test_a_mistyped_flag_is_no_word(words: tuple[str, ...], capfd: pytest.CaptureFixture[str]) -> None:
    """What begins with a dash is a flag, known or not, and never a path or a reference."""
    with pytest.raises(SystemExit) as ended:
        main([*words, "--onlin"])
    assert ended.value.code == 2
    hint = (
        "did you mean --online?"
        if words[0] == "docker.lint"
        else f"gopherwhale {words[0]} --help shows its flags"
    )
    told = f"{words[0]}: unrecognized arguments: --onlin\n  {hint}\n"
    assert capfd.readouterr().err == f"gopherwhale: {told}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("docker.pusch",), "there is no command 'docker.pusch'\n  did you mean docker.push?"),
        (("xyz",), "gopherwhale --list shows the commands"),
        (("docker.push", "latest"), "docker.push: unrecognized arguments: latest"),
        (("docker.push", "--tag"), "docker.push: argument --tag: expected one argument"),
        (("docker.verify-arch", "oci:x", "docker.push", "--tga", "x"), "docker.push: unrecognized arguments"),
        (("docker.push", "--tagg", "x"), "unrecognized arguments: --tagg x\n  did you mean --tag?"),
        (("docker.push", "--platfrom=linux/arm64"), "did you mean --platform?"),
        (("docker.push", "--xyzzy"), "gopherwhale docker.push --help shows its flags"),
    ],
)
def test_a_mistyped_line_runs_nothing(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    """Every command of the line is read before the first is done."""
    calls = seen(monkeypatch, "verify_arch")
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert message in capfd.readouterr().err
    assert calls == []


def test_commands_of_the_console_script_follow_one_another(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with invoke: a word that names a command starts it, unless it is the value of a flag."""
    verified, pushed = seen(monkeypatch, "verify_arch"), seen(monkeypatch, "push")
    with pytest.raises(SystemExit) as ended:
        main(["docker.verify-arch", "oci:a", "--expect", "any", "b", "docker.push", "--tag", "docker.push"])
    assert ended.value.code == 0, repository
    assert verified[0][1] == {"source": ["oci:a", "b"], "expect": "any"}
    assert pushed[0][0].flags["tags"] == ["docker.push"]


def test_a_user_without_a_home_is_served(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A container may run as a number that nobody has named: invoke's file of the user's is then none."""
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)
    with pytest.raises(RuntimeError):
        Path.home()
    with pytest.raises(SystemExit) as ended:
        main(["docker.plan", "--engine", "buildx"])
    assert ended.value.code == 0, repository
    assert "acme/hello" in capfd.readouterr().out


def test_a_command_that_fails_ends_the_line(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its exit code is the line's, and none behind it runs."""
    pushed = seen(monkeypatch, "push")
    with pytest.raises(SystemExit) as ended:
        main(["docker.verify-arch", "./nothing-here", "docker.push"])
    assert ended.value.code == 2, repository
    assert pushed == []


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_the_version_is_that_of_what_is_installed(flag: str, capfd: pytest.CaptureFixture[str]) -> None:
    """`gopherwhale --version` says what a bug report needs."""
    with pytest.raises(SystemExit):
        main([flag])
    assert capfd.readouterr().out == f"gopherwhale {version('gopherwhale')}\n"


def test_an_interrupt_is_no_traceback(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Control-C ends with 130, as a shell counts it, in both front ends, and with a line of what to do."""

    def interrupted(_request: Request) -> ExitCode:
        raise KeyboardInterrupt

    monkeypatch.setattr(pushing, "push", interrupted)
    with pytest.raises(SystemExit) as ended:
        main(["docker.push"])
    assert ended.value.code == call("docker.push") == 130, repository
    line = "gopherwhale: push was interrupted; the same again does what is left\n"
    assert capfd.readouterr().err == line * 2


def test_a_reader_that_has_had_enough_is_no_error_of_ours() -> None:
    """`gopherwhale docker.plan | head -1` ends without a traceback."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "gopherwhale", "--help"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False, timeout=60)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize(("words", "code"), [(["--list"], 0), (["nonsense"], 2)])
def test_the_script_is_over_when_it_has_said_all(words: list[str], code: int) -> None:
    """What was imported is not taken apart; every line is out by then, and the exit code is the run's."""
    lines = ("import atexit", "from gopherwhale.__main__ import script", "atexit.register(print, 'apart')")
    done = subprocess.run(
        [sys.executable, "-c", "; ".join((*lines, "script()")), *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == code
    said = done.stdout if code == 0 else done.stderr
    assert said.endswith("\n")
    assert "docker.verify-arch" in said or "nonsense" in said
    assert "apart" not in done.stdout


@pytest.mark.parametrize("only", [["docker-psuh"], "docker-push"])
def test_a_session_that_there_is_not_is_refused(only: list[str] | str) -> None:
    """A mistyped name would else leave a CI without the session, and nobody would be told."""
    from gopherwhale.nox import register  # noqa: PLC0415 -- nox takes its time

    with pytest.raises(UsageError, match="there is no session"):
        register(only)


def test_every_command_is_a_nox_session(repository: Path) -> None:
    """register() gives the sessions, and a bare `nox` runs none of them."""
    done = run("nox", "-l")
    assert done.returncode == 0, done.stderr
    assert all(f"- docker-{command.name} ->" in done.stdout for command in COMMANDS), repository


@pytest.mark.parametrize("stream", ["<&-", ">&-", "2>&-"])
def test_a_standard_stream_that_is_closed_is_done_without(repository: Path, stream: str) -> None:
    """Some who start processes give them none: that is no reason for a traceback."""
    commit(write(repository, {"main.go": MAIN}))
    git(repository, "tag", "v1.2")
    command = [sys.executable, "-m", "gopherwhale", "docker.plan", "--engine", "go"]
    closed = ["sh", "-c", f'exec "$@" {stream}', "sh", *command]
    done = subprocess.run(closed, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert bool(done.stdout) == (stream != ">&-")


def test_a_session_s_progress_stands_apart_from_its_result(repository: Path) -> None:
    """`nox -s docker-plan -- --format json > plan.json` is JSON, whatever is said meanwhile."""
    commit(write(repository, {"main.go": MAIN}))
    git(repository, "tag", "v1.2")
    done = run("nox", "-s", "docker-plan", "--", "--engine", "go", "--format", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["schema"] == 1
    assert "the git tag v1.2 gives no tag" in done.stderr


def test_a_session_that_is_interrupted_may_clean_up(repository: Path) -> None:
    """Of itself nox kills what has not ended half a second after Ctrl-C: temporary files would be left."""
    (repository / "noxfile.py").write_text(
        "import sys\n\nfrom gopherwhale.nox import register\n\nregister()\nsys.executable = './slow'\n"
    )
    slow, started = repository / "slow", repository / "started"
    slow.write_text(
        "#!/bin/sh\ntrap 'sleep 0.8; touch cleaned; exit 130' INT\n"
        # By then nox waits for it, however slow the machine is.
        "sleep 0.3; touch started; while :; do sleep 0.05; done\n"
    )
    slow.chmod(0o755)
    with subprocess.Popen([sys.executable, "-m", "nox", "-s", "docker-plan"], start_new_session=True) as nox:
        try:
            end = time.monotonic() + 30
            while not started.exists() and time.monotonic() < end:
                time.sleep(0.02)
            os.killpg(nox.pid, signal.SIGINT)
            assert nox.wait(30) != 0
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(nox.pid, signal.SIGKILL)
    assert (repository / "cleaned").exists()


def test_listing_imports_nothing_heavy(listing: subprocess.CompletedProcess[str]) -> None:
    """`invoke --list` pays for invoke alone: neither msgspec nor Docker's client is imported."""
    modules = imported(listing)
    assert "gopherwhale.tasks" in modules
    assert (
        not {"msgspec", "pydantic", "python_on_whales", "urllib3", "docker", "rich", "gopherwhale.app"}
        & modules
    )


def test_the_console_script_imports_no_invoke(repository: Path) -> None:
    """Without a configuration file of invoke, a plan pays for its settings alone."""
    (repository / "main.go").write_text("package main\n")
    done = run("gopherwhale", "docker.plan", "--engine", "go", options=("-X", "importtime"))
    assert done.returncode == 0, done.stderr
    modules = imported(done)
    assert "msgspec" in modules
    heavy = {"invoke", "python_on_whales", "urllib3", "docker", "rich", "asyncio", "importlib.metadata"}
    assert not heavy & modules


@pytest.mark.parametrize("form", ["table", "json", "github", "sarif", "junit"])
def test_verify_arch_takes_every_format_and_its_own_flags(
    repository: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """What is held against an image goes to the command, and the format to the console."""
    calls = seen(monkeypatch, "verify_arch")
    words = ("oci:x", "--expect", "arm64", "--revision", "HEAD", "--all", "--format", form)
    assert call("docker.verify-arch", *words) == 0
    ((request, own),) = calls
    assert request.console.format == form
    assert own == {"source": ["oci:x"], "expect": "arm64", "revision": "HEAD", "all": True}
    assert repository == request.start


def test_reports_in_files_are_asked_for_beside_the_format(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--report` may be repeated, and says nothing of what the log shows."""
    calls = seen(monkeypatch, "verify_arch")
    assert call("docker.verify-arch", "--report", "junit=a.xml", "--report", "sarif=b.json") == 0
    ((request, own),) = calls
    assert (request.reports, request.console.format, own) == (("junit=a.xml", "sarif=b.json"), "table", {})
    assert repository == request.start


def test_flags_reach_the_settings(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each flag overrides the setting that it is named for; what is not given says nothing."""
    calls = seen(monkeypatch, "push")
    code = call(
        "docker.push", "--platform", "linux/arm64", "--platform=linux/amd64", "--tag", "x", "--image", "a",
        "--build-arg", "A=b", "--allow-dirty", "--insecure", "host.example:5000", "--format", "json",
    )  # fmt: skip
    assert code == 0
    (request, own) = calls[0]
    assert request.images == ("a",)
    assert request.start == repository
    assert own == {}
    assert {key: value for key, value in request.flags.items() if value} == {
        "platforms": ["linux/arm64", "linux/amd64"],
        "tags": ["x"],
        "build_args": ["A=b"],
        "allow_dirty": True,
        "insecure": ["host.example:5000"],
    }
    assert request.flags["repository"] is None
    assert request.console.format == "json"


@pytest.mark.parametrize(
    ("words", "sources"),
    [
        ([], ()),
        (["oci:dist/x"], ("oci:dist/x",)),
        (["oci:a", "--expect", "any", "oci-archive:b"], ("oci:a", "oci-archive:b")),
        (["--expect", "any", "docker://acme/x:1"], ("docker://acme/x:1",)),
    ],
)
def test_sources_are_words_that_may_be_left_out_or_repeated(
    repository: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], sources: tuple[str, ...]
) -> None:
    """`docker.verify-arch [SOURCE...]`, which invoke's own positional arguments cannot say."""
    calls = seen(monkeypatch, "verify_arch")
    assert call("docker.verify-arch", *words) == 0
    assert tuple(calls[0][1].get("source") or ()) == sources, repository


def test_a_task_behind_the_sources_is_a_task(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A word that names a task starts that task, as everywhere in invoke."""
    verified, planned = seen(monkeypatch, "verify_arch"), seen(monkeypatch, "show_plan")
    assert call("docker.verify-arch", "oci:a", "docker.plan", "--image", "b") == 0
    assert verified[0][1]["source"] == ["oci:a"]
    assert planned[0][0].images == ("b",), repository


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (VerificationError("it is wrong", hint="mend it"), 10),
        (BuildError("it is wrong", hint="mend it"), 11),
        (RegistryError("it is wrong", hint="mend it"), 12),
        (AuthenticationError("it is wrong", hint="mend it"), 13),
    ],
)
def test_an_error_is_two_lines_and_the_code_of_its_class(
    repository: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    code: int,
) -> None:
    """What failed and what to do go to stderr, and no traceback."""

    def fail(_request: Request) -> ExitCode:
        raise error

    monkeypatch.setattr(pushing, "push", fail)
    assert call("docker.push") == code
    assert capsys.readouterr().err == "gopherwhale: it is wrong\n  mend it\n", repository


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("docker.plan", "--format", "xml"), "--format 'xml' is not known"),
        (("docker.plan", "--platform", "linux/arm65"), "the command line: platforms"),
        (("docker.plan", "--image", "nope"), "there is no image 'nope'"),
        (("docker.push",), "has no tag"),
        (("docker.cross-build", "--image", "hello", "--engine", "podman"), "the command line"),
        (
            ("docker.cross-build", "--engine", "buildx"),
            "`gopherwhale init` writes a Dockerfile",
        ),
        (("docker.cross-build", "--archive", "nowhere/x.tar"), "it is no file in a folder that is there"),
        (("docker.cross-build", "--docker-archive", "."), "it is no file in a folder that is there"),
        (("docker.verify-arch",), "is not an OCI image layout"),
        (("docker.verify-arch", "./nothing-here"), "neither a folder nor a file"),
        (("docker.verify-arch", "Acme/UPPER"), "is not an image reference"),
    ],
)
def test_a_users_mistake_is_told_in_a_line(
    repository: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    """Wrong flags, names and places end with exit code 2 or 10 and say what is wrong."""
    assert call(*arguments) in (2, 10), repository
    shown = capsys.readouterr().err
    assert message in shown
    assert "Traceback" not in shown


def test_a_dockerfile_that_is_named_and_not_there_is_a_mistake(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`auto` does without one where nobody spoke of one, and takes no other way round a misspelt name."""
    monkeypatch.setenv("GOPHERWHALE_DOCKERFILE", "build/Dokcerfile")
    assert call("docker.cross-build") == 2
    assert f"there is no {repository / 'build/Dokcerfile'}\n" in capsys.readouterr().err


def test_the_plan_is_printed_and_nothing_runs(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """docker.plan shows the exact command, and as JSON the settings it came from."""
    assert call("docker.plan", "--engine", "buildx") == 0
    shown = capsys.readouterr().out
    assert "docker buildx build" in shown
    assert "linux/amd64, linux/arm64" in shown
    assert call("docker.plan", "--engine", "buildx", "--format", "json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["settings"]["images"]["hello"]["repository"] == "acme/hello"
    assert keys(document) == documented("docker.plan")
    assert document["commands"]["hello"][0][:3] == ["docker", "buildx", "build"]
    assert not (repository / "dist").exists()


@pytest.mark.parametrize("front_end", ["invoke", "gopherwhale"])
def test_invokes_configuration_is_read(
    repository: Path, front_end: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """`gopherwhale:` in invoke.yaml stands between the file and the environment, in nox's sessions too."""
    (repository / "main.go").write_text("package main\n")
    (repository / "invoke.yaml").write_text(
        "gopherwhale:\n  repository: acme/other\n  platforms: [linux/s390x]\n  tags: [mine]\n"
        "  build_args:\n    A: '1.20'\n  engine: go\n"
    )
    monkeypatch.setenv("GOPHERWHALE_PLATFORMS", "linux/amd64")
    if front_end == "invoke":
        done = run("invoke", "docker.plan", "--format", "json")
        assert done.returncode == 0, done.stderr
        shown = done.stdout
    else:
        with pytest.raises(SystemExit) as ended:
            main(["docker.plan", "--format", "json"])
        shown = capfd.readouterr().out
        assert not ended.value.code
    image = json.loads(shown)["images"][0]
    assert image["repository"] == "docker.io/acme/other"
    assert image["build_args"]["A"] == "1.20"
    assert image["tags"] == ["mine"]
    assert image["platforms"] == ["linux/amd64"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("invoke.yaml", "gopherwhale: [1"),
        ("invoke.yaml", "- a list"),
        ("invoke.yaml", "!!python/object:os.system x"),
        ("invoke.json", "{"),
        ("invoke.py", "x = ("),
    ],
)
def test_a_configuration_of_invoke_that_is_not_sound_is_told(repository: Path, name: str, text: str) -> None:
    """It is a user's mistake, in whichever of its languages: no traceback."""
    (repository / name).write_text(text)
    with pytest.raises(UsageError, match=r"invoke's configuration cannot be read: \w+"):
        configuration_of(repository)


def test_a_version_that_yaml_made_a_number_is_refused(
    repository: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """YAML of invoke turns 1.20 into 1.2; that is not passed on in silence."""
    (repository / "own.yaml").write_text("gopherwhale:\n  build_args:\n    GO_VERSION: 1.20\n")
    assert call("--config", "own.yaml", "docker.plan") == 2
    shown = capfd.readouterr().err
    assert "invoke's configuration: build_args" in shown
    assert "quotes" in shown


def test_a_git_tag_that_is_nearly_a_version_is_told_of(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`v1.2` makes a workflow run and gives the image no tag, which nobody would find out in its log."""
    commit(write(repository, {"main.go": MAIN}))
    git(repository, "tag", "v1.2")
    assert call("docker.plan", "--engine", "go") == 0
    assert "the git tag v1.2 gives no tag: a version is written as v1.2.3\n" in capsys.readouterr().err


def test_a_release_that_no_other_release_can_be_seen_beside_is_told_of(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a CI fetches for a tag is that tag alone: `latest` of a patch to old code would move back."""
    commit(write(repository, {"main.go": MAIN}))
    git(repository, "tag", "v1.0.1")
    head = (repository / ".git" / "refs" / "heads" / "main").read_bytes()
    (repository / ".git" / "shallow").write_bytes(head)
    assert call("docker.plan", "--engine", "go") == 0
    assert "has no other tags: 1.0.1 counts as the newest release" in capsys.readouterr().err
    git(repository, "tag", "v0.9.0", "HEAD")
    (repository / ".git" / "shallow").unlink()
    assert call("docker.plan", "--engine", "go") == 0
    assert "counts as" not in capsys.readouterr().err
