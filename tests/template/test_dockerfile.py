"""The Dockerfile's own lines of shell, run with a stand-in for Go that tells what it was asked."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable

import pytest

from gopherwhale.platforms import Platform, known, parse
from tests.template.baking import bake

_VARIABLES = ("GOOS", "GOARCH", "GOARM", "GOAMD64", "GOARM64")
_PLATFORMS = (
    *known("linux"),
    *(parse(f"linux/{text}") for text in ("amd64/v2", "amd64/v4", "arm64/v8.2", "arm64/v9", "arm64/v9.3")),
)
# A baseline that the plugin spells out and Go takes by itself.
_BASELINE = {"GOAMD64": "v1", "GOARM64": "v8.0"}


@pytest.fixture(scope="session")
def compile_for(
    tmp_path_factory: pytest.TempPathFactory, dockerfile: str
) -> Callable[..., tuple[dict[str, str], list[str]]]:
    """Give a function that runs the compiling RUN for a platform: Go's environment and arguments."""
    found = re.search(
        r"^RUN .*\n((?:    .*\n)*?    && CGO_ENABLED=0 (?:.*\\\n)+.*\n)", dockerfile, re.MULTILINE
    )
    assert found
    script = re.sub(r"^ *--mount=\S+ \\\n", "", found[1], flags=re.MULTILINE)
    folder = tmp_path_factory.mktemp("stand-in")
    go = folder / "go"
    go.write_text('#!/bin/sh\nenv\nprintf "ARGUMENT=%s\\n" "$@"\n', encoding="utf-8")
    go.chmod(0o755)

    def run(platform: Platform, **arguments: str) -> tuple[dict[str, str], list[str]]:
        # As BuildKit does, which sets all four and leaves an argument that was not given unset.
        given = {
            "TARGETPLATFORM": str(platform),
            "TARGETOS": platform.os,
            "TARGETARCH": platform.architecture,
            "TARGETVARIANT": platform.variant,
            "PATH": f"{folder}{os.pathsep}{os.defpath}",
            **arguments,
        }
        done = subprocess.run(
            ["/bin/sh", "-ec", script],
            env=given,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        pairs = [line.split("=", 1) for line in done.stdout.splitlines()]
        return {name: text for name, text in pairs if name != "ARGUMENT"}, [
            text for name, text in pairs if name == "ARGUMENT"
        ]

    return run


@pytest.fixture(scope="session")
def dockerfile(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the text of a Dockerfile."""
    return (bake(tmp_path_factory.mktemp("dockerfile") / "target") / "Dockerfile").read_text(encoding="utf-8")


@pytest.mark.parametrize("platform", _PLATFORMS, ids=str)
def test_go_is_asked_for_what_the_plugin_expects(
    compile_for: Callable[..., tuple[dict[str, str], list[str]]], platform: Platform
) -> None:
    """For every platform the Dockerfile sets Go's variables as the plugin would, and no other level."""
    environment, arguments = compile_for(platform)
    asked = {name: environment[name] for name in _VARIABLES if environment.get(name)}
    expected = platform.go_environment()
    assert asked == {name: text for name, text in expected.items() if _BASELINE.get(name) != text}
    assert environment["CGO_ENABLED"] == "0"
    assert arguments[arguments.index("-o") + 1] == f"/out/{platform}/hello"
    assert "-trimpath" in arguments


def test_the_level_of_amd64_may_be_passed(
    compile_for: Callable[..., tuple[dict[str, str], list[str]]],
) -> None:
    """GOAMD64 as a build argument counts for linux/amd64, and a platform that names a level wins."""
    assert compile_for(parse("linux/amd64"), GOAMD64="v2")[0]["GOAMD64"] == "v2"
    assert compile_for(parse("linux/amd64/v3"), GOAMD64="v2")[0]["GOAMD64"] == "v3"


def test_the_commit_reaches_the_linker(
    compile_for: Callable[..., tuple[dict[str, str], list[str]]],
) -> None:
    """COMMIT, VERSION and SOURCE_DATE_EPOCH are linked into the program."""
    _, arguments = compile_for(parse("linux/riscv64"), COMMIT="abc", VERSION="1.2.3", SOURCE_DATE_EPOCH="7")
    flags = arguments[arguments.index("-ldflags") + 1]
    assert flags == "-s -w -X main.commit=abc -X main.version=1.2.3 -X main.sourceDate=7"


def test_a_bare_build_takes_the_machine(
    compile_for: Callable[..., tuple[dict[str, str], list[str]]],
) -> None:
    """A builder that sets no platform gets Linux and Go's own architecture."""
    nothing = dict.fromkeys(("TARGETPLATFORM", "TARGETOS", "TARGETARCH", "TARGETVARIANT"), "")
    environment, _ = compile_for(parse("linux/amd64"), **nothing)
    assert (environment["GOOS"], environment["GOARCH"]) == ("linux", "")
