"""Registries, as the go engine reads base images from them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from gopherwhale.access import Access
from gopherwhale.engines.ports import OpenRegistry
from gopherwhale.oci.source import ImageSource
from gopherwhale.references import Reference


def registry_opener(environment: Mapping[str, str], access: Access) -> OpenRegistry:
    """How an engine opens an image in a registry.

    Args:
        environment: The process environment, for credentials, proxies and CAs.
        access: How hosts are reached.
    """

    @contextlib.contextmanager
    def open_registry(reference: Reference) -> Iterator[ImageSource]:
        # What speaks to a registry costs 70 ms to import, and most builds ask none.
        from gopherwhale.oci.registry import RegistryClient, RegistrySource  # noqa: PLC0415

        with RegistryClient.from_environment(environment, access) as client:
            yield RegistrySource(client, reference)

    return open_registry
