"""What a user names as the source of an image, opened."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gopherwhale.errors import UsageError
from gopherwhale.oci.layout import Layout
from gopherwhale.oci.source import ImageSource, split_selector
from gopherwhale.references import parse as parse_reference

if TYPE_CHECKING:
    from gopherwhale.oci.registry import RegistryClient

# What reads registries and archives is imported where one is named.

_DAEMON_SECONDS: Final = 1800
_DAEMON_BYTES: Final = 64 * 1024**3


@contextlib.contextmanager
def open_source(
    text: str, start: Path, client: Callable[[], RegistryClient], environment: Mapping[str, str]
) -> Iterator[ImageSource]:
    """Open what a user names as an image's source.

    One of `oci:DIR[:TAG|@DIGEST]`, `oci-archive:FILE[:TAG|@DIGEST]`, `docker-archive:FILE[:REFERENCE]`,
    `docker-daemon:REFERENCE`, `docker://REFERENCE`, a path, with a tag or a digest where it is a layout, or a
    bare reference.

    Args:
        text: The source.
        start: The folder that relative paths are read from.
        client: Gives the client of registries, where one is needed.
        environment: For Docker's own store.

    Raises:
        UsageError: It is none of these.
        LayoutError: It cannot be read.
        MissingToolError: It is in Docker's store, and there is no Docker.
    """
    scheme, colon, rest = text.partition(":")
    if colon and scheme == "docker-daemon":
        with _from_daemon(rest, environment) as source:
            yield source
    elif colon and scheme in ("oci", "oci-archive", "docker-archive"):
        yield _from_path(scheme, rest, start)
    elif text.startswith("docker://"):
        yield _from_registry(text.removeprefix("docker://"), client)
    elif (start / text).is_dir():
        yield Layout(start / text)
    elif (named := split_selector(text, start)) and (named[0] / "oci-layout").is_file():
        yield Layout(*named)
    elif (start / text).is_file():
        from gopherwhale.oci.tar_source import open_archive  # noqa: PLC0415

        yield open_archive(start / text)
    elif text.startswith((".", "/")):
        raise UsageError(
            f"{text} is neither a folder nor a file", hint="name a layout, an archive or a reference"
        )
    else:
        yield _from_registry(text, client)


def _from_registry(text: str, client: Callable[[], RegistryClient]) -> ImageSource:
    from gopherwhale.oci.registry import RegistrySource  # noqa: PLC0415

    return RegistrySource(client(), parse_reference(text))


def _from_path(scheme: str, rest: str, start: Path) -> ImageSource:
    path, select = split_selector(rest, start)
    if not path.exists():
        raise UsageError(
            f"{scheme}:{rest}: there is no {path}", hint="name a layout or an archive that is there"
        )
    if scheme == "oci":
        return Layout(path, select)
    from gopherwhale.oci.tar_source import open_docker_archive, open_oci_archive  # noqa: PLC0415

    return open_oci_archive(path, select) if scheme == "oci-archive" else open_docker_archive(path, select)


@contextlib.contextmanager
def _from_daemon(text: str, environment: Mapping[str, str]) -> Iterator[ImageSource]:
    from gopherwhale import engines  # noqa: PLC0415 -- they know plans, which cost the import of msgspec
    from gopherwhale.oci.tar_source import open_docker_archive  # noqa: PLC0415

    reference = parse_reference(text)
    # Docker streams its archive with the table of contents at the end: it must lie somewhere to be read.
    with tempfile.TemporaryDirectory(prefix="gopherwhale-") as folder:
        archive = Path(folder) / "image.tar"
        engines.save(reference.familiar, archive, environment, _DAEMON_SECONDS, _DAEMON_BYTES)
        yield open_docker_archive(archive, reference.familiar, f"docker-daemon:{reference.familiar}")
