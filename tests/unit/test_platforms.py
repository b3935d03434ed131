from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gopherwhale import platforms
from gopherwhale.errors import GopherwhaleError, UsageError
from gopherwhale.platforms import Platform, normalise, parse, parse_many


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("linux/amd64", "linux/amd64"),
        ("linux/x86_64", "linux/amd64"),
        ("linux/amd64/v1", "linux/amd64"),
        ("linux/amd64/v3", "linux/amd64/v3"),
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/arm64/8", "linux/arm64"),
        ("linux/arm64/v9.0", "linux/arm64/v9"),
        ("linux/aarch64", "linux/arm64"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/arm/6", "linux/arm/v6"),
        ("linux/armhf", "linux/arm/v7"),
        ("linux/armv8l", "linux/arm/v7"),
        ("linux/armel", "linux/arm/v6"),
        ("LINUX/ARM64", "linux/arm64"),
        ("arm64", "linux/arm64"),
        ("windows/x86_64", "windows/amd64"),
        ("linux/i386", "linux/386"),
    ],
)
def test_spellings_of_one_platform_are_one_value(text: str, expected: str) -> None:
    """Aliases and implied variants are brought to the form that runtimes match on."""
    assert str(parse(text)) == expected


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("linux/arm65", "linux/arm64"),
        ("linux/amd46", "linux/amd64"),
        ("linux/arm/v9", "v5, v6, v7"),
        ("linux/386/v7", "none"),
        ("windows/riscv64", "did you mean"),
        ("plan9/amd64", "did you mean"),
        ("linux//v7", "os/architecture"),
        ("linux/arm/v7/x", "os/architecture"),
        ("", "os/architecture"),
        ("-v", "did you mean|preset"),
    ],
)
def test_what_go_cannot_build_is_refused_with_what_to_type(text: str, hint: str) -> None:
    """An unknown platform is an error that names the nearest known one or the form."""
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert any(part in str(caught.value) for part in hint.split("|"))


@given(st.text(max_size=40))
def test_parsing_never_fails_but_with_our_error(text: str) -> None:
    """Whatever is typed, the answer is a platform or a UsageError, and a platform reads back as itself."""
    try:
        found = parse(text)
    except GopherwhaleError:
        return
    assert parse(str(found)) == found


@given(st.text(max_size=10), st.text(max_size=10), st.text(max_size=10))
def test_normalising_is_idempotent(os: str, architecture: str, variant: str) -> None:
    """A stranger's platform has one normal form, whatever words it is made of."""
    once = normalise(os, architecture, variant)
    assert normalise(once.os, once.architecture, once.variant) == once


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("linux/amd64", {"GOOS": "linux", "GOARCH": "amd64", "GOAMD64": "v1"}),
        ("linux/amd64/v3", {"GOOS": "linux", "GOARCH": "amd64", "GOAMD64": "v3"}),
        ("linux/arm/v6", {"GOOS": "linux", "GOARCH": "arm", "GOARM": "6"}),
        ("linux/arm64", {"GOOS": "linux", "GOARCH": "arm64", "GOARM64": "v8.0"}),
        ("linux/arm64/v9", {"GOOS": "linux", "GOARCH": "arm64", "GOARM64": "v9.0"}),
        ("linux/arm64/v8.2", {"GOOS": "linux", "GOARCH": "arm64", "GOARM64": "v8.2"}),
        ("windows/386", {"GOOS": "windows", "GOARCH": "386"}),
    ],
)
def test_go_is_told_every_variable_of_the_platform(text: str, expected: dict[str, str]) -> None:
    """The level variable is always given, so that an ambient one cannot leak in."""
    assert parse(text).go_environment() == expected


def test_a_cpu_level_stays_apart_from_the_variant_unless_the_platform_names_one() -> None:
    """A GOAMD64 of the settings tunes the code of linux/amd64 and leaves its manifest alone."""
    levels = {"GOAMD64": "v2"}
    assert parse("linux/amd64").go_environment(levels)["GOAMD64"] == "v2"
    assert parse("linux/amd64").variant == ""
    assert parse("linux/amd64/v3").go_environment(levels)["GOAMD64"] == "v3"


def test_ambient_go_variables_never_change_a_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    """GOOS and GOARCH of the environment are not read (ko#274)."""
    monkeypatch.setenv("GOOS", "plan9")
    monkeypatch.setenv("GOARCH", "mips")
    assert platforms.of_this_machine("x86_64") == parse("linux/amd64")
    assert parse("arm64").go_environment()["GOARCH"] == "arm64"


def test_presets_and_lists_are_flattened_and_each_platform_stands_once() -> None:
    """Commas, presets and repetitions give one ordered list."""
    found = parse_many(["linux/arm64,default", "linux/arm64/v8"])
    assert [str(platform) for platform in found] == ["linux/arm64", "linux/amd64"]
    assert parse_many(["all"]) == platforms.known("linux", "windows")
    with pytest.raises(UsageError):
        parse_many([" , "])


def test_unknown_is_known_as_unknown() -> None:
    """BuildKit's platform of attestations is told apart from a real one."""
    assert Platform(os="unknown", architecture="unknown").is_unknown
    assert not parse("linux/amd64").is_unknown


def test_a_platform_writes_its_document_and_slug() -> None:
    """The document has a variant only where there is one."""
    assert parse("linux/arm/v7").to_document() == {"os": "linux", "architecture": "arm", "variant": "v7"}
    assert parse("linux/amd64").to_document() == {"os": "linux", "architecture": "amd64"}
    assert parse("linux/arm/v7").slug == "linux-arm-v7"
