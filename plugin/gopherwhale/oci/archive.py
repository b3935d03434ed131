"""Write a layout as one tar, the same bytes each time."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from gopherwhale.errors import UsageError
from gopherwhale.files import replacing
from gopherwhale.oci.documents import OCI_INDEX, Descriptor, Manifest, encode
from gopherwhale.oci.layout import IMAGE_NAME, REF_NAME, VERSION, Layout, blob_path, digests_of, walk
from gopherwhale.platforms import Platform
from gopherwhale.references import Reference
from gopherwhale.references import parse as parse_reference


def write_archive(
    layout: Layout, target: Path, *, names: Sequence[str] = (), host: Platform | None = None
) -> None:
    """Write a layout's image as an OCI archive, in one rename.

    Args:
        layout: The layout.
        target: The file to write.
        names: References under which `docker load` shall know the image. The archive then holds Docker's own
            manifest.json too, which its classic store reads. Of several platforms each is known by its own
            name, as `hello:1-linux-arm64`, for that store holds one platform under a name (ko#1565).
        host: The platform that has the plain names as well.

    Raises:
        UsageError: The file cannot be written.
        LayoutError: The layout is damaged.
    """
    images = [(d, m) for d, m in walk(layout) if isinstance(m, Manifest) and not d.is_attestation]
    named = [_Named(d, m, _names_of(d, names, host, alone=len(images) == 1)) for d, m in images]
    files = {
        "oci-layout": encode({"imageLayoutVersion": VERSION}),
        "index.json": _index_json(layout.root, named if names else ()),
    }
    if names:
        files["manifest.json"] = _docker_json(named)
    blobs = _blobs(layout)
    try:
        with replacing(target) as stream:
            _write(stream, files, blobs)
    except OSError as error:
        raise UsageError(f"cannot write {target}: {error.strerror or error}") from None


def _write(stream: IO[bytes], files: Mapping[str, bytes], blobs: Sequence[Path]) -> None:
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for folder in ("blobs", *sorted({f"blobs/{blob.parent.name}" for blob in blobs})):
            member = tarfile.TarInfo(folder)
            member.type, member.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(member)
        for blob in blobs:
            member = tarfile.TarInfo(f"blobs/{blob.parent.name}/{blob.name}")
            member.size, member.mode = blob.stat().st_size, 0o644
            with blob.open("rb") as content:
                tar.addfile(member, content)
        for name in sorted(files):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(files[name]), 0o644
            tar.addfile(member, io.BytesIO(files[name]))


def _blobs(layout: Layout) -> list[Path]:
    return sorted(blob_path(layout.path, digest) for digest in digests_of(layout))


@dataclass(frozen=True)
class _Named:
    """A platform's image, and what Docker shall call it."""

    descriptor: Descriptor
    manifest: Manifest
    names: Sequence[Reference]


def _names_of(
    descriptor: Descriptor, names: Sequence[str], host: Platform | None, *, alone: bool
) -> list[Reference]:
    plain = [parse_reference(name) for name in names]
    platform = descriptor.platform
    if alone or platform is None:
        return plain
    own = [one.with_tag(f"{one.tag or 'latest'}-{platform.slug}") for one in plain]
    return [*plain, *own] if platform == host else own


def _index_json(root: Descriptor, named: Sequence[_Named]) -> bytes:
    """The archive's index.json: the image's own root, under every name where its platform is the only one."""
    entries = [] if named else [replace(root, annotations=dict(root.annotations))]
    for one in named:
        below = root if len(named) == 1 else replace(one.descriptor, artifact_type="")
        for name in one.names:
            annotations = {IMAGE_NAME: str(name), REF_NAME: name.tag}
            entries.append(replace(below, annotations=annotations))
    return encode(
        {
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": [entry.to_document() for entry in entries],
        }
    )


def _docker_json(named: Sequence[_Named]) -> bytes:
    documents = [
        {
            "Config": str(blob_path(Path(), one.manifest.config.digest)),
            "RepoTags": [name.familiar for name in one.names],
            "Layers": [str(blob_path(Path(), layer.digest)) for layer in one.manifest.layers],
        }
        for one in named
    ]
    return json.dumps(documents, separators=(",", ":")).encode()
