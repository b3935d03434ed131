"""Programs of the real Go for each of its ports, each under its own and under every other platform."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from elftools.elf.elffile import ELFFile

from gopherwhale.platforms import PRESETS, parse
from gopherwhale.verify import facts
from gopherwhale.verify.facts import BinaryFacts
from gopherwhale.verify.findings import Severity
from gopherwhale.verify.fits import fits
from tests.engine.ports import PORTS, Port

pytestmark = pytest.mark.engine

PLATFORMS: Final = (*PRESETS["all"], *map(parse, ("linux/amd64/v2", "linux/amd64/v3", "linux/amd64/v4")))


@pytest.fixture(scope="module")
def programs(runtimes: Path) -> Mapping[Port, Path]:
    """One small program, compiled for each port."""
    return {port: runtimes / port.name for port in PORTS}


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
