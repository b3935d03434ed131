"""An image's documents put together: config, manifest and index (image-spec 1.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from gopherwhale.oci.documents import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, Descriptor, encode
from gopherwhale.oci.layer_writer import Layer
from gopherwhale.oci.layout import LayoutWriter
from gopherwhale.platforms import Platform


@dataclass(frozen=True, kw_only=True)
class Process:
    """How an image starts: the config's `config` object, where empty members are left out.

    Attributes:
        user: Numeric, as `65532:65532`.
        entrypoint: What runs.
        command: Its arguments, unless others are given.
        environment: `KEY=VALUE`.
        working_dir: Where it runs.
        ports: As `8080/tcp`.
        stop_signal: As `SIGINT`.
        labels: For people and tools.
    """

    user: str = ""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    working_dir: str = ""
    ports: tuple[str, ...] = ()
    stop_signal: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    def to_document(self) -> dict[str, Any]:
        """The JSON object."""
        document = {
            "User": self.user,
            "ExposedPorts": {port: {} for port in self.ports},
            "Env": list(self.environment),
            "Entrypoint": list(self.entrypoint),
            "Cmd": list(self.command),
            "WorkingDir": self.working_dir,
            "Labels": dict(self.labels),
            "StopSignal": self.stop_signal,
        }
        return {name: value for name, value in document.items() if value}


@dataclass(frozen=True, kw_only=True)
class Part:
    """A layer and what the config's history says of it."""

    layer: Layer
    created_by: str


def put_image(
    writer: LayoutWriter,
    platform: Platform,
    process: Process,
    parts: Sequence[Part],
    *,
    created: int,
    annotations: Mapping[str, str],
) -> Descriptor:
    """Write one platform's config and manifest.

    Args:
        writer: The layout's transaction, which holds the layers already.
        platform: What the binaries are for.
        process: How the image starts.
        parts: Its layers, the lowest first.
        created: Seconds since 1970.
        annotations: For the manifest.

    Returns:
        The manifest's descriptor, with its platform.
    """
    date = datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    config = writer.put(
        encode(
            {
                **platform.to_document(),
                "created": date,
                "config": process.to_document(),
                "rootfs": {"type": "layers", "diff_ids": [part.layer.diff_id for part in parts]},
                "history": [{"created": date, "created_by": part.created_by} for part in parts],
            }
        ),
        OCI_CONFIG,
    )
    layers = [
        Descriptor(media_type=part.layer.media_type, digest=part.layer.digest, size=part.layer.size)
        for part in parts
    ]
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": config.to_document(),
        "layers": [layer.to_document() for layer in layers],
        "annotations": dict(annotations),
    }
    return replace(writer.put(_encode(document), OCI_MANIFEST), platform=platform)


def put_index(
    writer: LayoutWriter, manifests: Iterable[Descriptor], annotations: Mapping[str, str]
) -> Descriptor:
    """Write the index of an image's platforms.

    Args:
        writer: The layout's transaction.
        manifests: In the order in which a reader shall look through them.
        annotations: For the index.
    """
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [manifest.to_document() for manifest in manifests],
        "annotations": dict(annotations),
    }
    return writer.put(_encode(document), OCI_INDEX)


def _encode(document: dict[str, Any]) -> bytes:
    return encode({name: value for name, value in document.items() if name != "annotations" or value})
