"""Registries, as a request reaches them: the one place where a client for them is made."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from gopherwhale.access import Access
from gopherwhale.app.request import Request
from gopherwhale.oci.source import ImageSource
from gopherwhale.references import Reference

if TYPE_CHECKING:
    # The engines know plans, whose settings cost the import of msgspec.
    from gopherwhale.engines.ports import OpenRegistry
    from gopherwhale.oci.registry import RegistryClient


def registry_client(request: Request, access: Access) -> RegistryClient:
    """A client with the request's credentials, proxies and CAs; to be used in a `with` block.

    Args:
        request: What was asked for.
        access: How hosts are reached.
    """
    # What speaks to a registry costs 70 ms to import, and most commands ask none.
    from gopherwhale.oci.registry import RegistryClient  # noqa: PLC0415

    return RegistryClient.from_environment(request.environment, access, request.console.say)


def registry_opener(request: Request, access: Access) -> OpenRegistry:
    """How an engine opens an image in a registry; arguments as of `registry_client`."""

    @contextlib.contextmanager
    def open_registry(reference: Reference) -> Iterator[ImageSource]:
        from gopherwhale.oci.registry import RegistrySource  # noqa: PLC0415 -- with the client

        with registry_client(request, access) as client:
            yield RegistrySource(client, reference)

    return open_registry
