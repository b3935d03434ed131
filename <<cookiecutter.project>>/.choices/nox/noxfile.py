# /// script
# requires-python = ">=3.11"
# dependencies = ["nox>=2026.8.10", "<< cookiecutter.gopherwhale_requirement >>"]
# ///
"""Sessions that check the program, and build, verify and push its image.

`nox -l` lists them. nox makes their environment from the lines above.
"""

import shutil
import sys
from pathlib import Path

import nox
from gopherwhale.nox import register

STATICCHECK = "honnef.co/go/tools/cmd/staticcheck@v0.8.2"
GOVULNCHECK = "golang.org/x/vuln/cmd/govulncheck@v1.9.0"

nox.options.sessions = ["test", "lint"]
register()


@nox.session(venv_backend="none")
def test(session: nox.Session) -> None:
    """Run the tests in any order, with the race detector if there is a C compiler."""
    race = ["-race"] if go_env(session, "CGO_ENABLED") == "1" else []
    go(session, "test", *race, "-shuffle=on", *session.posargs, "./...")


@nox.session(venv_backend="none")
def lint(session: nox.Session) -> None:
    """Check the format, go.mod, and what go vet and staticcheck find."""
    beside = Path(go_env(session, "GOROOT"), "bin", "gofmt")
    gofmt = str(beside) if beside.exists() else shutil.which("gofmt") or "gofmt"
    command = [gofmt, "-s", "-l", *sources()]
    if names := session.run(*command, external=True, silent=True, log=False):
        session.error(f"not as gofmt writes it:\n{names}")
    go(session, "mod", "tidy", "-diff")
    go(session, "vet", "./...")
    go(session, "run", STATICCHECK, "./...", GOTOOLCHAIN="auto")


@nox.session(venv_backend="none")
def vuln(session: nox.Session) -> None:
    """Look for known vulnerabilities in what the program calls."""
    go(session, "run", GOVULNCHECK, "./...", GOTOOLCHAIN="auto")


@nox.session(venv_backend="none")
def guard(session: nox.Session) -> None:
    """Prove that a Dockerfile which builds the wrong program is refused."""
    session.run(sys.executable, "guard.py", external=True)


def sources() -> list[str]:
    """The Go files that are ours: not vendor/, not testdata/, nothing hidden."""
    paths = (path for path in Path().rglob("*.go") if path.is_file())
    return [str(path) for path in paths if not any(map(is_passed_by, path.parts))]


def is_passed_by(name: str) -> bool:
    """Whether the go command passes by a file or folder of that name, too."""
    return name in ("vendor", "testdata") or name.startswith((".", "_"))


def go(session: nox.Session, *arguments: str, **environment: str) -> None:
    """Run the go command."""
    session.run("go", *arguments, env=environment, external=True)


def go_env(session: nox.Session, name: str) -> str:
    """Ask the go command for one of its settings."""
    return str(session.run("go", "env", name, external=True, silent=True)).strip()
