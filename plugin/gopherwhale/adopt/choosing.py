"""Which of a repository's programs are shipped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from gopherwhale.adopt.dockerfile import Recipe
from gopherwhale.adopt.survey import Program, Survey
from gopherwhale.errors import UsageError
from gopherwhale.import_paths import program_name

# Folders whose programs serve the repository's own development.
_ASIDE: Final = frozenset(
    {
        "doc",
        "docs",
        "e2e",
        "example",
        "examples",
        "hack",
        "internal",
        "misc",
        "script",
        "scripts",
        "test",
        "tests",
    }
    | {"tool", "tools"}
)
_MAX_SHOWN: Final = 5
_WITH_CGO: Final = (
    "images are compiled without cgo, unless by a Dockerfile of your own, which `init` then takes"
)


def programs(
    survey: Survey, recipe: Recipe | None, packages: Sequence[str], notes: list[str]
) -> list[Program]:
    """The programs to ship: those that were named, else the top's and those below `cmd`, else the others.

    Args:
        survey: What the repository holds.
        recipe: Its Dockerfile, if it has one: what needs cgo is compiled by that alone.
        packages: Those that the user named, as `./cmd/serve`.
        notes: Takes a line for what is left out.

    Raises:
        UsageError: There is no program, one that was named is not there, or nothing could compile it.
    """
    if packages:
        return _named({program.package: program for program in survey.programs}, recipe, packages)
    able = [program for program in survey.programs if _is_able(program, recipe)]
    if recipe and recipe.compiles:
        able = able or list(survey.programs)
    main = [p for p in able if p.folder in (".", p.module) or p.folder.split("/")[-2:-1] == ["cmd"]]
    main = [p for p in main if not _ASIDE & set(p.folder.split("/"))]
    chosen = main or [p for p in able if not _ASIDE & set(p.folder.split("/"))] or able
    if not chosen and survey.programs:
        raise UsageError(f"no Go program is in {survey.root} that needs no cgo", hint=_WITH_CGO)
    if not chosen:
        raise UsageError(
            f"no Go program is in {survey.root}",
            hint="gopherwhale ships programs: a package main with a function main",
        )
    left = [
        f"{program.package} (needs cgo)" if program.cgo else program.package
        for program in survey.programs
        if program not in chosen
    ]
    if left:
        more = f" and {len(left) - _MAX_SHOWN} more" if len(left) > _MAX_SHOWN else ""
        notes.append(f"left out: {', '.join(left[:_MAX_SHOWN])}{more} (--package names what is wanted)")
    return chosen


def started(chosen: list[Program], recipe: Recipe, notes: list[str]) -> list[Program]:
    """Of several programs, the one that the Dockerfile starts."""
    named = [program for program in chosen if program_name(program.import_path) == recipe.program]
    if not named and recipe.compiles:
        notes.append("several programs and one Dockerfile: without Docker, all of them go into one image")
    return named or chosen


def _named(known: Mapping[str, Program], recipe: Recipe | None, packages: Sequence[str]) -> list[Program]:
    wanted = [
        package if package == "." else f"./{package.removeprefix('./').rstrip('/')}" for package in packages
    ]
    for package in wanted:
        if package not in known:
            listed = ", ".join(known) or "none"
            raise UsageError(f"--package {package}: no program is there", hint=f"there are: {listed}")
        if known[package].cgo and not (recipe and recipe.compiles):
            raise UsageError(f"--package {package}: it needs cgo", hint=_WITH_CGO)
    return [known[package] for package in dict.fromkeys(wanted)]


def _is_able(program: Program, recipe: Recipe | None) -> bool:
    """Whether it is one to ship: one with cgo is, where a Dockerfile that compiles starts it."""
    by_theirs = recipe is not None and recipe.compiles and recipe.program == program_name(program.import_path)
    return not program.cgo or by_theirs
