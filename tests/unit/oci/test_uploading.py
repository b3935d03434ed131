from __future__ import annotations

import io
from collections.abc import Callable
from typing import IO

import pytest
from urllib3 import HTTPResponse

from gopherwhale.errors import AuthenticationError, RegistryError
from gopherwhale.oci import uploading
from gopherwhale.oci.documents import OCI_LAYER, Descriptor, digest_of
from gopherwhale.oci.registry import RegistryClient
from gopherwhale.oci.transport import Answer
from gopherwhale.references import Reference
from tests.faults.proxy import Fault, Proxy, Reply, Request
from tests.faults.registry import MemoryRegistry

DATA = bytes(range(256)) * 4096
BLOB = Descriptor(media_type=OCI_LAYER, digest=digest_of(DATA), size=len(DATA))


def opener(offset: int, length: int) -> IO[bytes]:
    return io.BytesIO(DATA[offset : offset + length])


def once(kind: str, fault: Fault) -> Callable[[Request], Fault | None]:
    """The fault for the first request of a kind."""
    left = [fault]
    return lambda request: left.pop() if request.kind == kind and left else None


def stored(memory: MemoryRegistry) -> bool:
    return memory.blobs.get(("acme/hello", BLOB.digest)) == DATA


def test_a_blob_goes_in_one_request_after_the_start(
    client: RegistryClient, target: Reference, memory: MemoryRegistry, proxy: Proxy
) -> None:
    """Two requests are all that a new blob costs, and the connection is one."""
    assert client.put_blob(target, BLOB, opener)
    assert stored(memory)
    assert proxy.kinds() == ["POST upload", "PUT upload"]


@pytest.mark.parametrize("relative", [False, True])
def test_each_step_goes_to_the_latest_location(
    client: RegistryClient, target: Reference, memory: MemoryRegistry, proxy: Proxy, *, relative: bool
) -> None:
    """A chunk goes to the Location of the answer before it, which may be relative and have a query."""
    memory.relative = relative
    proxy.script = once("PUT upload", Fault(reply=Reply(413)))
    monkey = pytest.MonkeyPatch()
    with monkey.context() as patch:
        patch.setattr(uploading, "CHUNK", 400_000)
        client.put_blob(target, BLOB, opener)
    assert stored(memory)
    steps = [request.path.partition("step=")[2] for request in proxy.seen if request.method == "PATCH"]
    assert steps == ["0", "399999", "799999"]
    ranges = [request.headers["content-range"] for request in proxy.seen if request.method == "PATCH"]
    assert ranges == ["0-399999", "400000-799999", "800000-1048575"]


def test_a_repository_of_the_same_registry_lends_its_blob(
    client: RegistryClient, target: Reference, memory: MemoryRegistry, proxy: Proxy
) -> None:
    """A mount sends no bytes."""
    memory.blobs["acme/base", BLOB.digest] = DATA
    base = Reference(registry=target.registry, repository="acme/base")
    assert not client.put_blob(target, BLOB, opener, mount_from=base)
    assert stored(memory)
    assert proxy.kinds() == ["POST upload"]


@pytest.mark.parametrize("status", [202, 400, 403, 404, 405])
def test_a_mount_that_is_refused_becomes_an_upload(
    client: RegistryClient, target: Reference, memory: MemoryRegistry, proxy: Proxy, status: int
) -> None:
    """A registry that cannot lend, or may not, gets the bytes; what it began is used."""
    if status != 202:
        proxy.script = once("POST upload", Fault(reply=Reply(status)))
    base = Reference(registry=target.registry, repository="acme/base")
    assert client.put_blob(target, BLOB, opener, mount_from=base)
    assert stored(memory)
    assert proxy.kinds().count("POST upload") == (1 if status == 202 else 2)


def test_07_a_cut_upload_that_the_registry_forgot_starts_afresh(
    client: RegistryClient, target: Reference, memory: MemoryRegistry, proxy: Proxy
) -> None:
    """The connection is cut in mid-upload and its status is 404: a fresh POST, and success."""
    memory.partial = False
    proxy.script = once("PUT upload", Fault(cut_request=300_000))
    client.put_blob(target, BLOB, opener)
    assert stored(memory)
    assert proxy.kinds() == [
        *("POST upload", "PUT upload", "GET upload"),
        *("HEAD blob", "POST upload", "PUT upload"),
    ]


def test_07_a_cut_upload_that_the_registry_kept_goes_on_where_it_was(
    client: RegistryClient, target: Reference, memory: MemoryRegistry, proxy: Proxy
) -> None:
    """What the registry says that it has is not sent again."""
    proxy.script = once("PUT upload", Fault(cut_request=300_000))
    client.put_blob(target, BLOB, opener)
    assert stored(memory)
    rest = [request for request in proxy.seen if request.method == "PATCH"]
    assert [request.headers["content-range"] for request in rest] == ["300000-1048575"]
    assert proxy.kinds("POST upload") == ["POST upload"]


def test_07_a_lost_answer_does_not_send_the_blob_twice(
    client: RegistryClient, target: Reference, memory: MemoryRegistry, proxy: Proxy
) -> None:
    """The registry took the blob and the connection broke before it said so: asking is enough."""
    proxy.script = once("PUT upload", Fault(cut_answer=-1))
    client.put_blob(target, BLOB, opener)
    assert stored(memory)
    assert proxy.kinds() == ["POST upload", "PUT upload", "GET upload", "HEAD blob"]


def lying(state: str) -> Callable[[Reply], Reply]:
    return lambda reply: Reply(reply.status, reply.body, {**reply.headers, "range": state})


@pytest.mark.parametrize("state", ["0-299000", "0-299999", "0-300500"])
def test_08_chunks_put_together_wrongly_are_caught_by_the_digest(
    client: RegistryClient, target: Reference, memory: MemoryRegistry, proxy: Proxy, state: str
) -> None:
    """A registry that ignores Content-Range and appends ends in a wrong digest: restart from POST."""
    faults = [Fault(cut_request=300_000), Fault(alter=lying(state))]
    kinds = ["PUT upload", "GET upload"]

    def script(request: Request) -> Fault | None:
        if kinds and request.kind == kinds[0]:
            kinds.pop(0)
            return faults.pop(0)
        return None

    proxy.script = script
    memory.ignores_ranges = True
    client.put_blob(target, BLOB, opener)
    assert stored(memory)
    assert proxy.kinds("POST upload") == ["POST upload"] * (1 if state == "0-299999" else 2)


def test_08_a_replayed_location_is_no_dead_end(
    client: RegistryClient, target: Reference, memory: MemoryRegistry, proxy: Proxy
) -> None:
    """A PATCH that was done and whose answer was lost is not replayed: the upload starts again."""
    kinds = ["PUT upload", "PATCH upload"]
    faults = [Fault(reply=Reply(413)), Fault(cut_answer=-1)]

    def script(request: Request) -> Fault | None:
        if kinds and request.kind == kinds[0]:
            kinds.pop(0)
            return faults.pop(0)
        return None

    proxy.script = script
    client.put_blob(target, BLOB, opener)
    assert stored(memory)
    assert proxy.kinds("POST upload") == ["POST upload"] * 3


@pytest.mark.parametrize(
    ("status", "error", "attempts"),
    [
        (500, RegistryError, 5),
        (503, RegistryError, 5),
        (429, RegistryError, 5),
        (400, RegistryError, 1),
        (401, AuthenticationError, 1),
        (403, AuthenticationError, 1),
        (404, RegistryError, 5),
        (416, RegistryError, 1),
    ],
)
def test_06_an_upload_is_tried_again_where_that_may_help(
    client: RegistryClient,
    target: Reference,
    proxy: Proxy,
    status: int,
    error: type[Exception],
    attempts: int,
) -> None:
    """Five attempts for what passes, one for what does not; the message says host, digest and cause."""
    body = b'{"errors":[{"code":"X","message":"no space left on device"}]}'
    proxy.script = lambda request: Fault(reply=Reply(status, body)) if request.kind == "PUT upload" else None
    with pytest.raises(error) as caught:
        client.put_blob(target, BLOB, opener)
    assert len(proxy.kinds("PUT upload")) == attempts
    text = str(caught.value)
    assert target.registry in text
    assert "Traceback" not in text
    if error is RegistryError:
        assert BLOB.digest in text
        assert str(status) in text
        assert "no space left on device" in text


def test_06_an_upload_that_cannot_begin_is_not_tried_twenty_five_times(
    client: RegistryClient, target: Reference, proxy: Proxy, waits: list[float]
) -> None:
    """Five attempts for the first request are all."""
    proxy.script = lambda _request: Fault(reply=Reply(503))
    with pytest.raises(RegistryError, match="answers 503 after 5 attempts"):
        client.put_blob(target, BLOB, opener)
    assert (proxy.kinds(), waits) == (["POST upload"] * 5, [1.0, 2.0, 4.0, 8.0])


def test_a_registry_that_stored_something_else_is_named(
    client: RegistryClient, target: Reference, proxy: Proxy
) -> None:
    """The digest that the registry answers is checked against ours."""
    other = digest_of(b"other")
    wrong = Fault(alter=lambda reply: Reply(reply.status, reply.body, {"docker-content-digest": other}))
    proxy.script = lambda request: wrong if request.kind == "PUT upload" else None
    with pytest.raises(RegistryError, match=f"stored '{other}' instead"):
        client.put_blob(target, BLOB, opener)


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize("kind", ["POST upload", "PUT upload"])
def test_a_redirect_that_keeps_the_method_is_followed_with_the_bytes(
    client: RegistryClient, target: Reference, memory: MemoryRegistry, proxy: Proxy, status: int, kind: str
) -> None:
    """A registry may send an upload to another of its hosts; our credential does not go along."""

    def script(request: Request) -> Fault | None:
        there = {"location": f"http://{memory.address}{request.path}"}
        return Fault(reply=Reply(status, b"", there)) if request.kind == kind else None

    proxy.script = script
    client.put_blob(target, BLOB, opener)
    assert stored(memory)


def test_a_redirect_that_is_not_followed_says_where_it_leads(
    client: RegistryClient, target: Reference, proxy: Proxy
) -> None:
    """With 301 a body would be lost: whoever pushes names the right address."""
    there = Reply(301, b"", {"location": "https://registry.example/v2/?token=canary"})
    proxy.script = lambda _request: Fault(reply=there)
    with pytest.raises(
        RegistryError, match="answers 301\n.*leads to https://registry.example/v2/;"
    ) as caught:
        client.put_blob(target, BLOB, opener)
    assert "canary" not in str(caught.value)


def test_an_upload_does_not_go_on_without_tls(client: RegistryClient) -> None:
    """Behind a proxy that ends TLS a registry may name its own plain address: nothing is sent there."""
    raw = HTTPResponse(status=202)
    there = {"location": "http://registry.example/v2/acme/hello/blobs/uploads/1"}
    begun = Answer(status=202, url="https://registry.example/v2/acme/hello/", headers=there, raw=raw)
    place = Reference(registry="registry.example", repository="acme/hello")
    with pytest.raises(RegistryError, match="without TLS; nothing was sent\n.*its own address"):
        client.session.follow("PUT", place, begun)


def test_an_upload_without_a_location_is_an_error(
    client: RegistryClient, target: Reference, proxy: Proxy
) -> None:
    """A registry that does not say where the upload goes on is not guessed at."""
    proxy.script = lambda _request: Fault(alter=lambda reply: Reply(reply.status))
    with pytest.raises(RegistryError, match="does not say where"):
        client.put_blob(target, BLOB, opener)


def test_a_server_in_front_that_takes_a_mebibyte_gets_no_more_at_once(
    client: RegistryClient, target: Reference, memory: MemoryRegistry, proxy: Proxy
) -> None:
    """The default of nginx, a sixteenth of our first chunk, is found before the attempts are used up."""
    proxy.script = lambda request: (
        Fault(reply=Reply(413)) if request.size > len(DATA) // 64 and request.kind != "POST upload" else None
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(uploading, "CHUNK", len(DATA) // 4)
        patch.setattr(uploading, "_LEAST_CHUNK", len(DATA) // 64)
        client.put_blob(target, BLOB, opener)
    assert stored(memory)
    assert max(request.size for request in proxy.seen if request.method == "PATCH") == len(DATA) // 4
    assert len(proxy.kinds("PATCH upload")) == 64 + 2


@pytest.mark.parametrize("least", ["\N{SUPERSCRIPT THREE}", "9" * 5000, "-1", "many", ""])
def test_a_least_length_that_is_no_length_counts_for_nothing(
    client: RegistryClient, target: Reference, memory: MemoryRegistry, proxy: Proxy, least: str
) -> None:
    """The upload goes on as if the registry had not said it."""
    header = {"oci-chunk-min-length": least}

    def alter(reply: Reply) -> Reply:
        return Reply(reply.status, reply.body, {**reply.headers, **header})

    proxy.script = lambda request: Fault(alter=alter) if request.kind == "POST upload" else None
    client.put_blob(target, BLOB, opener)
    assert stored(memory)


def test_a_chunk_is_as_large_as_the_registry_wants(
    client: RegistryClient, target: Reference, memory: MemoryRegistry, proxy: Proxy
) -> None:
    """OCI-Chunk-Min-Length raises our chunks, and 413 makes quarters of them."""
    refused = [413, 413]

    def script(request: Request) -> Fault | None:
        if request.kind == "POST upload":
            least = {"oci-chunk-min-length": "900000"}
            return Fault(alter=lambda reply: Reply(reply.status, reply.body, {**reply.headers, **least}))
        if request.method in {"PUT", "PATCH"} and refused and request.size:
            return Fault(reply=Reply(refused.pop()))
        return None

    proxy.script = script
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(uploading, "CHUNK", 100_000)
        patch.setattr(uploading, "_LEAST_CHUNK", 1000)
        client.put_blob(target, BLOB, opener)
    assert stored(memory)
    assert [request.size for request in proxy.seen if request.method == "PATCH"] == [
        *(900_000, *[225_000] * 4),
        len(DATA) - 900_000,
    ]
