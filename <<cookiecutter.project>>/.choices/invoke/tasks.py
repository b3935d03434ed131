"""Tasks that check the program, and build, verify and push its image.

`invoke --list` shows them.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from gopherwhale.tasks import namespace
from invoke import Context, Exit, task

STATICCHECK = "honnef.co/go/tools/cmd/staticcheck@v0.8.2"
GOVULNCHECK = "golang.org/x/vuln/cmd/govulncheck@v1.9.0"


@task
def test(context: Context) -> None:
    """Run the tests in any order, with the race detector if there is a C compiler."""
    race = " -race" if go_env(context, "CGO_ENABLED") == "1" else ""
    context.run(f"go test{race} -shuffle=on ./...")


@task
def lint(context: Context) -> None:
    """Check the format, go.mod, and what go vet and staticcheck find."""
    beside = Path(go_env(context, "GOROOT"), "bin", "gofmt")
    gofmt = str(beside) if beside.exists() else shutil.which("gofmt") or "gofmt"
    command = [gofmt, "-s", "-l", *sources()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if said := done.stdout + done.stderr:
        raise Exit(f"not as gofmt writes it:\n{said}")
    context.run("go mod tidy -diff")
    context.run("go vet ./...")
    context.run(f"go run {STATICCHECK} ./...", env={"GOTOOLCHAIN": "auto"})


@task
def vuln(context: Context) -> None:
    """Look for known vulnerabilities in what the program calls."""
    context.run(f"go run {GOVULNCHECK} ./...", env={"GOTOOLCHAIN": "auto"})


@task
def guard(context: Context) -> None:
    """Prove that a Dockerfile which builds the wrong program is refused."""
    context.run(f'"{sys.executable}" guard.py')


def sources() -> list[str]:
    """The Go files that are ours: not vendor/, not testdata/, nothing hidden."""
    paths = (path for path in Path().rglob("*.go") if path.is_file())
    return [str(path) for path in paths if not any(map(is_passed_by, path.parts))]


def is_passed_by(name: str) -> bool:
    """Whether the go command passes by a file or folder of that name, too."""
    return name in ("vendor", "testdata") or name.startswith((".", "_"))


def go_env(context: Context, name: str) -> str:
    """Ask the go command for one of its settings."""
    return context.run(f"go env {name}", hide=True).stdout.strip()


ns = namespace()
for each in (test, lint, vuln, guard):
    ns.add_task(each)
