"""Write an OCI image layout, in transactions.

Blobs come first, each under its digest, and `index.json` is replaced last by one rename. Until then the old
image stands; after it the new one does. Blobs that nothing refers to any more are swept afterwards, so an
interrupted run's leftovers go with the next.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Final

from gopherwhale import locks
from gopherwhale.errors import LayoutError, UsageError, system_refusal
from gopherwhale.files import PARTIAL, settle, write_atomically
from gopherwhale.oci.documents import OCI_INDEX, Descriptor, digest_of, encode
from gopherwhale.oci.layout import VERSION, Layout, blob_path, digests_of, holds

# The time that a blob has whose bytes were checked; who changes them later changes it, and they are checked
# again: hashing all that did not change would take as long as compiling nothing does.
_CHECKED: Final = 10**18
_OWN_NAME: Final = re.compile(rf"[a-f0-9]{{64,128}}|{re.escape(PARTIAL)}.*")


class LayoutWriter:
    """One transaction on a layout; made by `writing`."""

    def __init__(self, path: Path) -> None:
        """Take the folder as it is; `writing` made it and holds its lock."""
        self.path = path

    def has(self, digest: str, size: int) -> bool:
        """Whether the layout holds the blob of that digest and size already; a damaged one does not count."""
        path = blob_path(self.path, digest)
        if not path.is_file() or path.stat().st_size != size:
            return False
        if path.stat().st_mtime_ns != _CHECKED:
            if not holds(path, digest):
                return False
            _mark(path)
        return True

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
        _mark(target)

    def adopt(self, file: Path, digest: str) -> None:
        """Move a finished blob into the layout, its bytes checked against its digest on the way.

        Raises:
            LayoutError: The file does not hold what its name says.
        """
        if not holds(file, digest):
            raise LayoutError(
                f"the engine left a blob that is not {digest}", hint="build again; is the disk sound?"
            )
        target = blob_path(self.path, digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        file.replace(target)
        _mark(target)

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
        keep = {blob_path(self.path, digest) for digest in digests_of(Layout(self.path))}
        for blob in (self.path / "blobs").glob("*/*"):
            if blob not in keep and _OWN_NAME.fullmatch(blob.name):
                blob.unlink()
        for leftover in self.path.glob(f"{PARTIAL}*"):
            leftover.unlink()


def _mark(blob: Path) -> None:
    # Another user's is checked each time; of a link, as some tools make blobs, the time is its own.
    with contextlib.suppress(PermissionError):
        os.utime(blob, ns=(_CHECKED, _CHECKED), follow_symlinks=False)


@contextlib.contextmanager
def writing(
    path: Path, say: Callable[[str], None] = lambda _: None, seconds: float = locks.PATIENCE
) -> Iterator[LayoutWriter]:
    """Open a layout for writing, alone.

    A second writer waits for the first: both then leave a whole image, the later one's.

    Args:
        path: The layout's folder; made where it is missing.
        say: Takes a line where another writer is waited for.
        seconds: How long to wait for it.

    Yields:
        The writer. Nothing changes for a reader before its `commit`.

    Raises:
        UsageError: The folder cannot be written, holds something that is no layout, or is another writer's.
    """
    existed = path.exists()
    try:
        if path.is_dir() and any(path.iterdir()) and not (path / "blobs").is_dir():
            raise UsageError(
                f"{path} holds something that is not an image layout", hint="name another folder"
            )
        with _locked(path, say, seconds):
            writer = LayoutWriter(path)
            try:
                yield writer
            except BaseException:
                writer.roll_back()
                raise
            finally:
                # Under the lock: who waits for it would else write into a folder that goes.
                if not existed and not (path / "index.json").exists():
                    shutil.rmtree(path, ignore_errors=True)
    except OSError as error:
        # What was to be put into it may be what cannot be read.
        raise UsageError(f"cannot write the image layout {path}: {system_refusal(error)}") from error


@contextlib.contextmanager
def _locked(path: Path, say: Callable[[str], None], seconds: float) -> Iterator[None]:
    """Make the folder where it is missing, and hold its lock."""
    file = path / ".lock"
    while True:
        (path / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
        with file.open("w") as lock:
            locks.take(lock.fileno(), f"another build of {path}", say, seconds)
            # A writer before us may have removed the folder that it had made, and the lock with it.
            if _leads_to(file, lock.fileno()):
                yield
                return


def _leads_to(path: Path, descriptor: int) -> bool:
    """Whether a path still names an open file."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
