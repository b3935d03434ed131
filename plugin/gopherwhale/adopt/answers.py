"""From what a repository holds to the template's answers, and a line for what was guessed or left out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from gopherwhale.adopt import choosing, gomod, naming
from gopherwhale.adopt.dockerfile import Recipe
from gopherwhale.adopt.survey import Program, Survey
from gopherwhale.dockerfile.stages import SCRATCH
from gopherwhale.errors import UsageError
from gopherwhale.import_paths import program_name

_RELEASE = re.compile(r"1\.[0-9]+(?:\.[0-9]+)?")
# What compiles to a mere stub without cgo, and what does the same in Go alone.
_STUBS: Final[Mapping[str, str]] = {"github.com/mattn/go-sqlite3": "modernc.org/sqlite"}


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What git knows of a repository.

    Attributes:
        source: The remote's address as a browser opens it; may be empty.
        default_branch: May be empty.
    """

    source: str = ""
    default_branch: str = ""


@dataclass(frozen=True, kw_only=True)
class Derived:
    """The template's answers for a repository.

    Attributes:
        answers: By question; `_shape` is what no question asks for.
        notes: What was guessed or left out, a line each.
    """

    answers: Mapping[str, Any]
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What the user said on the command line.

    Attributes:
        repository: Where the image goes.
        packages: The main packages to ship, as `./cmd/serve`.
        project: What the image is called.
    """

    repository: str = ""
    packages: Sequence[str] = ()
    project: str = ""


def derive(survey: Survey, facts: Facts, recipe: Recipe | None, newest_go: str, wishes: Wishes) -> Derived:
    """Answer the template's questions.

    Args:
        survey: What the repository holds.
        facts: What git knows of it.
        recipe: Its Dockerfile, if it has one.
        newest_go: The version of Go that the template proposes.
        wishes: What the user said.

    Raises:
        UsageError: There is no program, or nothing tells where its image shall go.
    """
    notes: list[str] = []
    chosen = choosing.programs(survey, recipe, wishes.packages, notes)
    path = survey.modules["."].module if "." in survey.modules else chosen[0].import_path
    project = wishes.project or _project(survey, facts, chosen)
    image = naming.image_of(wishes.repository, facts.source, path, project)
    if recipe and len(chosen) > 1:
        chosen = choosing.started(chosen, recipe, notes)
    registry, owner = naming.registry_of(image)
    shape = _shape(survey, recipe, chosen, project, image)
    answers: dict[str, Any] = {
        "project": project,
        "description": _description(chosen, project),
        "owner": owner,
        "registry": registry,
        "image": image,
        "module": path,
        "go_version": _go(survey, recipe, newest_go),
        **_choices(survey, facts, recipe),
        "_shape": shape,
    }
    if not wishes.repository:
        notes.append(_destination(shape, image, "remote" if facts.source else "module"))
    notes += _warnings(survey)
    notes += _engine_notes(survey, recipe, chosen, shape["engine"], answers["ci"])
    return Derived(answers=answers, notes=tuple(notes))


def _project(survey: Survey, facts: Facts, chosen: Sequence[Program]) -> str:
    """What the image is called: as its program, or as the whole of several."""
    if len(chosen) == 1:
        return naming.name_of(program_name(chosen[0].import_path))
    if "." in survey.modules:
        return naming.name_of(program_name(survey.modules["."].module))
    # A workspace has no path of its own: it is called as its repository is.
    return naming.name_of(program_name(facts.source.rstrip("/") or survey.root.resolve().name))


def _destination(shape: Mapping[str, Any], image: str, by: str) -> str:
    places = [one["repository"] for one in shape["images"]] or [image]
    what = "the image goes" if len(places) == 1 else "the images go"
    return f"{what} to {', '.join(places)}, as the {by} has it (--repository)"


def _choices(survey: Survey, facts: Facts, recipe: Recipe | None) -> dict[str, Any]:
    """What is chosen from a list, or answered by yes or no; a template that does not ask is not told."""
    answers: dict[str, Any] = {
        "builder": "alpine" if recipe is None or "alpine" in recipe.builder else "debian",
        "license": survey.license,
        "default_branch": facts.default_branch or "main",
        "kind": "http" if recipe and recipe.ports else "tool",
        "ci": "gitlab" if _is_at_gitlab(survey, facts) else "github",
        "vendoring": survey.vendored,
        "first_commit": False,
    }
    if survey.runners == ("nox",):
        answers["runner"] = "invoke"
    if recipe and not recipe.compiles:
        answers["base"] = recipe.answer
    return answers


def _is_at_gitlab(survey: Survey, facts: Facts) -> bool:
    """Whether GitLab builds it: its server may be called anything, but does so by a file of its own."""
    host = urlsplit(facts.source).hostname or ""
    by_file = survey.has_gitlab_ci and not survey.has_workflows and host != "github.com"
    return host.startswith("gitlab.") or by_file


def _shape(
    survey: Survey, recipe: Recipe | None, chosen: list[Program], project: str, image: str
) -> dict[str, Any]:
    one = len(chosen) == 1
    together = one or (recipe is not None and recipe.compiles)
    return {
        "package": chosen[0].package if one else ".",
        "packages": [_spec(program, project if one else "") for program in chosen] if together else [],
        "images": [] if together else _images(chosen, image, project),
        "modules": list(survey.modules),
        "workspace": survey.workspace,
        "vendored": survey.vendored,
        "embedded": list(survey.embedded),
        "ports": list(recipe.ports) if recipe else [],
        "dockerfile": survey.dockerfile or "Dockerfile",
        "engine": _engine(survey, recipe, chosen),
        # What GitHub runs already tests it; and a workspace has no one module whose tests are all.
        "tests": "." in survey.modules and not survey.has_workflows,
    }


def _engine(survey: Survey, recipe: Recipe | None, chosen: list[Program]) -> str:
    if recipe and not recipe.compiles:
        return "go"
    if recipe and (not recipe.is_plain or any(program.cgo for program in chosen)):
        return "buildx"
    # A Dockerfile's build sees this folder alone, and our own would fail at its first step.
    return "go" if survey.outside and recipe is None else "auto"


def _warnings(survey: Survey) -> list[str]:
    """What is done otherwise here; what builds without a complaint and would not run, or hold too much."""
    notes = []
    if survey.runners == ("nox",):
        # CI calls our sessions by name, and a noxfile.py of somebody's own has none of them.
        notes.append(
            "runner = invoke: noxfile.py is yours (gopherwhale.nox.register() in it adds our sessions)"
        )
    required = {path for module in survey.modules.values() for path in module.required}
    notes += [
        f"{path}: without cgo, as images are built, it fails when the program runs; {other} does not"
        for path, other in _STUBS.items()
        if path in required
    ]
    if survey.embeds_dist:
        notes.append(
            "dist/ is embedded, and images would go there: set another `dist` in gopherwhale.toml,"
            " and name that one in .dockerignore, .gitignore and what CI runs"
        )
    return notes


def _engine_notes(
    survey: Survey, recipe: Recipe | None, chosen: list[Program], engine: str, ci: object
) -> list[str]:
    """Why Docker alone can build it, or cannot."""
    file = survey.dockerfile
    if recipe and not recipe.compiles:
        base = recipe.answer if recipe.answer != SCRATCH else f"scratch ({file} ends in {recipe.base})"
        why = f"{file} compiles nothing, it copies what was built before"
        return [f"engine = go: {why}; Go builds it, upon {base} (--overwrite {file} for one that compiles)"]
    if engine == "go":
        return [
            f"engine = go: {survey.outside[0]} is outside of {survey.root}, which no Dockerfile's build sees"
        ]
    if recipe is None or engine != "buildx":
        return []
    cgo = [f"{program.package} needs cgo" for program in chosen if program.cgo]
    why = cgo[0] if cgo else f"{file} ends in {recipe.base or 'nothing'}, not in scratch"
    notes = [f"engine = buildx: {why}"]
    if ci == "gitlab":
        notes.append(f".gitlab-ci.yml builds without Docker, and so without {file}: change it")
    return notes


def _spec(program: Program, name: str) -> str:
    """A program for the setting `packages`, with its place in the image where its own name is another."""
    known = not name or program_name(program.import_path) == name
    return program.package if known else f"{program.package}=/{name}"


def _images(chosen: list[Program], image: str, project: str) -> list[dict[str, Any]]:
    """An image for each program; those that do not carry the project's name get it in front."""
    found = []
    for program in chosen:
        binary = program_name(program.import_path)
        name = naming.name_of(binary)
        found.append(
            {
                "name": name,
                "binary": binary,
                "package": program.package,
                "packages": [_spec(program, name)],
                "repository": image
                if name == project
                else naming.beside(image, name.removeprefix(f"{project}-")),
                "table": f"images.{name}.",
                "description": _description([program], name),
            }
        )
    names = [one["name"] for one in found]
    if twins := [name for name in names if names.count(name) > 1]:
        raise UsageError(
            f"several programs are called {twins[0]!r}", hint="name those to ship with --package"
        )
    return found


def _description(chosen: list[Program], project: str) -> str:
    """The program's own words, where they are plain ones that mean nothing but themselves."""
    summary = chosen[0].summary if len(chosen) == 1 else ""
    plain = re.fullmatch(r"[\w .,:;()'/+-]{3,120}", summary)
    return summary.strip() if plain and summary.strip() == summary else f"{project}, a program in Go"


def _go(survey: Survey, recipe: Recipe | None, default: str) -> str:
    # The template's default may be an expression around the newest release that it knows.
    default = next(iter(_RELEASE.findall(default)), "")
    wanted = recipe.go if recipe else ""
    for module in survey.modules.values():
        wanted = gomod.newer(gomod.newer(wanted, module.go), module.toolchain)
    return gomod.newer(default, wanted)
