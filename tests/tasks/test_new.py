"""`gopherwhale new`: the template without a clone of it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any, Final

import pytest

from gopherwhale.adopt import rendering
from tests.documented import documented, keys
from tests.tasks.conftest import Call
from tests.template.baking import bake
from tests.unit.adopt.repositories import snapshot

pytestmark = pytest.mark.usefixtures("quick_rendering")
rendering_runs: Final = rendering._run  # noqa: SLF001 -- what `quick_rendering` replaces


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder of the test's own."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def test_the_repository_is_that_of_cookiecutter(
    tmp_path: Path, call: Call, capfd: pytest.CaptureFixture[str]
) -> None:
    """The same files from the same answers, and the folder told on standard output."""
    assert call("new", "--no-input", "--answer", "project=a-b", "--format", "json") == 0
    out = capfd.readouterr().out
    document = json.loads(out[out.index("{") :])
    assert document["folders"] == [str(tmp_path / "here" / "a-b")]
    assert keys(document) == documented("new")
    made, baked = snapshot(tmp_path / "here/a-b"), snapshot(bake(tmp_path / "target", project="a-b"))
    # An installed package is of no commit.
    records = [json.loads(files.pop(".gopherwhale.json")) for files in (made, baked)]
    assert made == baked
    assert records[0] | {"commit": ""} == records[1] | {"commit": ""}


def test_nothing_is_left_among_temporary_files(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cookiecutter, run as the program that it is, leaves its rendered hooks where ours removes them."""
    monkeypatch.setattr(rendering, "_run", rendering_runs)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    assert call("new", "--no-input", "--answer", "project=a-b") == 0
    assert list((tmp_path / "temporary").iterdir()) == []


def test_17_what_is_interrupted_leaves_no_half_of_a_repository(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be in the way of the same command, which is said to do what is left."""
    run = rendering._run  # noqa: SLF001 -- the seam

    def interrupted(*arguments: Any, **options: Any) -> str:
        run(*arguments, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(rendering, "_run", interrupted)
    assert call("new", "--no-input") == 130
    assert list((tmp_path / "here").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("new",), "there is nobody to ask"),
        (("new", "--no-input", "--answer", "projekt=x"), "did you mean project?"),
        (
            ("new", "--no-input", "--answer", "kind=htpp"),
            "kind: 'htpp' is no answer\n  one of: http, tool, worker",
        ),
        (
            ("new", "--no-input", "--answer", "weekly=perhaps"),
            "weekly: 'perhaps' is no answer\n  one of: yes, no",
        ),
    ],
)
def test_a_users_mistake_is_told(
    tmp_path: Path, call: Call, capfd: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    """Exit code 2, what to type, and no folder."""
    assert call(*arguments) == 2
    assert message in capfd.readouterr().err
    assert list((tmp_path / "here").iterdir()) == []


def test_a_folder_that_is_there_is_left_alone(
    tmp_path: Path, call: Call, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nothing is written into it."""
    (tmp_path / "here/hello").mkdir()
    assert call("new", "--no-input") == 2
    place = tmp_path / "here/hello"
    assert f"gopherwhale: {place} is there already\n  choose another name" in capfd.readouterr().err
    assert list((tmp_path / "here/hello").iterdir()) == []
