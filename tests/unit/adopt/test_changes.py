from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from gopherwhale.adopt import changes
from gopherwhale.adopt.changes import Change, current, write
from gopherwhale.errors import UsageError
from tests.unit.adopt.repositories import snapshot


def change(path: str, old: str | None, new: str | None) -> Change:
    return Change(path=path, old=old and old.encode(), new=new and new.encode())  # type: ignore[arg-type]


def test_files_are_added_changed_and_removed(tmp_path: Path) -> None:
    """New folders are made, a changed file keeps its mode, a new one has that of the user's mask."""
    (tmp_path / "script").write_text("old")
    (tmp_path / "script").chmod(0o750)
    (tmp_path / "gone").write_text("x")
    mask = os.umask(0o027)
    try:
        write(
            tmp_path,
            [change("a b/ü/new", None, "1"), change("script", "old", "2"), change("gone", "x", None)],
        )
    finally:
        os.umask(mask)
    assert snapshot(tmp_path) == {"a b/ü/new": b"1", "script": b"2"}
    assert stat.S_IMODE((tmp_path / "script").stat().st_mode) == 0o750
    assert stat.S_IMODE((tmp_path / "a b/ü/new").stat().st_mode) == 0o640


@pytest.mark.parametrize("last", ["blocked/x", "link", "folder", "link-to-folder/x", "moved"])
def test_nothing_is_written_if_one_file_cannot_be(tmp_path: Path, last: str) -> None:
    """A file in a folder's place, a link, a folder, a change meanwhile: all stays as it was, no litter."""
    root = tmp_path / "root"
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / "folder").mkdir(parents=True)
    (root / "blocked").write_text("a file")
    (root / "moved").write_text("somebody else's")
    (root / "link").symlink_to(outside / "target")
    (root / "link-to-folder").symlink_to(outside)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError) as caught:
        write(root, [change("new/deep/file", None, "1"), change(last, None, "2")])
    assert "\n" not in str(caught.value).partition("\n  ")[0]
    assert sorted(tmp_path.rglob("*")) == before
    assert (root / "moved").read_text() == "somebody else's"


def test_a_target_that_may_not_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read-only file system ends in one line; the fault is forced, for root may write anywhere."""

    def refuse(**_options: object) -> None:
        raise OSError(30, "Read-only file system", str(tmp_path / "x"))

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    with pytest.raises(UsageError, match=r"cannot write .*/x: Read-only file system"):
        write(tmp_path, [change("deep/x", None, "1")])
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_leaves_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C before the last file is complete: no file, no folder, nothing half written."""
    synced = []

    def interrupt(handle: int) -> None:
        synced.append(handle)
        if len(synced) > 1:
            raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, [change("a/b", None, "1"), change("c", None, "2"), change("d", None, "3")])
    assert list(tmp_path.iterdir()) == []


def test_a_user_without_rights_is_told(tmp_path: Path) -> None:
    """The same with real permissions, as another user."""
    folder = tmp_path / "theirs"
    folder.mkdir(mode=0o555)
    for parent in (tmp_path, *list(tmp_path.parents)[:2]):
        parent.chmod(0o755)
    if os.geteuid() == 0:
        os.seteuid(65534)
    try:
        with pytest.raises(UsageError, match="cannot write .*Permission denied"):
            write(folder, [change("x", None, "1")])
    finally:
        os.seteuid(os.getuid())
    assert list(folder.iterdir()) == []


def test_the_diff_is_the_unified_one_and_steers_no_terminal(tmp_path: Path) -> None:
    """Additions start from nothing, and an escape sequence in a file is shown as text."""
    assert change("x", None, "a\nb\n").diff().splitlines() == [
        "--- /dev/null",
        "+++ b/x",
        "@@ -0,0 +1,2 @@",
        "+a",
        "+b",
    ]
    shown = change("x", "a\n\x1b[2Jb", "a\nc\n").diff()
    assert "\x1b" not in shown
    assert "-\\x1b[2Jb\\ No newline at end of file" in shown
    assert change("x", "a\n", None).diff().splitlines()[:2] == ["--- a/x", "+++ /dev/null"]
    assert current(tmp_path, "nothing") is None


def test_a_link_counts_as_a_file_that_is_there(tmp_path: Path) -> None:
    """A link that leads nowhere is still the user's own."""
    (tmp_path / "Dockerfile").symlink_to("nowhere")
    assert current(tmp_path, "Dockerfile") == b"nowhere"
    assert changes.current(tmp_path, "other") is None
