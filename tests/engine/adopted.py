"""Real Go programs of different shape, taken from the module proxy and adopted as their authors would."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.engine.fetching import fetched
from tests.engine.projects import Project

PLATFORMS: Final = ("linux/amd64", "linux/arm64")


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program that others wrote, at a version that never changes.

    Attributes:
        name: What its repository is called here.
        shape: What is special about it.
        modules: By folder: the module and its version; `.` is the top.
        vendor: Whether its modules are put into its folder `vendor` first, as its repository has them.
        options: What its author would have to tell `gopherwhale init`.
        programs: The programs that become images.
    """

    name: str
    shape: str
    modules: Mapping[str, str]
    programs: Sequence[str]
    vendor: bool = False
    options: Sequence[str] = ()

    @property
    def source(self) -> str:
        """Where it comes from, for the table."""
        return ", ".join(self.modules.values())


PROGRAMS: Final = (
    Program(
        name="mkcert",
        shape="a single main at the top",
        modules={".": "filippo.io/mkcert@v1.4.4"},
        programs=["mkcert"],
    ),
    Program(
        name="age",
        shape="several programs below `cmd`, and a library",
        modules={".": "filippo.io/age@v1.2.1"},
        programs=["age", "age-keygen"],
    ),
    Program(
        name="grpc",
        shape="a workspace of two modules",
        modules={
            ".": "google.golang.org/grpc@v1.65.0",
            "cmd/protoc-gen-go-grpc": "google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.5.1",
        },
        programs=["protoc-gen-go-grpc"],
    ),
    Program(
        name="hey",
        shape="vendored modules",
        modules={".": "github.com/rakyll/hey@v0.1.4"},
        programs=["hey"],
        vendor=True,
    ),
    Program(
        name="fzf",
        shape="embedded files, generated code, a Dockerfile for its tests",
        modules={".": "github.com/junegunn/fzf@v0.60.3"},
        programs=["fzf"],
        options=["--overwrite", "Dockerfile"],
    ),
)


def fetch(program: Program, folder: Path, environment: Mapping[str, str]) -> Project:
    """Copy a program out of the module proxy's zip files, under git as its author has it."""
    root = folder / program.name
    for place, module in program.modules.items():
        target = root / place
        shutil.copytree(_download(module, environment, folder), target, dirs_exist_ok=True)
        # What the module cache keeps is read-only.
        for path in (target, *target.rglob("*")):
            path.chmod(path.stat().st_mode | 0o200)
    project = Project(folder=root, environment=environment)
    if len(program.modules) > 1:
        lines = "".join(f"\t./{place}\n" for place in program.modules).replace("./.\n", ".\n")
        (root / "go.work").write_text(f"go 1.21\n\nuse (\n{lines})\n")
    shutil.rmtree(root / "vendor", ignore_errors=True)
    # In a workspace it writes go.work.sum, which belongs into the repository.
    had = fetched(["go", "mod", "vendor" if program.vendor else "download"], root, environment)
    assert had.returncode == 0, had.stderr
    project.good("git", "init", "--quiet", "--initial-branch", "main")
    project.commit("as its authors have it")
    return project


def _download(module: str, environment: Mapping[str, str], folder: Path) -> Path:
    apart = {**environment, "GOFLAGS": "-mod=mod", "GOWORK": "off"}
    done = fetched(["go", "mod", "download", "-json", module], folder, apart)
    found: dict[str, Any] = json.loads(done.stdout or "{}")
    assert done.returncode == 0, f"{module}: {found.get('Error', done.stderr)}"
    return Path(found["Dir"])


def row(program: Program, results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A line of the table: what was adopted, and what each engine made and pushed of it.

    Args:
        program: The program.
        results: By engine: the documents of `docker.push`.
    """
    cells = []
    for document in results.values():
        images = document["images"]
        sizes = [platform["size"] for image in images for platform in image["platforms"]]
        cells.append(f"{len(sizes)}, {sum(sizes) / 1e6:.1f} MB")
    names = ", ".join(f"`{name}`" for name in program.programs)
    return [program.source, program.shape, names, *cells]


def table(rows: Sequence[Sequence[str]]) -> str:
    """The rows as Markdown."""
    heads = ("program", "its shape", "images", "pushed by go", "pushed by Docker")
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
