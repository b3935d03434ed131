from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gopherwhale import plan
from gopherwhale.engines import packages, recipe
from gopherwhale.engines.recipe import Recipe
from gopherwhale.errors import UsageError
from gopherwhale.oci.assemble import DEFAULT_PATHS
from gopherwhale.platforms import parse
from gopherwhale.settings import load
from tests.unit.test_plan import REVISION


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Make a module with its program at the root."""
    write(tmp_path / "go.mod", "module example.com/acme/hello\n\ngo 1.26.0\n")
    write(tmp_path / "main.go", "// Command hello.\npackage main\n")
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def read(root: Path, *, name: str = "", **flags: Any) -> Recipe:
    settings = load(root, flags={"repository": "acme/hello", **flags})
    return recipe.read(plan.make(settings, REVISION, source_date=5, only=[name] if name else []).images[0])


def paths(made: Recipe) -> list[tuple[str, str]]:
    return [(binary.package, binary.path) for binary in made.binaries]


def test_the_scaffold_needs_no_setting(root: Path) -> None:
    """The program at the root becomes /hello, run by a numeric user, with certificates and no zones."""
    made = read(root)
    assert paths(made) == [(".", "/hello")]
    assert made.process.user == "65532:65532"
    assert made.process.entrypoint == ("/hello",)
    assert made.process.environment == ()
    assert made.process.working_dir == "/"
    assert made.certificates == "certifi"
    assert not made.time_zones


def test_the_command_is_that_of_the_dockerfile_without_a_vcs_stamp(root: Path) -> None:
    """Paths are trimmed, no vcs state is stamped, and the build arguments reach the linker."""
    command = read(root).command("go", Path("/out"))
    ldflags = f"-s -w -X main.commit={REVISION.commit} -X main.version=sha-0123456789ab -X main.sourceDate=5"
    assert command == ["go", "build", "-trimpath", "-buildvcs=false", "-ldflags", ldflags, "-o", "/out/", "."]


def test_settings_of_the_table_reach_command_and_image(root: Path) -> None:
    """Each key of `[go]` has its effect."""
    made = read(
        root,
        build_args={"GOAMD64": "v2", "WHO": "me"},
        go={
            "build_tags": ["a", "b"],
            "flags": ["-pgo=off"],
            "ldflags": "-X main.who=${WHO}",
            "build_env": {"GOEXPERIMENT": "x"},
            "user": "1:2",
            "entrypoint": ["/hello", "-v"],
            "args": ["serve"],
            "env": {"A": "b"},
            "working_dir": "/data",
            "expose": ["8080", "53/udp"],
            "stop_signal": "SIGINT",
            "time_zones": True,
        },
    )
    assert made.arguments[2:] == ("-tags=a,b", "-ldflags", "-X main.who=me", "-pgo=off")
    assert made.variables(parse("linux/amd64")) == {
        "CGO_ENABLED": "0",
        "GOOS": "linux",
        "GOARCH": "amd64",
        "GOAMD64": "v2",
        "GOEXPERIMENT": "x",
    }
    document = made.process.to_document("linux")
    assert document.pop("Labels")
    assert document == {
        "User": "1:2",
        "ExposedPorts": {"53/udp": {}, "8080/tcp": {}},
        "Env": [f"PATH={DEFAULT_PATHS['linux']}", "A=b"],
        "Entrypoint": ["/hello", "-v"],
        "Cmd": ["serve"],
        "WorkingDir": "/data",
        "StopSignal": "SIGINT",
    }
    assert made.time_zones


def test_one_platform_can_have_an_environment_of_its_own(root: Path) -> None:
    """`platform_env` lies over `build_env` for its platform alone, whatever spelling names it."""
    write(
        root / "gopherwhale.toml",
        '[go.build_env]\nA = "a"\nB = "x"\n[go.platform_env."linux/arm"]\nB = "arm"\nGOARM = "7,softfloat"\n',
    )
    made = read(root)
    arm, other = made.variables(parse("linux/arm/v7")), made.variables(parse("linux/mips"))
    assert (arm["A"], arm["B"], arm["GOARM"]) == ("a", "arm", "7,softfloat")
    assert (other["A"], other["B"]) == ("a", "x")


@pytest.mark.parametrize(
    ("tree", "found"),
    [
        ({"gen.go": "//go:build ignore\n\npackage main\n", "cmd/a/a.go": "package main\n"}, ["./cmd/a"]),
        ({"main_plan9.go": "package main\n", "cmd/a/a.go": "package main\n"}, ["./cmd/a"]),
        ({"main.go": "//go:build pro\n\npackage main\n"}, ["."]),
        ({"a.go/x.txt": "", "main.go": "package main\n"}, ["."]),
    ],
)
def test_a_generator_is_no_program(root: Path, tree: dict[str, str], found: list[str]) -> None:
    """What a build passes by does not hide the programs; alone it counts, for a tag in the settings."""
    (root / "main.go").unlink()
    for name, text in tree.items():
        write(root / name, text)
    assert [package for package, _ in paths(read(root, go={"entrypoint": ["/x"]}))] == found


def test_programs_below_cmd_are_found_and_the_one_of_the_images_name_runs(root: Path) -> None:
    """Without a program at the root, those directly below cmd go into the image."""
    (root / "main.go").unlink()
    write(root / "cmd" / "hello" / "main.go", "package main\n")
    write(root / "cmd" / "tool" / "main.go", "/* x */\n\npackage main // y\n")
    write(root / "cmd" / "internal" / "x.go", "package internal\n")
    made = read(root)
    assert paths(made) == [("./cmd/hello", "/hello"), ("./cmd/tool", "/tool")]
    assert made.process.entrypoint == ("/hello",)


def test_packages_can_be_named_with_their_place(root: Path) -> None:
    """`PACKAGE=PATH` says where a binary stands; an import path is taken as it is."""
    write(root / "cmd" / "serve" / "v2" / "main.go", "package main\n")
    wanted = ["./cmd/serve/v2=/bin/server", "example.com/tool/v3", "."]
    made = read(root, go={"packages": wanted})
    assert paths(made) == [
        ("./cmd/serve/v2", "/bin/server"),
        ("example.com/tool/v3", "/tool"),
        (".", "/hello"),
    ]
    assert [binary.name for binary in made.binaries] == ["serve", "tool", "hello"]
    assert made.process.entrypoint == ("/hello",)


@pytest.mark.parametrize(
    ("go", "says"),
    [
        ({"packages": ["./nowhere"]}, "holds no Go program"),
        ({"packages": ["./lib"]}, "holds no Go program"),
        ({"packages": ["./..."]}, "not one main package"),
        ({"packages": ["-o"]}, "not one main package"),
        ({"packages": [".=hello"]}, "no absolute path"),
        ({"packages": [".=/a/../b"]}, "no absolute path"),
        ({"packages": [".", ".=/other"]}, "two binaries have the name 'hello'"),
        ({"ldflags": "-X main.a=${NOPE}"}, "NOPE.*known: COMMIT"),
        ({"certificates": "missing.pem"}, "there is no file"),
    ],
)
def test_a_recipe_that_cannot_be_made_is_refused(root: Path, go: dict[str, Any], says: str) -> None:
    """The message says which setting and what to write."""
    write(root / "lib" / "lib.go", "package lib\n")
    write(root / "lib" / "lib_test.go", "package main\n")
    with pytest.raises(UsageError, match=f"(?s){says}"):
        read(root, go=go)


def test_several_programs_without_a_chosen_one_are_refused(root: Path) -> None:
    """Which program runs is never guessed."""
    write(root / "a" / "main.go", "package main\n")
    write(root / "b" / "main.go", "package main\n")
    with pytest.raises(UsageError, match="say which one runs"):
        read(root, go={"packages": ["./a", "./b"]})


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("user", "nobody", "65532"),
        ("user", "2147483648", "above 2147483647"),
        ("expose", ["http"], "8080"),
        ("working_dir", "data", "image's root"),
        ("build_env", {"GOOS": "linux"}, "decide GOOS"),
        ("platform_env", {"linux/amr": {}}, "did you mean"),
        ("platform_env", {"linux/arm": {"GOOS": "x"}}, "decide GOOS"),
        ("platform_env", "x", "a table for each platform"),
        ("ldflag", "x", "did you mean 'ldflags'"),
        ("build_env", {"X": 1.20}, "quotes"),
    ],
)
def test_a_wrong_key_or_value_of_the_table_is_refused(root: Path, key: str, value: object, says: str) -> None:
    """`[go]` is checked like every other setting."""
    with pytest.raises(UsageError, match=says):
        read(root, go={key: value})


def test_the_table_of_an_image_overlays_the_common_one_key_by_key(root: Path) -> None:
    """`[images.NAME.go]` changes what it names; `GOPHERWHALE_GO_*` changes it for all."""
    write(
        root / "gopherwhale.toml",
        '[go]\nuser = "1"\nbuild_tags = ["a"]\n[images.x]\n[images.y.go]\nuser = "2"\n',
    )
    settings = load(root, environment={"GOPHERWHALE_GO_LDFLAGS": "-s"})
    found = {name: (i.go.user, i.go.build_tags, i.go.ldflags) for name, i in settings.images.items()}
    assert found == {"x": ("1", ("a",), "-s"), "y": ("2", ("a",), "-s")}


@given(st.text(max_size=40))
def test_no_package_setting_fails_but_with_our_error(text: str) -> None:
    """Whatever stands in `packages` is taken or refused."""
    root = Path(__file__).parent
    try:
        packages.binaries_of(root, (text,))
    except UsageError as error:
        assert str(error)  # noqa: PT017 -- both outcomes are right
