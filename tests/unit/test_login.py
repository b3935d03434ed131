from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from gopherwhale.app.logging_in import login
from gopherwhale.app.request import Request
from gopherwhale.console import Console
from gopherwhale.errors import AuthenticationError, MissingToolError, UsageError
from tests.documented import documented, keys

CANARY = "canary pass:word"
JOB = {
    "GOPHERWHALE_REGISTRY": "ghcr.io",
    "GOPHERWHALE_USERNAME": "acme-bot",
    "GOPHERWHALE_PASSWORD": CANARY,
}


class Docker:
    """A stand-in for the Docker client, which notes what it is given."""

    def __init__(self, folder: Path, code: int = 0) -> None:
        """Write it into a folder for PATH."""
        self.path, self.notes = folder, folder / "notes"
        program = folder / "docker"
        program.write_text(
            f"#!{sys.executable}\nimport json, sys\n"
            f"note = json.dumps([sys.argv[1:], sys.stdin.read()])\n"
            f"open({str(self.notes)!r}, 'a').write(note + chr(10))\n"
            f"print('Login Succeeded'); sys.exit({code})\n"
        )
        program.chmod(0o755)

    def calls(self) -> list[tuple[list[str], str]]:
        """Arguments and standard input of each call."""
        return [tuple(json.loads(line)) for line in self.notes.read_text().splitlines()]


def request(start: Path, path: Path, **environment: str) -> Request:
    (start / "go.mod").write_text("module example.invalid/hello\n")
    console = Console(out=io.StringIO(), err=io.StringIO(), format="json")
    return Request(start=start, environment={"PATH": str(path), **environment}, console=console)


def shown(asked: Request) -> object:
    assert isinstance(asked.console.out, io.StringIO)
    return json.loads(asked.console.out.getvalue())


@pytest.fixture
def docker(tmp_path: Path) -> Docker:
    return Docker(tmp_path)


def test_05_a_password_goes_by_a_pipe_and_never_by_an_argument(
    docker: Docker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Standard input to standard input; our output is one JSON document without it."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{CANARY}\n"))
    asked = request(tmp_path, docker.path)
    login(asked, ["r.example:5000"], username="gopher")
    assert docker.calls() == [
        (["login", "--password-stdin", "--username", "gopher", "r.example:5000"], CANARY),
    ]
    assert keys(shown(asked)) == documented("docker.login")
    assert shown(asked) == {"schema": 1, "logins": [{"registry": "r.example:5000", "username": "gopher"}]}
    out, err = capfd.readouterr()
    assert out == ""
    assert err == "Login Succeeded\n"


def test_a_jobs_credential_is_used_for_the_registry_that_it_names(docker: Docker, tmp_path: Path) -> None:
    """Without --username the environment's triple of that host is used, and of no other."""
    login(request(tmp_path, docker.path, **JOB), ["ghcr.io"])
    assert docker.calls() == [(["login", "--password-stdin", "--username", "acme-bot", "ghcr.io"], CANARY)]
    with pytest.raises(UsageError, match=r"no credential for quay\.io"):
        login(request(tmp_path, docker.path, **JOB), ["ghcr.io", "quay.io"])
    assert len(docker.calls()) == 1


def test_the_registries_of_our_images_are_the_default(docker: Docker, tmp_path: Path) -> None:
    """In a repository nothing needs to be named; Docker Hub is the client's own default."""
    environment = {**JOB, "GOPHERWHALE_REGISTRY": "docker.io"}
    login(request(tmp_path, docker.path, GOPHERWHALE_REPOSITORY="acme/hello", **environment))
    assert docker.calls() == [(["login", "--password-stdin", "--username", "acme-bot"], CANARY)]


@pytest.mark.parametrize("word", ["--help", "ghcr.io/acme", "nothost", "", "ghcr.io\n", "a b.c"])
def test_what_is_no_host_is_refused(docker: Docker, tmp_path: Path, word: str) -> None:
    """A flag or a path never reaches Docker."""
    with pytest.raises(UsageError):
        login(request(tmp_path, docker.path, **JOB), [word], username="x")
    assert not docker.notes.exists()


def test_an_empty_password_is_refused(
    docker: Docker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable of the job that is not set is a mistake, not a password."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))
    with pytest.raises(UsageError, match="holds no password"):
        login(request(tmp_path, docker.path), ["ghcr.io"], username="gopher")


@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])
def test_05_a_password_that_is_no_text_is_refused_and_not_shown(
    docker: Docker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, errors: str
) -> None:
    """Bytes that Python reads or not, as the locale has it, end in no traceback."""
    given = io.TextIOWrapper(io.BytesIO(b"canary\xff\n"), encoding="utf-8", errors=errors)
    monkeypatch.setattr(sys, "stdin", given)
    with pytest.raises(UsageError, match="holds what is no text") as caught:
        login(request(tmp_path, docker.path), ["ghcr.io"], username="gopher")
    assert "canary" not in str(caught.value)
    assert not docker.notes.exists()


def test_a_person_who_thinks_better_of_it_is_told_in_a_line(
    docker: Docker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-D at the question for the password is no password."""

    def ended(_prompt: str) -> str:
        raise EOFError

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", ended)
    with pytest.raises(UsageError, match="holds no password"):
        login(request(tmp_path, docker.path), ["ghcr.io"], username="gopher")


def test_every_registry_that_our_images_go_to_is_the_default(docker: Docker, tmp_path: Path) -> None:
    """The further ones of `also_push_to` too: a push wants them all."""
    further = {f"{name}_QUAY": text for name, text in JOB.items()} | {"GOPHERWHALE_REGISTRY_QUAY": "quay.io"}
    places = {
        "GOPHERWHALE_REPOSITORY": "ghcr.io/acme/hello",
        "GOPHERWHALE_ALSO_PUSH_TO": "quay.io/acme/hello",
    }
    login(request(tmp_path, docker.path, **JOB, **further, **places))
    assert [words[-1] for words, _ in docker.calls()] == ["ghcr.io", "quay.io"]


def test_05_a_log_in_that_fails_says_so_without_the_password(tmp_path: Path) -> None:
    """Docker's own words stand on stderr; ours are one line."""
    docker = Docker(tmp_path, code=1)
    with pytest.raises(AuthenticationError, match=r"docker login ghcr\.io did not succeed") as caught:
        login(request(tmp_path, docker.path, **JOB), ["ghcr.io"])
    assert CANARY not in str(caught.value)


def test_without_docker_there_is_no_log_in(tmp_path: Path) -> None:
    """It is Docker that keeps it: where there is none, that is said."""
    with pytest.raises(MissingToolError, match="no docker on PATH"):
        login(request(tmp_path, tmp_path / "empty", **JOB), ["ghcr.io"])
