"""The image specification's JSON documents: index, manifest, config, and the descriptors between them.

Each keeps its exact bytes: a digest is of bytes, not of meaning. `parsing` reads them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gopherwhale.oci import strict_json
from gopherwhale.platforms import Platform

MAX_DOCUMENT: Final = strict_json.MAX_DOCUMENT

OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
OCI_LAYER: Final = "application/vnd.oci.image.layer.v1.tar"
DOCKER_INDEX: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG: Final = "application/vnd.docker.container.image.v1+json"
INDEX_TYPES: Final = frozenset({OCI_INDEX, DOCKER_INDEX})
MANIFEST_TYPES: Final = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
CONFIG_TYPES: Final = frozenset({OCI_CONFIG, DOCKER_CONFIG})

# BuildKit marks an attestation manifest so; its platform is unknown/unknown, but that alone proves nothing.
REFERENCE_TYPE: Final = "vnd.docker.reference.type"
REFERENCE_DIGEST: Final = "vnd.docker.reference.digest"
ATTESTATION: Final = "attestation-manifest"


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    """The digest of some bytes, as a descriptor writes it."""
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


@dataclass(frozen=True, kw_only=True)
class Descriptor:
    """What one document says of another blob (image-spec, "OCI Content Descriptors").

    Attributes:
        media_type: The blob's type.
        digest: `sha256:` or `sha512:` and lower-case hexadecimal, already checked.
        size: Bytes.
        platform: The platform which an index declares for it, normalised; None where it declares none.
        annotations: As in the document.
        artifact_type: As in the document, else empty.
        os_version: The `os.version` of the platform, which tells Windows images apart, else empty.
    """

    media_type: str
    digest: str
    size: int
    platform: Platform | None = None
    annotations: Mapping[str, str] = field(default_factory=lambda: strict_json.NONE)
    artifact_type: str = ""
    os_version: str = ""

    @property
    def is_attestation(self) -> bool:
        """Whether it is a builder's statement about an image, told by its annotation.

        One that declares a platform of its own is an image, whatever it calls itself: a runtime would run it.
        """
        stands_alone = self.platform is not None and self.platform.os != "unknown"
        return REFERENCE_TYPE in self.annotations and not stands_alone

    def to_document(self) -> dict[str, Any]:
        """The JSON object, without the members that are empty."""
        document: dict[str, Any] = {"mediaType": self.media_type, "digest": self.digest, "size": self.size}
        if self.artifact_type:
            document["artifactType"] = self.artifact_type
        if self.annotations:
            document["annotations"] = dict(self.annotations)
        if self.platform is not None:
            version = {"os.version": self.os_version} if self.os_version else {}
            document["platform"] = {**self.platform.to_document(), **version}
        return document


@dataclass(frozen=True, kw_only=True)
class Index:
    """An image index (or Docker's manifest list) with its exact bytes."""

    raw: bytes
    media_type: str
    manifests: tuple[Descriptor, ...]
    annotations: Mapping[str, str]

    @property
    def images(self) -> tuple[Descriptor, ...]:
        """The entries that are images, attestations left out."""
        return tuple(entry for entry in self.manifests if not entry.is_attestation)

    @property
    def attestations(self) -> tuple[Descriptor, ...]:
        """The entries that are a builder's attestations."""
        return tuple(entry for entry in self.manifests if entry.is_attestation)


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """An image manifest with its exact bytes."""

    raw: bytes
    media_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...]
    annotations: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class ImageConfig:
    """An image's config: its platform, how it starts, and the digests of its unpacked layers.

    `variant` is what the document says, where `platform` has it normalised; `health` is the command line of
    Docker's own health check, where there is one.
    """

    raw: bytes
    platform: Platform
    variant: str
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    environment: tuple[str, ...]
    working_dir: str
    user: str
    labels: Mapping[str, str]
    diff_ids: tuple[str, ...]
    created: str
    health: tuple[str, ...] = ()


def encode(document: Mapping[str, Any]) -> bytes:
    """Write a document of ours: compact and in a stable order, so that equal meaning has an equal digest."""
    return json.dumps(document, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()
