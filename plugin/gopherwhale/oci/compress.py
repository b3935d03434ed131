"""A stream compressed into a layer's bytes, the same bytes whatever the number of cores."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, Literal

from gopherwhale.oci.documents import OCI_LAYER

Compression = Literal["gzip", "zstd"]
# libdeflate's level 3 gives as many bytes for Go's binaries as zlib's level 4, in a third of its time.
_GZIP_LEVEL: Final = 3
_ZSTD_LEVEL: Final = 3
BLOCK: Final = 1024 * 1024


def media_type(compression: Compression) -> str:
    """The media type of a layer so compressed (image-spec, "layer")."""
    return f"{OCI_LAYER}+{compression}"


def facts(compression: Compression) -> list[object]:
    """What decides, beside the content, which bytes come out."""
    if compression == "zstd":
        import zstandard  # noqa: PLC0415

        return ["zstd", _ZSTD_LEVEL, zstandard.ZSTD_VERSION]
    import deflate  # noqa: PLC0415 -- 1 ms, where the package's metadata take 20

    return ["gzip", _GZIP_LEVEL, BLOCK, deflate.__version__]


def compress(
    pieces: Iterable[bytes], compression: Compression, pool: ThreadPoolExecutor, see: Callable[[bytes], None]
) -> Iterator[bytes | bytearray]:
    """Compress a stream in constant memory.

    Args:
        pieces: The stream.
        compression: How.
        pool: Where blocks of gzip are compressed side by side.
        see: Is shown every block of the stream before it is compressed, to hash it.
    """
    seen = _shown(_blocks(pieces), see)
    return _zstd(seen) if compression == "zstd" else _gzip(seen, pool)


def _blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in blocks of one size, the last one shorter."""
    buffer = bytearray()
    for piece in pieces:
        buffer += piece
        while len(buffer) >= BLOCK:
            yield bytes(buffer[:BLOCK])
            del buffer[:BLOCK]
    if buffer:
        yield bytes(buffer)


def _shown(blocks: Iterable[bytes], see: Callable[[bytes], None]) -> Iterator[bytes]:
    for block in blocks:
        see(block)
        yield block


def _zstd(blocks: Iterable[bytes]) -> Iterator[bytes]:
    import zstandard  # noqa: PLC0415 -- only who asks for zstd pays for it

    packer = zstandard.ZstdCompressor(level=_ZSTD_LEVEL, write_checksum=True).compressobj()
    for block in blocks:
        yield packer.compress(block)
    yield packer.flush()


def _gzip(blocks: Iterable[bytes], pool: ThreadPoolExecutor) -> Iterator[bytes | bytearray]:
    """Gzip blocks side by side, each a member of its own (RFC 1952, section 2.2: members follow each other).

    The bytes do not depend on how many threads there are.
    """
    import deflate  # noqa: PLC0415 -- as above

    waiting: deque[Future[bytearray]] = deque()
    # Enough to keep the cores busy, few enough to hold a layer of any size in a few megabytes.
    limit = 2 * (os.cpu_count() or 1)
    for block in blocks:
        waiting.append(pool.submit(deflate.gzip_compress, block, _GZIP_LEVEL))
        if len(waiting) >= limit:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
