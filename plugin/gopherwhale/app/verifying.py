"""docker.verify-arch."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gopherwhale import platforms
from gopherwhale.app import reporting
from gopherwhale.app.gate import add_to_summary
from gopherwhale.app.registries import registry_client
from gopherwhale.app.request import Request, access_of, agreed, resolve
from gopherwhale.app.sources import open_source
from gopherwhale.console import printable
from gopherwhale.errors import (
    AuthenticationError,
    ExitCode,
    GopherwhaleError,
    LayoutError,
    MissingToolError,
    RegistryError,
    UsageError,
)
from gopherwhale.oci.layout import Layout
from gopherwhale.oci.source import ImageSource
from gopherwhale.platforms import Platform
from gopherwhale.roots import find_root
from gopherwhale.verify.cache import LayerCache
from gopherwhale.verify.findings import Report
from gopherwhale.verify.image import Wanted, unreadable, verify_image
from gopherwhale.verify.report import render

if TYPE_CHECKING:
    from gopherwhale.oci.registry import RegistryClient
    from gopherwhale.plan import Plan

# The plan and its settings are imported where there is a repository: for anyone's image they are of no use,
# and they cost more to import than all else together.
ANY: Final = "any"
HEAD: Final = "HEAD"
_OF_DOCKER: Final = ("docker-archive:", "docker-daemon:")


def verify_arch(
    request: Request,
    source: Sequence[str] = (),
    *,
    platform: Sequence[str] = (),
    expect: str = "",
    revision: str = "",
    all: bool = False,  # noqa: A002 -- the flag's own name
    no_cache: bool = False,
) -> ExitCode:
    """Verify images, this repository's layouts where no source is named, and show what was found.

    Args:
        request: What was asked for.
        source: Layouts, archives, images of Docker's store or registry references.
        platform: The platforms that are judged; empty for all.
        expect: The platforms that must be there, exactly; `any` for whatever the image declares; empty
            for those of the settings.
        revision: The commit that the images must be of; `HEAD` for this repository's; empty for any.
        all: Judge every program of the images.
        no_cache: Read every layer, whatever was found in it before.
    """
    wanted = reporting.files(request)
    made = _plan(request, needed=not source or revision == HEAD)
    only = platforms.parse_many(platform) if platform else None
    asked = _Asked(expect, _commit(revision, made), only, everything=all)
    cache = None if no_cache else LayerCache.of_user(request.environment)
    failed: list[GopherwhaleError] = []
    if source:
        reports = list(
            _verify_sources(request, source, lambda text: asked.of_source(text, made), cache, failed)
        )
    else:
        assert made is not None, "asked for above"  # noqa: S101 -- for the type checker
        reports = [
            _verify(image.layout, asked.applied(of_image), request, cache)
            for image, of_image in zip(made.images, _wanted(made), strict=True)
        ]
    if reports or not failed:
        show(request, reports, wanted)
    if failed:
        raise failed[0]
    return ExitCode.GOOD if all_good(reports) else ExitCode.VERIFICATION


def all_good(reports: Sequence[Report]) -> bool:
    """Whether no report holds an error."""
    return all(report.ok for report in reports)


def show(request: Request, reports: Sequence[Report], wanted: Mapping[Path, str]) -> None:
    """Write reports as they were asked for, to files too; for GitHub, to the step's summary."""
    console = request.console
    others = {
        "github": lambda: _github(reports),
        "sarif": lambda: _sarif(reports),
        "junit": lambda: _junit(reports),
    }

    def text() -> str:
        return "\n".join(render(report, color=console.color, width=console.width) for report in reports)

    document = {
        "schema": 1,
        "ok": all_good(reports),
        "reports": [report.to_document() for report in reports],
    }
    reporting.show(request, text, document, others, wanted)
    if console.format == "github":
        add_to_summary(reports, request)


def _github(reports: Sequence[Report]) -> str:
    from gopherwhale.verify import github  # noqa: PLC0415 -- each format is imported where it is asked for

    return github.workflow_commands(reports)


def _sarif(reports: Sequence[Report]) -> str:
    from importlib.metadata import version  # noqa: PLC0415

    from gopherwhale.verify.sarif import sarif  # noqa: PLC0415

    return sarif(reports, version("gopherwhale"))


def _junit(reports: Sequence[Report]) -> str:
    from gopherwhale.verify.junit import junit  # noqa: PLC0415

    return junit(reports)


class _Asked:
    """What the flags ask for, on top of the settings."""

    def __init__(
        self, expect: str, revision: str, only: Sequence[Platform] | None, *, everything: bool
    ) -> None:
        self._expect, self._revision, self._only, self._everything = expect, revision, only, everything

    def applied(self, wanted: Wanted) -> Wanted:
        """The settings' expectation with the flags over it."""
        chosen = wanted.platforms if self._only is None else self._only
        if self._expect:
            chosen = None if self._expect == ANY else platforms.parse_many([self._expect])
        if chosen is not None and self._only is not None:
            chosen = [one for one in chosen if one in self._only]
        everything = wanted.everything or self._everything
        return replace(
            wanted,
            platforms=chosen,
            revision=self._revision,
            everything=everything,
            only=self._only,
        )

    def of_source(self, text: str, made: Plan | None) -> Wanted:
        """The same for a source that a user names: the settings count where they have one answer.

        Docker's own store keeps one platform of an image, so that none is missing there by itself.
        """
        wanted = agreed(_wanted(made) if made else []) or Wanted()
        return self.applied(replace(wanted, platforms=None) if text.startswith(_OF_DOCKER) else wanted)


def _wanted(made: Plan) -> list[Wanted]:
    from gopherwhale import pipeline  # noqa: PLC0415 -- it knows plans

    return [pipeline.wanted(image) for image in made.images]


def _plan(request: Request, *, needed: bool) -> Plan | None:
    """The plan of the repository that the run is in; None outside of one, where none is needed."""
    if not needed:
        try:
            find_root(request.start)
        except UsageError:
            return None
    return resolve(request)[1]


def _commit(revision: str, made: Plan | None) -> str:
    if revision != HEAD:
        return revision
    if made is None or made.revision is None:
        raise UsageError("--revision HEAD needs a commit, and this is no git repository with one")
    return made.revision.commit


def _verify_sources(
    request: Request,
    sources: Sequence[str],
    wanted: Callable[[str], Wanted],
    cache: LayerCache | None,
    failed: list[GopherwhaleError],
) -> Iterator[Report]:
    """A report for each source; one whose registry or Docker fails hides no other, and is told at the end."""
    with contextlib.ExitStack() as stack:

        @functools.cache
        def client() -> RegistryClient:
            return stack.enter_context(registry_client(request, access_of(request)))

        for text in sources:
            try:
                with open_source(text, request.start, client, request.environment) as opened:
                    yield _judged(opened, wanted(text), request, cache)
            except LayoutError as error:
                yield unreadable(text, error)
            except (AuthenticationError, MissingToolError, RegistryError) as error:
                if failed or len(sources) > 1:
                    request.console.say(f"{printable(text)}: {error}")
                failed.append(error)


def _verify(path: Path, wanted: Wanted, request: Request, cache: LayerCache | None) -> Report:
    return _judged(Layout(path), wanted, request, cache)


def _judged(source: ImageSource, wanted: Wanted, request: Request, cache: LayerCache | None) -> Report:
    console = request.console
    # What the report is laid out with is imported while layers are read and unpacked without the lock.
    return verify_image(source, wanted, cache=cache, say=console.say, meanwhile=console.prepare)
