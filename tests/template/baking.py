"""Bake the template as a user would, away from that user's own configuration."""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from cookiecutter.main import cookiecutter

from tests.template.quick import quick

ROOT: Final = Path(__file__).resolve().parents[2]
TEMPLATE: Final = ROOT / "<<cookiecutter.project>>"
HOOKS: Final = ROOT / "hooks"

QUESTIONS: Final[Mapping[str, Any]] = json.loads((ROOT / "cookiecutter.json").read_text(encoding="utf-8"))
# Every question that is answered by choosing, and what may be chosen.
CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    key: ("no", "yes") if isinstance(value, bool) else tuple(value)
    for key, value in QUESTIONS.items()
    if not key.startswith("_") and isinstance(value, list | bool)
} | {"base": ("scratch", "distroless", "registry.example.com/acme/base:1")}
PARTS: Final = ROOT / "templates"

GOOD: Final[Mapping[str, Any]] = {
    "project": "hello",
    "__project_as_typed": "hello",
    "kind": "http",
    "layout": "single",
    "description": "A service",
    "owner": "acme",
    "registry": "ghcr",
    "image": "ghcr.io/acme/hello",
    "module": "github.com/acme/hello",
    "platforms": "linux/amd64",
    "go_version": "1.27.3",
    "builder": "alpine",
    "base": "scratch",
    "time_zones": False,
    "vendoring": False,
    "ci": "github",
    "weekly": False,
    "runner": "both",
    "license": "MIT",
    "author": "Somebody",
    "default_branch": "main",
    "first_commit": False,
    "gopherwhale_requirement": "gopherwhale",
}


def bake(output: Path, **answers: str) -> Path:
    """Make a repository below `output` from the answers given, the rest at their defaults."""
    return bake_with(output, answers)


def bake_with(
    output: Path,
    answers: Mapping[str, str],
    *,
    defaults: Mapping[str, str] | None = None,
    force: bool = False,
) -> Path:
    """Make a repository below `output` and give its folder.

    Args:
        output: The folder to make it in; cookiecutter's own files lie beside it, in `.cookiecutter-*`.
        answers: The answers given on the command line.
        defaults: The answers in the user's configuration.
        force: Whether to write into a folder that exists.

    Raises:
        cookiecutter.exceptions.CookiecutterException: The template refuses the answers.
    """
    own = output.parent / f".cookiecutter-{output.name}"
    own.mkdir(exist_ok=True, parents=True)
    configuration: dict[str, Any] = {
        "default_context": dict(defaults or {}),
        "replay_dir": str(own / "replay"),
        "cookiecutters_dir": str(own / "templates"),
    }
    # JSON is YAML.
    (own / "config.yaml").write_text(json.dumps(configuration), encoding="utf-8")
    with quick():
        result = cookiecutter(
            str(ROOT),
            no_input=True,
            extra_context=dict(answers),
            output_dir=str(output),
            config_file=str(own / "config.yaml"),
            overwrite_if_exists=force,
        )
    return Path(result)


def pairs(answers: Mapping[str, str]) -> set[frozenset[tuple[str, str]]]:
    """Every two choices that these answers hold together."""
    return {frozenset(two) for two in itertools.combinations(answers.items(), 2)}


def all_pairs() -> set[frozenset[tuple[str, str]]]:
    """Every two choices that can be made together."""
    return {
        frozenset({(one, a), (other, b)})
        for one, other in itertools.combinations(CHOICES, 2)
        for a, b in itertools.product(CHOICES[one], CHOICES[other])
    }


@functools.cache
def covering() -> tuple[dict[str, str], ...]:
    """Answers in which every two choices meet at least once: each takes what meets most that have not yet."""
    rows, left = [], all_pairs()
    while left:
        (first, a), (second, b) = sorted(min(left, key=sorted))
        row = {first: a, second: b}
        for key in CHOICES:
            if key not in row:
                row[key] = max(CHOICES[key], key=lambda value: len(pairs({**row, key: value}) & left))
        rows.append({key: row[key] for key in CHOICES})
        left -= pairs(row)
    return tuple(rows)


def files(folder: Path) -> list[Path]:
    """Every file below a folder, in order, without the byte code that Python leaves there."""
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.parent.name != "__pycache__")


def different(paths: Iterable[Path]) -> list[Path]:
    """One file for each text: what a linter says of it, it says of all that read the same."""
    return list({path.read_bytes(): path for path in paths}.values())


def problems(hook: ModuleType, key: str, value: str) -> list[str]:
    """What the hook says of good answers of which one is spoilt, as it was typed."""
    where = "__project_as_typed" if key == "project" else key
    lines: list[str] = hook.problems({**GOOD, where: value})
    return lines
