"""Move an image's exact bytes to a registry: blobs, manifests by digest, the index by digest, tags last."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import IO, Final, cast

from gopherwhale.oci.body import BlobBody
from gopherwhale.oci.documents import Descriptor, Index, Manifest
from gopherwhale.oci.layout import walk
from gopherwhale.oci.registry import RegistryClient
from gopherwhale.oci.source import ImageSource, check_blob
from gopherwhale.references import Reference

_SIDE_BY_SIDE: Final = 4


@dataclass(frozen=True, kw_only=True)
class PushedTag:
    """A tag, and the digest that it points at now."""

    reference: str
    digest: str


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
        digest: The image's root.
        media_type: Of the root.
        size: Bytes of all distinct blobs.
        blobs_sent: Blobs that the registry did not have.
        blobs_present: Blobs that it had.
        bytes_sent: Bytes of the blobs sent.
        seconds: From the first request to the last tag.
        manifests: Everything that was put by digest, children first.
        tags: Every tag that was moved.
    """

    repository: str
    digest: str
    media_type: str
    size: int
    blobs_sent: int
    blobs_present: int
    bytes_sent: int
    seconds: float
    manifests: tuple[PushedManifest, ...]
    tags: tuple[PushedTag, ...]


def push(
    source: ImageSource,
    target: Reference,
    tags: Sequence[str],
    *,
    client: RegistryClient,
    say: Callable[[str], None] = lambda _line: None,
) -> PushResult:
    """Push an image; a tag moves only when everything that it points at is in place.

    Args:
        source: Where the image is.
        target: The repository.
        tags: The tags to move, at the end.
        client: The registry client.
        say: Takes lines of progress.

    Raises:
        LayoutError: The source does not hold what its descriptors say.
        RegistryError: The registry failed; no tag has moved.
        AuthenticationError: The registry refuses us.
    """
    started = time.monotonic()
    documents = list(walk(source))
    blobs = _blobs(documents)
    sent = _push_blobs(source, target, blobs, client, say)
    for descriptor, document in documents:
        there = target.with_digest(descriptor.digest)
        if client.head_manifest(there) != descriptor.digest:
            client.put_manifest(there, document.raw, document.media_type)
    root, document = documents[-1]
    moved = []
    for tag in tags:
        reference = target.with_tag(tag)
        client.put_manifest(reference, document.raw, document.media_type)
        say(f"tagged {reference}")
        moved.append(PushedTag(reference=str(reference), digest=root.digest))
    return PushResult(
        repository=target.name,
        digest=root.digest,
        media_type=document.media_type,
        size=sum(blob.size for blob in blobs),
        blobs_sent=len(sent),
        blobs_present=len(blobs) - len(sent),
        bytes_sent=sum(blob.size for blob in sent),
        seconds=time.monotonic() - started,
        manifests=tuple(_pushed(descriptor, found) for descriptor, found in documents),
        tags=tuple(moved),
    )


def _blobs(documents: Sequence[tuple[Descriptor, Index | Manifest]]) -> list[Descriptor]:
    found: dict[str, Descriptor] = {}
    for _, document in documents:
        if isinstance(document, Manifest):
            found.update((part.digest, part) for part in (*document.layers, document.config))
    return list(found.values())


def _push_blobs(
    source: ImageSource,
    target: Reference,
    blobs: Sequence[Descriptor],
    client: RegistryClient,
    say: Callable[[str], None],
) -> list[Descriptor]:
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        work = {pool.submit(_push_blob, source, target, blob, client, say): blob for blob in blobs}
        done, waiting = wait(work, return_when=FIRST_EXCEPTION)
        for future in waiting:
            future.cancel()
        return [work[future] for future in work if future in done and future.result()]


def _push_blob(
    source: ImageSource,
    target: Reference,
    blob: Descriptor,
    client: RegistryClient,
    say: Callable[[str], None],
) -> bool:
    # What the registry has is still checked here: a layout that lies is not half right.
    check_blob(source, blob)
    if client.has_blob(target, blob):
        return False
    say(f"sending {blob.digest} ({blob.size} bytes)")

    def opened(offset: int, length: int) -> IO[bytes]:
        return cast("IO[bytes]", BlobBody(source, blob, offset, length))

    client.put_blob(target, blob, opened)
    return True


def _pushed(descriptor: Descriptor, document: Index | Manifest) -> PushedManifest:
    return PushedManifest(
        digest=descriptor.digest,
        platform=str(descriptor.platform) if descriptor.platform else "",
        media_type=document.media_type,
        size=descriptor.size,
        attestation=descriptor.is_attestation,
    )
