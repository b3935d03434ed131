"""docker.merge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gopherwhale import pipeline, publishing, receipts, results
from gopherwhale.app import gate
from gopherwhale.app.registries import registry_client
from gopherwhale.app.request import Request, resolve
from gopherwhale.console import counted
from gopherwhale.errors import ExitCode, UsageError
from gopherwhale.oci.merged import merge as merge_index
from gopherwhale.oci.push import PushResult
from gopherwhale.oci.registry import RegistryClient, RegistrySource
from gopherwhale.plan import ImagePlan, Plan
from gopherwhale.receipts import Receipt
from gopherwhale.verify.image import verify_image


def merge(request: Request, receipt: Sequence[str] = ()) -> ExitCode:
    """Make one image of those that several runners pushed without tags; verify it, and move the tags last.

    Args:
        request: What was asked for.
        receipt: The receipts of those pushes, or folders that hold them.

    Raises:
        UsageError: A receipt cannot be read, or is of no image here.
        VerificationError: They are not exactly one for each platform of this commit, or the merged image,
            read back from the registry, is not what was asked for. No tag has moved.
        RegistryError: A registry failed; no tag has moved, or the message says which.
    """
    given = [receipts.read(request.start / path) for path in receipt]
    # Nothing is built: whether the tree here has changes, as the receipts' own files, does not matter.
    _, resolved = resolve(request, built_dirty=any(one.dirty for one in given))
    made = replace(resolved, revision=None)
    chosen = _by_image(made, given, request)
    publishing.check_may_push(made)
    for image in made.images:
        if image.name in chosen:
            receipts.check(chosen[image.name], image, made)
    with registry_client(request, made.access) as client:
        unmoved = publishing.tags_now(made, client) if made.push.if_unmoved else None
        waiting = [
            _bring(image, made, chosen[image.name], client, request, unmoved)
            for image in made.images
            if image.name in chosen
        ]
        pushed = publishing.finish(waiting)
        merged = [(one.image, result) for one, result in zip(waiting, pushed, strict=True)]
    _show(merged, request)
    return ExitCode.GOOD


def _by_image(plan: Plan, found: Sequence[Receipt], request: Request) -> Mapping[str, list[Receipt]]:
    names = [image.name for image in plan.images]
    chosen: dict[str, list[Receipt]] = {}
    for receipt in found:
        if receipt.image not in names:
            raise UsageError(
                f"{receipt.path} is of the image {receipt.image[:100]!r}",
                hint=f"images here: {', '.join(names)}",
            )
        chosen.setdefault(receipt.image, []).append(receipt)
    wanted = request.images or tuple(names)
    lacking = [name for name in wanted if name not in chosen]
    if lacking:
        raise UsageError(
            f"there is no receipt of the image {lacking[0]!r}",
            hint="name the receipt.json of each runner's `docker.push --untagged`",
        )
    return chosen


def _bring(
    image: ImagePlan,
    plan: Plan,
    found: Sequence[Receipt],
    client: RegistryClient,
    request: Request,
    unmoved: Mapping[str, str] | None,
) -> publishing.Publication:
    """The merged image in its repositories, read back and verified there, and untagged still."""
    say = request.console.say
    assert image.repository is not None, "check_may_push comes first"  # noqa: S101 -- for the type checker
    parts = {receipt.digest: receipt.images for receipt in found}
    source = merge_index(client, image.repository, parts, image.platforms, image.annotations)
    say(f"{image.name}: merging {counted(len(found), 'push', 'es')} into {source.root.digest}")
    publication = publishing.publish(image, source, plan, client, say, unmoved)
    for place in image.repositories:
        back = RegistrySource(client, place.with_digest(source.root.digest))
        report = verify_image(back, pipeline.wanted(image, revision=image.revision), say=say)
        gate.refuse_unless_verified([report], request)
    return publication


def _show(merged: Sequence[tuple[ImagePlan, PushResult]], request: Request) -> None:
    places = {image.name: publishing.merged_receipt(image) for image, _ in merged}

    def text() -> str:
        return "\n".join(
            results.pushed_table(image, result, request.console, places[image.name])
            for image, result in merged
        )

    documents = [
        {
            "name": image.name,
            "digest": result.digest,
            **results.pushed_document(result, places[image.name]),
        }
        for image, result in merged
    ]
    request.console.show(text, {"schema": 1, "images": documents})
