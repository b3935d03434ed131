"""The base image that a setting names: where it is read, by which digest it is pinned, what it is called."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from gopherwhale import references
from gopherwhale.engines.ports import OpenRegistry
from gopherwhale.engines.recipe import SCRATCH
from gopherwhale.errors import UsageError
from gopherwhale.oci.base import BASE_DIGEST, BASE_NAME, Base
from gopherwhale.oci.kept import KeptSource
from gopherwhale.oci.layout import Layout
from gopherwhale.oci.source import split_selector
from gopherwhale.plan import ImagePlan
from gopherwhale.references import is_digest

LAYOUT: Final = "oci:"
_LATEST: Final = "latest"


def digest_of_base(setting: str) -> str:
    """The digest that a base is pinned by, or empty."""
    digest = setting.rpartition("@")[2]
    return digest if "@" in setting and is_digest(digest) else ""


def refuse_unpinned(image: ImagePlan) -> None:
    """Refuse a base that may be another one tomorrow, where the run is to be locked.

    Raises:
        UsageError: The base has no digest.
    """
    base = image.settings.go.base
    if image.locked and base != SCRATCH and not digest_of_base(base):
        raise UsageError(
            f"the base of {image.name}, {base}, is not pinned by a digest, and this run is --locked",
            hint="pin it with `invoke docker.pin`",
        )


@contextlib.contextmanager
def opened(image: ImagePlan, folder: Path, open_registry: OpenRegistry) -> Iterator[Base | None]:
    """Open the base of an image.

    Args:
        image: Whose setting `base` is read.
        folder: Where what a registry gave is kept for the next build.
        open_registry: Opens an image in a registry.

    Yields:
        The base, resolved to digests; None for an image from scratch.

    Raises:
        LayoutError: The base is damaged or not there.
        RegistryError: The registry has none, or fails.
    """
    setting = image.settings.go.base
    if setting == SCRATCH:
        yield None
    elif setting.startswith(LAYOUT):
        yield Base(Layout(*split_selector(setting.removeprefix(LAYOUT), image.root)))
    else:
        reference = references.parse(setting)
        if not reference.tag and not reference.digest:
            reference = reference.with_tag(_LATEST)
        with KeptSource(str(reference), reference.digest, folder, lambda: open_registry(reference)) as source:
            yield Base(source)


def annotations_of(setting: str, base: Base | None) -> Mapping[str, str]:
    """What an index says of the base of its images (image-spec, "Pre-Defined Annotation Keys")."""
    if base is None:
        return {}
    found = {BASE_DIGEST: base.root.digest}
    if not setting.startswith(LAYOUT):
        reference = references.parse(setting)
        if reference.tag or not reference.digest:
            reference = reference.with_tag(reference.tag or _LATEST)
        found[BASE_NAME] = str(reference)
    return found
