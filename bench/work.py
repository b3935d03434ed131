"""The work that is measured: the scaffold, a real program of over 100 modules, several binaries at once."""

from __future__ import annotations

import json
import os
import shutil
import stat
from pathlib import Path
from typing import Final

from bench.measuring import Failed, run
from bench.workbench import Workbench
from gopherwhale.oci.documents import Manifest
from gopherwhale.oci.layout import Layout, walk
from tasks.demo import bake

REAL: Final = "github.com/google/ko"
REAL_VERSION: Final = "v0.18.1"
_RUN: Final = os.urandom(6).hex()
_IDENTITY: Final = ("-c", "user.name=bench", "-c", "user.email=bench@example.invalid")
_SETTINGS: Final = 'repository = "{repository}"\nplatforms = [{platforms}]\n'
_MAIN: Final = """\
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Println("binary NUMBER of", os.Args[0])
}
"""


def scaffold(
    bench: Workbench, name: str, repository: str = "registry.example.com/acme/hello", **answers: str
) -> Path:
    """The repository of the template's defaults, committed.

    Args:
        bench: The run.
        name: Of its folder, so that comparisons stay out of each other's way.
        repository: Where its image goes.
        answers: Other answers than the template's defaults.
    """
    folder = bench.scratch(name)
    shutil.rmtree(folder)
    folder.mkdir()
    root = bake(folder, **answers)
    settings = root / "gopherwhale.toml"
    lines = settings.read_text().splitlines()
    lines = [f'repository = "{repository}"' if line.startswith("repository") else line for line in lines]
    settings.write_text("\n".join(lines) + "\n")
    commit(bench, root)
    return root


def real_program(bench: Workbench, name: str, repository: str = "registry.example.com/acme/ko") -> Path:
    """A program that people use, of over 100 modules, with settings for two platforms, committed.

    Raises:
        Failed: The module proxy does not give it.
    """
    folder = module(bench, name, REAL, REAL_VERSION)
    platforms = '"linux/amd64", "linux/arm64"'
    settings = _SETTINGS.format(repository=repository, platforms=platforms)
    (folder / "gopherwhale.toml").write_text(settings)
    (folder / ".gitignore").write_text("/dist/\n")
    commit(bench, folder)
    return folder


def module(bench: Workbench, name: str, path: str, version: str) -> Path:
    """A module's sources from the Go module proxy, in a folder that can be written.

    Raises:
        Failed: The module proxy does not give it.
    """
    folder = bench.scratch(name) / Path(path).name
    shutil.rmtree(folder, ignore_errors=True)
    said = bench.peers.ask("go", "mod", "download", "-json", f"{path}@{version}")
    shutil.copytree(json.loads(said)["Dir"], folder)
    for file in (folder, *folder.rglob("*")):
        file.chmod(file.stat().st_mode | stat.S_IWUSR)
    return folder


def empty_base(bench: Workbench) -> str:
    """An empty base in the testbed's registry: ko has none of its own, and the world's are out of reach.

    Raises:
        Failed: No testbed is up.
    """
    name = f"{bench.registry}/bench/base"
    root = scaffold(bench, "empty-base", name)
    run([bench.ours("docker.push", "--engine", "go", "--tag", "1", folder=root)])
    return f"{name}:1"


def several_binaries(bench: Workbench, name: str, *, binaries: int, platforms: list[str]) -> Path:
    """A module with so many main packages that one image holds, for so many platforms, committed."""
    folder = bench.scratch(name)
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "go.mod").write_text("module example.invalid/several\n\ngo 1.24\n")
    for number in range(1, binaries + 1):
        package = folder / "cmd" / f"tool{number}"
        package.mkdir(parents=True)
        (package / "main.go").write_text(_MAIN.replace("NUMBER", str(number)))
    quoted = ", ".join(f'"{platform}"' for platform in platforms)
    packages = ", ".join(f'"./cmd/tool{number}"' for number in range(1, binaries + 1))
    settings = _SETTINGS.format(repository="registry.example.com/acme/several", platforms=quoted)
    entrypoint = 'entrypoint = ["/tool1"]'
    (folder / "gopherwhale.toml").write_text(f"{settings}\n[go]\npackages = [{packages}]\n{entrypoint}\n")
    (folder / ".gitignore").write_text("/dist/\n")
    commit(bench, folder)
    return folder


def image_of(root: Path) -> Layout:
    """The layout of a repository's only image."""
    (marker,) = (root / "dist").glob("*/oci-layout")
    return Layout(marker.parent)


def last_image(path: Path) -> Layout:
    """The last image of a layout that keeps those of every round, as ko's."""
    return Layout(path, json.loads((path / "index.json").read_bytes())["manifests"][-1]["digest"])


def manifests(layout: Layout) -> list[Manifest]:
    """The manifests of an image's platforms."""
    return [document for _, document in walk(layout) if isinstance(document, Manifest)]


def commit(bench: Workbench, folder: Path) -> None:
    """Put a folder under git, everything in it committed.

    Raises:
        Failed: git refuses.
    """
    git = ("git", *_IDENTITY)
    commands = (
        (*git, "init", "--quiet", "--initial-branch", "main"),
        (*git, "add", "--all"),
        (*git, "commit", "--quiet", "--message", "bench"),
    )
    run([bench.command(*command, folder=folder) for command in commands])


def touch(file: Path, text: str) -> None:
    """Change the last line of a file of package main, so that its binary must be compiled and linked anew.

    Args:
        file: A Go source.
        text: What the line shall hold; another at each call of a run.

    Raises:
        Failed: The file cannot be changed.
    """
    # A variable that is read when the program starts: the linker can leave out neither. No run's text is
    # another's, or BuildKit would know the sources of an earlier run.
    line = f'var benchRound = "{text} of {_RUN}"; func init() {{ print(benchRound[:0]) }}'
    try:
        kept = [one for one in file.read_text().splitlines() if not one.startswith("var benchRound")]
        file.write_text("\n".join([*kept, line]) + "\n")
    except OSError as error:
        raise Failed(f"{file}: {error.strerror}") from None
