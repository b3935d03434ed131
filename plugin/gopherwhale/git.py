"""What git says of a working tree: commit, branch, tags, clean or dirty, and the source date.

It works on a laptop, in a shallow clone and on the detached checkout of a CI, where the branch comes from
the CI's own variables.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from gopherwhale.errors import MissingToolError, UsageError

_TIMEOUT: Final = 60
_TAGS: Final = "refs/tags/"
_ORIGIN: Final = "origin"
_REMOTE: Final = "refs/remotes/"
_HEAD: Final = "/HEAD"
# With the addresses as the user's configuration rewrites them (git-config, `url.<base>.insteadOf`).
_REMOTES: Final = ("remote", "--verbose")
# It answers `commit ID` and a line with the date.
_LAST_COMMIT: Final = ("rev-list", "--max-count=1", "--format=%ct", "HEAD")
_SHALLOW: Final = ("rev-parse", "--is-shallow-repository")
# The second id is that of the commit which an annotated tag is about.
_ALL_REFERENCES: Final = (
    *("for-each-ref", "--format=%(refname) %(symref) %(objectname) %(*objectname)"),
    *("refs/heads/main", "refs/heads/master", f"{_REMOTE}*{_HEAD}", _TAGS),
)
_SCP = re.compile(r"(?:[^@/]+@)?([^:/]+):(?!//)(.+)")


@dataclass(frozen=True, kw_only=True)
class Revision:
    """The state of a working tree.

    Attributes:
        commit: The whole commit id.
        dirty: The first few paths with uncommitted changes, as git names them; empty for a clean tree.
        branch: The branch, or empty where nobody knows it (a pull request, a detached checkout).
        default_branch: The repository's default branch, or empty.
        tags: The tags that point at the commit.
        known_tags: Every tag of this clone, for the question whether a release is the newest.
        alone: Whether the clone is shallow and has no tags but the commit's own, as many a CI makes it.
        source_date: The commit's date, seconds since 1970.
        source: The remote's address as a browser opens it, without credentials, or empty.
    """

    commit: str
    dirty: tuple[str, ...]
    branch: str
    default_branch: str
    tags: tuple[str, ...]
    known_tags: tuple[str, ...]
    alone: bool = False
    source_date: int
    source: str

    @property
    def short(self) -> str:
        """The first twelve digits of the commit."""
        return self.commit[:12]


def read(
    root: Path,
    environment: Mapping[str, str],
    *,
    ignore: str = "",
    meanwhile: Callable[[], None] = lambda: None,
) -> Revision | None:
    """Ask git about a working tree.

    Args:
        root: A folder in it.
        environment: The process environment, for the CI's variables.
        ignore: A folder below `root` whose files never make the tree dirty: our own output.
        meanwhile: Called while git is at work.

    Returns:
        The revision, or None where the folder is in no repository or nothing is committed yet.

    Raises:
        MissingToolError: There is no git.
        UsageError: git refuses to answer, as for a folder that another user owns.
    """
    if shutil.which("git") is None and not _looks_like_repository(root):
        # A demo, or a folder that is not under git yet: the machine need not have git for it.
        return None
    paths = ["--", ".", f":(exclude){ignore}"] if ignore else []
    # Each question is a process of its own, and none waits for another's answer.
    with ThreadPoolExecutor() as pool:
        last = pool.submit(_git, root, *_LAST_COMMIT, optional=True)
        status = pool.submit(_git, root, "status", "--porcelain", "--untracked-files=normal", *paths)
        branch = pool.submit(_git, root, "symbolic-ref", "--quiet", "--short", "HEAD", optional=True)
        listed = pool.submit(_references, root)
        remote = pool.submit(_git, root, *_REMOTES, optional=True)
        meanwhile()
    if not last.result():
        return None
    _, head, date = last.result().split()
    tags = [(name.removeprefix(_TAGS), ids) for name, _, *ids in listed.result() if name.startswith(_TAGS)]
    here = tuple(sorted(name for name, ids in tags if head in ids))
    alone = 0 < len(here) == len(tags) and _git(root, *_SHALLOW, optional=True).strip() == "true"
    return Revision(
        commit=head,
        dirty=tuple(line[3:] for line in status.result().splitlines()[:5]),
        branch=branch.result().strip() or _branch_in_ci(environment),
        default_branch=_default_branch(listed.result()),
        tags=here,
        known_tags=tuple(name for name, _ in tags),
        alone=alone,
        source_date=int(date),
        source=browsable(_address(remote.result())),
    )


@dataclass(frozen=True, kw_only=True)
class Outline:
    """What is known of a repository even before its first commit.

    Attributes:
        top: Its folder; None where there is no repository.
        source: As in `Revision`.
        default_branch: As in `Revision`; else the branch that is checked out; may be empty.
    """

    top: Path | None
    source: str = ""
    default_branch: str = ""


def outline(folder: Path) -> Outline:
    """Ask git for a repository's outline.

    Raises:
        MissingToolError: There is no git.
        UsageError: git refuses to answer, as for a folder that another user owns.
    """
    if not _looks_like_repository(folder):
        return Outline(top=None)
    top = _git(folder, "rev-parse", "--show-toplevel", optional=True).removesuffix("\n")
    if not top:
        return Outline(top=None)
    branch = _git(folder, "symbolic-ref", "--quiet", "--short", "HEAD", optional=True).strip()
    return Outline(
        top=Path(top),
        source=browsable(_address(_git(folder, *_REMOTES, optional=True))),
        default_branch=_default_branch(_references(folder)) or branch,
    )


def browsable(remote: str) -> str:
    """Turn a remote's address into an https address without user, password, port of ssh, or `.git`.

    Args:
        remote: As `git@host:acme/hello.git` or `https://user:token@host/acme/hello.git`.

    Returns:
        As `https://host/acme/hello`; empty for a path on disk.
    """
    # An "@" behind the host is a password that a "/" in it or in the user's name has cut in two.
    if "@" in remote.rpartition("://")[2].partition("/")[2]:
        return ""
    if "://" not in remote:
        match = _SCP.fullmatch(remote)
        return f"https://{match[1]}/{match[2].removesuffix('.git').strip('/')}" if match else ""
    try:
        parts = urlsplit(remote)
        port = f":{parts.port}" if parts.port and parts.scheme in ("http", "https") else ""
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https", "ssh", "git") or not parts.hostname:
        return ""
    scheme = "http" if parts.scheme == "http" else "https"
    return f"{scheme}://{parts.hostname}{port}/{parts.path.removesuffix('.git').strip('/')}"


def _branch_in_ci(environment: Mapping[str, str]) -> str:
    reference = environment.get("GITHUB_REF", "")
    if reference.startswith("refs/heads/"):
        return reference.removeprefix("refs/heads/")
    return environment.get("CI_COMMIT_BRANCH", "")


def _references(root: Path) -> list[list[str]]:
    """Of every reference that is asked for: its name, where it leads if it is symbolic, its ids."""
    return [line.split(" ") for line in _git(root, *_ALL_REFERENCES).splitlines()]


def _default_branch(references: Iterable[Sequence[str]]) -> str:
    """What the remote says, else the first of the usual names."""
    names = {name: leads_to for name, leads_to, *_ in references}
    told = {
        name.removeprefix(_REMOTE).removesuffix(_HEAD): leads_to.removeprefix(name.removesuffix("HEAD"))
        for name, leads_to in names.items()
        if name.startswith(_REMOTE) and leads_to
    }
    usual = (name for name in ("main", "master") if f"refs/heads/{name}" in names)
    return _of_origin(told) or next(usual, "")


def _address(listing: str) -> str:
    """Where the remote is that the repository is of, from the list of all."""
    lines = [line.partition("\t") for line in listing.splitlines() if " (fetch)" in line]
    return _of_origin({name: rest.rpartition(" (fetch)")[0] for name, _, rest in lines})


def _of_origin(by_remote: Mapping[str, str]) -> str:
    """What is known of the remote called origin, or of the only one, whatever it is called."""
    only = next(iter(by_remote.values())) if len(by_remote) == 1 else ""
    return by_remote.get(_ORIGIN, only)


def _looks_like_repository(root: Path) -> bool:
    return any((folder / ".git").exists() for folder in (root.absolute(), *root.absolute().parents))


def _git(root: Path, *arguments: str, optional: bool = False) -> str:
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments],
            capture_output=True,
            check=False,
            timeout=_TIMEOUT,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError:
        raise MissingToolError(
            "git is not on PATH", hint="install git; the image's tags and labels come from it"
        ) from None
    except subprocess.TimeoutExpired:
        raise UsageError(f"git {arguments[0]} did not answer within {_TIMEOUT} s in {root}") from None
    message = done.stderr.decode(errors="replace").strip()
    if done.returncode == 0:
        return done.stdout.decode(errors="replace")
    if "dubious ownership" in message or not optional:
        lines = [line.strip() for line in message.splitlines() if line.strip()]
        raise UsageError(
            f"git {arguments[0]} failed in {root}: {lines[0] if lines else done.returncode}",
            hint=lines[-1] if len(lines) > 1 else "",
        )
    return ""
