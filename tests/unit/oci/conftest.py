"""A registry in memory behind the fault proxy, and a client that does not wait."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gopherwhale.oci.registry import RegistryClient
from gopherwhale.oci.transport import Transport
from gopherwhale.references import Reference
from tests.faults.proxy import Proxy, proxying
from tests.faults.registry import MemoryRegistry, serving


@pytest.fixture(scope="module")
def _memory() -> Iterator[MemoryRegistry]:
    with serving() as registry:
        yield registry


@pytest.fixture(scope="module")
def _proxy(_memory: MemoryRegistry) -> Iterator[Proxy]:
    with proxying(_memory.address) as proxy:
        yield proxy


@pytest.fixture
def memory(_memory: MemoryRegistry) -> MemoryRegistry:
    """Give a registry that holds nothing."""
    _memory.reset()
    return _memory


@pytest.fixture
def proxy(_proxy: Proxy, memory: MemoryRegistry) -> Proxy:
    """Give the fault proxy before it, which does nothing yet."""
    assert memory.address == _proxy.upstream
    _proxy.script = lambda _request: None
    _proxy.forget()
    return _proxy


@pytest.fixture
def waits() -> list[float]:
    """Give the seconds for which a client would have waited."""
    return []


@pytest.fixture
def client(waits: list[float]) -> Iterator[RegistryClient]:
    """Give a client that notes its waits and goes on at once."""
    transport = Transport(environment={}, sleep=waits.append, jitter=lambda: 1.0)
    with RegistryClient(transport, {}) as client:
        yield client


@pytest.fixture
def target(proxy: Proxy) -> Reference:
    """Give a repository behind the proxy."""
    return Reference(registry=proxy.address, repository="acme/hello")
