"""What a user names as the source of an image, opened."""

from __future__ import annotations

from pathlib import Path

from gopherwhale.errors import UsageError
from gopherwhale.oci.archive import ArchiveSource
from gopherwhale.oci.layout import Layout
from gopherwhale.oci.registry import RegistryClient, RegistrySource
from gopherwhale.oci.source import ImageSource
from gopherwhale.references import parse as parse_reference


def open_source(text: str, start: Path, client: RegistryClient) -> ImageSource:
    """Open what a user names as an image's source.

    One of `oci:DIR[:TAG|@DIGEST]`, `oci-archive:FILE`, `docker://REF`, a path, or a bare reference.

    Args:
        text: The source.
        start: The folder that relative paths are read from.
        client: For registries.

    Raises:
        UsageError: It is none of these.
        LayoutError: It cannot be read.
    """
    scheme, colon, rest = text.partition(":")
    if colon and scheme == "oci":
        path, select = _split_selector(rest, start)
        return Layout(path, select)
    if colon and scheme == "oci-archive":
        return ArchiveSource(start / rest)
    if text.startswith("docker://"):
        return RegistrySource(client, parse_reference(text.removeprefix("docker://")))
    path = start / text
    if path.is_dir():
        return Layout(path)
    if path.is_file():
        return ArchiveSource(path)
    if text.startswith((".", "/")):
        raise UsageError(
            f"{text} is neither a folder nor a file", hint="name a layout, an archive or a reference"
        )
    return RegistrySource(client, parse_reference(text))


def _split_selector(text: str, start: Path) -> tuple[Path, str]:
    for mark in ("@", ":"):
        path, sign, select = text.rpartition(mark)
        if sign and not (start / text).is_dir():
            return start / path, select
    return start / text, ""
