"""Write a layout as one tar, the same bytes each time."""

from __future__ import annotations

import io
import json
import os
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final

from gopherwhale.errors import UsageError
from gopherwhale.oci.documents import OCI_INDEX, Descriptor, Manifest, encode
from gopherwhale.oci.layout import REF_NAME, VERSION, Layout, blob_path, walk
from gopherwhale.references import parse as parse_reference

_IMAGE_NAME: Final = "io.containerd.image.name"


def write_archive(layout: Layout, target: Path, *, names: Sequence[str] = ()) -> None:
    """Write a layout's image as an OCI archive, in one rename.

    Args:
        layout: The layout.
        target: The file to write.
        names: References under which `docker load` shall know the image; only for one platform. The archive
            then holds Docker's own manifest.json too, which its classic store reads.

    Raises:
        UsageError: The file cannot be written, or there are names for several platforms.
        LayoutError: The layout is damaged.
    """
    files = {"oci-layout": encode({"imageLayoutVersion": VERSION}), "index.json": _index_json(layout, names)}
    manifests = [(d, m) for d, m in walk(layout) if isinstance(m, Manifest) and not d.is_attestation]
    if names:
        if len(manifests) != 1:
            raise UsageError(f"docker load takes one platform, and the image has {len(manifests)}")
        files["manifest.json"] = _docker_json(manifests[0][1], names)
    blobs = _blobs(layout)
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".partial-", delete=False) as stream:
            try:
                _write(stream, files, blobs)
                stream.flush()
                os.fsync(stream.fileno())
                os.fchmod(stream.fileno(), 0o644)
                Path(stream.name).replace(target)
            finally:
                Path(stream.name).unlink(missing_ok=True)
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
    digests = {layout.root.digest}
    for descriptor, document in walk(layout):
        digests.add(descriptor.digest)
        if isinstance(document, Manifest):
            digests.update(part.digest for part in (document.config, *document.layers))
    return sorted(blob_path(layout.path, digest) for digest in digests)


def _index_json(layout: Layout, names: Sequence[str]) -> bytes:
    root = layout.root
    entries = (
        [{**dict(root.annotations)}]
        if not names
        else [
            {_IMAGE_NAME: str(parse_reference(name)), REF_NAME: parse_reference(name).tag} for name in names
        ]
    )
    described = [
        Descriptor(media_type=root.media_type, digest=root.digest, size=root.size, annotations=annotations)
        for annotations in entries
    ]
    return encode(
        {
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": [entry.to_document() for entry in described],
        }
    )


def _docker_json(manifest: Manifest, names: Sequence[str]) -> bytes:
    document = {
        "Config": str(blob_path(Path(), manifest.config.digest)),
        "RepoTags": [parse_reference(name).familiar for name in names],
        "Layers": [str(blob_path(Path(), layer.digest)) for layer in manifest.layers],
    }
    return json.dumps([document], separators=(",", ":")).encode()
