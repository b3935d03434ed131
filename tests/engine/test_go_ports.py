"""Programs of the real Go for each of its ports, each under its own and under every other platform."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from elftools.elf.elffile import ELFFile

from gopherwhale.platforms import PRESETS, Platform, parse
from gopherwhale.verify import facts
from gopherwhale.verify.facts import BinaryFacts
from gopherwhale.verify.findings import Severity
from gopherwhale.verify.fits import fits

pytestmark = pytest.mark.engine

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
PLATFORMS: Final = (*PRESETS["all"], *map(parse, ("linux/amd64/v2", "linux/amd64/v3", "linux/amd64/v4")))


@pytest.fixture(scope="module")
def programs(
    tmp_path_factory: pytest.TempPathFactory, go_environment: Mapping[str, str]
) -> Mapping[Port, Path]:
    """One small program, compiled for each port; Go's cache makes all but the first session quick."""
    folder = tmp_path_factory.mktemp("ports")
    (folder / "go.mod").write_text("module example.com/hello\n\ngo 1.24\n", encoding="utf-8")
    (folder / "main.go").write_text('package main\n\nfunc main() { println("hello") }\n', encoding="utf-8")
    for port in PORTS:
        # With -trimpath as elsewhere: what Go compiled for the other tests is found in its cache.
        command = ["go", "build", "-trimpath", "-o", port.name, "."]
        variables = {**go_environment, **port.environment}
        done = subprocess.run(
            command, cwd=folder, env=variables, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
        assert done.returncode == 0, f"{port}: {done.stderr}"
    return {port: folder / port.name for port in PORTS}


def test_each_program_fits_its_own_platform_and_no_other(
    programs: Mapping[Port, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Every port under every platform: the verdict is right in each of the pairs."""
    wrong, good = [], 0
    for port, path in programs.items():
        known = facts.read(path.read_bytes())
        for platform in PLATFORMS:
            found = fits(platform, "/app", known)
            passed = all(one.severity is not Severity.ERROR for one in found)
            good += passed
            if passed != port.runs_on(platform):
                wrong.append((port.name, str(platform), [one.code for one in found]))
            if passed:
                assert "cannot-tell" not in [one.code for one in found]
    pairs = len(PORTS) * len(PLATFORMS)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{pairs} pairs of program and platform: {good} fit, {len(wrong)} verdicts wrong\n"
        )
    assert wrong == []


def test_build_information_is_what_go_itself_reads(
    programs: Mapping[Port, Path], go_environment: Mapping[str, str]
) -> None:
    """Version, package, module and every setting are those of `go version -m`."""
    names = [str(path) for path in programs.values()]
    said = subprocess.run(
        ["go", "version", "-m", *names],
        env=dict(go_environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    theirs = [_parsed(part) for part in _parts(said)]
    ours = [_as_go_says(facts.read(Path(name).read_bytes())) for name in names]
    assert len(theirs) == len(PORTS)
    assert ours == theirs


def _parts(text: str) -> list[list[str]]:
    parts: list[list[str]] = []
    for line in text.splitlines():
        if line.startswith("\t"):
            parts[-1].append(line.strip())
        else:
            parts.append([line.rpartition(" ")[2]])
    return parts


def _parsed(lines: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"version": lines[0], "settings": {}}
    for line in lines[1:]:
        word, _, rest = line.partition("\t")
        if word == "build":
            key, _, value = rest.partition("=")
            found["settings"][key] = value
        else:
            found[word] = rest.split("\t")[0]
    return found


def _as_go_says(known: BinaryFacts) -> dict[str, Any]:
    return {
        "version": known.go_version,
        "path": known.main_package,
        "mod": known.module,
        "settings": dict(known.settings),
    }


def test_headers_are_what_pyelftools_reads(programs: Mapping[Port, Path]) -> None:
    """Class, byte order, machine, type and Go's build id of every ELF file, by an independent reader."""
    kinds = {"ET_EXEC": "executable", "ET_DYN": "shared object"}
    for port, path in programs.items():
        if port.os != "linux":
            continue
        known = facts.read(path.read_bytes())
        with path.open("rb") as stream:
            elf: Any = ELFFile(stream)
            notes = [note for s in elf.iter_segments("PT_NOTE") for note in s.iter_notes()]
            theirs = {
                "bits": elf.elfclass,
                "order": "little" if elf.little_endian else "big",
                "kind": kinds[elf["e_type"]],
                "static": not list(elf.iter_segments("PT_INTERP")),
                "machine": elf["e_machine"],
                "go": [str(note["n_desc"]) for note in notes if note["n_name"] == "Go"],
            }
        assert known.bits == theirs["bits"], port
        assert (known.byte_order, known.kind, known.static) == (
            theirs["order"],
            theirs["kind"],
            theirs["static"],
        ), port
        assert any(known.go_build_id in text for text in theirs["go"]), (port, theirs["go"])
        assert theirs["machine"] == _machine_name(known.machine), port


def _machine_name(number: int) -> str | int:
    from elftools.elf.enums import ENUM_E_MACHINE  # noqa: PLC0415

    return next((name for name, value in ENUM_E_MACHINE.items() if value == number), number)
