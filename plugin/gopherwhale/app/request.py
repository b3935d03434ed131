"""What a front end was asked for, and the plan that follows from it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gopherwhale import git, plan, settings
from gopherwhale.access import Access
from gopherwhale.console import Console
from gopherwhale.errors import UsageError
from gopherwhale.plan import Plan


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a front end was asked for.

    Attributes:
        start: The folder it was called in.
        environment: The process environment.
        configuration: The `gopherwhale` part of invoke's configuration, as plain values.
        flags: Settings by key, from the command line.
        images: The images asked for by name; empty for all.
        console: Where to speak.
    """

    start: Path
    environment: Mapping[str, str]
    console: Console
    configuration: Mapping[str, Any] = field(default_factory=dict)
    flags: Mapping[str, Any] = field(default_factory=dict)
    images: tuple[str, ...] = ()


def access_of(request: Request) -> Access:
    """How registries are reached, by the settings of the repository here, or without one by the rest of them.

    Raises:
        UsageError: A setting cannot be used.
    """
    try:
        root = settings.find_root(request.start)
    except UsageError:
        root = request.start
    resolved = settings.load(
        root, configuration=request.configuration, environment=request.environment, flags=request.flags
    )
    return resolved.access()


def resolve(request: Request) -> tuple[settings.Settings, Plan]:
    """Read settings and git, and decide what the run is.

    Raises:
        UsageError: A setting, a name or the tree cannot be used.
    """
    root = settings.find_root(request.start)
    resolved = settings.load(
        root, configuration=request.configuration, environment=request.environment, flags=request.flags
    )
    revision = git.read(root, request.environment, ignore=resolved.dist)
    date = plan.source_date_of(revision, request.environment, time.time)
    return resolved, plan.make(resolved, revision, source_date=date, only=request.images)
