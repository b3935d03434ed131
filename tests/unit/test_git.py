from __future__ import annotations

import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gopherwhale import git, tags
from gopherwhale.errors import MissingToolError, UsageError

DATE = "2024-02-03T04:05:06Z"


def run(folder: Path, *arguments: str) -> None:
    environment = {
        "PATH": "/usr/bin:/bin:/usr/local/bin",
        "HOME": str(folder),
        "GIT_AUTHOR_DATE": DATE,
        "GIT_COMMITTER_DATE": DATE,
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_TEMPLATE_DIR": "",
    }
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.invalid", "-c", "init.defaultBranch=main")
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, env=environment, timeout=60)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with one commit, made once."""
    folder = tmp_path_factory.mktemp("made")
    run(folder, "init", "-q")
    (folder / "go.mod").write_text("module x\n")
    run(folder, "add", ".")
    run(folder, "commit", "-qm", "first")
    return folder


@pytest.fixture
def repository(made: Path, tmp_path: Path) -> Path:
    """A copy of it for each test."""
    return shutil.copytree(made, tmp_path / "r")


def read(folder: Path, environment: dict[str, str] | None = None, ignore: str = "") -> git.Revision:
    revision = git.read(folder, environment or {}, ignore=ignore)
    assert revision is not None
    return revision


def test_a_clean_tree_tells_commit_branch_and_date(repository: Path) -> None:
    """Everything that tags and labels need is read in one go."""
    found = read(repository)
    assert len(found.commit) == 40
    assert found.short == found.commit[:12]
    assert (found.branch, found.default_branch, found.dirty) == ("main", "main", ())
    assert found.source_date == 1706933106


def test_no_tag_of_a_repository_of_very_many_is_left_out(repository: Path) -> None:
    """The newest release counts wherever its name sorts, or `latest` would go back to an older one."""
    commit = read(repository).commit
    names = [*(f"service/v0.{number}.0" for number in range(10_001)), "v9.0.0"]
    lines = [f"{commit} refs/tags/{name}\n" for name in names]
    (repository / ".git" / "packed-refs").write_text("".join(["# pack-refs with: sorted\n", *sorted(lines)]))
    assert set(read(repository).known_tags) == set(names)


def test_something_else_is_done_while_git_is_at_work(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No answer is waited for before it is: here each comes only after it."""
    ask, done = subprocess.run, threading.Event()

    def slow(*arguments: Any, **options: Any) -> Any:
        assert done.wait(60)
        return ask(*arguments, **options)

    monkeypatch.setattr("gopherwhale.git.subprocess.run", slow)
    assert git.read(repository, {}, meanwhile=done.set) is not None


def test_a_change_or_a_new_file_is_dirty_but_our_own_output_is_not(repository: Path) -> None:
    """dist/ never makes a tree dirty, and the first paths are named."""
    (repository / "dist").mkdir()
    (repository / "dist" / "x").write_text("x")
    assert read(repository, ignore="dist").dirty == ()
    (repository / "go.mod").write_text("module y\n")
    (repository / "new file").write_text("x")
    assert read(repository, ignore="dist").dirty == ("go.mod", '"new file"')


def test_tags_at_the_commit_and_of_the_clone(repository: Path) -> None:
    """Tags of this commit are told apart from all the others."""
    run(repository, "tag", "v1.0.0")
    run(repository, "commit", "-q", "--allow-empty", "-m", "second")
    run(repository, "tag", "-a", "v1.1.0", "-m", "annotated")
    found = read(repository)
    assert found.tags == ("v1.1.0",)
    assert set(found.known_tags) == {"v1.0.0", "v1.1.0"}


def test_a_detached_checkout_learns_its_branch_from_the_ci(repository: Path) -> None:
    """GitHub's and GitLab's variables name the branch; a pull request has none."""
    run(repository, "checkout", "-q", "--detach")
    assert read(repository).branch == ""
    assert read(repository, {"GITHUB_REF": "refs/heads/main"}).branch == "main"
    assert read(repository, {"CI_COMMIT_BRANCH": "topic"}).branch == "topic"
    assert read(repository, {"GITHUB_REF": "refs/pull/5/merge", "GITHUB_HEAD_REF": "main"}).branch == ""
    assert read(repository, {"GITHUB_REF": "refs/tags/v1"}).branch == ""


def test_a_checkout_on_a_branch_is_not_overruled_by_variables(repository: Path) -> None:
    """A laptop that holds a CI's variables builds what is checked out."""
    assert read(repository, {"GITHUB_REF": "refs/heads/other"}).branch == "main"


def test_a_shallow_clone_works(repository: Path, tmp_path: Path) -> None:
    """A CI's shallow checkout has commit, date and branch."""
    run(repository, "commit", "-q", "--allow-empty", "-m", "second")
    run(tmp_path, "clone", "-q", "--depth", "1", repository.as_uri(), "shallow")
    found = read(tmp_path / "shallow")
    assert found.commit == read(repository).commit
    assert found.default_branch == "main"


def test_a_shallow_clone_that_hides_other_releases_is_known_as_such(repository: Path, tmp_path: Path) -> None:
    """What a CI fetches for a tag is that tag alone: whether it is the newest nobody can see there."""
    run(repository, "tag", "v1.0.0")
    run(repository, "commit", "-q", "--allow-empty", "-m", "second")
    run(repository, "tag", "v0.9.1")
    clone = ("clone", "-q", "--branch", "v0.9.1", "-c", "advice.detachedHead=false")
    run(tmp_path, *clone, "--depth", "1", repository.as_uri(), "shallow")
    run(tmp_path, *clone, repository.as_uri(), "whole")
    found = read(tmp_path / "shallow")
    assert (found.tags, found.alone) == (("v0.9.1",), True)
    assert tags.perhaps_outdated(found) == "0.9.1"
    run(tmp_path / "shallow", "fetch", "-q", "--tags")
    for place in ("shallow", "whole"):
        found = read(tmp_path / place)
        assert (found.tags, found.alone, tags.perhaps_outdated(found)) == (("v0.9.1",), False, "")


def test_no_repository_and_no_commit_are_no_revision(tmp_path: Path) -> None:
    """A folder without git, or with nothing committed, can still be built."""
    assert git.read(tmp_path, {}) is None
    run(tmp_path, "init", "-q")
    assert git.read(tmp_path, {}) is None


def test_the_outline_is_known_before_the_first_commit(tmp_path: Path) -> None:
    """The top, the remote and the branch, from a folder below too; of no repository nothing."""
    assert git.outline(tmp_path) == git.Outline(top=None)
    run(tmp_path, "init", "-q", "-b", "trunk")
    (tmp_path / "below").mkdir()
    assert git.outline(tmp_path / "below") == git.Outline(top=tmp_path, default_branch="trunk")
    run(tmp_path, "remote", "add", "origin", "https://user:secret@host.example/acme/hello.git")
    assert git.outline(tmp_path).source == "https://host.example/acme/hello"


def test_without_git_the_error_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a repository exit code 14 names git; a folder that is none needs no git."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git.read(tmp_path, {}) is None
    (tmp_path / ".git").mkdir()
    with pytest.raises(MissingToolError, match="git is not on PATH"):
        git.read(tmp_path, {})


def test_a_damaged_repository_is_our_error(repository: Path) -> None:
    """What git says of a broken index is shown in one line."""
    (repository / ".git" / "index").write_bytes(b"broken")
    with pytest.raises(UsageError, match="git status failed"):
        git.read(repository, {})


@pytest.mark.parametrize(
    ("remotes", "source", "branch"),
    [
        ({"origin": "a", "upstream": "b"}, "https://host.example/acme/a", "trunk-a"),
        ({"upstream": "b"}, "https://host.example/acme/b", "trunk-b"),
        ({"fork": "f", "upstream": "b"}, "", ""),
        ({}, "", ""),
    ],
)
def test_the_only_remote_counts_whatever_it_is_called(
    tmp_path: Path, remotes: dict[str, str], source: str, branch: str
) -> None:
    """As `git clone -o upstream` leaves it; of several it is origin, by the address that git would use."""
    run(tmp_path, "init", "-b", "work")
    run(tmp_path, "commit", "--allow-empty", "-m", "x")
    run(tmp_path, "config", "url.git@host.example:.insteadOf", "short:")
    for name, repository in remotes.items():
        run(tmp_path, "remote", "add", name, f"short:acme/{repository}.git")
        run(tmp_path, "update-ref", f"refs/remotes/{name}/trunk-{repository}", "HEAD")
        head = f"refs/remotes/{name}/HEAD"
        run(tmp_path, "symbolic-ref", head, f"refs/remotes/{name}/trunk-{repository}")
    found = git.read(tmp_path, {})
    assert found is not None
    assert (found.source, found.default_branch) == (source, branch)
    outline = git.outline(tmp_path)
    assert (outline.source, outline.default_branch) == (source, branch or "work")


@pytest.mark.parametrize(
    ("remote", "expected"),
    [
        ("git@host.example:acme/hello.git", "https://host.example/acme/hello"),
        ("ssh://git@host.example:2222/acme/hello.git", "https://host.example/acme/hello"),
        ("https://user:hunter2@host.example/acme/hello.git", "https://host.example/acme/hello"),
        ("https://host.example:8443/acme/hello", "https://host.example:8443/acme/hello"),
        ("http://host.example/acme/hello", "http://host.example/acme/hello"),
        ("/srv/git/hello.git", ""),
        ("file:///srv/git/hello.git", ""),
        ("https://host.example:port/x", ""),
        ("https://0/:hunter2@host.example/acme/hello.git", ""),
        ("a/b:hunter2@host.example:x", ""),
        ("", ""),
    ],
)
def test_the_source_is_what_a_browser_opens(remote: str, expected: str) -> None:
    """User, password, ssh port and `.git` are dropped."""
    assert git.browsable(remote) == expected


@given(st.text(max_size=20), st.text(alphabet="abcdef0123456789", min_size=12, max_size=20))
def test_no_password_of_a_remote_survives(user: str, password: str) -> None:
    """A token in the remote's address reaches no label."""
    assert password not in git.browsable(f"https://{user}:{password}@host.example/acme/hello.git")
