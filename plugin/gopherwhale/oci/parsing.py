"""Documents of the image specification, read: each may come from a stranger.

It is read within bounds, and refused where two readers could take it for two different things
(CVE-2021-41190).
"""

from __future__ import annotations

from typing import Any, Final

from gopherwhale.errors import LayoutError
from gopherwhale.oci import strict_json
from gopherwhale.oci.documents import (
    INDEX_TYPES,
    MANIFEST_TYPES,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
    ImageConfig,
    Index,
    Manifest,
)
from gopherwhale.platforms import Platform, normalise
from gopherwhale.references import is_digest

_MAX_SIZE: Final = 2**53


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
        health=_health(process),
    )


def _health(process: dict[str, Any]) -> tuple[str, ...]:
    """The command line of `Healthcheck`, which is Docker's own; what is odd there is passed over."""
    check = process.get("Healthcheck")
    kind, *words = _words(check.get("Test") if isinstance(check, dict) else None) or ["NONE"]
    if kind == "CMD-SHELL":
        return (*(_words(process.get("Shell")) or ("/bin/sh", "-c")), *words[:1])
    return tuple(words) if kind == "CMD" else ()


def _words(found: object) -> list[str]:
    strings = isinstance(found, list) and all(isinstance(one, str) for one in found)
    return found if isinstance(found, list) and strings else []


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
    if type(size) is not int or not 0 <= size <= _MAX_SIZE:
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
