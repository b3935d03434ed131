"""docker.push."""

from __future__ import annotations

from gopherwhale import pipeline, results
from gopherwhale.app.building import cross_build_one
from gopherwhale.app.request import Request, resolve
from gopherwhale.errors import ExitCode
from gopherwhale.oci.registry import RegistryClient
from gopherwhale.verify.report import render


def push(request: Request) -> ExitCode:
    """Cross-build, verify, push the verified bytes, and move the tags last."""
    _, made = resolve(request)
    pipeline.check_may_push(made)
    console = request.console
    built = [cross_build_one(image, request) for image in made.images]
    reports = [pipeline.verify(image, console.say) for image in made.images]
    for report in reports:
        if not report.ok:
            print(render(report, color=False, width=console.width), file=console.err)
        pipeline.refuse_unless_verified(report)
    with RegistryClient.from_environment(request.environment, made.access) as client:
        pushed = [pipeline.publish(image, made, client, console.say) for image in made.images]
    done = list(zip(made.images, built, pushed, strict=True))
    text = "\n".join(results.pushed_table(image, result, console) for image, _, result in done)
    documents = [
        {**results.built_document(image, b), **results.pushed_document(image, r)} for image, b, r in done
    ]
    console.show(text, {"schema": 1, "images": documents})
    return ExitCode.GOOD
