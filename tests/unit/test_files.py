from __future__ import annotations

import errno
from pathlib import Path

import pytest

from gopherwhale.errors import UsageError
from gopherwhale.files import read_bounded, replacing, rewrite, write_atomically


def test_a_file_of_as_many_bytes_as_its_bound_is_read_and_no_larger_one(tmp_path: Path) -> None:
    """The bound itself is good."""
    file = tmp_path / "x"
    file.write_bytes(b"1234")
    assert read_bounded(file, 4) == b"1234"
    with pytest.raises(UsageError, match="x is larger than 3 bytes"):
        read_bounded(file, 3)


@pytest.mark.parametrize(("name", "why"), [("none", "No such file"), (".", "Is a directory")])
def test_a_file_that_cannot_be_read_is_told_by_its_name(tmp_path: Path, name: str, why: str) -> None:
    """The reason is the system's own."""
    with pytest.raises(UsageError, match=f"cannot read .*{why}"):
        read_bounded(tmp_path / name, 3)


@pytest.mark.parametrize("sync", [True, False])
def test_a_file_is_replaced_whole_for_everyone_to_read(tmp_path: Path, *, sync: bool) -> None:
    """Nothing is left beside it."""
    file = tmp_path / "x"
    file.write_bytes(b"old")
    file.chmod(0o600)
    write_atomically(file, b"new", sync=sync)
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"new", 0o644)
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_a_file_whose_writing_fails_stays_as_it_is(tmp_path: Path, error: BaseException) -> None:
    """An interrupt leaves no litter either."""
    file = tmp_path / "x"
    file.write_bytes(b"old")
    with pytest.raises(type(error)), replacing(file) as stream:
        stream.write(b"ne")
        raise error
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("mode", [0o600, 0o664, 0o755])
def test_a_file_of_the_users_keeps_its_mode_and_its_link(tmp_path: Path, mode: int) -> None:
    """What is private stays so, and what is linked is written where it lies."""
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_bytes(b"old")
    real.chmod(mode)
    link.symlink_to("real")
    rewrite(link, b"new")
    assert link.is_symlink()
    assert (real.read_bytes(), real.stat().st_mode & 0o777) == (b"new", mode)


def test_a_file_of_the_users_that_is_new_is_made(tmp_path: Path) -> None:
    """As any other that we write."""
    rewrite(tmp_path / "x", b"new")
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o644
    with pytest.raises(UsageError, match=r"cannot write .*none/x: No such file"):
        rewrite(tmp_path / "none" / "x", b"new")
