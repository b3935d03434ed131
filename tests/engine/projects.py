"""Baked repositories and the installed package, for tests that do the main job as a user would."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.conftest import AMBIENT
from tests.template.baking import ROOT, bake

# Less than a whole test may take, so that what a command said that came to a stand is shown.
SECONDS: Final = 500.0
PLATFORMS: Final = "linux/amd64,linux/arm64,linux/arm/v7"


@dataclass(frozen=True, kw_only=True)
class Installed:
    """The package as it is published: a wheel, installed by pip into an environment of its own.

    Attributes:
        bin: The environment's folder of programs.
        wheels: The folder that stands in for the index, for pip and for nox.
    """

    bin: Path
    wheels: Path

    @classmethod
    def at(cls, folder: Path) -> Installed:
        """Where it is in a folder."""
        return cls(bin=folder / "environment" / "bin", wheels=folder / "wheels")

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """`base` with the programs in front of PATH and the wheel where pip finds it."""
        links = " ".join(filter(None, (str(self.wheels), AMBIENT.get("PIP_FIND_LINKS", ""))))
        return {**base, "PATH": f"{self.bin}{os.pathsep}{base['PATH']}", "PIP_FIND_LINKS": links}

    def layer(self, folder: Path) -> Path:
        """Make an environment above this one for whoever installs more, and give its folder of programs.

        All workers of a session share what is below: a package half installed there, seen by another's pip,
        has no version yet.
        """
        python = str(self.bin / "python")
        home = folder / "environment"
        subprocess.run([python, "-m", "venv", "--without-pip", str(home)], check=True, timeout=60)
        (_packages(home) / "below.pth").write_text(f"{_packages(self.bin.parent)}\n", encoding="utf-8")
        return home / "bin"

    def packages(self) -> list[str]:
        """What is installed, by the names of its folders."""
        return sorted(path.name for path in _packages(self.bin.parent).iterdir())


@dataclass(frozen=True, kw_only=True)
class Project:
    """A repository that the template made, under git, and the way to call commands in it."""

    folder: Path
    environment: Mapping[str, str]

    def run(
        self, *command: str, standard_input: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the repository, to whatever end; one that does not end is the test's failure."""
        try:
            return subprocess.run(
                command,
                cwd=self.folder,
                env={**self.environment, **variables},
                input=standard_input,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as late:
            said = b"".join(part for part in (late.stdout, late.stderr) if isinstance(part, bytes))
            pytest.fail(f"{' '.join(command)}: no end after {SECONDS:.0f} s\n{said.decode(errors='replace')}")

    def good(self, *command: str, **variables: str) -> str:
        """Run a command that must succeed, and give its output."""
        done = self.run(*command, **variables)
        assert done.returncode == 0, f"{' '.join(command)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def commit(self, message: str) -> None:
        """Commit everything, as somebody."""
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.invalid")
        self.good("git", "add", "--all")
        self.good("git", *identity, "commit", "--quiet", "--message", message)

    def replace(self, file: str, old: str, new: str) -> None:
        """Change a file in one place that must be there."""
        path = self.folder / file
        text = path.read_text()
        assert old in text, f"{file} does not hold {old!r}"
        path.write_text(text.replace(old, new))


def _packages(environment: Path) -> Path:
    (folder,) = environment.glob("lib/python*/site-packages")
    return folder


def install(folder: Path) -> None:
    """Build the wheel and install it by name, in the folder that `Installed.at` reads."""
    installed = Installed.at(folder)
    wheels, home = installed.wheels, installed.bin.parent
    links = " ".join(filter(None, (str(wheels), AMBIENT.get("PIP_FIND_LINKS", ""))))
    environment = {**os.environ, "PIP_FIND_LINKS": links}
    commands = (
        (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(wheels), str(ROOT)),
        (sys.executable, "-m", "venv", str(home)),
        (str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "gopherwhale[nox]"),
    )
    for command in commands:
        subprocess.run(command, check=True, env=environment, timeout=SECONDS, cwd=folder)


def make(
    folder: Path, environment: Mapping[str, str], go_version: str, image: str, **answers: str
) -> Project:
    """Bake a repository for the testbed's base image and commit it."""
    given = {
        "registry": "other",
        "builder": "debian",
        "go_version": go_version,
        "image": image,
        "platforms": PLATFORMS,
        **answers,
    }
    project = Project(folder=bake(folder, **given), environment=environment)
    project.good("git", "init", "--quiet", "--initial-branch", "main")
    project.commit("first")
    return project
