"""`gopherwhale update`: two versions of a template, a repository in between."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from gopherwhale.adopt import record
from gopherwhale.errors import ExitCode
from tests.tasks.conftest import Call
from tests.template.baking import HOOKS, ROOT, bake
from tests.unit.adopt.repositories import MAIN, Tree, commit, git, made_by, snapshot, write

pytestmark = pytest.mark.usefixtures("quick_rendering")

FOLDER = "<<cookiecutter.project>>"
MARKS = json.loads((ROOT / "cookiecutter.json").read_text())["_jinja2_env_vars"]
QUESTIONS = {"project": "hello", "colour": "red", "_shape": {}, "_jinja2_env_vars": MARKS}
# Our own hook's record, without what else that hook does.
HOOK = f"""import json, pathlib, sys
sys.path.insert(0, {str(HOOKS)!r})
import post_gen_project as hook
answers = json.loads(r'''<< cookiecutter | tojson >>''')
here = pathlib.Path.cwd()
paths = [path.relative_to(here).as_posix() for path in here.rglob("*") if path.is_file()]
text = hook.record(answers, here, paths, commit=hook.commit_of(pathlib.Path(answers["_repo_dir"])))
(here / hook.RECORD).write_text(text)
"""
FIRST: Tree = {
    "go.mod": "module x\n",
    "main.go": MAIN,
    "Dockerfile": "one\ntwo\nthree\n<< cookiecutter.colour >>\nfive\nsix\n",
    "old.txt": "old\n",
    "tasks.py": "a = 1\n",
}
SECOND: Tree = {
    **{path: text for path, text in FIRST.items() if path != "old.txt"},
    "Dockerfile": "one\ntwo\nthree\n<< cookiecutter.colour >>\nfive\nSIX\n",
    "new.txt": "new of << cookiecutter.project >>\n",
}
THIRD: Tree = {**SECOND, "Dockerfile": "one\ntwo\n3\n<< cookiecutter.colour >>\nfive\nSIX\n"}


def template(folder: Path, files: Tree) -> Path:
    """Write one version of the template in a folder."""
    shutil.rmtree(folder / FOLDER, ignore_errors=True)
    write(folder, {"cookiecutter.json": json.dumps(QUESTIONS), "hooks/post_gen_project.py": HOOK})
    write(folder / FOLDER, files)
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template's repository in its two versions, and a repository made from the first, all made once."""
    folder = tmp_path_factory.mktemp("update")
    source = template(folder / "first", FIRST)
    commit(source, "first")
    hello = made_by(source, folder / "made here", {"colour": "blue"})
    commit(hello, "made")
    template(shutil.copytree(source, folder / "second"), SECOND)
    commit(folder / "second", "second")
    return folder


@pytest.fixture
def source(made: Path, tmp_path: Path) -> Path:
    """The template's repository, both versions committed."""
    return shutil.copytree(made / "second", tmp_path / "template")


@pytest.fixture
def hello(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository made from the first version, committed; the template has its second one by now."""
    root = shutil.copytree(made / "made here" / "hello", tmp_path / "made here" / "hello")
    monkeypatch.chdir(root)
    return root


def test_what_the_template_changed_comes_and_what_the_user_changed_stays(
    hello: Path, source: Path, call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    """New files come, dropped ones go, both sides' lines are in one file, removed ones stay away."""
    write(hello, {"Dockerfile": "ONE\ntwo\nthree\nblue\nfive\nsix\n", "mine.txt": "mine\n"})
    (hello / "tasks.py").unlink()
    commit(hello)
    assert call("update", "--yes", "--template", str(source)) == 0
    shown = capsys.readouterr()
    assert "+++ b/new.txt" in shown.out
    after = snapshot(hello)
    assert after["Dockerfile"] == b"ONE\ntwo\nthree\nblue\nfive\nSIX\n"
    assert after["new.txt"] == b"new of hello\n"
    assert set(after) == {".gopherwhale.json", "Dockerfile", "go.mod", "main.go", "mine.txt", "new.txt"}
    kept = record.load(hello)
    assert kept is not None
    assert kept.commit == git(source, "rev-parse", "HEAD")
    assert kept.answers["colour"] == "blue"


def test_a_conflict_is_marked_and_named(
    hello: Path, source: Path, call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file holds both sides between git's marks, and the exit code says that somebody must decide."""
    write(hello, {"Dockerfile": "one\ntwo\nthree\nblue\nfive\n6\n"})
    commit(hello)
    assert call("update", "--yes", "--template", str(source)) == ExitCode.CONFLICT
    assert "conflict: Dockerfile (1)" in capsys.readouterr().err
    text = (hello / "Dockerfile").read_text()
    assert "<<<<<<< yours\n6\n=======\nSIX\n>>>>>>> the template now" in text


def test_the_next_update_starts_from_this_one(hello: Path, source: Path, call: Call) -> None:
    """What the template gave a file that the user had changed is kept, though git never saw it."""
    write(hello, {"Dockerfile": "ONE\ntwo\nthree\nblue\nfive\nsix\n"})
    commit(hello)
    assert call("update", "--yes", "--template", str(source)) == 0
    commit(hello)
    template(source, THIRD)
    commit(source, "third")
    shutil.rmtree(source / ".git")
    assert call("update", "--yes", "--template", str(source)) == 0
    assert (hello / "Dockerfile").read_text() == "ONE\ntwo\n3\nblue\nfive\nSIX\n"


def test_the_second_run_has_nothing_to_do(
    hello: Path, source: Path, call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    """No output but a line, no file touched, whatever the user has changed in between."""
    call("update", "--yes", "--template", str(source))
    write(hello, {"main.go": "package main // changed\n"})
    commit(hello)
    before = snapshot(hello)
    capsys.readouterr()
    assert call("update", "--template", str(source)) == 0
    shown = capsys.readouterr()
    assert (shown.out, len(shown.err.splitlines())) == ("", 1)
    assert snapshot(hello) == before


def test_a_dirty_tree_is_refused_unless_told(
    hello: Path, source: Path, call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a commit to go back to, a merge could lose work."""
    write(hello, {"mine.txt": "mine\n"})
    before = snapshot(hello)
    assert call("update", "--yes", "--template", str(source)) == 2
    assert "uncommitted changes: mine.txt" in capsys.readouterr().err
    assert snapshot(hello) == before
    assert call("update", "--yes", "--template", str(source), "--allow-dirty") == 0
    assert (hello / "new.txt").exists()


def wheel(source: Path, place: Path) -> str:
    with zipfile.ZipFile(place, "w") as archive:
        for path in source.rglob("*"):
            if path.is_file() and ".git" not in path.parts:
                archive.write(path, f"gopherwhale/_template/{path.relative_to(source)}")
    return str(place)


@pytest.mark.parametrize("kind", ["folder", "wheel", "repository", "recorded commit"])
def test_the_old_template_is_found_where_git_lost_the_text(
    hello: Path, source: Path, tmp_path: Path, call: Call, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    """Edited before the first commit: the old text is an old folder's, a wheel's or the recorded commit's."""
    write(hello, {"Dockerfile": "ONE\ntwo\nthree\nblue\nfive\nsix\n"})
    shutil.rmtree(hello / ".git")
    commit(hello)
    newer = template(tmp_path / "newer", SECOND)
    if kind == "recorded commit":
        assert call("update", "--yes", "--template", str(source)) == 0
    else:
        assert call("update", "--yes", "--template", str(newer)) == 2
        assert "--old SOURCE" in capsys.readouterr().err
        assert call("update", "--yes", "--template", str(newer), "--old", str(newer)) == 2
        assert "did not make Dockerfile" in capsys.readouterr().err
        older = template(tmp_path / "older", FIRST)
        sources = {
            "folder": str(older),
            "wheel": wheel(older, tmp_path / "old.whl"),
            "repository": str(source),
        }
        assert call("update", "--yes", "--template", str(newer), "--old", sources[kind]) == 0
    assert (hello / "Dockerfile").read_text() == "ONE\ntwo\nthree\nblue\nfive\nSIX\n"


def test_a_dry_run_and_json(
    hello: Path, source: Path, call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each file with what would happen to it; nothing is written."""
    before = snapshot(hello)
    assert call("update", "--dry-run", "--format", "json", "--template", str(source)) == 0
    document = json.loads(capsys.readouterr().out)
    assert {file["path"]: file["action"] for file in document["files"]} == {
        "Dockerfile": "change",
        "new.txt": "add",
        "old.txt": "remove",
        ".gopherwhale.json": "change",
    }
    assert snapshot(hello) == before


def test_a_record_cannot_lead_to_code(
    hello: Path, source: Path, tmp_path: Path, call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    """A hostile record names a template, options of cookiecutter's, an answer with code: none is followed."""
    mark = tmp_path / "mark"
    evil = template(tmp_path / "evil", FIRST)
    write(evil, {"hooks/pre_gen_project.py": f"open({str(mark)!r}, 'w')"})
    document = json.loads((hello / record.NAME).read_text())
    document["template"] = str(evil)
    document["answers"]["_extensions"] = ["antigravity"]
    write(hello, {record.NAME: json.dumps(document), "Dockerfile": "changed\n"})
    shutil.rmtree(hello / ".git")
    commit(hello)
    (tmp_path / "newer").mkdir()
    assert call("update", "--yes", "--template", str(template(tmp_path / "newer", SECOND))) == 2
    document["answers"]["colour"] = "<< cycler.__init__.__globals__.os.system('id') >>"
    write(hello, {record.NAME: json.dumps(document)})
    commit(hello)
    capsys.readouterr()
    assert call("update", "--yes", "--template", str(source)) == 2
    assert "holds a mark of the template's" in capsys.readouterr().err
    assert not mark.exists()


def test_an_adopted_repository_gets_no_program(
    tmp_path: Path, source: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what `init` wrote follows the template; the user's own Dockerfile and main.go never change."""
    tree = {"go.mod": "module github.com/acme/hello\n", "main.go": MAIN, "Dockerfile": "FROM scratch\n"}
    root = write(tmp_path / "own", tree)
    monkeypatch.chdir(root)
    template(source, {**FIRST, ".dockerignore": "first\n"})
    assert call("init", "--yes", "--template", str(source)) == 0
    commit(root)
    assert set(snapshot(root)) == {*tree, ".gopherwhale.json", "tasks.py", ".dockerignore", "old.txt"}
    template(source, {**SECOND, ".dockerignore": "second\n"})
    assert call("update", "--yes", "--template", str(source)) == 0
    after = snapshot(root)
    assert set(after) == {*tree, ".gopherwhale.json", "tasks.py", ".dockerignore", "new.txt"}
    assert after[".dockerignore"] == b"second\n"
    assert after["Dockerfile"] == b"FROM scratch\n"


def test_a_repository_without_a_record_is_told_what_to_do(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """There is nothing to merge from; init comes first."""
    monkeypatch.chdir(write(tmp_path, {"go.mod": "module x\n"}))
    assert call("update") == 2
    assert "gopherwhale init" in capsys.readouterr().err


def test_a_newer_go_comes_to_every_place_that_names_one(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """README says so: no bot finds the version behind a variable, and it stands in half a dozen files."""
    root = bake(tmp_path / "target", go_version="1.26.4", weekly="yes")
    monkeypatch.chdir(root)
    write(root, {"main.go": f"{(root / 'main.go').read_text()}\n// Mine.\n"})
    commit(root)
    named = {path for path, data in snapshot(root).items() if b"1.26" in data}
    assert {"Dockerfile", "gopherwhale.toml", ".github/workflows/image.yaml"} < named
    assert call("update", "--yes", "--answer", "go_version=1.28.1") == 0
    after = snapshot(root)
    assert {path for path, data in after.items() if b"1.26" in data} == set()
    assert {path for path, data in after.items() if b"1.28" in data} == named
    assert after["main.go"].endswith(b"// Mine.\n")
