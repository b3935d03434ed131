from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from gopherwhale.adopt import dockerfile
from gopherwhale.adopt.answers import Facts, Wishes, derive
from gopherwhale.adopt.dockerfile import Recipe
from gopherwhale.adopt.survey import look
from gopherwhale.errors import UsageError
from tests.template.baking import GOOD, HOOKS
from tests.unit.adopt.repositories import LIBRARY, MAIN, MOD, Tree, write

ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
ORIGIN = Facts(source="https://github.com/Acme/hello", default_branch="trunk")


def answers(
    root: Path, tree: Tree, facts: Facts = ORIGIN, recipe: Recipe | None = None, **wishes: Any
) -> Any:
    found = look(write(root, {"go.mod": MOD, **tree}))
    return derive(found, facts, recipe, "<< '1.27.3' | installed_go >>", Wishes(**wishes)).answers


def notes(root: Path, tree: Tree, **wishes: Any) -> str:
    found = look(write(root, {"go.mod": MOD, **tree}))
    return "\n".join(derive(found, ORIGIN, None, "1.27.3", Wishes(**wishes)).notes)


def test_every_place_that_was_guessed_is_told(tmp_path: Path) -> None:
    """Of several images none may go to the name that is common to all."""
    several = {"cmd/a/main.go": MAIN, "cmd/b/main.go": MAIN}
    assert "the images go to ghcr.io/acme/hello-a, ghcr.io/acme/hello-b, as" in notes(tmp_path, several)
    assert " to " not in notes(tmp_path, {}, repository="registry.example/x")


def test_one_program_at_the_top(tmp_path: Path) -> None:
    """Its name, place, branch and version follow from go.mod and the remote."""
    found = answers(tmp_path, {"main.go": '// Hello is "it".\n' + MAIN})
    shape = found.pop("_shape")
    assert found == {
        "project": "hello",
        "description": "hello, a program in Go",
        "owner": "acme",
        "registry": "ghcr",
        "image": "ghcr.io/acme/hello",
        "module": "github.com/acme/hello",
        "go_version": "1.27.3",
        "builder": "alpine",
        "license": "none",
        "default_branch": "trunk",
        "kind": "tool",
        "ci": "github",
        "vendoring": False,
        "first_commit": False,
    }
    assert (shape["package"], shape["packages"], shape["images"], shape["ports"]) == (".", ["."], [], [])


@pytest.mark.parametrize(
    ("module", "tree", "project", "packages"),
    [
        ("github.com/acme/Hello_World/v2", {"main.go": MAIN}, "hello-world", [".=/hello-world"]),
        ("github.com/acme/x", {"cmd/Serve/main.go": MAIN}, "serve", ["./cmd/Serve=/serve"]),
        ("github.com/acme/x", {"cmd/7z/main.go": MAIN}, "app-7z", ["./cmd/7z=/app-7z"]),
        ("github.com/acme/x", {"srv/main.go": MAIN}, "srv", ["./srv"]),
        ("github.com/acme/x", {"cmd/dev/main.go": MAIN}, "dev-app", ["./cmd/dev=/dev-app"]),
        ("dist", {"main.go": MAIN}, "dist-app", [".=/dist-app"]),
        ("github.com/acme/x", {"tools/gen/main.go": MAIN}, "gen", ["./tools/gen"]),
        ("github.com/acme/x", {"cmd/a/v3/main.go": MAIN, "l.go": LIBRARY}, "a", ["./cmd/a/v3"]),
    ],
)
def test_the_name_is_one_for_an_image(
    tmp_path: Path, module: str, tree: Tree, project: str, packages: list[str]
) -> None:
    """A program whose own name is none for an image gets one, and its place says so to the go engine."""
    found = answers(tmp_path, {"go.mod": f"module {module}\n", **tree})
    assert found["project"] == project
    assert found["_shape"]["packages"] == packages


def test_several_programs_are_several_images(tmp_path: Path) -> None:
    """Each has a table, a target and a repository of its own that carries the project's name."""
    found = answers(
        tmp_path,
        {"main.go": MAIN, "cmd/hello-admin/main.go": MAIN, "cmd/Job/main.go": MAIN, "tools/x/main.go": MAIN},
    )
    assert found["project"] == "hello"
    images = {one["name"]: one for one in found["_shape"]["images"]}
    assert {name: (one["package"], one["repository"]) for name, one in images.items()} == {
        "hello": (".", "ghcr.io/acme/hello"),
        "hello-admin": ("./cmd/hello-admin", "ghcr.io/acme/hello-admin"),
        "job": ("./cmd/Job", "ghcr.io/acme/hello-job"),
    }
    assert images["job"]["packages"] == ["./cmd/Job=/job"]
    assert images["job"]["binary"] == "Job"


def test_several_images_at_gitlab_lie_below_the_project(tmp_path: Path) -> None:
    """GitLab's registry takes images of a project below its own path alone."""
    tree = {"cmd/hello/main.go": MAIN, "cmd/hello-job/main.go": MAIN}
    found = answers(tmp_path, tree, Facts(source="https://gitlab.com/acme/hello"))
    assert {one["repository"] for one in found["_shape"]["images"]} == {
        "registry.gitlab.com/acme/hello",
        "registry.gitlab.com/acme/hello/job",
    }


@pytest.mark.parametrize(
    ("source", "files", "ci"),
    [
        ("https://gitlab.example.com/acme/hello", [], "gitlab"),
        ("https://code.example/acme/hello", [".gitlab-ci.yml"], "gitlab"),
        ("https://code.example/acme/hello", [".gitlab-ci.yml", ".github/workflows/a.yml"], "github"),
        ("https://github.com/acme/hello", [".gitlab-ci.yml"], "github"),
        ("", [], "github"),
    ],
)
def test_what_builds_it_already_builds_the_image(
    tmp_path: Path, source: str, files: list[str], ci: str
) -> None:
    """A GitLab of one's own may be called anything: its file of jobs tells."""
    tree = {"main.go": MAIN, **dict.fromkeys(files, "x")}
    found = answers(tmp_path, tree, Facts(source=source), repository="registry.example.com/acme/hello")
    assert found["ci"] == ci


def test_what_would_fail_later_is_said_at_once(tmp_path: Path) -> None:
    """A module that is a stub without cgo, and a folder of images that the program embeds."""
    main = "package main\n\n//go:embed all:dist/assets\nvar f embed.FS\n\nfunc main() {}\n"
    assert notes(tmp_path, {"main.go": MAIN}).count("\n") == 0
    mod = f"{MOD}\nrequire (\n\tgithub.com/mattn/go-sqlite3 v1.14.0 // indirect\n)\n"
    said = notes(tmp_path, {"main.go": main, "go.mod": mod})
    assert "github.com/mattn/go-sqlite3: without cgo" in said
    assert "dist/ is embedded, and images would go there" in said


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    """Programs for the repository's own use are left out with a note; --package chooses freely."""
    tree = {"cmd/a/main.go": MAIN, "internal/gen/main.go": MAIN, "examples/x/main.go": MAIN}
    assert "left out: ./examples/x, ./internal/gen (--package" in notes(tmp_path, tree)
    found = answers(tmp_path, tree, packages=["examples/x/", "./cmd/a"])
    assert [one["package"] for one in found["_shape"]["images"]] == ["./examples/x", "./cmd/a"]


@pytest.mark.parametrize(
    ("tree", "facts", "wishes", "message"),
    [
        ({"lib.go": LIBRARY}, ORIGIN, {}, "no Go program is in"),
        ({"m.go": 'package main\nimport "C"\nfunc main() {}'}, ORIGIN, {}, "needs no cgo"),
        ({"m.go": 'package main\nimport "C"\nfunc main() {}'}, ORIGIN, {}, "by a Dockerfile of your own"),
        (
            {"m.go": 'package main\nimport "C"\nfunc main() {}'},
            ORIGIN,
            {"packages": ["."]},
            "--package .: it needs cgo",
        ),
        ({"main.go": MAIN}, ORIGIN, {"packages": ["./cmd/x"]}, "no program is there"),
        ({"main.go": MAIN, "go.mod": "module example.com/x\n"}, Facts(), {}, "--repository"),
        ({"main.go": MAIN}, Facts(source="https://git.example/acme/x"), {}, "--repository"),
        ({"main.go": MAIN}, ORIGIN, {"repository": "ghcr.io/acme/x:1"}, "tag or digest"),
        ({"main.go": MAIN}, ORIGIN, {"repository": "UPPER CASE"}, "not an image reference"),
        ({"cmd/a-b/main.go": MAIN, "cmd/a_b/main.go": MAIN}, ORIGIN, {}, "several programs are called"),
    ],
)
def test_what_cannot_be_answered_is_told(
    tmp_path: Path, tree: Tree, facts: Facts, wishes: dict[str, Any], message: str
) -> None:
    """No program, no place to push to, two of one name: each in a line that says what to do."""
    with pytest.raises(UsageError) as caught:
        answers(tmp_path, tree, facts, **wishes)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("source", "module", "repository", "image", "registry"),
    [
        ("https://github.com/Acme/Hello", "x.example/y/hello", "", "ghcr.io/acme/hello", "ghcr"),
        ("https://gitlab.com/a/b/Hello", "x.example/y/hello", "", "registry.gitlab.com/a/b/hello", "other"),
        ("", "github.com/Acme/hello", "", "ghcr.io/acme/hello", "ghcr"),
        ("https://github.com/a/b", "x/y", "acme/hello", "docker.io/acme/hello", "dockerhub"),
        ("", "x/y", "localhost:5000/a/b", "localhost:5000/a/b", "other"),
        ("", "x/y", f"{ECR}/hello", f"{ECR}/hello", "ecr"),
    ],
)
def test_where_the_image_goes(
    tmp_path: Path, source: str, module: str, repository: str, image: str, registry: str
) -> None:
    """What the user says, else the registry of the forge that the remote or the module is at."""
    tree = {"go.mod": f"module {module}\n", "main.go": MAIN}
    found = answers(tmp_path, tree, Facts(source=source), repository=repository)
    assert (found["image"], found["registry"]) == (image, registry)


@pytest.mark.parametrize(
    ("mod", "version"),
    [
        ("module a\ngo 1.12\n", "1.27.3"),
        ("module a\ngo 1.28.0\n", "1.28.0"),
        ("module a\ngo 1.24\ntoolchain go1.30.1\n", "1.30.1"),
    ],
)
def test_the_version_of_go(tmp_path: Path, mod: str, version: str) -> None:
    """The newest known, unless the module wants a newer one: older modules build with newer Go."""
    assert answers(tmp_path, {"go.mod": mod, "main.go": MAIN})["go_version"] == version


DOCKERFILE = """ARG GO=1.29
FROM golang:${{GO}}-bookworm AS build
RUN go build -o /b .
FROM {base}
EXPOSE 9000 53/udp
COPY --from=build /b /serve
ENTRYPOINT ["/serve", "-v"]
"""


@pytest.mark.parametrize(
    ("base", "engine"), [("scratch", "auto"), ("debian:12", "buildx"), ("gcr.io/distroless/static", "buildx")]
)
def test_a_dockerfile_that_is_there(tmp_path: Path, base: str, engine: str) -> None:
    """Its ports, its Go and the program that it starts are taken over; its base decides the engine."""
    recipe = dockerfile.read(DOCKERFILE.format(base=base))
    tree = {"cmd/serve/main.go": MAIN, "cmd/other/main.go": MAIN, "Dockerfile": "x"}
    found = answers(tmp_path, tree, recipe=recipe)
    shape = found["_shape"]
    assert (found["go_version"], found["builder"]) == ("1.29", "debian")
    assert (shape["ports"], shape["engine"], shape["images"]) == (["9000", "53/udp"], engine, [])
    assert shape["packages"] == ["./cmd/serve=/hello"]


CGO: Final = 'package main\n\nimport "C"\n\nfunc main() {}\n'


@pytest.mark.parametrize("base", ["scratch", "debian:12"])
@pytest.mark.parametrize("packages", [[], ["cmd/serve"]])
def test_a_program_with_cgo_is_left_to_the_dockerfile_that_compiles_it(
    tmp_path: Path, base: str, packages: list[str]
) -> None:
    """No engine of ours compiles with cgo, and the user's Dockerfile may: it is taken as it is."""
    recipe = dockerfile.read(DOCKERFILE.format(base=base))
    tree = {"go.mod": MOD, "cmd/serve/main.go": CGO, "cmd/other/main.go": MAIN, "Dockerfile": "x"}
    found = derive(look(write(tmp_path, tree)), ORIGIN, recipe, "1.27.3", Wishes(packages=packages))
    shape = found.answers["_shape"]
    assert (shape["engine"], [text.partition("=")[0] for text in shape["packages"]]) == (
        "buildx",
        ["./cmd/serve"],
    )
    assert "engine = buildx: ./cmd/serve needs cgo" in found.notes


def test_what_needs_cgo_is_said_to_be_left_out_for_it(tmp_path: Path) -> None:
    """Else its owner would look for another reason."""
    assert "left out: ./cmd/c (needs cgo) (--package" in notes(
        tmp_path, {"cmd/a/main.go": MAIN, "cmd/c/main.go": CGO}
    )


def test_a_repository_of_cgo_alone_is_taken_with_its_dockerfile(tmp_path: Path) -> None:
    """Whatever the Dockerfile starts, a script say: there is no other program that could be meant."""
    recipe = dockerfile.read(DOCKERFILE.format(base="debian:12").replace('"/serve"', '"/start.sh"'))
    found = answers(tmp_path, {"main.go": CGO, "Dockerfile": "x"}, recipe=recipe)
    assert found["_shape"]["engine"] == "buildx"


def test_a_pipeline_that_would_pass_by_the_dockerfile_is_told_of(tmp_path: Path) -> None:
    """The template's pipeline for GitLab builds without Docker: a Dockerfile that says more is named."""
    recipe = dockerfile.read(DOCKERFILE.format(base="debian:12"))
    found = look(write(tmp_path, {"go.mod": MOD, "main.go": MAIN, "Dockerfile": "x"}))
    facts = Facts(source="https://gitlab.com/acme/hello")
    said = "\n".join(derive(found, facts, recipe, "1.27.3", Wishes()).notes)
    assert "engine = buildx: Dockerfile ends in debian:12" in said
    assert ".gitlab-ci.yml builds without Docker" in said


PREBUILT = 'FROM {base}\nCOPY serve /usr/bin/serve\nEXPOSE 9000\nENTRYPOINT ["/usr/bin/serve"]\n'


@pytest.mark.parametrize(
    ("base", "answer"),
    [
        ("scratch", "scratch"),
        ("gcr.io/distroless/static", "distroless"),
        ("gcr.io/distroless/static:nonroot", "gcr.io/distroless/static:nonroot"),
        ("alpine:3.22", "alpine:3.22"),
        (f"alpine@sha256:{'0' * 64}", f"alpine@sha256:{'0' * 64}"),
        ("alpine", "scratch"),
        ("alpine:latest", "scratch"),
        ("localhost:5000/base", "scratch"),
        ("base-${ARCH}:1", "scratch"),
    ],
)
def test_a_dockerfile_that_compiles_nothing_is_none_to_build_by(
    tmp_path: Path, base: str, answer: str
) -> None:
    """It copies what goreleaser left: Go builds the program, upon its base where that has a version."""
    recipe = dockerfile.read(PREBUILT.format(base=base))
    tree = {"cmd/serve/main.go": MAIN, "cmd/other/main.go": MAIN}
    found = answers(tmp_path, tree, recipe=recipe)
    assert (found["base"], found["_shape"]["engine"]) == (answer, "go")
    assert (found["_shape"]["packages"], found["_shape"]["ports"]) == (["./cmd/serve=/hello"], ["9000"])
    said = "\n".join(derive(look(tmp_path), ORIGIN, recipe, "1.27.3", Wishes()).notes)
    assert "compiles nothing" in said
    assert (f"ends in {base}" in said) == (answer == "scratch")


@pytest.mark.parametrize(
    "line",
    [
        "RUN go build -o /serve .",
        "RUN apk add make && make install",
        "RUN ./build.sh",
        "RUN <<EOF\nanything\nEOF",
        "FROM golang:1.27",
    ],
)
def test_a_dockerfile_that_may_compile_is_taken_at_its_word(line: str) -> None:
    """Whatever could build the program counts as if it did."""
    assert dockerfile.read(f"FROM alpine:3.22\n{line}\n").compiles
    assert not dockerfile.read("FROM alpine:3.22\nRUN apk add ca-certificates\nCOPY x /x\n").compiles


def test_several_programs_beside_a_dockerfile_that_compiles_nothing(tmp_path: Path) -> None:
    """Where it starts none of them, each is an image as if there were no Dockerfile."""
    recipe = dockerfile.read("FROM scratch\nCOPY x /x\n")
    found = answers(tmp_path, {"cmd/a/main.go": MAIN, "cmd/b/main.go": MAIN}, recipe=recipe)
    assert [one["name"] for one in found["_shape"]["images"]] == ["a", "b"]
    assert found["_shape"]["packages"] == []


def test_a_module_from_outside_is_built_without_docker(tmp_path: Path) -> None:
    """A Dockerfile's build sees one folder: what go.mod takes from beside it means the go engine."""
    tree = {"go.mod": MOD + "replace example.com/lib => ../lib\n", "main.go": MAIN}
    found = look(write(tmp_path, tree))
    derived = derive(found, ORIGIN, None, "1.27.3", Wishes())
    assert derived.answers["_shape"]["engine"] == "go"
    assert "engine = go: ../lib is outside of" in "\n".join(derived.notes)


HOSTILE: tuple[Tree, ...] = (
    {"go.mod": "module github.com/acme/$(id)\n", "main.go": MAIN},
    {"go.mod": 'module "github.com/acme/<< 7*7 >>"\n', "main.go": MAIN},
    {"go.mod": "module `github.com/acme/{{ x }}`\n", "main.go": MAIN},
    {"cmd/a;id/main.go": MAIN},
    {"cmd/$(id)/main.go": MAIN},
    {"cmd/a b/main.go": MAIN},
    {"cmd/ünï/main.go": MAIN},
    {"cmd/-x/main.go": MAIN},
    {"main.go": '// Evil ${{ secrets.X }} `id` " \\.\n' + MAIN},
    {
        "main.go": MAIN,
        "go.mod": MOD + "replace x => ./a\\ b\nreplace y => ./c d\n",
        "c d/go.mod": "module y\n",
    },
)


@pytest.mark.parametrize("tree", HOSTILE)
def test_hostile_names_are_refused_by_the_template_or_mean_nothing(tmp_path: Path, tree: Tree) -> None:
    """Every answer that comes of a stranger's repository passes the template's own check, or is refused."""
    spec = importlib.util.spec_from_file_location("pre_gen_project", HOOKS / "pre_gen_project.py")
    assert spec is not None
    assert spec.loader is not None
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    found = answers(tmp_path, tree)
    problems = hook.problems({**GOOD, **found, "__project_as_typed": found["project"]})
    assert problems or not [text for text in texts(found) if set(text) & set('$`<>{}"\\;&| \n') - {" "}]


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping | list):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from texts(item)
    elif isinstance(value, str):
        yield value
