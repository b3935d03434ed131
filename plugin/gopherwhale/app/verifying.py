"""docker.verify-arch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gopherwhale import platforms
from gopherwhale.app.request import Request, access_of, resolve
from gopherwhale.app.sources import open_source
from gopherwhale.errors import ExitCode, UsageError
from gopherwhale.oci.layout import Layout
from gopherwhale.oci.registry import RegistryClient
from gopherwhale.platforms import Platform
from gopherwhale.verify.findings import Report
from gopherwhale.verify.image import verify_image
from gopherwhale.verify.report import render

ANY: Final = "any"


def verify_arch(request: Request, source: Sequence[str] = (), expect: str = "") -> ExitCode:
    """Verify images, this repository's layouts where no source is named, and show what was found.

    Args:
        request: What was asked for.
        source: Layouts, archives or registry references.
        expect: The platforms that must be there, exactly; `any` for whatever the image declares; empty
            for those of the settings.
    """
    console = request.console
    if not source:
        _, made = resolve(request)
        reports = [
            verify_image(Layout(image.layout), expected=_expected(expect, image.platforms), say=console.say)
            for image in made.images
        ]
    else:
        reports = _verify_sources(request, source, _expected(expect, _platforms_here(request)))
    text = "\n".join(render(report, color=console.color, width=console.width) for report in reports)
    console.show(text, {"schema": 1, "reports": [report.to_document() for report in reports]})
    return ExitCode.GOOD if all(report.ok for report in reports) else ExitCode.VERIFICATION


def _expected(expect: str, default: Sequence[Platform] | None) -> Sequence[Platform] | None:
    if expect == ANY:
        return None
    return platforms.parse_many([expect]) if expect else default


def _platforms_here(request: Request) -> Sequence[Platform] | None:
    """The platforms of the settings, where the run is in a repository with one image."""
    try:
        _, made = resolve(request)
    except UsageError:
        return None
    chosen = {image.platforms for image in made.images}
    return chosen.pop() if len(chosen) == 1 else None


def _verify_sources(
    request: Request, sources: Sequence[str], expected: Sequence[Platform] | None
) -> list[Report]:
    with RegistryClient.from_environment(request.environment, access_of(request)) as client:
        reports = []
        for text in sources:
            with open_source(text, request.start, client, request.environment) as opened:
                reports.append(verify_image(opened, expected=expected, say=request.console.say))
        return reports
