"""The peers: from the Go module proxy or the testbed, with the versions that they really have."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.measuring import Failed

_TIMEOUT: Final = 1500
# What `go install` takes, by the program's name.
INSTALLED: Final[Mapping[str, str]] = {
    "crane": "github.com/google/go-containerregistry/cmd/crane@latest",
    "ko": "github.com/google/ko@latest",
    # Later releases want a module that the proxy does not have.
    "goreleaser": "github.com/goreleaser/goreleaser/v2@v2.8.0",
}


@dataclass(frozen=True)
class Peers:
    """Where the peers are.

    Attributes:
        folder: Where programs are installed; what is there already is used.
        environment: With Go, Docker and skopeo on its PATH, as far as there are any.
    """

    folder: Path
    environment: Mapping[str, str]

    def find(self, name: str) -> str:
        """The absolute path of a peer, installed first where that is needed.

        Raises:
            Failed: It is not there and cannot be had.
        """
        if name not in INSTALLED:
            found = shutil.which(name, path=self.environment["PATH"])
            if found is None:
                raise Failed(f"{name} is not here: is the testbed up?")
            return found
        program = self.folder / name
        if not program.exists():
            self._install(INSTALLED[name])
        return str(program)

    def version(self, name: str) -> str:
        """The version that the program itself tells, or why there is none."""
        try:
            program = self.find(name)
            if name in INSTALLED:
                said = self.ask("go", "version", "-m", program)
                found = re.search(r"^\tmod\t\S+\t(\S+)", said, re.MULTILINE)
                return found[1] if found else "unknown"
            arguments = {"docker": ("version", "--format", "{{.Server.Version}}"), "go": ("env", "GOVERSION")}
            return self.ask(program, *arguments.get(name, ("--version",))).splitlines()[0]
        except Failed as failure:
            return f"absent: {' '.join(str(failure).split())[-160:]}"

    def _install(self, package: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        environment = {**self.environment, "GOBIN": str(self.folder), "GOFLAGS": "", "GOTOOLCHAIN": "auto"}
        self.ask("go", "install", package, environment=environment)

    def ask(self, *command: str, environment: Mapping[str, str] | None = None) -> str:
        """Run a command to its end and give its output.

        Raises:
            Failed: It is not there, takes too long, or exits with non-zero.
        """
        program = shutil.which(command[0], path=self.environment.get("PATH", os.defpath))
        if program is None:
            raise Failed(f"{command[0]} is not on PATH")
        try:
            done = subprocess.run(
                [program, *command[1:]],
                env=dict(environment or self.environment),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Failed(f"{' '.join(command)} took over {_TIMEOUT} seconds") from None
        if done.returncode:
            raise Failed(f"{' '.join(command)}: {done.stderr.strip()[-500:]}")
        return done.stdout.strip() or done.stderr.strip()
