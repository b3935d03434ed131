"""A base image, read to be built upon: its platforms, and of each the config and the layers.

Nothing is unpacked. A base's layers go into our layout as the very blobs that they are, so that a registry
which holds the base already takes none of them twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from gopherwhale.errors import LayoutError, UsageError
from gopherwhale.oci.documents import INDEX_TYPES, OCI_LAYER, Descriptor
from gopherwhale.oci.layout_writer import LayoutWriter
from gopherwhale.oci.source import ImageSource, copy_blob, entries_of, read_config, read_manifest
from gopherwhale.oci.strict_json import load_json
from gopherwhale.platforms import Platform

BASE_NAME: Final = "org.opencontainers.image.base.name"
BASE_DIGEST: Final = "org.opencontainers.image.base.digest"
# The same bytes have another name in Docker's older documents; an OCI manifest names them the OCI way.
_TYPES: Final[Mapping[str, str]] = {
    "application/vnd.docker.image.rootfs.diff.tar": OCI_LAYER,
    "application/vnd.docker.image.rootfs.diff.tar.gzip": f"{OCI_LAYER}+gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd": f"{OCI_LAYER}+zstd",
}


@dataclass(frozen=True, kw_only=True)
class BaseImage:
    """One platform's image, to be built upon.

    Attributes:
        digest: Of its manifest.
        config: Its config document.
        layers: The lowest first, by their OCI media types.
        os_version: As Windows images name it, else empty.
    """

    digest: str
    config: Mapping[str, Any]
    layers: tuple[Descriptor, ...]
    os_version: str = ""


class Base:
    """A base image with all its platforms, resolved to digests once.

    Args:
        source: Where it is.

    Raises:
        LayoutError: It is damaged, or its index holds no image.
        RegistryError: The registry has none, or fails.
    """

    def __init__(self, source: ImageSource) -> None:
        """Read the index; a lone manifest counts as an index of one."""
        self._source = source
        self.root = source.root
        self._entries = self._find()

    @property
    def platforms(self) -> tuple[Platform, ...]:
        """What it has, in its own order."""
        return tuple(entry.platform for entry in self._entries if entry.platform is not None)

    def of(self, platform: Platform) -> BaseImage:
        """The image to build upon for a platform: its own, else that of the nearest lower CPU level.

        Raises:
            UsageError: There is none, or there are several; the message names what there is.
            LayoutError: It is damaged.
        """
        return self._read(self._choose(platform))

    def copy_layer(self, layer: Descriptor, writer: LayoutWriter) -> bool:
        """Put a layer into a layout as it is, its size and digest checked on the way.

        Returns:
            Whether the layout held it already.

        Raises:
            LayoutError: The source does not hold what the base's manifest names.
            RegistryError: The registry fails.
        """
        if writer.has(layer.digest, layer.size):
            return True
        with writer.partial() as target:
            copy_blob(self._source, layer, target)
            writer.keep(target, layer.digest)
        return False

    def _find(self) -> tuple[Descriptor, ...]:
        return tuple(
            entry
            for entry in entries_of(self._source, self.root)
            if entry.platform and not entry.is_attestation and entry.media_type not in INDEX_TYPES
        )

    def _choose(self, platform: Platform) -> Descriptor:
        fitting = [
            (entry.platform.variant, entry)
            for entry in self._entries
            if entry.platform
            and (entry.platform.os, entry.platform.architecture) == (platform.os, platform.architecture)
            # The variants of one architecture sort as their CPU levels do: "" before v2, v5 before v7.
            and entry.platform.variant <= platform.variant
        ]
        if not fitting:
            names = ", ".join(dict.fromkeys(map(str, self.platforms))) or "no platform at all"
            raise UsageError(
                f"the base {self._source.name} has no {platform}",
                hint=f"it has {names}: leave the platform out, or take another base",
            )
        nearest = max(variant for variant, _ in fitting)
        found = [entry for variant, entry in fitting if variant == nearest]
        if len({entry.digest for entry in found}) > 1:
            versions = ", ".join(entry.os_version or entry.digest for entry in found)
            raise UsageError(
                f"the base {self._source.name} has {platform} more than once: {versions}",
                hint="name a tag or a digest that has one of them",
            )
        return found[0]

    def _read(self, entry: Descriptor) -> BaseImage:
        what = f"{self._source.name}: {entry.digest}"
        manifest = read_manifest(self._source, entry)
        config = read_config(self._source, entry, manifest)
        if len(config.diff_ids) != len(manifest.layers):
            raise LayoutError(
                f"{what}: {len(manifest.layers)} layers, but the config names {len(config.diff_ids)}"
            )
        if entry.platform and (config.platform.os, config.platform.architecture) != (
            entry.platform.os,
            entry.platform.architecture,
        ):
            raise LayoutError(f"{what}: the index says {entry.platform}, the config {config.platform}")
        document = load_json(config.raw, f"{what}: config")
        _refuse_unusable(document, what)
        return BaseImage(
            digest=entry.digest,
            config=document,
            layers=tuple(
                replace(layer, media_type=_TYPES.get(layer.media_type, layer.media_type))
                for layer in manifest.layers
            ),
            os_version=entry.os_version or str(document.get("os.version") or ""),
        )


def _refuse_unusable(document: Mapping[str, Any], what: str) -> None:
    """Of what an image inherits that `ImageConfig` does not read."""
    process = document.get("config") or {}
    for member in ("ExposedPorts", "Volumes", "Healthcheck"):
        if not isinstance(process.get(member) or {}, dict):
            raise LayoutError(f"{what}: config: {member} is no object")
    if not isinstance(document.get("history") or [], list):
        raise LayoutError(f"{what}: config: history is no list")
