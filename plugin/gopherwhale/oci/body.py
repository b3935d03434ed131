"""A blob as the body of a request: read once, hashed as it is sent, counted."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable

from gopherwhale.errors import LayoutError
from gopherwhale.oci.documents import Descriptor
from gopherwhale.oci.source import CHUNK, ImageSource

Count = Callable[[int], None]


class BlobBody(io.RawIOBase):
    """A part of a blob, from an offset on.

    A whole blob ends in an error rather than in bytes that are not its digest's: its last bytes are held
    back until they are known to be right. A part is held to it by the digest that ends its upload.
    """

    def __init__(
        self, source: ImageSource, blob: Descriptor, offset: int, length: int, count: Count | None = None
    ) -> None:
        """Open the blob.

        Args:
            source: Where it is.
            blob: Its descriptor.
            offset: The first byte.
            length: How many.
            count: Takes the number of bytes of each read.

        Raises:
            LayoutError: The source lacks it.
        """
        self._context = source.open_blob(blob)
        self._what = f"{source.name}: {blob.digest}"
        self._stream = self._context.__enter__()
        self._left = length
        self._count = count
        algorithm, _, self._expected = blob.digest.partition(":")
        self._hasher = hashlib.new(algorithm) if length == blob.size else None
        self._skip(offset)

    def readable(self) -> bool:
        """Yes."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Some bytes, and none at the end.

        Raises:
            LayoutError: The source ends early, cannot be read, or holds other bytes.
        """
        chunk = self._take(min(size if size and size > 0 else CHUNK, self._left))
        self._left -= len(chunk)
        if self._hasher:
            self._hasher.update(chunk)
            if not self._left and self._hasher.hexdigest() != self._expected:
                raise LayoutError(f"{self._what} does not hold the bytes that its descriptor names")
        if self._count and chunk:
            self._count(len(chunk))
        return chunk

    def close(self) -> None:
        """Close the source's stream."""
        if not self.closed:
            self._context.__exit__(None, None, None)
        super().close()

    def _skip(self, offset: int) -> None:
        if offset and self._stream.seekable():
            self._stream.seek(offset)
            return
        while offset:
            offset -= len(self._take(min(offset, CHUNK)))

    def _take(self, size: int) -> bytes:
        try:
            chunk = self._stream.read(size) if size else b""
        except OSError as error:
            # An error of the disk is none of the network's: no attempt would mend it.
            raise LayoutError(f"{self._what} cannot be read: {error.strerror or error}") from None
        if size and not chunk:
            raise LayoutError(f"{self._what} is shorter than its descriptor says")
        return chunk
