"""The image specification's JSON documents: index, manifest, config, and the descriptors between them.

Every document may come from a stranger. It is read within bounds, keeps its exact bytes (a digest is of
bytes, not of meaning), and is refused where two readers could take it for two different things
(CVE-2021-41190).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gopherwhale.errors import LayoutError
from gopherwhale.oci import strict_json
from gopherwhale.platforms import Platform, normalise
from gopherwhale.references import is_digest

MAX_DOCUMENT: Final = strict_json.MAX_DOCUMENT
MAX_SIZE: Final = 2**53

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

    `variant` is what the document says, where `platform` has it normalised.
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


def encode(document: Mapping[str, Any]) -> bytes:
    """Write a document of ours: compact and in a stable order, so that equal meaning has an equal digest."""
    return json.dumps(document, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()


def own_type(raw: bytes, what: str) -> str:
    """The media type of an index or a manifest by the document itself, where nobody else tells it.

    Raises:
        LayoutError: It is no JSON object.
    """
    document = strict_json.load_json(raw, what)
    said = strict_json.text(document, "mediaType", what)
    return said or (OCI_INDEX if "manifests" in document else OCI_MANIFEST)


def parse_index(raw: bytes, what: str, media_type: str = "") -> Index:
    """Read an image index.

    Args:
        raw: Its bytes.
        what: Where it came from, for messages.
        media_type: The type that its descriptor or the registry gave; empty where nobody did.

    Raises:
        LayoutError: It is no index, is ambiguous or breaks a bound.
    """
    document = strict_json.load_json(raw, what)
    if any(member in document for member in ("config", "layers", "fsLayers")):
        raise LayoutError(f"{what} is ambiguous: an index with a manifest's members", code="ambiguous")
    own = _agreed_type(document, what, media_type, INDEX_TYPES) or OCI_INDEX
    entries = tuple(
        parse_descriptor(entry, what) for entry in strict_json.objects(document, "manifests", what)
    )
    return Index(
        raw=raw,
        media_type=own,
        manifests=entries,
        annotations=strict_json.strings(document, "annotations", what),
    )


def parse_manifest(raw: bytes, what: str, media_type: str = "") -> Manifest:
    """Read an image manifest.

    Args:
        raw: Its bytes.
        what: Where it came from, for messages.
        media_type: The type that its descriptor or the registry gave; empty where nobody did.

    Raises:
        LayoutError: It is no manifest, is ambiguous, is Docker's schema 1 or breaks a bound.
    """
    document = strict_json.load_json(raw, what)
    if document.get("schemaVersion") == 1 or "fsLayers" in document:
        raise LayoutError(
            f"{what} is a Docker schema 1 manifest",
            hint="push the image again with any current tool",
            code="schema-1",
        )
    if "manifests" in document:
        raise LayoutError(f"{what} is ambiguous: a manifest with an index's members", code="ambiguous")
    own = _agreed_type(document, what, media_type, MANIFEST_TYPES) or OCI_MANIFEST
    config = document.get("config")
    if not isinstance(config, dict):
        raise LayoutError(f"{what} has no config")
    layers = tuple(parse_descriptor(entry, what) for entry in strict_json.objects(document, "layers", what))
    return Manifest(
        raw=raw,
        media_type=own,
        config=parse_descriptor(config, what),
        layers=layers,
        annotations=strict_json.strings(document, "annotations", what),
    )


def parse_config(raw: bytes, what: str) -> ImageConfig:
    """Read an image's config (image-spec, "OCI Image Configuration").

    Raises:
        LayoutError: It is no config or breaks a bound.
    """
    document = strict_json.load_json(raw, what)
    process = document.get("config") or {}
    rootfs = document.get("rootfs") or {}
    if not isinstance(process, dict) or not isinstance(rootfs, dict):
        raise LayoutError(f"{what} is not an image config")
    return ImageConfig(
        raw=raw,
        platform=normalise(
            *(strict_json.text(document, name, what) for name in ("os", "architecture", "variant"))
        ),
        variant=strict_json.text(document, "variant", what),
        entrypoint=strict_json.texts(process, "Entrypoint", what),
        command=strict_json.texts(process, "Cmd", what),
        environment=strict_json.texts(process, "Env", what),
        working_dir=strict_json.text(process, "WorkingDir", what),
        user=strict_json.text(process, "User", what),
        labels=strict_json.strings(process, "Labels", what),
        diff_ids=strict_json.texts(rootfs, "diff_ids", what),
        created=strict_json.text(document, "created", what),
    )


def parse_descriptor(document: object, what: str) -> Descriptor:
    """Read a descriptor, refusing a digest or size that could lead anywhere else (CVE-2024-3727).

    Raises:
        LayoutError: A member is missing, of the wrong type or out of bounds.
    """
    if not isinstance(document, dict):
        raise LayoutError(f"{what} holds a descriptor that is no object")
    strict_json.refuse_twins(document, what)
    digest, size = document.get("digest"), document.get("size")
    if not isinstance(digest, str) or not is_digest(digest):
        raise LayoutError(f"{what} holds the unusable digest {str(digest)[:100]!r}")
    if type(size) is not int or not 0 <= size <= MAX_SIZE:
        raise LayoutError(f"{what} holds the unusable size {str(size)[:40]!r} for {digest}")
    return Descriptor(
        media_type=strict_json.text(document, "mediaType", what),
        digest=digest,
        size=size,
        platform=_platform(document.get("platform"), what),
        annotations=strict_json.strings(document, "annotations", what),
        artifact_type=strict_json.text(document, "artifactType", what),
        os_version=_os_version(document.get("platform"), what),
    )


def _platform(document: object, what: str) -> Platform | None:
    if document is None:
        return None
    if not isinstance(document, dict):
        raise LayoutError(f"{what} holds a platform that is no object")
    return normalise(*(strict_json.text(document, name, what) for name in ("os", "architecture", "variant")))


def _os_version(document: object, what: str) -> str:
    return strict_json.text(document, "os.version", what) if isinstance(document, dict) else ""


def _agreed_type(document: dict[str, Any], what: str, outer: str, allowed: frozenset[str]) -> str:
    inner = strict_json.text(document, "mediaType", what)
    if inner and outer and inner != outer:
        raise LayoutError(
            f"{what} is ambiguous: it calls itself {inner[:100]!r}, its descriptor says {outer[:100]!r}",
            code="media-type-differs",
        )
    agreed = inner or outer
    if agreed and agreed not in allowed:
        raise LayoutError(
            f"{what} has the media type {agreed[:100]!r}, expected one of: {', '.join(sorted(allowed))}",
            code="media-type-differs",
        )
    return agreed
