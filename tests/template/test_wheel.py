"""The template as a wheel carries it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.template.baking import ROOT, bake, files

_RENDER = """
import json, sys
from pathlib import Path
from gopherwhale.adopt import rendering
template = rendering.bundled()
assert template.is_relative_to(sys.argv[1]), template
made = rendering.render(template, {"project": "hello"})
for path, data in made.items():
    place = Path(sys.argv[2], path)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
"""


def test_what_a_wheel_carries_makes_the_same_repository(tmp_path: Path) -> None:
    """The package with the files that pyproject.toml puts into a wheel renders what a checkout does."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]
    site = tmp_path / "site-packages"
    for package in settings["wheel"]["packages"]:
        shutil.copytree(ROOT / package, site / Path(package).name)
    for source, target in settings["wheel"]["force-include"].items():
        copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
        (site / target).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / source, site / target)
        assert any(f"/{source}".startswith(kept) for kept in settings["sdist"]["include"])
    done = subprocess.run(
        [sys.executable, "-c", _RENDER, str(site), str(tmp_path / "rendered")],
        env={**os.environ, "PYTHONPATH": str(site)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    baked, rendered = bake(tmp_path / "target"), tmp_path / "rendered"
    expected = {path.relative_to(baked).as_posix(): path.read_bytes() for path in files(baked)}
    found = {path.relative_to(rendered).as_posix(): path.read_bytes() for path in files(rendered)}
    # A checkout knows its commit, a wheel does not.
    assert expected.pop(".gopherwhale.json")
    assert found.pop(".gopherwhale.json")
    assert found == expected
