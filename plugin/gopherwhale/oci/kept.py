"""An image source whose blobs are kept on disk once they were read, so that a later build asks nobody."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import IO, Final, Self

from gopherwhale.errors import LayoutError
from gopherwhale.files import PARTIAL, replacing
from gopherwhale.oci.documents import MAX_DOCUMENT, Descriptor, digest_of
from gopherwhale.oci.layout import blob_path, holds
from gopherwhale.oci.parsing import own_type
from gopherwhale.oci.source import ImageSource, check_blob, copy_blob

# Who has not built on a base for so long fetches it again.
_MAX_AGE: Final = 30 * 86400


class KeptSource:
    """A source read through a folder; see `ImageSource`. Use it in a `with` block.

    Where the image is named by its digest, a run that finds everything kept never opens the source.

    Args:
        name: What to call it in messages.
        digest: The digest that the image is pinned by, else empty.
        folder: Where blobs are kept; made where it is missing.
        open_source: Opens the source itself.
    """

    def __init__(
        self,
        name: str,
        digest: str,
        folder: Path,
        open_source: Callable[[], AbstractContextManager[ImageSource]],
    ) -> None:
        """Open nothing yet."""
        self.name = name
        self._digest = digest
        self._folder = folder
        self._open_source = open_source
        self._opened: ImageSource | None = None
        self._stack = ExitStack()
        self._lock = Lock()
        self._over = False

    def __enter__(self) -> Self:
        """Forget what nobody used for a month, and what a killed run left."""
        self._folder.mkdir(parents=True, exist_ok=True)
        now = time.time()
        for path in self._folder.glob("blobs/*/*"):
            if path.name.startswith(PARTIAL) or now - path.stat().st_mtime > _MAX_AGE:
                path.unlink(missing_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the source, if it was opened; what another thread still fetches ends at its next piece."""
        with self._lock:
            self._over = True
        self._stack.close()

    @property
    def root(self) -> Descriptor:
        """The image's root; a pinned one that is kept is asked of nobody."""
        if self._digest and (path := blob_path(self._folder, self._digest)).is_file():
            with path.open("rb") as stream:
                data = stream.read(MAX_DOCUMENT + 1)
            # One that was damaged is fetched again, as every other blob.
            if digest_of(data, self._digest.partition(":")[0]) == self._digest:
                media_type = own_type(data, f"{self.name}: {self._digest}")
                return Descriptor(media_type=media_type, digest=self._digest, size=len(data))
        return self._source().root

    @contextlib.contextmanager
    def open_blob(self, descriptor: Descriptor) -> Iterator[IO[bytes]]:
        """Open a blob, fetched and checked first unless it is kept; see `ImageSource.open_blob`."""
        path = blob_path(self._folder, descriptor.digest)
        if not _is_sound(path, descriptor):
            self._fetch(descriptor, path)
        with path.open("rb") as stream:
            os.utime(stream.fileno())
            yield stream

    def confirm(self, descriptor: Descriptor) -> None:
        """See that a blob can be had and is what its descriptor says; see `ImageSource.confirm`."""
        check_blob(self, descriptor)

    def _fetch(self, descriptor: Descriptor, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as stream:
            copy_blob(self._source(), descriptor, _WhileOpen(stream, self._refuse_ended))

    def _refuse_ended(self) -> None:
        if self._over:
            raise LayoutError(f"{self.name} is not read any more: the run has ended")

    def _source(self) -> ImageSource:
        with self._lock:
            self._refuse_ended()
            if self._opened is None:
                self._opened = self._stack.enter_context(self._open_source())
            return self._opened


@dataclass(frozen=True)
class _WhileOpen:
    """A file that takes no more once its run has ended: nobody waits for the rest of a large download."""

    stream: IO[bytes]
    check: Callable[[], None]

    def write(self, data: bytes) -> None:
        self.check()
        self.stream.write(data)


def _is_sound(path: Path, descriptor: Descriptor) -> bool:
    """Whether a kept blob is there and still what its name says."""
    return path.is_file() and path.stat().st_size == descriptor.size and holds(path, descriptor.digest)
