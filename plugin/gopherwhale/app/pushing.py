"""docker.push."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gopherwhale import pipeline, publishing, receipts, results, tags, unfinished
from gopherwhale.app import gate
from gopherwhale.app.building import choose, cross_build_all, prepare
from gopherwhale.app.registries import registry_client
from gopherwhale.app.request import Request, resolve
from gopherwhale.errors import ExitCode, UsageError
from gopherwhale.oci.layout import Layout
from gopherwhale.pipeline import Built, Engine
from gopherwhale.plan import ImagePlan, Plan

if TYPE_CHECKING:
    from gopherwhale.oci.push import PushResult
    from gopherwhale.oci.registry import RegistryClient

# What verifies and pushes takes 0.1 s to import, which is done while compilers or git are at work.
_LATER: Final = (
    "gopherwhale.verify.image",
    "gopherwhale.verify.cache",
    "gopherwhale.oci.push",
    "gopherwhale.oci.registry",
)
# Settings that decide how an image is built, and nothing of one that stands.
_BUILDS: Final = ("engine", "builder", "build_args", "locked")


def push(request: Request, layout: str = "", *, dry_run: bool = False, untagged: bool = False) -> ExitCode:
    """Cross-build, verify, push the verified bytes, and move the tags last.

    Args:
        request: What was asked for.
        layout: A layout to push as it is, in place of a build.
        dry_run: Show what would be sent, and send nothing.
        untagged: Push by digest and move no tag: `docker.merge` makes one image of such pushes.
    """
    _refuse_contradictions(request, layout, untagged=untagged)
    _, made = resolve(request, _import_later if layout else prepare)
    if untagged:
        made = replace(made, images=tuple(replace(image, tags=()) for image in made.images))
    if layout:
        made = _with_layout(made, request.start / layout)
    publishing.check_may_push(made, untagged=untagged)
    console = request.console
    waiting = [image for image in made.images if not layout and not _goes_on(image, made, request)]
    chosen = choose(waiting, made, request)
    unmoved = _tags_now(made, request)
    built = _built(made, chosen, request)
    layouts = [pipeline.layout_of(*one) for one in zip(made.images, built, strict=True)]
    _verify(made.images, layouts, request)
    with registry_client(request, made.access) as client:
        if dry_run:
            return _show_dry_run(made, built, layouts, client, request)
        # Tags move when every image is in its place, those of all or none.
        sent = [
            publishing.publish(image, verified, made, client, console.say, unmoved)
            for image, verified in zip(made.images, layouts, strict=True)
        ]
        pushed = publishing.finish(sent)
    _show(made.images, built, pushed, request)
    return ExitCode.GOOD


def _refuse_contradictions(request: Request, layout: str, *, untagged: bool) -> None:
    """A flag that has no say is a misunderstanding; a setting of the same name may be for other runs."""
    given = {key for key, value in request.flags.items() if value}
    if untagged and "tags" in given:
        raise UsageError("--untagged moves no tag, and --tag names one", hint="docker.merge tags the whole")
    if layout and (idle := [key for key in _BUILDS if key in given]):
        flag = idle[0].rstrip("s").replace("_", "-")
        raise UsageError(f"--layout builds nothing, and --{flag} is for a build", hint="omit one of them")


def _show(
    images: Sequence[ImagePlan], built: Sequence[Built], pushed: Sequence[PushResult], request: Request
) -> None:
    places = [image.layout / receipts.PUSHED for image in images]
    done = list(zip(images, built, pushed, places, strict=True))

    def text() -> str:
        return "\n".join(
            results.pushed_table(image, result, request.console, place) for image, _, result, place in done
        )

    documents = [
        {**results.built_document(image, one), **results.pushed_document(result, place)}
        for image, one, result, place in done
    ]
    request.console.show(text, {"schema": 1, "images": documents})


def _tags_now(plan: Plan, request: Request) -> dict[str, str] | None:
    """Where the tags point before anything is built, if that is asked for."""
    if not plan.push.if_unmoved:
        return None
    with registry_client(request, plan.access) as client:
        return publishing.tags_now(plan, client)


def _with_layout(plan: Plan, layout: Path) -> Plan:
    if len(plan.images) != 1:
        raise UsageError(
            "--layout is one image, and there are several here", hint="choose one with --image NAME"
        )
    if not layout.exists():
        raise UsageError(f"--layout: there is no {layout}", hint="docker.cross-build makes one below dist/")
    # Of which commit it is, and whether of that alone, only its own receipt can say.
    revision, dirty = receipts.built_of(layout, Layout(layout).root.digest)
    if dirty and not plan.allow_dirty:
        raise UsageError(
            f"{layout} was built of a tree with uncommitted changes",
            hint="build it again of a clean tree, or push it with --allow-dirty",
        )
    image = replace(plan.images[0], layout=layout, revision=revision)
    here = plan.revision.commit if plan.revision else ""
    if image.tags and revision not in ("", here) and tags.follow_git(image.settings.tags):
        raise UsageError(
            f"{layout} is of the commit {revision[:12]}, and the tags {', '.join(image.tags)} are of"
            f" {here[:12] or 'none'}",
            hint="name its tags with --tag, or push it where its own commit is checked out",
        )
    changed = ("what was built",)
    of = replace(plan.revision, dirty=changed) if dirty and plan.revision else None
    return replace(plan, images=(image,), revision=of)


def _goes_on(image: ImagePlan, plan: Plan, request: Request) -> bool:
    """Whether an earlier push left this plan's layout, which is not built again."""
    found = unfinished.goes_on(image, plan)
    if found:
        request.console.say(
            f"{image.name}: the last push did not end; its layout is this plan's and is not built again"
        )
    return found


def _built(made: Plan, chosen: Sequence[tuple[ImagePlan, Engine]], request: Request) -> list[Built]:
    done = cross_build_all(chosen, made, request, _import_later)
    new = dict(zip([image.name for image, _ in chosen], done, strict=True))
    return [new[image.name] if image.name in new else pipeline.standing(image) for image in made.images]


def _import_later(_settings: object = None) -> None:
    for name in _LATER:
        import_module(name)


def _verify(images: Sequence[ImagePlan], layouts: Sequence[Layout], request: Request) -> None:
    from gopherwhale.verify.cache import LayerCache  # noqa: PLC0415 -- with what is imported meanwhile

    console, cache = request.console, LayerCache.of_user(request.environment)
    gate.refuse_unless_verified(
        [
            pipeline.verify(image, layout, console.say, cache, console.prepare)
            for image, layout in zip(images, layouts, strict=True)
        ],
        request,
    )


def _show_dry_run(
    plan: Plan, built: Sequence[Built], layouts: Sequence[Layout], client: RegistryClient, request: Request
) -> ExitCode:
    found = [publishing.survey(*one, plan, client) for one in zip(plan.images, layouts, strict=True)]
    lines: list[str] = []
    documents = []
    for image, one, (content, present) in zip(plan.images, built, found, strict=True):
        lines += results.survey_lines(image, content, present)
        documents.append({**results.built_document(image, one), **results.survey_document(content, present)})
    request.console.show("\n".join(lines), {"schema": 1, "dry_run": True, "images": documents})
    return ExitCode.GOOD
