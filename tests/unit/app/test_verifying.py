from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gopherwhale.app.request import Request
from gopherwhale.app.verifying import verify_arch
from gopherwhale.console import Console
from gopherwhale.errors import ExitCode, RegistryError, UsageError
from gopherwhale.oci.archive import write_archive
from gopherwhale.oci.layout import Layout
from gopherwhale.oci.transport import Transport
from tests.unit.adopt.repositories import commit, git
from tests.unit.oci.images import make_layout
from tests.unit.verify.judged import code, program

AMD, ARM = "linux/amd64", "linux/arm64"
Run = Callable[..., tuple[ExitCode, str, str]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository for two platforms, whose layout holds what it should, made once."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "go.mod").write_text("module example.invalid/hello\n")
    (folder / "gopherwhale.toml").write_text('repository = "acme/hello"\n')
    make_layout(folder / "dist" / "hello", {one: program(one) for one in (AMD, ARM)})
    make_layout(folder / "wrong", {AMD: program(AMD), ARM: code("s390x")})
    return folder


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Run:
    """Verify in a copy of it."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)

    def call(form: str = "table", reports: tuple[str, ...] = (), **own: Any) -> tuple[ExitCode, str, str]:
        out, err = io.StringIO(), io.StringIO()
        environment = {"GOPHERWHALE_NO_CACHE": "1", **own.pop("environment", {})}
        console = Console(out=out, err=err, format=form)
        request = Request(start=tmp_path, environment=environment, console=console, reports=reports)
        return verify_arch(request, **own), out.getvalue(), err.getvalue()

    return call


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({}, ExitCode.GOOD),
        ({"expect": f"{ARM},{AMD}"}, ExitCode.GOOD),
        ({"expect": AMD}, ExitCode.VERIFICATION),
        ({"expect": "common"}, ExitCode.VERIFICATION),
        ({"expect": "any"}, ExitCode.GOOD),
        ({"source": ["wrong"]}, ExitCode.VERIFICATION),
        ({"source": ["oci:dist/hello", "oci:wrong"]}, ExitCode.VERIFICATION),
        ({"source": ["oci:dist/hello"], "expect": AMD}, ExitCode.VERIFICATION),
        ({"revision": "0123456789ab"}, ExitCode.VERIFICATION),
    ],
)
def test_the_exit_code_is_0_or_10(run: Run, own: dict[str, Any], expected: ExitCode) -> None:
    """What must be there are the settings' platforms, or exactly those of --expect."""
    assert run(**own)[0] is expected


def test_one_source_that_cannot_be_read_hides_no_other(run: Run, tmp_path: Path) -> None:
    """Each source has its report, in the order given."""
    (tmp_path / "empty").mkdir()
    code, out, _ = run("json", source=["empty", "oci:dist/hello"])
    reports = [(one["source"].rpartition("/")[2], one["ok"]) for one in json.loads(out)["reports"]]
    assert reports == [("empty", False), ("hello", True)]
    assert code is ExitCode.VERIFICATION


def test_a_registry_that_fails_hides_no_other_source(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was judged is shown and written, and the failure is the command's; alone it is all there is."""
    monkeypatch.setattr(Transport, "_pause", lambda *_: None)
    console = io.StringIO()
    request = Request(
        start=tmp_path,
        environment={"GOPHERWHALE_NO_CACHE": "1"},
        console=Console(out=console, err=io.StringIO(), format="json"),
        reports=("junit=all.xml",),
    )
    with pytest.raises(RegistryError, match=r"127\.0\.0\.1:1"):
        verify_arch(request, ["127.0.0.1:1/x/y:1", "oci:dist/hello"])
    assert [one["ok"] for one in json.loads(console.getvalue())["reports"]] == [True]
    assert 'failures="0"' in (tmp_path / "all.xml").read_text(encoding="utf-8")
    with pytest.raises(RegistryError):
        run(source=["127.0.0.1:1/x/y:1"])


@pytest.mark.parametrize(
    ("form", "begins"),
    [
        ("table", "oci:"),
        ("json", '{\n  "schema": 1,\n  "ok": false'),
        ("github", "::error title=wrong-machine"),
        ("sarif", '{\n  "$schema"'),
        ("junit", "<?xml version='1.0'"),
    ],
)
def test_each_format_reaches_standard_output(run: Run, form: str, begins: str) -> None:
    """And nothing else does: progress goes to standard error."""
    _, out, err = run(form, source=["wrong"])
    assert out.startswith(begins)
    assert "reading 2 images" in err


def test_reports_are_written_to_files_too(run: Run, tmp_path: Path) -> None:
    """Each is what --format shows, whole and by itself; the log has its table and the exit code stays."""
    old = tmp_path / "report.json"
    old.write_text("of an earlier run")
    (tmp_path / "link.json").symlink_to(old)
    files = {"junit": "reports/of/this.xml", "sarif": "report.sarif", "json": "link.json"}
    asked = tuple(f"{form}={name}" for form, name in files.items())
    code, out, _ = run(source=["wrong"], reports=asked)
    assert code is ExitCode.VERIFICATION
    assert out == run(source=["wrong"])[1]
    assert out.startswith("oci:")
    for form, name in files.items():
        assert (tmp_path / name).read_text(encoding="utf-8") == run(form, source=["wrong"])[1]
    assert (tmp_path / "link.json").is_symlink()
    assert [path.name for path in (tmp_path / "reports" / "of").iterdir()] == ["this.xml"]
    assert run(reports=("junit=good.xml",))[0] is ExitCode.GOOD
    assert 'failures="0"' in (tmp_path / "good.xml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("juint=a",), "'juint' is no format\n  did you mean 'junit'?"),
        (("report.xml",), "'report.xml' is no format\n  known: json, junit, sarif"),
        (("table=a",), "'table' is no format"),
        (("junit",), "no file is named\n  as junit=report.junit"),
        (("junit=",), "no file is named"),
        (("junit=dist",), "it is no file"),
        (("junit=a", "sarif=./a"), "two reports cannot be one file"),
    ],
)
def test_a_report_that_cannot_be_is_refused_before_anything_is_read(
    run: Run, tmp_path: Path, asked: tuple[str, ...], told: str
) -> None:
    """The format, or the file, and what is right; nothing is written."""
    with pytest.raises(UsageError) as caught:
        run(source=["nothing-is-here"], reports=asked)
    assert told in str(caught.value)
    assert not (tmp_path / "a").exists()


def test_a_report_that_cannot_be_written_is_told_after_the_table(run: Run, tmp_path: Path) -> None:
    """A file stands where its folder should be: the command fails, and that file stands."""
    (tmp_path / "taken").write_text("x")
    with pytest.raises(UsageError, match=r"taken/report.xml cannot be written: "):
        run(source=["wrong"], reports=("junit=taken/report.xml",))
    assert (tmp_path / "taken").read_text() == "x"


def test_an_archive_of_docker_s_lacks_no_platform_by_itself(run: Run, tmp_path: Path) -> None:
    """Docker saves one platform; the settings' two are asked of it by --expect alone."""
    make_layout(tmp_path / "one", {AMD: program(AMD)})
    write_archive(Layout(tmp_path / "one"), tmp_path / "one.tar", names=["acme/hello:dev"])
    assert run(source=["docker-archive:one.tar"])[0] is ExitCode.GOOD
    assert run(source=["docker-archive:one.tar"], expect=f"{AMD},{ARM}")[0] is ExitCode.VERIFICATION
    assert run(source=["oci-archive:one.tar"])[0] is ExitCode.VERIFICATION


def test_github_gets_a_summary_of_the_step(run: Run, tmp_path: Path) -> None:
    """It is added to what earlier steps wrote; where it cannot be written, that is said and nothing else."""
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    run("github", source=["wrong"], environment={"GITHUB_STEP_SUMMARY": str(summary)})
    assert summary.read_text().startswith("before\n### ")
    code, out, err = run("github", environment={"GITHUB_STEP_SUMMARY": str(tmp_path)})
    assert code is ExitCode.GOOD
    assert "platforms, 2 files judged" in out
    assert "summary is left out" in err


def test_a_policy_of_the_settings_counts_for_a_named_source(run: Run, tmp_path: Path) -> None:
    """What this repository allows, it allows wherever its image is."""
    table = '[[verify.policy]]\ncode = "wrong-machine"\nseverity = "allowed"\nreason = "a test"\n'
    (tmp_path / "gopherwhale.toml").write_text(table)
    code, out, _ = run(source=["wrong"])
    assert code is ExitCode.GOOD
    assert "allowed[wrong-machine]" in out
    assert "policy   a test" in out


def test_a_setting_that_is_wrong_is_told_though_a_source_is_named(run: Run, tmp_path: Path) -> None:
    """A repository whose settings cannot be read is not taken for no repository."""
    (tmp_path / "gopherwhale.toml").write_text("platform = []\n")
    with pytest.raises(UsageError, match="did you mean 'platforms'"):
        run(source=["wrong"])


def test_all_and_head_are_asked_for(run: Run) -> None:
    """--all judges more, and --revision HEAD needs a commit."""
    assert run(all=True)[0] is ExitCode.GOOD
    with pytest.raises(UsageError, match="--revision HEAD needs a commit"):
        run(revision="HEAD")


def test_head_is_the_commit_of_this_repository(run: Run, tmp_path: Path) -> None:
    """In a real git repository HEAD is found out; an image of an older commit is named as such."""
    commit(tmp_path)
    head = {"vcs.revision": git(tmp_path, "rev-parse", "HEAD"), "vcs.modified": "false"}
    make_layout(tmp_path / "dist" / "hello", {one: program(one, lines=head) for one in (AMD, ARM)})
    assert run(revision="HEAD")[0] is ExitCode.GOOD
    assert run(source=["oci:dist/hello"], revision="HEAD")[0] is ExitCode.GOOD
    (tmp_path / "more.go").write_text("package main\n")
    commit(tmp_path)
    code, out, _ = run("json", revision="HEAD")
    named = {one["code"]: one for one in json.loads(out)["reports"][0]["platforms"][0]["findings"]}
    assert code is ExitCode.VERIFICATION
    assert named["revision"]["expected"].endswith(git(tmp_path, "rev-parse", "HEAD"))
    assert head["vcs.revision"] in named["revision"]["found"]


def test_no_cache_reads_the_layer_whatever_was_found_before(run: Run, tmp_path: Path) -> None:
    """What the cache holds is believed, unless --no-cache is given; that one leaves nothing in it either."""
    kept = {"environment": {"GOPHERWHALE_NO_CACHE": "", "XDG_CACHE_HOME": str(tmp_path / "cache")}}
    folder = tmp_path / "cache" / "gopherwhale" / "layers"
    assert run(no_cache=True, **kept)[0] is ExitCode.GOOD
    assert not folder.exists()
    assert run(**kept)[0] is ExitCode.GOOD
    entries = list(folder.iterdir())
    assert len(entries) == 2
    for entry in entries:
        forged = entry.read_bytes()[64:].replace(b'"amd64"', b'"s390x"').replace(b'"arm64"', b'"s390x"')
        entry.write_bytes(hashlib.sha256(forged).hexdigest().encode() + forged)
    assert run(**kept)[0] is ExitCode.VERIFICATION
    assert run(no_cache=True, **kept)[0] is ExitCode.GOOD
