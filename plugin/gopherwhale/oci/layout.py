"""Read an OCI image layout, which `layout_writer` writes: `oci-layout`, `index.json` and `blobs/`."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from gopherwhale.errors import LayoutError
from gopherwhale.oci.documents import INDEX_TYPES, MAX_DOCUMENT, Descriptor, Index, Manifest
from gopherwhale.oci.parsing import parse_index
from gopherwhale.oci.source import ImageSource, check_blob, read_index, read_manifest, refuse_other
from gopherwhale.oci.strict_json import load_json

REF_NAME: Final = "org.opencontainers.image.ref.name"
# What containerd, and so Docker, calls an image by.
IMAGE_NAME: Final = "io.containerd.image.name"
VERSION: Final = "1.0.0"
_MAX_DEPTH: Final = 4
_MAX_MANIFESTS: Final = 1024


class Layout:
    """An image layout on disk, open for reading.

    Args:
        path: The folder.
        select: A tag (the `ref.name` annotation) or a digest that picks one image of several.

    Raises:
        LayoutError: The folder is no layout, or does not hold exactly the one image that is asked for.
    """

    def __init__(self, path: Path, select: str = "") -> None:
        """Check the version file and find the image's root descriptor."""
        self.path = path
        self.name = f"oci:{path}"
        version = load_json(self._read_file("oci-layout"), f"{path}/oci-layout").get("imageLayoutVersion")
        if version != VERSION:
            raise LayoutError(f"{path} is an image layout of the unknown version {str(version)[:20]!r}")
        self.index = parse_index(self._read_file("index.json"), f"{path}/index.json")
        self.root = choose_root(self.index, select, str(path))

    @contextlib.contextmanager
    def open_blob(self, descriptor: Descriptor) -> Iterator[IO[bytes]]:
        """Open a blob of the layout; see `ImageSource.open_blob`."""
        path = blob_path(self.path, descriptor.digest)
        if not path.is_file():
            raise LayoutError(f"{self.name} lacks the blob {descriptor.digest}", code="blob-missing")
        with path.open("rb") as stream:
            if path.is_symlink():
                # As Bazel makes them: a file elsewhere is not handed out before it is known to be the blob.
                found = hashlib.file_digest(stream, descriptor.digest.partition(":")[0]).hexdigest()
                refuse_other(descriptor, stream.tell(), found, f"{self.name}: {descriptor.digest}")
                stream.seek(0)
            yield stream

    def confirm(self, descriptor: Descriptor) -> None:
        """Read a blob and check it; see `ImageSource.confirm`."""
        check_blob(self, descriptor)

    def _read_file(self, name: str) -> bytes:
        try:
            with (self.path / name).open("rb") as stream:
                return stream.read(MAX_DOCUMENT + 1)
        except OSError as error:
            raise LayoutError(
                f"{self.path} is not an OCI image layout: {name}: {error.strerror}",
                hint="make one with `invoke docker.cross-build`",
            ) from None


def choose_root(index: Index, select: str, where: str) -> Descriptor:
    """Pick the image that a layout's `index.json` is asked for.

    Args:
        index: The parsed `index.json`.
        select: A tag, a digest, or empty for the only one.
        where: The layout, for messages.

    Raises:
        LayoutError: None matches, or several do.
    """
    entries = [
        entry for entry in index.images if select in ("", entry.digest, entry.annotations.get(REF_NAME))
    ]
    digests = {entry.digest for entry in entries}
    if len(digests) != 1:
        found = f"{len(digests)} images" if digests else "no image"
        names = ", ".join(entry.annotations.get(REF_NAME) or entry.digest for entry in index.images[:8])
        asked = f" named {select!r}" if select else ""
        raise LayoutError(f"{where} holds {found}{asked}", hint=f"name one of: {names}" if names else "")
    return entries[0]


def blob_path(layout: Path, digest: str) -> Path:
    """Where a layout keeps the blob of a digest (image-spec, "blobs").

    Args:
        layout: The layout's folder.
        digest: A digest that was checked when its descriptor was parsed.
    """
    algorithm, _, encoded = digest.partition(":")
    return layout / "blobs" / algorithm / encoded


def holds(path: Path, digest: str) -> bool:
    """Whether a file's bytes are those of a digest."""
    algorithm, _, expected = digest.partition(":")
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest() == expected


def walk(source: ImageSource) -> Iterator[tuple[Descriptor, Index | Manifest]]:
    """Go through every index and manifest of an image, children before their parents.

    Attestations are included: they are pushed with the image that they speak of.

    Raises:
        LayoutError: A document is damaged, nests deeper than four indexes, or there are over 1024 manifests.
    """
    seen: dict[str, None] = {}
    yield from _walk(source, source.root, seen, 0)


def _walk(
    source: ImageSource, descriptor: Descriptor, seen: dict[str, None], depth: int
) -> Iterator[tuple[Descriptor, Index | Manifest]]:
    if descriptor.digest in seen:
        return
    seen[descriptor.digest] = None
    if depth > _MAX_DEPTH or len(seen) > _MAX_MANIFESTS:
        raise LayoutError(
            f"{source.name} nests or branches beyond our bounds at {descriptor.digest}", code="beyond-bounds"
        )
    if descriptor.media_type not in INDEX_TYPES:
        yield descriptor, read_manifest(source, descriptor)
        return
    index = read_index(source, descriptor)
    for entry in index.manifests:
        yield from _walk(source, entry, seen, depth + 1)
    yield descriptor, index


def digests_of(source: ImageSource) -> set[str]:
    """The digest of everything that an image refers to, its root among it; errors as of `walk`."""
    found: set[str] = set()
    for descriptor, document in walk(source):
        found.add(descriptor.digest)
        if isinstance(document, Manifest):
            found.update(part.digest for part in (document.config, *document.layers))
    return found
