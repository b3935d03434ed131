"""Small images made by hand, for tests of whatever reads or moves them."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from gopherwhale.oci.documents import OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, Descriptor, encode
from gopherwhale.oci.layout_writer import LayoutWriter, writing
from gopherwhale.platforms import Platform, parse


def layer(files: Mapping[str, bytes], mode: int = 0o755) -> bytes:
    """A plain tar of some files, the same bytes each time."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), mode
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def put_image(
    writer: LayoutWriter,
    platform: Platform,
    layers: Sequence[bytes],
    entrypoint: str,
    labels: Mapping[str, str] | None = None,
) -> Descriptor:
    """Put a whole image of one platform, its layers gzipped; the descriptor is an index's entry."""
    diff_ids = [f"sha256:{hashlib.sha256(plain).hexdigest()}" for plain in layers]
    config = encode(
        {
            "architecture": platform.architecture,
            "os": platform.os,
            **({"variant": platform.variant} if platform.variant else {}),
            "config": {"Entrypoint": [entrypoint], "User": "65532:65532", "Labels": dict(labels or {})},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        }
    )
    parts = [writer.put(gzip.compress(plain, mtime=0), f"{OCI_LAYER}+gzip") for plain in layers]
    manifest = encode(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": writer.put(config, OCI_CONFIG).to_document(),
            "layers": [part.to_document() for part in parts],
        }
    )
    done = writer.put(manifest, OCI_MANIFEST)
    return Descriptor(media_type=done.media_type, digest=done.digest, size=done.size, platform=platform)


def put_index(writer: LayoutWriter, entries: Sequence[Descriptor]) -> Descriptor:
    """Put an index of some entries."""
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [entry.to_document() for entry in entries],
    }
    return writer.put(encode(document), OCI_INDEX)


def make_layout(path: Path, binaries: Mapping[str, bytes]) -> Path:
    """A layout with one image for each platform, whose entrypoint `/app` has the given bytes."""
    with writing(path) as writer:
        entries = [
            put_image(writer, parse(platform), [layer({"app": content})], "/app")
            for platform, content in binaries.items()
        ]
        writer.commit(put_index(writer, entries), {"org.opencontainers.image.ref.name": "latest"})
    return path
