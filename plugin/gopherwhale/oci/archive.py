"""Archives: a layout in one tar, read in place and written the same each time."""

from __future__ import annotations

import contextlib
import io
import json
import os
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final

from gopherwhale.errors import LayoutError, UsageError
from gopherwhale.oci.documents import (
    MAX_DOCUMENT,
    OCI_INDEX,
    Descriptor,
    Manifest,
    encode,
    parse_index,
)
from gopherwhale.oci.layout import REF_NAME, VERSION, Layout, blob_path, choose_root, walk
from gopherwhale.oci.source import check_blob
from gopherwhale.oci.strict_json import load_json
from gopherwhale.references import parse as parse_reference

_IMAGE_NAME: Final = "io.containerd.image.name"
_MAX_MEMBERS: Final = 100_000


class ArchiveSource:
    """An OCI archive, open for reading; see `ImageSource`.

    Args:
        path: The file.
        select: A tag or a digest that picks one image of several.

    Raises:
        LayoutError: It is no tar of a layout.
    """

    def __init__(self, path: Path, select: str = "") -> None:
        """Index the members once; contents are read where they lie."""
        self.path = path
        self.name = f"oci-archive:{path}"
        self._members = _index(path)
        version = load_json(self._read("oci-layout"), f"{path}: oci-layout").get("imageLayoutVersion")
        if version != VERSION:
            raise LayoutError(f"{path} holds a layout of the unknown version {str(version)[:20]!r}")
        self.root = choose_root(
            parse_index(self._read("index.json"), f"{path}: index.json"), select, str(path)
        )

    @contextlib.contextmanager
    def open_blob(self, descriptor: Descriptor) -> Iterator[IO[bytes]]:
        """Open a blob of the archive; see `ImageSource.open_blob`."""
        name = str(blob_path(Path(), descriptor.digest))
        if name not in self._members:
            raise LayoutError(f"{self.name} lacks the blob {descriptor.digest}", code="blob-missing")
        start, size = self._members[name]
        with self.path.open("rb") as stream:
            yield io.BufferedReader(_Part(stream, start, size))

    def confirm(self, descriptor: Descriptor) -> None:
        """Read a blob and check it; see `ImageSource.confirm`."""
        check_blob(self, descriptor)

    def _read(self, name: str) -> bytes:
        if name not in self._members:
            raise LayoutError(f"{self.path} is not an OCI archive: it has no {name}")
        start, size = self._members[name]
        with self.path.open("rb") as stream:
            stream.seek(start)
            return stream.read(min(size, MAX_DOCUMENT + 1))


class _Part(io.RawIOBase):
    def __init__(self, stream: IO[bytes], start: int, size: int) -> None:
        self._stream, self._left = stream, size
        stream.seek(start)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(min(len(buffer), self._left))
        self._left -= len(data)
        buffer[: len(data)] = data
        return len(data)


def _index(path: Path) -> dict[str, tuple[int, int]]:
    members: dict[str, tuple[int, int]] = {}
    try:
        with tarfile.open(path, "r:") as tar:
            for number, member in enumerate(tar):
                if number > _MAX_MEMBERS:
                    raise LayoutError(f"{path} has more than {_MAX_MEMBERS} members")
                if member.isreg() and not member.issparse():
                    members.setdefault(member.name.removeprefix("./"), (member.offset_data, member.size))
    except OSError as error:
        raise LayoutError(f"cannot read {path}: {error.strerror}") from None
    except (tarfile.TarError, ValueError, EOFError, OverflowError) as error:
        raise LayoutError(f"{path} is not a tar archive: {str(error)[:100]}") from None
    return members


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
