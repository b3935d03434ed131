from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gopherwhale.adopt import merging, record
from gopherwhale.adopt.merging import blob_id, first_text, merge, plan
from gopherwhale.errors import UsageError
from tests.unit.adopt.repositories import commit, git, write

BASE = b"one\ntwo\nthree\nfour\nfive\n"
NEW = BASE.replace(b"five", b"FIVE")


@pytest.mark.parametrize(
    ("mine", "merged", "conflicts"),
    [
        (BASE, NEW, 0),
        (BASE.replace(b"one", b"ONE"), NEW.replace(b"one", b"ONE"), 0),
        (NEW, NEW, 0),
    ],
)
def test_a_merge_keeps_both_sides(mine: bytes, merged: bytes, conflicts: int) -> None:
    """What only one side changed is taken from it."""
    assert merge(mine, BASE, NEW) == (merged, conflicts)


def test_a_conflict_is_marked() -> None:
    """Where both changed one line, both stand, between git's marks with names that say whose they are."""
    merged, conflicts = merge(BASE.replace(b"five", b"mine"), BASE, NEW)
    assert conflicts == 1
    text = merged.decode()
    assert text.index("<<<<<<< yours\nmine\n=======\nFIVE\n>>>>>>> the template now")


def test_what_is_no_text_is_not_merged() -> None:
    """Git refuses bytes with a NUL, and so do we."""
    with pytest.raises(UsageError, match="cannot merge"):
        merge(b"\x00a", b"\x00b", b"\x00c")


def base(_path: str) -> bytes:
    return BASE


@pytest.mark.parametrize(
    ("mine", "before", "now", "result", "note"),
    [
        (BASE, BASE, NEW, NEW, ""),
        (BASE, BASE, BASE, BASE, ""),
        (b"own\n", BASE, BASE, b"own\n", ""),
        (None, BASE, BASE, None, ""),
        (None, BASE, NEW, None, "removed it"),
        (None, None, NEW, NEW, ""),
        (b"own\n", None, NEW, b"own\n", "it is yours"),
        (NEW, None, NEW, NEW, ""),
        (BASE, BASE, None, None, ""),
        (b"own\n", BASE, None, b"own\n", "has it no more"),
        (None, BASE, None, None, ""),
        (NEW.replace(b"one", b"ONE"), BASE, NEW, NEW.replace(b"one", b"ONE"), ""),
    ],
)
def test_what_an_update_does_to_a_file(
    tmp_path: Path,
    mine: bytes | None,
    before: bytes | None,
    now: bytes | None,
    result: bytes | None,
    note: str,
) -> None:
    """Whatever the three sides hold, the user's work stays and the template's comes where it may."""
    if mine is not None:
        (tmp_path / "f").write_bytes(mine)
    old = {} if before is None else {"f": blob_id(before)}
    found = plan(tmp_path, old, {} if now is None else {"f": now}, base)
    after = found.changes[0].new if found.changes else mine
    assert after == result
    assert note in "".join(found.notes)
    assert bool(found.notes) == bool(note)


def test_a_link_is_left_alone(tmp_path: Path) -> None:
    """Where the user put a link in a file's place, nothing is written."""
    (tmp_path / "f").symlink_to("elsewhere")
    found = plan(tmp_path, {"f": blob_id(BASE)}, {"f": NEW}, base)
    assert found.changes == ()
    assert found.notes == ("f: it is a link, and stays",)


def test_the_first_text_comes_from_git(tmp_path: Path) -> None:
    """A text that was committed once is found by its id, however much changed since; another is not."""
    write(tmp_path, {"f": BASE.decode()})
    commit(tmp_path)
    write(tmp_path, {"f": "changed"})
    commit(tmp_path)
    assert first_text(tmp_path, blob_id(BASE)) == BASE
    assert first_text(tmp_path, blob_id(NEW)) is None
    assert first_text(tmp_path, git(tmp_path, "rev-parse", "HEAD")) is None
    assert first_text(tmp_path / "..", blob_id(BASE)) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"files": {"../x": "a" * 40}}, "names a file that cannot be"),
        ({"files": {"/etc/x": "a" * 40}}, "names a file that cannot be"),
        ({"files": {".git/hooks/pre-commit": "a" * 40}}, "names a file that cannot be"),
        ({"files": {".GIT/config": "a" * 40}}, "names a file that cannot be"),
        ({"files": {"a\x1b[2J": "a" * 40}}, "names a file that cannot be"),
        ({"files": {"x": "--output=/etc/x"}}, "names a file that cannot be"),
        ({"files": {"x": 1}}, "names a file that cannot be"),
        ({"answers": []}, "no record of gopherwhale's"),
        ({"commit": None}, "no record of gopherwhale's"),
        ({"texts": {"x": 1}}, "no record of gopherwhale's"),
    ],
)
def test_a_record_that_cannot_be_is_refused(change: dict[str, object], message: str) -> None:
    """A path outside of the repository, in git's own folder, or an id that is none."""
    sound = {"template": "", "commit": "", "answers": {}, "files": {"a b/ü": "a" * 40}}
    assert record.parse(json.dumps(sound).encode(), "it").files == sound["files"]
    with pytest.raises(UsageError, match=message):
        record.parse(json.dumps({**sound, **change}).encode(), "it")


@settings(max_examples=60)
@given(
    st.one_of(
        st.binary(max_size=60),
        st.recursive(
            st.none() | st.integers() | st.text(max_size=5),
            lambda x: (
                st.lists(x, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["template", "commit", "answers", "files", "texts", "a"]), x, max_size=5
                )
            ),
            max_leaves=8,
        ).map(lambda x: json.dumps(x).encode()),
    )
)
def test_nothing_in_a_record_breaks_the_reader(data: bytes) -> None:
    """A record is read or refused, whatever its bytes are."""
    try:
        found = record.parse(data, "it")
    except UsageError:
        return
    assert record.parse(found.to_bytes(), "it") == found


def test_a_record_nested_too_deep_is_refused() -> None:
    """It ends in our own error, not in Python's."""
    with pytest.raises(UsageError, match="not sound JSON"):
        record.parse(b"[" * 100_000, "it")
    assert merging.blob_id(b"") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
