"""The template as a wheel carries it."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from gopherwhale.adopt import rendering
from tests.template.baking import ROOT, bake, files
from tests.unit.adopt.repositories import here_if_it_works


def test_what_a_wheel_carries_makes_the_same_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The package with the files that pyproject.toml puts into a wheel renders what a checkout does."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]
    site = tmp_path / "site-packages"
    # Byte code comes and goes with whoever imports.
    copytree = partial(shutil.copytree, ignore=shutil.ignore_patterns("__pycache__"))
    for package in settings["wheel"]["packages"]:
        copytree(ROOT / package, site / Path(package).name)
    for source, target in settings["wheel"]["force-include"].items():
        copy: Callable[[Path, Path], object] = copytree if (ROOT / source).is_dir() else shutil.copy
        (site / target).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / source, site / target)
        assert any(f"/{source}".startswith(kept) for kept in settings["sdist"]["include"])
    monkeypatch.setattr(rendering, "__file__", str(site / "gopherwhale" / "adopt" / "rendering.py"))
    monkeypatch.setattr(rendering, "_run", here_if_it_works(rendering._run))  # noqa: SLF001 -- the seam
    assert rendering.bundled().is_relative_to(site)
    found = rendering.render(rendering.bundled(), {"project": "hello"})
    baked = bake(tmp_path / "target")
    expected = {path.relative_to(baked).as_posix(): path.read_bytes() for path in files(baked)}
    # A checkout knows its commit, a wheel does not.
    assert expected.pop(".gopherwhale.json")
    assert found.pop(".gopherwhale.json")
    assert found == expected
