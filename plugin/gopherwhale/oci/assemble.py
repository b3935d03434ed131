"""An image's documents put together: config, manifest and index (image-spec 1.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from gopherwhale.dates import rfc3339
from gopherwhale.oci.base import BASE_DIGEST, BaseImage
from gopherwhale.oci.documents import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, Descriptor, encode
from gopherwhale.oci.layer_writer import Layer
from gopherwhale.oci.layout_writer import LayoutWriter
from gopherwhale.platforms import Platform

# What BuildKit gives to every image whose base has no PATH of its own, by operating system.
DEFAULT_PATHS: Final[Mapping[str, str]] = {
    "linux": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "windows": "c:\\Windows\\System32;c:\\Windows",
}
# What an image inherits from its base; entrypoint and command it never does, for they start another program.
_INHERITED: Final = (
    "Env",
    "User",
    "WorkingDir",
    "ExposedPorts",
    "Volumes",
    "Labels",
    "StopSignal",
    "Healthcheck",
)


@dataclass(frozen=True, kw_only=True)
class Process:
    """How an image starts: the config's `config` object, where empty members are left out.

    Attributes:
        user: As `65532:65532`.
        entrypoint: What runs.
        command: Its arguments, unless others are given.
        environment: `KEY=VALUE`, over what the base has.
        working_dir: Where it runs.
        ports: As `8080/tcp`.
        stop_signal: As `SIGINT`.
        labels: For people and tools.
        given: The members `User` and `WorkingDir` where somebody set them, so that they win over the base's.
    """

    user: str = ""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    working_dir: str = ""
    ports: tuple[str, ...] = ()
    stop_signal: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    given: frozenset[str] = frozenset()

    def to_document(self, system: str, below: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The JSON object.

        Args:
            system: The platform's operating system.
            below: The base's `config` object, which this process goes over, as in a Dockerfile's stage.
        """
        found: dict[str, Any] = {name: (below or {}).get(name) for name in _INHERITED}
        for name, own in (("User", self.user), ("WorkingDir", self.working_dir)):
            found[name] = own if name in self.given else found[name] or own
        environment = {"PATH": DEFAULT_PATHS[system]} if system in DEFAULT_PATHS else {}
        for entry in (*(found["Env"] or ()), *self.environment):
            name, _, value = entry.partition("=")
            environment[name] = value
        found |= {
            "Env": [f"{name}={value}" for name, value in environment.items()],
            "ExposedPorts": {**(found["ExposedPorts"] or {}), **{port: {} for port in self.ports}},
            "Entrypoint": list(self.entrypoint),
            "Cmd": list(self.command),
            "Labels": {**(found["Labels"] or {}), **self.labels},
            "StopSignal": self.stop_signal or found["StopSignal"],
        }
        return {name: value for name, value in found.items() if value}


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
    base: BaseImage | None = None,
) -> Descriptor:
    """Write one platform's config and manifest.

    Args:
        writer: The layout's transaction, which holds the layers already, those of the base too.
        platform: What the binaries are for.
        process: How the image starts.
        parts: Its layers above the base, the lowest first.
        created: Seconds since 1970.
        annotations: For the manifest.
        base: What it is built upon; None for an image from scratch.

    Returns:
        The manifest's descriptor, with its platform.
    """
    config = writer.put(encode(_config(platform, process, parts, created, base)), OCI_CONFIG)
    layers = list(base.layers) if base else []
    layers += [
        Descriptor(media_type=part.layer.media_type, digest=part.layer.digest, size=part.layer.size)
        for part in parts
    ]
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": config.to_document(),
        "layers": [layer.to_document() for layer in layers],
        "annotations": {**annotations, **({BASE_DIGEST: base.digest} if base else {})},
    }
    manifest = writer.put(_encode(document), OCI_MANIFEST)
    return replace(manifest, platform=platform, os_version=base.os_version if base else "")


def _config(
    platform: Platform, process: Process, parts: Sequence[Part], created: int, base: BaseImage | None
) -> dict[str, Any]:
    date = rfc3339(created)
    below: Mapping[str, Any] = base.config if base else {}
    kept = {name: below[name] for name in ("os.version", "os.features") if below.get(name)}
    diff_ids = [*(below.get("rootfs") or {}).get("diff_ids", ()), *(part.layer.diff_id for part in parts)]
    own = [{"created": date, "created_by": part.created_by} for part in parts]
    return {
        **platform.to_document(),
        **kept,
        "created": date,
        "config": process.to_document(platform.os, below.get("config")),
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": [*_history(base), *own],
    }


def _history(base: BaseImage | None) -> list[Mapping[str, Any]]:
    """The base's history, which must tell of as many layers as the base has, or readers refuse the image."""
    if base is None:
        return []
    entries: list[Mapping[str, Any]] = [
        entry for entry in base.config.get("history") or () if isinstance(entry, dict)
    ]
    if sum(not entry.get("empty_layer") for entry in entries) == len(base.layers):
        return entries
    return [{"created_by": f"base {base.digest}"} for _ in base.layers]


def put_index(
    writer: LayoutWriter, manifests: Iterable[Descriptor], annotations: Mapping[str, str]
) -> Descriptor:
    """Write the index of an image's platforms.

    Args:
        writer: The layout's transaction.
        manifests: In the order in which a reader shall look through them.
        annotations: For the index.
    """
    return writer.put(index_document(manifests, annotations), OCI_INDEX)


def index_document(manifests: Iterable[Descriptor], annotations: Mapping[str, str]) -> bytes:
    """The bytes of an index; arguments as of `put_index`."""
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [manifest.to_document() for manifest in manifests],
        "annotations": dict(annotations),
    }
    return _encode(document)


def _encode(document: dict[str, Any]) -> bytes:
    return encode({name: value for name, value in document.items() if name != "annotations" or value})
