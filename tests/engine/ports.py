"""Go's ports, and a small program compiled for each of them."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gopherwhale.platforms import Platform

# A variant key is told by the build information alone; the others follow from the architecture.
_LEVELS: Final = {"amd64": ("GOAMD64", "1234"), "arm": ("GOARM", "567")}
_LINUX: Final = (
    *("amd64", "386", "arm", "arm64", "loong64", "mips", "mipsle", "mips64", "mips64le"),
    *("ppc64", "ppc64le", "riscv64", "s390x"),
)
_WINDOWS: Final = ("amd64", "386", "arm64")
_SECONDS: Final = 900.0


@dataclass(frozen=True)
class Port:
    """A GOOS, a GOARCH, and a level where Go has several."""

    os: str
    architecture: str
    level: int = 0

    @property
    def name(self) -> str:
        """A file's name."""
        return f"{self.os}-{self.architecture}-{self.level}"

    @property
    def environment(self) -> Mapping[str, str]:
        """What `go build` is told."""
        found = {
            "GOOS": self.os,
            "GOARCH": self.architecture,
            "CGO_ENABLED": "0",
            "GOFLAGS": "-buildvcs=false",
        }
        if self.level:
            found[_LEVELS[self.architecture][0]] = (
                f"{'v' if self.architecture == 'amd64' else ''}{self.level}"
            )
        return found

    def runs_on(self, platform: Platform) -> bool:
        """The right verdict, by the rule and not by our code."""
        if (platform.os, platform.architecture) != (self.os, self.architecture):
            return False
        least = {"amd64": "v1"}.get(self.architecture, "")
        return self.level <= int((platform.variant or least or "v0").lstrip("v")) if self.level else True


PORTS: Final = tuple(
    Port(os, architecture, int(level))
    for os, architectures in (("linux", _LINUX), ("windows", _WINDOWS))
    for architecture in architectures
    for level in (_LEVELS[architecture][1] if os == "linux" and architecture in _LEVELS else "0")
)


def compile_all(folder: Path, environment: Mapping[str, str]) -> None:
    """Compile it for each port, under the port's name in a folder."""
    (folder / "go.mod").write_text("module example.com/hello\n\ngo 1.24\n", encoding="utf-8")
    (folder / "main.go").write_text('package main\n\nfunc main() { println("hello") }\n', encoding="utf-8")
    # The rare ones first: meanwhile other tests have Go compile for the first ones, and with -trimpath as
    # there it finds what it compiled for them.
    for port in reversed(PORTS):
        command = ["go", "build", "-trimpath", "-o", port.name, "."]
        variables = {**environment, **port.environment}
        done = subprocess.run(
            command, cwd=folder, env=variables, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
        assert done.returncode == 0, f"{port}: {done.stderr}"
