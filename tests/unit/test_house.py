from __future__ import annotations

import ast
import itertools
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "plugin" / "gopherwhale"

FORBIDDEN = [
    ("errors.py", "import invoke"),
    ("platforms.py", "from gopherwhale.app.pushing import push"),
    ("references.py", "import gopherwhale.tasks"),
    ("settings_new.py", "from msgspec import Struct"),
    ("plan.py", "from gopherwhale import engines"),
    ("plan.py", "from gopherwhale.pipeline import Engine"),
    ("git.py", "from gopherwhale.plan import make"),
    ("platforms.py", "from gopherwhale.settings import load"),
    ("references.py", "from gopherwhale.oci import layout"),
    ("pipeline.py", "from gopherwhale.engines.buildx import BuildxEngine"),
    ("pipeline.py", "import python_on_whales"),
    ("commands.py", "import nox"),
    ("dockerfile/stages.py", "from gopherwhale.settings import load"),
    ("dockerfile/syntax.py", "from gopherwhale.engines import choose"),
    ("oci/layout.py", "from gopherwhale.settings import load"),
    ("oci/layout.py", "from gopherwhale.plan import make"),
    ("oci/layout.py", "import gopherwhale.verify.image"),
    ("oci/registry.py", "import urllib3"),
    ("oci/push.py", "from docker import auth"),
    ("oci/documents.py", "from gopherwhale.engines import choose"),
    ("lint/bases.py", "from gopherwhale.settings import load"),
    ("lint/linter.py", "from gopherwhale.app.linting import lint"),
    ("lint/linter.py", "from gopherwhale import pipeline"),
    ("lint/view.py", "from gopherwhale.oci.layout import Layout"),
    ("lint/findings.py", "from gopherwhale.verify.findings import Finding"),
    ("lint/hadolint.py", "from gopherwhale.commands import COMMANDS"),
    ("engines/dockerfile.py", "from gopherwhale.lint.linter import lint"),
    ("pipeline.py", "from gopherwhale.lint.linter import lint"),
    ("verify/judge.py", "from gopherwhale.lint.linter import lint"),
    ("verify/judge.py", "from gopherwhale import pipeline"),
    ("verify/judge.py", "from gopherwhale.settings import load"),
    ("verify/judge.py", "from gopherwhale.tasks import namespace"),
    ("files.py", "from gopherwhale.settings import load"),
    ("files.py", "from gopherwhale.oci.layout import Layout"),
    ("oci/parsing.py", "import gopherwhale.verify.image"),
    ("oci/documents.py", "from gopherwhale.repository_commands import REPOSITORY_COMMANDS"),
    ("adopt/survey.py", "from gopherwhale.settings import load"),
    ("adopt/rendering.py", "from cookiecutter.main import cookiecutter"),
    ("pipeline.py", "from gopherwhale.adopt import survey"),
]


def ruff(folder: Path, *files: Path) -> str:
    beside = Path(sys.executable).with_name("ruff")
    command = [str(beside) if beside.exists() else "ruff", "check", "--no-cache", "--select", "TID251"]
    done = subprocess.run(
        [*command, "--output-format=concise", *map(str, files)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        timeout=120,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package and its configuration, to plant imports in."""
    folder = tmp_path_factory.mktemp("house")
    shutil.copy(ROOT / "pyproject.toml", folder)
    # Byte code comes and goes with whoever imports.
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, folder / "plugin" / "gopherwhale", ignore=ignore)
    return folder


def test_the_house_as_it_stands_has_no_forbidden_import(copy: Path) -> None:
    """Every arrow points the right way."""
    assert "All checks passed" in ruff(copy, copy / "plugin")


@pytest.fixture(scope="module")
def caught(copy: Path) -> set[tuple[str, str]]:
    """The forbidden imports that ruff finds when each stands at the end of its module, in one run."""
    places: dict[tuple[str, int], tuple[str, str]] = {}
    before: dict[str, str | None] = {}
    for module, line in FORBIDDEN:
        path = copy / "plugin" / "gopherwhale" / module
        text = path.read_text() if path.exists() else ""
        before.setdefault(module, text if path.exists() else None)
        path.write_text(f"{text}\n{line}\n")
        places[module, len(path.read_text().splitlines())] = (module, line)
    shown = ruff(copy, *(copy / "plugin" / "gopherwhale" / module for module in before))
    for module, old in before.items():
        path = copy / "plugin" / "gopherwhale" / module
        path.unlink() if old is None else path.write_text(old)
    found = re.findall(r"^plugin/gopherwhale/(\S+?):(\d+):\d+: TID251 ", shown, re.MULTILINE)
    return {places[module, int(number)] for module, number in found if (module, int(number)) in places}


@pytest.mark.parametrize(("module", "line"), FORBIDDEN)
def test_a_forbidden_import_is_caught(caught: set[tuple[str, str]], module: str, line: str) -> None:
    """Each wall of the house is held by ruff, not by good will."""
    assert (module, line) in caught


def test_each_outside_package_has_the_importer_that_contributing_names() -> None:
    """The table of CONTRIBUTING.md is what the code does."""
    homes = {
        "python_on_whales": {"engines/buildx.py"},
        "invoke": {"tasks.py"},
        "nox": {"nox.py"},
        "urllib3": {"oci/transport.py"},
        "docker": {"oci/credentials.py"},
        "msgspec": {"settings.py", "settings_model.py", "settings_reading.py"},
    }
    found: dict[str, set[str]] = {name: set() for name in homes}
    mentioned = re.compile(rf"\b(?:import|from) (?:{'|'.join(homes)})\b")
    for path in (path for path in PACKAGE.rglob("*.py") if mentioned.search(path.read_text())):
        for name in imported(path) & set(homes):
            found[name].add(str(path.relative_to(PACKAGE)))
    assert found == homes


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    return names


@pytest.fixture(scope="module")
def tests() -> Mapping[Path, ast.Module]:
    """Every module of tests, read once."""
    return {path: ast.parse(path.read_text()) for path in (ROOT / "tests").rglob("test_*.py")}


def functions(tests: Mapping[Path, ast.Module]) -> Iterator[tuple[Path, ast.FunctionDef]]:
    """The functions of modules and of their classes; what stands in a function is none of its own."""
    for path, module in tests.items():
        bodies = [module.body, *(node.body for node in module.body if isinstance(node, ast.ClassDef))]
        for node in itertools.chain(*bodies):
            if isinstance(node, ast.FunctionDef):
                yield path, node


def test_every_test_says_in_a_sentence_what_holds(tests: Mapping[Path, ast.Module]) -> None:
    """A test without a docstring is one that nobody can judge."""
    silent = [
        f"{path.name}:{node.lineno} {node.name}"
        for path, node in functions(tests)
        if node.name.startswith("test_") and not ast.get_docstring(node)
    ]
    assert silent == []


def test_each_module_of_engine_tests_says_so(tests: Mapping[Path, ast.Module]) -> None:
    """`-m 'not engine'` does not even look into their folder (tests/conftest.py): nothing else is there."""
    marked = {
        path
        for path, module in tests.items()
        for node in module.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"
        if "pytest.mark.engine" in ast.unparse(node.value)
    }
    assert marked == {path for path in tests if path.parent.name == "engine"}


def test_each_of_the_twenty_of_reliability_stands_under_its_number(tests: Mapping[Path, ast.Module]) -> None:
    """`test_02_...` is of number 2 of the twenty failures that a push and a build must survive (issue 5)."""
    names = [node.name for _, node in functions(tests)]
    marks = [found[1] for name in names if (found := re.match(r"test((?:_\d\d)+)_", name))]
    numbers = {int(number) for mark in marks for number in mark.split("_")[1:]}
    assert numbers == set(range(1, 21))


def test_no_module_has_grown_out_of_its_room() -> None:
    """A module over 300 lines holds two things."""
    long = {
        str(path.relative_to(PACKAGE)): lines
        for path in PACKAGE.rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > 300
    }
    assert long == {}


def test_readme_and_contributing_name_what_is_there() -> None:
    """A file that the papers point to exists."""
    for name in ("README.md", "CONTRIBUTING.md"):
        for target in (ROOT / name).read_text().split("](")[1:]:
            path = target.partition(")")[0]
            assert path.startswith("http") or (ROOT / path).exists(), path
