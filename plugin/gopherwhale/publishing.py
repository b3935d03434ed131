"""From a verified layout to tags that point at it: push, receipt, and the notes in between.

The second half of the one path, and like the first it knows no front end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gopherwhale import receipts  # noqa: TID251 -- its own kind
from gopherwhale.errors import UsageError
from gopherwhale.files import write_atomically

# It stands above these and says so line by line; an adapter has no such line.
from gopherwhale.oci.documents import encode  # noqa: TID251
from gopherwhale.oci.layout import Layout  # noqa: TID251
from gopherwhale.oci.source import ImageSource  # noqa: TID251
from gopherwhale.plan import ImagePlan, Plan  # noqa: TID251
from gopherwhale.stopping import held
from gopherwhale.unfinished import Notes  # noqa: TID251

if TYPE_CHECKING:
    # What speaks to a registry costs 70 ms to import, and whoever reads a receipt's name pushes nothing.
    from gopherwhale.oci.push import Brought, PushResult  # noqa: TID251
    from gopherwhale.oci.registry import RegistryClient  # noqa: TID251
    from gopherwhale.oci.survey import Content, Presence  # noqa: TID251

Say = Callable[[str], None]


def check_may_push(plan: Plan, *, untagged: bool = False) -> None:
    """Refuse a push that could not be repeated or has nowhere to go, before anything is built.

    Args:
        plan: Of the run.
        untagged: No tag is to be moved.

    Raises:
        UsageError: The tree is dirty, or an image has no repository or no tag.
    """
    revision = plan.revision
    if revision and revision.dirty and not plan.allow_dirty:
        raise UsageError(
            f"the tree has uncommitted changes: {', '.join(revision.dirty)}",
            hint="commit or stash them, or push with --allow-dirty",
        )
    for image in plan.images:
        if image.repository is None:
            raise UsageError(
                f"the image {image.name!r} has no repository to be pushed to",
                hint='set `repository = "registry/name"` in gopherwhale.toml, or give --repository',
            )
        if not image.tags and not untagged:
            raise UsageError(
                f"the image {image.name!r} has no tag",
                hint="commit first (tags come from git), or give --tag",
            )


def survey(
    image: ImagePlan, layout: Layout, plan: Plan, client: RegistryClient
) -> tuple[Content, list[Presence]]:
    """What a push of the image's layout would send, and which tags it would move; it sends nothing.

    Raises:
        UsageError: A tag may not be moved.
        RegistryError: A registry failed.
    """
    from gopherwhale.oci.push import TagRules, check_tags  # noqa: PLC0415, TID251
    from gopherwhale.oci.survey import look, read_content  # noqa: PLC0415, TID251

    content = read_content(layout)
    present = look(content, image.repositories, image.tags, client, plan.push.jobs)
    check_tags(content, present, TagRules(overwrite=plan.push.overwrite_tags))
    return content, present


def tags_now(plan: Plan, client: RegistryClient) -> dict[str, str]:
    """Where a plan's tags point now, by reference."""
    from gopherwhale.oci.survey import look_at_tags  # noqa: PLC0415, TID251

    found: dict[str, str] = {}
    for image in plan.images:
        found |= look_at_tags(image.repositories, image.tags, client)
    return found


@dataclass(frozen=True, kw_only=True)
class Publication:
    """An image that is in its repositories, and untagged still; `finish` ends it."""

    image: ImagePlan
    plan: Plan
    brought: Brought
    notes: Notes | None
    receipt: Path

    def end(self, result: PushResult) -> None:
        """Write the receipt of what was tagged.

        Raises:
            UsageError: The image is published, and the receipt cannot be written.
        """
        document = receipts.receipt_of(self.image, self.plan, result, time.time())
        try:
            self.receipt.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self.receipt, encode(document) + b"\n")
            if self.notes:
                self.notes.end()
        except OSError as error:
            raise UsageError(
                f"{result.repository}@{result.digest} is pushed and tagged, but {self.receipt} cannot be"
                f" written: {error.strerror or error}"
            ) from None


def finish(publications: Sequence[Publication]) -> list[PushResult]:
    """Move the tags of all images, all of them or none, and write their receipts.

    Raises:
        RegistryError: A registry failed; no tag has moved, or the message says which.
        UsageError: All images are published, and a receipt cannot be written.
    """
    from gopherwhale.oci.push import tag_all  # noqa: PLC0415, TID251

    if not publications:
        return []
    problems = []
    with held(publications[0].brought.say, "the tags are moved and the receipt is written"):
        results = tag_all([publication.brought for publication in publications])
        for publication, result in zip(publications, results, strict=True):
            try:
                publication.end(result)
            except UsageError as error:
                problems.append(error.problem)
        if problems:
            raise UsageError("; ".join(problems))
    return results


def publish(
    image: ImagePlan,
    source: ImageSource,
    plan: Plan,
    client: RegistryClient,
    say: Say,
    unmoved: Mapping[str, str] | None = None,
) -> Publication:
    """Bring an image, as it is, to its repositories; `finish` tags it.

    Args:
        image: What is pushed.
        source: Its bytes: the layout that was verified, or an index over images that a registry has already.
        plan: Of the run; its other images lend blobs that are the same.
        client: The registry client.
        say: Takes lines of progress.
        unmoved: What `tags_now` said.

    Raises:
        RegistryError: A registry failed; no tag has moved.
        AuthenticationError: A registry refuses us.
    """
    from gopherwhale.oci.push import Choices, TagRules, bring  # noqa: PLC0415, TID251

    local = isinstance(source, Layout)
    notes = Notes.begin(image, plan, source.root.digest) if local else None
    first, *also = image.repositories
    before = plan.images[: plan.images.index(image)] if image in plan.images else ()
    choices = Choices(
        also=tuple(also),
        jobs=plan.push.jobs,
        rules=TagRules(overwrite=plan.push.overwrite_tags, unmoved=unmoved),
        lenders=tuple(place for other in before for place in other.repositories),
        **({"note": notes.done} if notes else {}),
    )
    brought = bring(source, first, image.tags, client=client, say=say, choices=choices)
    receipt = image.layout / receipts.PUSHED if local else merged_receipt(image)
    return Publication(image=image, plan=plan, brought=brought, notes=notes, receipt=receipt)


def merged_receipt(image: ImagePlan) -> Path:
    """Where the receipt of a merged image is: it has no layout."""
    return image.layout.parent / f"{image.name}.merged.json"
