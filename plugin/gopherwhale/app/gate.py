"""The gate in front of Docker's store and of every registry: what holds an error is shown and refused.

In a GitHub workflow the findings are annotations too, and stand in the step's summary: a step that fails is
where its user looks, and none behind it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gopherwhale.app.request import Request
    from gopherwhale.verify.findings import Report

_STEP_SUMMARY: Final = "GITHUB_STEP_SUMMARY"


def refuse_unless_verified(reports: Sequence[Report], request: Request) -> None:
    """Stop where a report holds an error; every such report is shown first.

    Raises:
        VerificationError: One does; the message counts its errors and names the first.
    """
    wrong = [report for report in reports if not report.ok]
    if wrong:
        # A build that is good pays for no report, and who verifies anyone's image for no plan.
        from gopherwhale import pipeline  # noqa: PLC0415
        from gopherwhale.verify import github  # noqa: PLC0415
        from gopherwhale.verify.report import render  # noqa: PLC0415

        console = request.console
        for report in wrong:
            console.say(render(report, color=False, width=console.width))
        annotate(lambda: github.workflow_commands(wrong), request)
        if _in_workflow(request):
            add_to_summary(wrong, request)
        pipeline.refuse_unless_verified(wrong[0])


def annotate(commands: Callable[[], str], request: Request) -> None:
    """Say GitHub's workflow commands where a workflow runs us; standard output stays the result's."""
    if _in_workflow(request):
        request.console.command(commands())


def _in_workflow(request: Request) -> bool:
    # https://docs.github.com/actions/reference/workflows-and-actions/variables
    return request.environment.get("GITHUB_ACTIONS") == "true"


def add_to_summary(reports: Sequence[Report], request: Request) -> None:
    """Put reports behind what the step's summary holds, where there is one."""
    from gopherwhale.verify import github  # noqa: PLC0415 -- only a workflow pays for it

    path = request.environment.get(_STEP_SUMMARY)
    if not path:
        return
    try:
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.write(github.step_summary(reports))
    except OSError as error:
        request.console.say(f"the step's summary is left out: {path}: {error.strerror}")
