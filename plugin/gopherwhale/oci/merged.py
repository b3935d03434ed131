"""Images of single platforms, pushed by digest, as one image: a new index over what the registry has."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

from gopherwhale.errors import LayoutError, VerificationError
from gopherwhale.oci.assemble import index_document
from gopherwhale.oci.documents import INDEX_TYPES, OCI_INDEX, Descriptor, digest_of
from gopherwhale.oci.registry import RegistryClient, RegistrySource
from gopherwhale.oci.source import entries_of
from gopherwhale.platforms import Platform
from gopherwhale.references import Reference


@dataclass(frozen=True, kw_only=True)
class MergedSource:
    """An index of ours whose images are in a registry already; see `ImageSource`.

    Attributes:
        raw: The index.
        below: The repository that holds everything else.
    """

    raw: bytes
    below: RegistrySource

    @property
    def name(self) -> str:
        """The repository, with its scheme."""
        return f"docker://{self.below.reference.name}"

    @property
    def root(self) -> Descriptor:
        """The index."""
        return Descriptor(media_type=OCI_INDEX, digest=digest_of(self.raw), size=len(self.raw))

    @contextlib.contextmanager
    def open_blob(self, descriptor: Descriptor) -> Iterator[IO[bytes]]:
        """Open the index, or whatever the repository holds."""
        if descriptor.digest == self.root.digest:
            yield io.BytesIO(self.raw)
            return
        with self.below.open_blob(descriptor) as stream:
            yield stream

    def confirm(self, descriptor: Descriptor) -> None:
        """Ask for a blob's presence and size; see `ImageSource.confirm`."""
        if descriptor.digest != self.root.digest:
            self.below.confirm(descriptor)


def merge(
    client: RegistryClient,
    repository: Reference,
    parts: Mapping[str, Sequence[tuple[Platform, str]]],
    order: Sequence[Platform],
    annotations: Mapping[str, str],
) -> MergedSource:
    """Make one index of several images of a repository.

    Args:
        client: The registry client.
        repository: Where they are.
        parts: By digest of what was pushed: the platforms and manifests that it must hold, exactly.
        order: The platforms in the order in which the index shall list them.
        annotations: For the index.

    Returns:
        The image as a source; nothing was put anywhere yet.

    Raises:
        VerificationError: The registry holds another thing under a digest than was claimed.
        LayoutError: What it holds is damaged.
        RegistryError: It has no such digest, or fails.
    """
    images: dict[Platform, Descriptor] = {}
    attestations: list[Descriptor] = []
    for digest, claimed in parts.items():
        reference = repository.with_digest(digest)
        entries = _entries(RegistrySource(client, reference))
        found = {(entry.platform, entry.digest) for entry in entries if not entry.is_attestation}
        if found != set(claimed):
            here = ", ".join(sorted(f"{platform} {child}" for platform, child in found))
            raise VerificationError(f"{reference} holds {here}, which is not what its receipt says")
        images |= {entry.platform: entry for entry in entries if entry.platform and not entry.is_attestation}
        attestations += [entry for entry in entries if entry.is_attestation]
    raw = index_document([*(images[platform] for platform in order), *attestations], annotations)
    return MergedSource(raw=raw, below=RegistrySource(client, repository))


def _entries(source: RegistrySource) -> tuple[Descriptor, ...]:
    root = source.root
    entries = entries_of(source, root)
    if any(entry.media_type in INDEX_TYPES for entry in entries):
        raise LayoutError(
            f"{source.name}: {root.digest} holds an index in its index: runtimes do not read that"
        )
    return entries
