"""What an image consists of, and what of it a registry has already: asked before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from gopherwhale.errors import LayoutError
from gopherwhale.oci.documents import Descriptor, Index, Manifest
from gopherwhale.oci.layout import walk
from gopherwhale.oci.registry import RegistryClient
from gopherwhale.oci.source import ImageSource
from gopherwhale.oci.workers import side_by_side
from gopherwhale.references import Reference

Document: TypeAlias = tuple[Descriptor, Index | Manifest]


@dataclass(frozen=True, kw_only=True)
class Content:
    """An image, read down to its blobs.

    Attributes:
        documents: Indexes and manifests, children before their parents; the root is the last.
        blobs: Layers and configs, each digest once.
    """

    documents: tuple[Document, ...]
    blobs: tuple[Descriptor, ...]

    @property
    def root(self) -> Document:
        """The image itself."""
        return self.documents[-1]

    @property
    def size(self) -> int:
        """Bytes of all blobs."""
        return sum(blob.size for blob in self.blobs)


@dataclass(frozen=True, kw_only=True)
class Presence:
    """What one repository lacks, and where its tags point.

    Attributes:
        target: The repository.
        blobs: Those that it lacks, by digest.
        documents: The indexes and manifests that it lacks, in the image's order.
        tags: Each tag that is to be moved -> the digest that it points at now; empty: there is none.
    """

    target: Reference
    blobs: Mapping[str, Descriptor]
    documents: tuple[Document, ...]
    tags: Mapping[str, str]

    @property
    def bytes_missing(self) -> int:
        """Bytes of the blobs that it lacks."""
        return sum(blob.size for blob in self.blobs.values())


def read_content(source: ImageSource) -> Content:
    """Read every document of an image, each held to its descriptor.

    Raises:
        LayoutError: A document is damaged or ambiguous, or two descriptors differ about one blob.
    """
    documents = tuple(walk(source))
    found: dict[str, Descriptor] = {}
    for _, document in documents:
        if isinstance(document, Manifest):
            for part in (*document.layers, document.config):
                if found.setdefault(part.digest, part).size != part.size:
                    raise LayoutError(f"{source.name}: two descriptors give {part.digest} two sizes")
    return Content(documents=documents, blobs=tuple(found.values()))


def look(
    content: Content, targets: Sequence[Reference], tags: Sequence[str], client: RegistryClient, jobs: int
) -> list[Presence]:
    """Ask each repository what it has; requests only, HEAD all of them.

    Everything is asked for: a registry that lost a blob under a manifest which it kept is mended by a push.

    Raises:
        RegistryError: A registry fails.
        AuthenticationError: It refuses us.
    """
    tasks: list[Callable[[], tuple[str, str]]] = []
    for target in targets:
        tasks += [partial(_tag, client, target, tag) for tag in tags]
        tasks += [partial(_document, client, target, document) for document in content.documents]
        tasks += [partial(_blob, client, target, blob) for blob in content.blobs]
    # One question alone first: its answer may be that a log-in is wanted, which need not be said by all.
    answers = [tasks[0](), *side_by_side(tasks[1:], jobs, client.cancel)]
    each = len(answers) // len(targets)
    return [
        _presence(content, target, len(tags), answers[number * each : (number + 1) * each])
        for number, target in enumerate(targets)
    ]


def look_at_tags(targets: Sequence[Reference], tags: Sequence[str], client: RegistryClient) -> dict[str, str]:
    """Where tags point now: each full reference -> its digest, empty where there is none.

    Raises:
        RegistryError: A registry fails.
        AuthenticationError: It refuses us.
    """
    wanted = [target.with_tag(tag) for target in targets for tag in tags]
    return {str(reference): client.head_manifest(reference) for reference in wanted}


def _presence(content: Content, target: Reference, tags: int, answers: Sequence[tuple[str, str]]) -> Presence:
    documents = tags + len(content.documents)
    there = {digest for digest, found in answers[tags:] if found}
    return Presence(
        target=target,
        tags=dict(answers[:tags]),
        documents=tuple(
            document
            for document, (_, found) in zip(content.documents, answers[tags:documents], strict=True)
            if not found
        ),
        blobs={blob.digest: blob for blob in content.blobs if blob.digest not in there},
    )


def _tag(client: RegistryClient, target: Reference, tag: str) -> tuple[str, str]:
    return tag, client.head_manifest(target.with_tag(tag))


def _document(client: RegistryClient, target: Reference, document: Document) -> tuple[str, str]:
    digest = document[0].digest
    return digest, digest if client.head_manifest(target.with_digest(digest)) == digest else ""


def _blob(client: RegistryClient, target: Reference, blob: Descriptor) -> tuple[str, str]:
    return blob.digest, blob.digest if client.has_blob(target, blob) else ""
