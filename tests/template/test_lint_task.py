"""What the tasks of a new repository look at."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tests.template.conftest import Bake

_OTHERS = (".venv/lib/go/src/a.go", ".cache/go-mod/b.go", "vendor/c/c.go", "x/testdata/d.go", "_old/e.go")


@pytest.mark.parametrize(("name", "runner"), [("tasks", "invoke"), ("noxfile", "nox")])
def test_only_our_own_files_are_held_to_a_format(
    bake: Bake, monkeypatch: pytest.MonkeyPatch, name: str, runner: str
) -> None:
    """What `./...` means and no others': a toolchain or a module cache may lie in the folder."""
    folder = bake(runner=runner)
    for path in (*_OTHERS, "a b/f.go"):
        (folder / path).parent.mkdir(parents=True)
        (folder / path).write_text("package   others\n", encoding="utf-8")
    (folder / "sub.go").mkdir()
    spec = importlib.util.spec_from_file_location("of_the_repository", folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.chdir(folder)
    found = {Path(text).as_posix() for text in module.sources()}
    assert found == {
        *("a b/f.go", "main.go", "main_test.go"),
        *("internal/buildinfo/buildinfo.go", "internal/buildinfo/buildinfo_test.go"),
    }
