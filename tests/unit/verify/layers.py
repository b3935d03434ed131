"""Layers made of a few words, for tests of what stands above them."""

from __future__ import annotations

import contextlib
import io
import tarfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import IO

from gopherwhale.errors import LayoutError
from gopherwhale.oci.documents import (
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    Descriptor,
    digest_of,
    encode,
)
from gopherwhale.oci.layers import Limits
from gopherwhale.platforms import parse
from gopherwhale.verify.contents import Contents, read_contents
from gopherwhale.verify.filesystem import FileSystem, build

_KINDS = {
    "folder": tarfile.DIRTYPE,
    "link": tarfile.SYMTYPE,
    "hard": tarfile.LNKTYPE,
    "fifo": tarfile.FIFOTYPE,
}


def tar(
    *rows: tuple[str | int, ...],
    contents: Mapping[str, bytes] | None = None,
    owners: Mapping[str, tuple[int, int]] | None = None,
    records: Mapping[str, str] | None = None,
) -> bytes:
    """A tar of rows: a file's name, its kind, and its target or mode.

    Args:
        rows: As said.
        contents: Bytes for files, by name.
        owners: The numbers of user and group of what is not root's, by name.
        records: PAX records for every member.
    """
    buffer = io.BytesIO()
    with tarfile.open(
        fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT if records else tarfile.GNU_FORMAT
    ) as archive:
        for name, *more in rows:
            member = tarfile.TarInfo(str(name))
            kind = str(more[0]) if more else "file"
            member.type = _KINDS.get(kind, tarfile.REGTYPE)
            extra = more[1] if len(more) > 1 else ""
            member.uid, member.gid = (owners or {}).get(str(name), (0, 0))
            member.pax_headers = dict(records or {})
            member.mode = extra if isinstance(extra, int) else 0o755
            member.linkname = extra if isinstance(extra, str) else ""
            data = (contents or {}).get(str(name), str(name).encode() if kind == "file" else b"")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


class Memory:
    """An image source that holds its blobs in memory, and counts how often each was opened and confirmed."""

    def __init__(self) -> None:
        """Empty."""
        self.name = "memory:test"
        self.root = descriptor_of(b"")
        self.blobs: dict[str, bytes] = {}
        self.opened: Counter[str] = Counter()
        self.confirmed: Counter[str] = Counter()

    @contextlib.contextmanager
    def open_blob(self, descriptor: Descriptor) -> Iterator[IO[bytes]]:
        """Give a blob's bytes, whatever they are."""
        self.opened[descriptor.digest] += 1
        yield io.BytesIO(self.blobs[descriptor.digest])

    def confirm(self, descriptor: Descriptor) -> None:
        """Check the bytes."""
        self.confirmed[descriptor.digest] += 1
        if digest_of(self.blobs[descriptor.digest]) != descriptor.digest:
            raise LayoutError("not the same")

    def put(self, data: bytes, media_type: str = OCI_LAYER, platform: str = "") -> Descriptor:
        """Keep a blob."""
        self.blobs[digest_of(data)] = data
        described = descriptor_of(data)
        return replace(described, media_type=media_type, platform=parse(platform) if platform else None)

    def put_image(self, platform: str, layers: Sequence[bytes], **process: object) -> Descriptor:
        """Keep an image of plain layers; an index's entry for it."""
        declared = parse(platform)
        config = {
            **declared.to_document(),
            "config": {"Entrypoint": ["/app"], "User": "65532", **process},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(layer) for layer in layers]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": self.put(encode(config), OCI_CONFIG).to_document(),
            "layers": [self.put(layer).to_document() for layer in layers],
        }
        return self.put(encode(manifest), OCI_MANIFEST, platform)

    def put_index(self, entries: Sequence[Descriptor]) -> Descriptor:
        """Keep an index of some entries, and make it the root."""
        rows = [entry.to_document() for entry in entries]
        document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": rows}
        self.root = self.put(encode(document), OCI_INDEX)
        return self.root


def contents_of(packed: bytes, limits: Limits | None = None, diff_id: str = "") -> Contents:
    """What stands in a layer of these bytes."""
    source = Memory()
    return read_contents(source, source.put(packed), diff_id, limits)


def system_of(*layers: bytes) -> FileSystem:
    """The file system of a few tars, the lowest first."""
    return build([contents_of(layer, diff_id=digest_of(layer)) for layer in layers])


def descriptor_of(data: bytes) -> Descriptor:
    """Describe some bytes."""
    return Descriptor(media_type="application/x-anything", digest=digest_of(data), size=len(data))
