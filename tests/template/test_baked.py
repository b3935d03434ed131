"""What the template makes, for every two choices together."""

from __future__ import annotations

import ast
import functools
import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from gopherwhale import settings
from gopherwhale.engines.packages import binaries_of
from gopherwhale.platforms import Platform
from tests.template.baking import ROOT, different, files
from tests.template.conftest import Bake, Baked

_ALWAYS = {
    *(".dockerignore", ".gitignore", ".golangci.yml", ".gopherwhale.json", "Dockerfile", "README.md"),
    *("go.mod", "gopherwhale.toml", "guard.py", "requirements.txt"),
    *("internal/buildinfo/buildinfo.go", "internal/buildinfo/buildinfo_test.go"),
}
_GO = {
    "http": {"main.go", "main_test.go"},
    "tool": {"count.go", "count_test.go", "main.go", "main_test.go"},
    "worker": {"loop.go", "loop_test.go", "main.go", "main_test.go"},
}
_CI = {
    "github": {
        ".github/dependabot.yml",
        ".github/go-cache.Dockerfile",
        ".github/workflows/image.yaml",
    },
    "gitlab": {".gitlab-ci.yml"},
}
_MARK = re.compile(r"<<|>>|<%|%>|<#|#>|cookiecutter")
_BASES = {"distroless": "gcr.io/distroless/static-debian12:nonroot"}
_RUNNERS = {"invoke": {"tasks.py"}, "nox": {"noxfile.py"}, "both": {"tasks.py", "noxfile.py"}}


def _expected(answers: dict[str, str]) -> set[str]:
    names = _ALWAYS | _CI[answers["ci"].partition("-")[0]] | _RUNNERS[answers["runner"]]
    if answers["layout"] == "several":
        names |= {f"cmd/hello/{name}" for name in _GO[answers["kind"]]}
        names |= {"cmd/hello-job/main.go", "cmd/hello-job/main_test.go"}
    else:
        names |= _GO[answers["kind"]]
    return names | ({"LICENSE"} if answers["license"] != "none" else set())


def test_the_files(baked: Baked) -> None:
    """The repository holds what was chosen and nothing else, and a first commit of it where one was asked."""
    folder, answers = baked
    names = {path.relative_to(folder).as_posix() for path in files(folder)}
    assert {name for name in names if not name.startswith(".git/")} == _expected(answers)
    assert (folder / ".git").exists() == (answers["first_commit"] == "yes")


def test_no_leftover(baked: Baked) -> None:
    """No mark of the template is left in a name or in a text."""
    folder, _ = baked
    for path in _texts(folder):
        text = path.relative_to(folder).as_posix() + path.read_text(encoding="utf-8")
        assert [line for line in text.splitlines() if _MARK.search(line)] == []


def test_the_texts_are_tidy(baked: Baked) -> None:
    """Each file ends with one newline and has no blank at a line's end, no double empty line and no CR."""
    folder, _ = baked
    for path in _texts(folder):
        text = path.read_text(encoding="utf-8")
        assert text.endswith("\n")
        assert not text.endswith("\n\n")
        assert "\r" not in text, path
        assert [line for line in text.split("\n") if line.endswith((" ", "\t"))] == [], path
        if path.suffix != ".py":
            assert "\n\n\n" not in text, path
        if path.suffix != ".go":
            assert "\t" not in text, path


def test_yaml_toml_and_json_are_sound(baked: Baked) -> None:
    """Whatever has a grammar is read by it, and no key stands twice in a YAML file."""
    folder, _ = baked
    for path in _texts(folder):
        _read(path.suffix, path.read_text(encoding="utf-8"))


@functools.cache
def _read(suffix: str, text: str) -> None:
    """Read a text by its grammar; many repositories hold the same, which is read once."""
    if suffix in {".yml", ".yaml"}:
        assert isinstance(yaml.load(text, Loader=_Strict), dict)  # noqa: S506 -- a SafeLoader with one check more
    elif suffix == ".toml":
        tomllib.loads(text)
    elif suffix == ".json":
        json.loads(text)
    elif suffix == ".py":
        ast.parse(text)


def test_ruff_is_content(bakes: tuple[Baked, ...], tool: Callable[..., str]) -> None:
    """What Python there is, ruff would write the same way, and finds nothing in."""
    folders = [folder for folder, _ in bakes]
    tool("ruff", "format", "--isolated", "--no-cache", "--check", *folders, cwd=folders[0])
    tool("ruff", "check", "--isolated", "--no-cache", "--extend-select=I,B,UP", *folders, cwd=folders[0])


def test_hadolint_is_content(bakes: tuple[Baked, ...], tool: Callable[..., str]) -> None:
    """No Dockerfile has a finding of hadolint's default rules."""
    paths = [path for folder, _ in bakes for path in files(folder) if path.name.endswith("Dockerfile")]
    assert not tool("hadolint", "--no-color", *different(paths), cwd=bakes[0][0])


def test_nox_makes_its_own_environment(baked: Baked) -> None:
    """noxfile.py carries the metadata of PEP 723 with nox and gopherwhale, and registers the sessions."""
    folder, answers = baked
    if answers["runner"] == "invoke":
        assert not (folder / "noxfile.py").exists()
        return
    text = (folder / "noxfile.py").read_text(encoding="utf-8")
    # PEP 723, "Reference implementation".
    found = re.search(r"(?m)^# /// script$\s(?P<content>(^#(| .*)$\s)+)^# ///$", text)
    assert found
    metadata = tomllib.loads("".join(line[2:] or "\n" for line in found["content"].splitlines(keepends=True)))
    assert metadata["requires-python"] == ">=3.11"
    assert {Requirement(text).name for text in metadata["dependencies"]} == {"nox", "gopherwhale"}
    called = [ast.unparse(node) for node in ast.parse(text).body if isinstance(node, ast.Expr)]
    assert "register()" in called


def test_what_runs_the_tasks_is_required(baked: Baked) -> None:
    """requirements.txt names gopherwhale, and nox where its sessions are there."""
    folder, answers = baked
    lines = (folder / "requirements.txt").read_text(encoding="utf-8").splitlines()
    names = {Requirement(line).name for line in lines if not line.startswith("#")}
    assert names == {"gopherwhale", *(["nox"] if answers["runner"] != "invoke" else [])}


def test_the_settings_are_ours(baked: Baked) -> None:
    """The settings are read without a complaint and are the answers, for each of the images."""
    folder, answers = baked
    found = settings.load(folder)
    several = answers["layout"] == "several"
    assert set(found.images) == ({"hello", "hello-job"} if several else {"hello"})
    dockerfile = (folder / "Dockerfile").read_text(encoding="utf-8")
    for name, image in found.images.items():
        assert [str(platform) for platform in image.platforms] == ["linux/amd64", "linux/arm64"]
        assert image.repository.endswith(f"/{name}")
        assert image.target == (name if several else "")
        assert image.labels["org.opencontainers.image.title"] == name
        assert image.labels.get("org.opencontainers.image.licenses", "none") == answers["license"]
        assert f"ARG GO_VERSION={image.build_args['GO_VERSION']}\n" in dockerfile
        assert image.go.base == _BASES.get(answers["base"], answers["base"])
        assert image.go.time_zones == (answers["time_zones"] == "yes")
        assert image.go.flags == (("-mod=vendor",) if answers["vendoring"] == "yes" else ())
        assert bool(image.go.expose) == (answers["kind"] == "http" and name == "hello")
        assert image.go.packages == ((f"./cmd/{name}",) if several else (f".=/{name}",))


@pytest.mark.parametrize("module", ["example.com/x/y_z/v2", "github.com/acme/other"])
def test_a_module_may_be_called_otherwise_than_the_program(bake: Bake, module: str) -> None:
    """The program is called as the project is, whichever engine makes the image."""
    folder = bake(module=module, kind="tool")
    packages = settings.load(folder).images["hello"].go.packages
    (binary,) = binaries_of(folder, packages)
    assert binary.path == "/hello"
    assert 'ENTRYPOINT ["/hello"]\n' in (folder / "Dockerfile").read_text(encoding="utf-8")


def test_the_licence(baked: Baked) -> None:
    """LICENSE is the text of the licence that was chosen, with its holder where it has a place for one."""
    folder, answers = baked
    if answers["license"] == "none":
        assert "all rights reserved" in (folder / "README.md").read_text(encoding="utf-8")
        return
    text = (folder / "LICENSE").read_text(encoding="utf-8")
    if answers["license"] == "Apache-2.0":
        assert text == (ROOT / "LICENSE").read_text(encoding="utf-8")
    else:
        heading = {"MIT": "MIT License", "BSD-3-Clause": "BSD 3-Clause License"}[answers["license"]]
        assert text.startswith(f"{heading}\n\nCopyright (c) The hello authors\n\n")


def test_the_dockerfile_keeps_the_rules(baked: Baked) -> None:
    """Modules before sources, platform arguments late and bare, the result on its base."""
    folder, answers = baked
    lines = (folder / "Dockerfile").read_text(encoding="utf-8").splitlines()
    programs = 2 if answers["layout"] == "several" else 1
    starts = [line for line in lines if line.startswith("FROM ")]
    assert all(
        line.startswith("FROM --platform=$BUILDPLATFORM golang:${GO_VERSION}-") for line in starts[:-programs]
    )
    base = _BASES.get(answers["base"], answers["base"])
    named = [f"FROM {base} AS hello-job", f"FROM {base} AS hello"] if programs > 1 else [f"FROM {base}"]
    assert starts[-programs:] == named
    modules = ["COPY go.mod go.sum* ./", "    go mod download"] if answers["vendoring"] == "no" else []
    places = [lines.index(line) for line in (*modules, "COPY . .", "ARG COMMIT VERSION SOURCE_DATE_EPOCH")]
    assert places == sorted(places)
    arguments = [number for number, line in enumerate(lines) if line.startswith("ARG ") and "TARGET" in line]
    assert all("=" not in lines[number] and number > places[-2] for number in arguments)
    assert lines.count("USER 65532:65532") == programs
    assert any("/usr/share/zoneinfo" in line for line in lines) == (answers["time_zones"] == "yes")
    assert ("EXPOSE 8080" in lines) == (answers["kind"] == "http")


def test_readme_explains_every_file(baked: Baked) -> None:
    """README says of each file what it is for, and names no file or runner that is not there."""
    folder, answers = baked
    text = (folder / "README.md").read_text(encoding="utf-8")
    for name in _expected(answers) - {"README.md", ".gitignore", "go.mod", "LICENSE"}:
        assert f"`{name}`" in text or name.endswith(".go"), name
    for name in re.findall(r"^\| `([^`]+)`", text.partition("## What is what")[2], re.MULTILINE):
        assert (folder / name).exists(), name
    assert ("invoke" in text) == (answers["runner"] != "nox")
    assert ("nox -s" in text) == (answers["runner"] != "invoke")


@pytest.mark.parametrize(
    ("version", "floor"),
    [("1.27.3", "1.26.0"), ("1.24", "1.23.0"), ("1.28rc1", "1.27.0"), ("1.26.8", "1.25.0")],
)
def test_go_mod_asks_for_the_release_before(bake: Bake, version: str, floor: str) -> None:
    """go.mod lets the release before the chosen one compile it too, as `go mod init` does since Go 1.26."""
    folder = bake(go_version=version)
    assert (folder / "go.mod").read_text(encoding="utf-8") == f"module github.com/acme/hello\n\ngo {floor}\n"


def test_defaults_follow_the_first_answers(bake: Bake) -> None:
    """Module, image, holder and description come from project, owner and kind, the image in lower case."""
    folder = bake(project="otter", owner="Acme-Co", kind="worker")
    assert (folder / "go.mod").read_text(encoding="utf-8").startswith("module github.com/Acme-Co/otter\n")
    image = settings.load(folder).images["otter"]
    assert image.repository == "ghcr.io/acme-co/otter"
    assert image.labels["org.opencontainers.image.description"] == "A small worker"
    assert "Copyright The otter authors" in (folder / "README.md").read_text(encoding="utf-8")


def test_blanks_between_platforms_are_dropped(bake: Bake) -> None:
    """`linux/arm/v7, linux/386` is what it says."""
    image = settings.load(bake(platforms="linux/arm/v7, linux/386")).images["hello"]
    assert image.platforms == (
        Platform(os="linux", architecture="arm", variant="v7"),
        Platform(os="linux", architecture="386"),
    )


def _texts(folder: Path) -> list[Path]:
    return [path for path in files(folder) if ".git" not in path.relative_to(folder).parts]


class _Strict(yaml.SafeLoader):
    """YAML in which a key that stands twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:  # noqa: FBT001, FBT002
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        assert len(keys) == len(set(keys)), keys
        return super().construct_mapping(node, deep)
