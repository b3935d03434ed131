"""Move an image's exact bytes to registries: blobs everywhere, manifests everywhere, tags everywhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from gopherwhale.oci.documents import INDEX_TYPES, Descriptor, Index, Manifest
from gopherwhale.oci.registry import RegistryClient
from gopherwhale.oci.sending import JOBS, Choices, Sending
from gopherwhale.oci.source import ImageSource
from gopherwhale.oci.survey import Content, Document, Presence, look, read_content
from gopherwhale.oci.tagging import Move, PushedTag, TagRules, move_tags
from gopherwhale.oci.transport import Say
from gopherwhale.oci.workers import side_by_side
from gopherwhale.references import Reference

__all__ = [
    "JOBS",
    "Brought",
    "Choices",
    "PushResult",
    "PushedManifest",
    "PushedTag",
    "TagRules",
    "bring",
    "check_tags",
    "tag_all",
]


@dataclass(frozen=True, kw_only=True)
class PushedManifest:
    """A manifest or index of the image; its platform is empty where it has none."""

    digest: str
    platform: str
    media_type: str
    size: int
    attestation: bool


@dataclass(frozen=True, kw_only=True)
class PushResult:
    """What a push did.

    Attributes:
        repository: Registry and name.
        also: The further repositories.
        digest: The image's root.
        media_type: Of the root.
        size: Bytes of all distinct blobs.
        blobs_sent: Blobs that a registry did not have, and that were not mounted; over all repositories.
        blobs_present: Blobs that were there, or were mounted.
        bytes_sent: Bytes of the blobs sent.
        seconds: From the first request to the last tag.
        manifests: Every document of the image, children first.
        tags: Every tag, in every repository.
    """

    repository: str
    also: tuple[str, ...]
    digest: str
    media_type: str
    size: int
    blobs_sent: int
    blobs_present: int
    bytes_sent: int
    seconds: float
    manifests: tuple[PushedManifest, ...]
    tags: tuple[PushedTag, ...]


def bring(
    source: ImageSource,
    target: Reference,
    tags: Sequence[str],
    *,
    client: RegistryClient,
    say: Say = lambda _line: None,
    choices: Choices | None = None,
) -> Brought:
    """Bring an image to its repositories, all but its tags, which `Brought.tag` moves at the end.

    Args:
        source: Where the image is.
        target: The repository.
        tags: The tags that will be moved.
        client: The registry client.
        say: Takes lines of progress.
        choices: Further repositories, bounds and rules.

    Raises:
        LayoutError: The source does not hold what its descriptors say.
        UsageError: A tag may not be moved.
        RegistryError: A registry failed; no tag has moved.
        AuthenticationError: A registry refuses us.
    """
    started = time.monotonic()
    choices = choices or Choices()
    content = read_content(source)
    targets = (target, *choices.also)
    for one in targets:
        client.will_write(one)
    present = look(content, targets, tags, client, choices.jobs)
    check_tags(content, present, choices.rules)
    sent = Sending(source=source, present=present, client=client, say=say, choices=choices).send()
    _put_documents(present, client, choices)
    return Brought(
        content=content,
        present=present,
        sent=sent,
        seconds=time.monotonic() - started,
        client=client,
        say=say,
        rules=choices.rules,
    )


def check_tags(content: Content, present: Sequence[Presence], rules: TagRules) -> None:
    """Refuse a push whose tags may not be moved; errors as of `TagRules.check`."""
    for move in _moves(content, present):
        rules.check(move.reference, move.before, move.digest)


def _moves(content: Content, present: Sequence[Presence]) -> list[Move]:
    root, document = content.root
    return [
        Move(reference=state.target.with_tag(tag), before=now, digest=root.digest, document=document)
        for state in present
        for tag, now in state.tags.items()
    ]


@dataclass(frozen=True, kw_only=True)
class Brought:
    """An image that is in its repositories, by digest; `tag`, or `tag_all` of several, ends the push."""

    content: Content
    present: Sequence[Presence]
    sent: Sequence[Descriptor]
    seconds: float
    client: RegistryClient
    say: Say
    rules: TagRules

    @property
    def moves(self) -> list[Move]:
        """Its tags, in every repository."""
        return _moves(self.content, self.present)

    def tag(self) -> PushResult:
        """Move its tags; errors as of `tag_all`."""
        return tag_all([self])[0]

    def tagged(self, moved: Sequence[PushedTag], seconds: float) -> PushResult:
        """What the push came to.

        Args:
            moved: Its tags.
            seconds: That moving the tags took.
        """
        root, document = self.content.root
        for tag in moved:
            self.say(f"{'already' if tag.previous == tag.digest else 'tagged'} {tag.reference}")
        first, *also = (state.target.name for state in self.present)
        return PushResult(
            repository=first,
            also=tuple(also),
            digest=root.digest,
            media_type=document.media_type,
            size=self.content.size,
            blobs_sent=len(self.sent),
            blobs_present=len(self.content.blobs) * len(self.present) - len(self.sent),
            bytes_sent=sum(blob.size for blob in self.sent),
            seconds=self.seconds + seconds,
            manifests=tuple(_pushed(*found) for found in self.content.documents),
            tags=tuple(moved),
        )


def tag_all(images: Sequence[Brought]) -> list[PushResult]:
    """Move the tags of all images of a run, in every repository: where one cannot be moved, none is.

    Args:
        images: Brought by one client, with the same rules.

    Raises:
        UsageError: A version's tag would be overwritten.
        RegistryError: A registry failed; no tag has moved, or the message says which.
    """
    if not images:
        return []
    started = time.monotonic()
    moves = [move for image in images for move in image.moves]
    moved = iter(move_tags(moves, images[0].client, images[0].rules))
    seconds = time.monotonic() - started
    return [image.tagged([next(moved) for _ in image.moves], seconds) for image in images]


def _put_documents(present: Sequence[Presence], client: RegistryClient, choices: Choices) -> None:
    """Put manifests by digest, side by side, and then the indexes above them, in order."""

    def put(target: Reference, document: Document) -> bool:
        client.put_manifest(target.with_digest(document[0].digest), document[1].raw, document[1].media_type)
        choices.note(target.name, document[0].digest)
        return True

    missing = [(state.target, document) for state in present for document in state.documents]
    images = [pair for pair in missing if pair[1][1].media_type not in INDEX_TYPES]
    side_by_side([partial(put, *pair) for pair in images], choices.jobs, client.cancel)
    for pair in missing:
        if pair[1][1].media_type in INDEX_TYPES:
            put(*pair)


def _pushed(descriptor: Descriptor, document: Index | Manifest) -> PushedManifest:
    return PushedManifest(
        digest=descriptor.digest,
        platform=str(descriptor.platform) if descriptor.platform else "",
        media_type=document.media_type,
        size=descriptor.size,
        attestation=descriptor.is_attestation,
    )
