"""Where an image can be read from: the one interface that layouts, archives and registries share."""

from __future__ import annotations

import hashlib
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import IO, Final, Protocol

from gopherwhale.errors import LayoutError, UsageError
from gopherwhale.oci.documents import INDEX_TYPES, MAX_DOCUMENT, Descriptor, ImageConfig, Index, Manifest
from gopherwhale.oci.parsing import parse_config, parse_index, parse_manifest

CHUNK: Final = 1024 * 1024
# What is hashed at a time: several blobs are at once, each in memory that is new to its thread.
_PIECE: Final = 256 * 1024


class ImageSource(Protocol):
    """A place that holds one image: an index or a manifest at its root, and the blobs below it."""

    @property
    def name(self) -> str:
        """What to call it in messages, as the user named it."""
        ...

    @property
    def root(self) -> Descriptor:
        """The descriptor of the image's index, or of its manifest where it has no index."""
        ...

    def open_blob(self, descriptor: Descriptor) -> AbstractContextManager[IO[bytes]]:
        """Open a blob for reading from its start; the reader checks digest and size, not the opener.

        Raises:
            LayoutError: The blob is missing or is not a regular file.
        """
        ...

    def confirm(self, descriptor: Descriptor) -> None:
        """See that a blob whose content is known from before is still there.

        What could have changed under its name, a file, is read and checked; of a registry, which hands out by
        digest and whose clients check, presence and size are asked.

        Raises:
            LayoutError: It is missing, or its bytes are not those that the descriptor names.
        """
        ...


def read_document(source: ImageSource, descriptor: Descriptor) -> bytes:
    """Read a whole document, its size and digest checked.

    Raises:
        LayoutError: Larger than `MAX_DOCUMENT`, or its bytes are not those that the descriptor names.
    """
    what = f"{source.name}: {descriptor.digest}"
    if descriptor.size > MAX_DOCUMENT:
        raise LayoutError(
            f"{what} is a document of {descriptor.size} bytes, over the bound of {MAX_DOCUMENT}",
            code="beyond-bounds",
        )
    with source.open_blob(descriptor) as stream:
        data = stream.read(descriptor.size + 1)
    algorithm = descriptor.digest.partition(":")[0]
    refuse_other(descriptor, len(data), hashlib.new(algorithm, data).hexdigest(), what)
    return data


def read_index(source: ImageSource, descriptor: Descriptor) -> Index:
    """Read an index, held to its descriptor; errors as of `read_document` and `parse_index`."""
    raw = read_document(source, descriptor)
    return parse_index(raw, f"{source.name}: {descriptor.digest}", descriptor.media_type)


def read_manifest(source: ImageSource, descriptor: Descriptor) -> Manifest:
    """Read a manifest, held to its descriptor; errors as of `read_document` and `parse_manifest`."""
    raw = read_document(source, descriptor)
    return parse_manifest(raw, f"{source.name}: {descriptor.digest}", descriptor.media_type)


def read_config(source: ImageSource, descriptor: Descriptor, manifest: Manifest) -> ImageConfig:
    """Read the config that a manifest names; errors as of `read_document` and `parse_config`.

    Args:
        source: Where they are.
        descriptor: The manifest's, for messages.
        manifest: Names the config.
    """
    return parse_config(read_document(source, manifest.config), f"{source.name}: {descriptor.digest}: config")


def entries_of(source: ImageSource, root: Descriptor) -> tuple[Descriptor, ...]:
    """The entries of an image's index, attestations among them; of a lone manifest, itself with its platform.

    Args:
        source: Where the image is.
        root: Its index or manifest.

    Raises:
        LayoutError: It is damaged.
    """
    if root.media_type in INDEX_TYPES:
        return read_index(source, root).manifests
    config = read_config(source, root, read_manifest(source, root))
    return (replace(root, platform=config.platform),)


def split_selector(text: str, start: Path) -> tuple[Path, str]:
    """Read `PATH[:TAG|@DIGEST]`, which names an image of a layout or an archive; the path may hold colons.

    Args:
        text: The name.
        start: The folder that a relative path is read from.

    Returns:
        The path, and the tag or digest, or empty.

    Raises:
        UsageError: It names no path.
    """
    if not text:
        raise UsageError(
            "a source names no path", hint="write oci:DIR, oci-archive:FILE or docker-archive:FILE"
        )
    places = [len(text), *(at for at, character in enumerate(text) if character in ":@")]
    for at in sorted(places, reverse=True):
        if at and (start / text[:at]).exists():
            return start / text[:at], text[at + 1 :]
    # Nothing is there: the message shall name the path that was most likely meant.
    return start / text, ""


def refuse_other(descriptor: Descriptor, size: int, hexdigest: str, what: str) -> None:
    """Refuse bytes that are not those which a descriptor names.

    Raises:
        LayoutError: The size or the digest is another.
    """
    if size != descriptor.size:
        more = "more" if size > descriptor.size else "fewer"
        raise LayoutError(
            f"{what} does not hold the bytes that its descriptor names: {more} than {descriptor.size}",
            code="size-differs",
        )
    if hexdigest != descriptor.digest.partition(":")[2]:
        raise LayoutError(
            f"{what} does not hold the bytes that its descriptor names: another digest", code="digest-differs"
        )


def check_blob(source: ImageSource, descriptor: Descriptor) -> None:
    """Read a blob from end to end and check its size and digest, in constant memory.

    Raises:
        LayoutError: Its bytes are not those that the descriptor names.
    """
    copy_blob(source, descriptor, None)


class Writable(Protocol):
    """What takes the bytes of a blob."""

    def write(self, data: bytes, /) -> object:
        """Take the next bytes."""
        ...


def copy_blob(source: ImageSource, descriptor: Descriptor, target: Writable | None) -> None:
    """Copy a blob into a file, its size and digest checked on the way, in constant memory.

    Args:
        source: Where the blob is.
        descriptor: What it must be.
        target: Takes the bytes, which count for nothing where this raises; None to check alone.

    Raises:
        LayoutError: Its bytes are not those that the descriptor names.
    """
    hasher, size = hashlib.new(descriptor.digest.partition(":")[0]), 0
    with source.open_blob(descriptor) as stream:
        while size <= descriptor.size and (chunk := stream.read(_PIECE)):
            hasher.update(chunk)
            size += len(chunk)
            if target is not None:
                target.write(chunk)
    refuse_other(descriptor, size, hasher.hexdigest(), f"{source.name}: {descriptor.digest}")
