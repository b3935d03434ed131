"""Read and write an OCI image layout: a folder with `oci-layout`, `index.json` and `blobs/`.

Writing is a transaction: blobs come first, each under its digest, and `index.json` is replaced last by one
rename. Until then the old image stands; after it the new one does. Blobs that nothing refers to any more
are swept afterwards, so an interrupted run's leftovers go with the next.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Final

from gopherwhale.errors import LayoutError, UsageError
from gopherwhale.files import PARTIAL, settle, write_atomically
from gopherwhale.oci.documents import (
    INDEX_TYPES,
    MAX_DOCUMENT,
    OCI_INDEX,
    Descriptor,
    Index,
    Manifest,
    digest_of,
    encode,
    parse_index,
    parse_manifest,
)
from gopherwhale.oci.source import ImageSource, check_blob, read_document, refuse_other
from gopherwhale.oci.strict_json import load_json

REF_NAME: Final = "org.opencontainers.image.ref.name"
VERSION: Final = "1.0.0"
_MAX_DEPTH: Final = 4
_MAX_MANIFESTS: Final = 1024
_OWN_NAME = re.compile(r"[a-f0-9]{64,128}|\.partial-.*")


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


def walk(
    source: ImageSource, root: Descriptor | None = None
) -> Iterator[tuple[Descriptor, Index | Manifest]]:
    """Go through every index and manifest below a root, children before their parents.

    Attestations are included: they are pushed with the image that they speak of.

    Raises:
        LayoutError: A document is damaged, nests deeper than four indexes, or there are over 1024 manifests.
    """
    seen: dict[str, None] = {}
    yield from _walk(source, root or source.root, seen, 0)


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
    raw = read_document(source, descriptor)
    what = f"{source.name}: {descriptor.digest}"
    if descriptor.media_type not in INDEX_TYPES:
        yield descriptor, parse_manifest(raw, what, descriptor.media_type)
        return
    index = parse_index(raw, what, descriptor.media_type)
    for entry in index.manifests:
        yield from _walk(source, entry, seen, depth + 1)
    yield descriptor, index


class LayoutWriter:
    """One transaction on a layout; made by `writing`."""

    def __init__(self, path: Path) -> None:
        """Take the folder as it is; `writing` made it and holds its lock."""
        self.path = path

    def has(self, digest: str, size: int) -> bool:
        """Whether the layout holds a blob of that digest and size already."""
        path = blob_path(self.path, digest)
        return path.is_file() and path.stat().st_size == size

    def put(self, data: bytes, media_type: str) -> Descriptor:
        """Write a document and describe it."""
        descriptor = Descriptor(media_type=media_type, digest=digest_of(data), size=len(data))
        if not self.has(descriptor.digest, descriptor.size):
            with self.partial() as stream:
                stream.write(data)
                self.keep(stream, descriptor.digest)
        return descriptor

    @contextlib.contextmanager
    def partial(self) -> Iterator[IO[bytes]]:
        """A file to write a blob into before its digest is known; it is removed unless kept."""
        folder = self.path / "blobs" / "sha256"
        with tempfile.NamedTemporaryFile(dir=folder, prefix=PARTIAL, delete=False) as stream:
            try:
                yield stream
            finally:
                Path(stream.name).unlink(missing_ok=True)

    def keep(self, stream: IO[bytes], digest: str) -> None:
        """Give a partial file its place under its digest.

        Args:
            stream: A file of `partial`, written to its end.
            digest: The digest of what it holds, computed by the caller as it wrote.
        """
        target = blob_path(self.path, digest)
        target.parent.mkdir(exist_ok=True)
        settle(stream, target)

    def adopt(self, file: Path, digest: str) -> None:
        """Move a finished blob into the layout, its bytes checked against its digest on the way.

        Raises:
            LayoutError: The file does not hold what its name says.
        """
        algorithm, _, expected = digest.partition(":")
        with file.open("rb") as stream:
            found = hashlib.file_digest(stream, algorithm).hexdigest()
        if found != expected:
            raise LayoutError(
                f"the engine left a blob that is not {digest}", hint="build again; is the disk sound?"
            )
        target = blob_path(self.path, digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        file.replace(target)

    def commit(self, root: Descriptor, annotations: Mapping[str, str] | None = None) -> None:
        """Make `root` the layout's image, in one rename, then sweep what it does not refer to.

        Args:
            root: The index that was put before.
            annotations: For its entry in `index.json`.
        """
        entry = Descriptor(
            media_type=root.media_type,
            digest=root.digest,
            size=root.size,
            annotations=dict(annotations or {}),
        )
        document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry.to_document()]}
        write_atomically(self.path / "oci-layout", encode({"imageLayoutVersion": VERSION}))
        write_atomically(self.path / "index.json", encode(document))
        self._sweep()

    def roll_back(self) -> None:
        """Remove what was put and not committed; the image that stood before still stands."""
        with contextlib.suppress(LayoutError, OSError):
            self._sweep()

    def _sweep(self) -> None:
        layout = Layout(self.path)
        wanted = {layout.root.digest}
        for descriptor, document in walk(layout):
            wanted.add(descriptor.digest)
            if isinstance(document, Manifest):
                wanted.update(part.digest for part in (document.config, *document.layers))
        keep = {blob_path(self.path, digest) for digest in wanted}
        for blob in (self.path / "blobs").glob("*/*"):
            if blob not in keep and _OWN_NAME.fullmatch(blob.name):
                blob.unlink()
        for leftover in self.path.glob(f"{PARTIAL}*"):
            leftover.unlink()


@contextlib.contextmanager
def writing(path: Path) -> Iterator[LayoutWriter]:
    """Open a layout for writing, alone.

    A second writer waits for the first: both then leave a whole image, the later one's.

    Args:
        path: The layout's folder; made where it is missing.

    Yields:
        The writer. Nothing changes for a reader before its `commit`.

    Raises:
        UsageError: The folder cannot be written, or holds something that is no layout.
    """
    existed = path.exists()
    try:
        if path.is_dir() and any(path.iterdir()) and not (path / "blobs").is_dir():
            raise UsageError(
                f"{path} holds something that is not an image layout", hint="name another folder"
            )
        (path / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
        with (path / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            writer = LayoutWriter(path)
            try:
                yield writer
            except BaseException:
                writer.roll_back()
                raise
    except OSError as error:
        raise UsageError(f"cannot write the image layout {path}: {error.strerror or error}") from error
    finally:
        if not existed and not (path / "index.json").exists():
            shutil.rmtree(path, ignore_errors=True)
