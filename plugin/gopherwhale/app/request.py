"""What a front end was asked for, and the plan that follows from it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from gopherwhale.access import Access
from gopherwhale.console import Console, printable
from gopherwhale.errors import UsageError
from gopherwhale.roots import PREFIX, find_root

if TYPE_CHECKING:
    from gopherwhale.plan import Plan
    from gopherwhale.settings import Settings

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a front end was asked for.

    Attributes:
        start: The folder it was called in.
        environment: The process environment.
        configuration: The `gopherwhale` part of invoke's configuration, as plain values.
        flags: Settings by key, from the command line.
        images: The images asked for by name; empty for all.
        reports: `FORMAT=FILE`, each a report to write beside what is shown.
        console: Where to speak.
    """

    start: Path
    environment: Mapping[str, str]
    console: Console
    configuration: Mapping[str, Any] = field(default_factory=dict)
    flags: Mapping[str, Any] = field(default_factory=dict)
    images: tuple[str, ...] = ()
    reports: tuple[str, ...] = ()


def access_of(request: Request) -> Access:
    """How registries are reached, by the settings of the repository here, or without one by the rest of them.

    Raises:
        UsageError: A setting cannot be used.
    """
    if not _says_anything(request):
        try:
            find_root(request.start)
        except UsageError:
            return Access()
    return settings_of(request).access()


def settings_of(request: Request) -> Settings:
    """The settings of the repository here, or without one those of the environment and the flags.

    Raises:
        UsageError: A setting cannot be used.
    """
    try:
        root = find_root(request.start)
    except UsageError:
        root = request.start
    return _load(root, request)


def agreed(found: Sequence[_T]) -> _T | None:
    """What all of a repository's images have alike; None where they differ, or there is none."""
    return found[0] if found and found.count(found[0]) == len(found) else None


def _load(root: Path, request: Request) -> Settings:
    from gopherwhale import settings  # noqa: PLC0415 -- settings cost msgspec's import

    return settings.load(
        root, configuration=request.configuration, environment=request.environment, flags=request.flags
    )


def _says_anything(request: Request) -> bool:
    """Whether there is a setting beside those of a repository's file."""
    flags = any(value not in (None, "", [], ()) for value in request.flags.values())
    return (
        flags or bool(request.configuration) or any(name.startswith(PREFIX) for name in request.environment)
    )


def resolve(
    request: Request,
    prepare: Callable[[Settings], None] = lambda _: None,
    *,
    built_dirty: bool | None = None,
) -> tuple[Settings, Plan]:
    """Read settings and git, and decide what the run is.

    Args:
        request: What was asked for.
        prepare: Called with the settings while git is at work.
        built_dirty: Whether what was built elsewhere of this commit had changes, which decides what it is
            called; None where the tree here is what is built.

    Raises:
        UsageError: A setting, a name or the tree cannot be used.
    """
    from gopherwhale import git, plan, tags  # noqa: PLC0415 -- a plan knows settings, which cost msgspec's import

    root = find_root(request.start)
    resolved = _load(root, request)
    revision = git.read(root, request.environment, ignore=resolved.dist, meanwhile=lambda: prepare(resolved))
    if revision and built_dirty is not None:
        revision = replace(revision, dirty=("what was built elsewhere",) if built_dirty else ())
    if revision and (tag := tags.no_version(revision)):
        request.console.say(f"the git tag {printable(tag)} gives no tag: a version is written as v1.2.3")
    if revision and (version := tags.perhaps_outdated(revision)):
        request.console.say(
            f"this clone is shallow and has no other tags: {version} counts as the newest release;"
            " fetch them all (git fetch --tags; fetch-depth: 0) if it may not be"
        )
    date = plan.source_date_of(revision, request.environment, time.time)
    return resolved, plan.make(resolved, revision, source_date=date, only=request.images)
