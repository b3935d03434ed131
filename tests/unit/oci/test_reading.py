from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from gopherwhale.errors import AuthenticationError, GopherwhaleError, LayoutError, RegistryError
from gopherwhale.oci.documents import OCI_INDEX, OCI_LAYER, OCI_MANIFEST, Descriptor, digest_of, encode
from gopherwhale.oci.layers import read_layer
from gopherwhale.oci.registry import RegistryClient, RegistrySource
from gopherwhale.oci.source import check_blob, read_document
from gopherwhale.oci.transport import Transport
from gopherwhale.references import Reference
from gopherwhale.verify.codes import Severity
from gopherwhale.verify.image import verify_image
from tests.faults.proxy import Fault, Proxy, Reply, Request, broken_off, flipped, longer, truncated
from tests.faults.registry import MemoryRegistry
from tests.unit.oci.images import layer
from tests.unit.verify.layers import Memory

DATA = bytes(range(256)) * 1024
BLOB = Descriptor(media_type=OCI_LAYER, digest=digest_of(DATA), size=len(DATA))
SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1"
MACHINES = ("amd64", "arm64", "s390x")
RAW = encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []})


@pytest.fixture
def stocked(memory: MemoryRegistry) -> MemoryRegistry:
    """A registry with one blob and one index, tagged `v1`."""
    memory.blobs["acme/hello", BLOB.digest] = DATA
    memory.manifests["acme/hello", digest_of(RAW)] = (OCI_INDEX, RAW)
    memory.tags["acme/hello", "v1"] = digest_of(RAW)
    return memory


def read(client: RegistryClient, target: Reference) -> bytes:
    with client.open_blob(target, BLOB) as stream:
        return stream.read()


@pytest.mark.usefixtures("stocked")
def test_a_blob_is_read_whole_and_in_parts(client: RegistryClient, target: Reference, proxy: Proxy) -> None:
    """One request, exactly the bytes, and nothing after them."""
    assert read(client, target) == DATA
    with client.open_blob(target, BLOB) as stream:
        assert (stream.read(10), stream.read(0), len(stream.read(300_000)), stream.read(1)) == (
            *(DATA[:10], b""),
            *(len(DATA) - 10, b""),
        )
    assert proxy.kinds() == ["GET blob", "GET blob"]


@pytest.mark.usefixtures("stocked")
@pytest.mark.parametrize("honours", [True, False])
def test_01_a_blob_that_breaks_off_is_read_on_by_range(
    client: RegistryClient, target: Reference, proxy: Proxy, *, honours: bool
) -> None:
    """Each break is made good by a request for the rest, or read past by one for the whole."""

    def script(request: Request) -> Fault | None:
        if not honours and "range" in request.headers:
            return Fault(reply=Reply(200, DATA), cut_answer=210_000 if request.number < 4 else None)
        return Fault(cut_answer=70_000) if request.number < 4 else None

    proxy.script = script
    assert read(client, target) == DATA
    ranges = [request.headers.get("range", "") for request in proxy.seen]
    assert ranges[0] == ""
    assert all(later.startswith("bytes=") for later in ranges[1:])
    if honours:
        assert len(ranges) == 4


FAULTS: dict[str, Callable[[Reply], Reply]] = {
    "altered": flipped,
    "truncated": truncated,
    "longer": longer,
    "broken off": broken_off,
    "empty": lambda reply: Reply(reply.status),
    "another part": lambda reply: Reply(206, reply.body[5:], {"content-range": "bytes 5-9/99"}),
}


@pytest.mark.usefixtures("stocked")
@pytest.mark.parametrize("fault", FAULTS)
def test_01_a_blob_with_other_bytes_is_an_error(
    client: RegistryClient, target: Reference, proxy: Proxy, fault: str
) -> None:
    """Altered, truncated or longer: host and digest are named, and no bytes pass for the blob."""
    proxy.script = lambda _request: Fault(alter=FAULTS[fault])
    # Of another size it may be the descriptor that is wrong, which is the image's fault.
    resized = fault in {"truncated", "longer", "empty"}
    with pytest.raises(LayoutError if resized else RegistryError) as caught:
        read(client, target)
    assert target.registry in str(caught.value)
    assert BLOB.digest in str(caught.value)
    # An answer of half of what is left each time comes to nothing in the end, too.
    assert len(proxy.seen) <= (30 if fault == "broken off" else 6)


@pytest.mark.parametrize("place", [0, -1])
def test_01_a_layer_that_a_registry_altered_is_no_layer(
    client: RegistryClient, target: Reference, memory: MemoryRegistry, place: int
) -> None:
    """Also where the tar reads well: in a file's content, and in the zeros behind the last member."""
    plain = bytearray(layer({"etc/motd": b"x" * 512}))
    good = Descriptor(media_type=OCI_LAYER, digest=digest_of(bytes(plain)), size=len(plain))
    source = RegistrySource(client, target)
    memory.blobs["acme/hello", good.digest] = bytes(plain)
    assert [member.name for member, _ in read_layer(source, good)] == ["etc/motd"]
    plain[place or plain.index(b"xxx")] ^= 1
    memory.blobs["acme/hello", good.digest] = bytes(plain)
    with pytest.raises(RegistryError, match="other bytes than its digest says"):
        list(read_layer(source, good))


@pytest.mark.usefixtures("stocked")
@pytest.mark.parametrize("by", ["tag", "digest"])
@pytest.mark.parametrize("fault", ["altered", "truncated", "longer", "broken off", "empty"])
def test_01_a_manifest_with_other_bytes_is_an_error(
    client: RegistryClient, target: Reference, proxy: Proxy, fault: str, by: str
) -> None:
    """A manifest is what its digest says, whether we or the registry name it."""
    proxy.script = lambda _request: Fault(
        alter=lambda reply: Reply(
            (changed := FAULTS[fault](reply)).status,
            changed.body,
            {"docker-content-digest": digest_of(RAW), **changed.headers},
        )
    )
    reference = target.with_tag("v1") if by == "tag" else target.with_digest(digest_of(RAW))
    with pytest.raises(RegistryError) as caught:
        client.get_manifest(reference)
    assert target.registry in str(caught.value)


@pytest.mark.usefixtures("stocked")
def test_01_a_manifest_that_breaks_off_once_is_asked_for_again(
    client: RegistryClient, target: Reference, proxy: Proxy
) -> None:
    """One broken answer costs one more request."""
    proxy.script = lambda request: Fault(alter=broken_off) if request.number == 1 else None
    assert client.get_manifest(target.with_tag("v1")) == (RAW, OCI_INDEX)
    assert len(proxy.seen) == 2


@pytest.mark.parametrize(
    ("answers", "error", "waited"),
    [
        ([503, 503], None, [1.0, 2.0]),
        ([500] * 9, RegistryError, [1.0, 2.0, 4.0, 8.0]),
        ([401], AuthenticationError, []),
        ([403], AuthenticationError, []),
        ([404], RegistryError, []),
        ([400], RegistryError, []),
        ([408, 502, 504], None, [1.0, 2.0, 4.0]),
        ([429] * 9, RegistryError, [1.0, 2.0, 4.0, 8.0]),
    ],
)
@pytest.mark.usefixtures("stocked")
def test_06_what_passes_is_tried_again_and_nothing_else(
    client: RegistryClient,
    target: Reference,
    proxy: Proxy,
    waits: list[float],
    answers: list[int],
    error: type[GopherwhaleError] | None,
    waited: list[float],
) -> None:
    """Five attempts, exponential, on 408, 429, 500, 502, 503 and 504; no other 4xx is ever retried."""
    left = list(answers)
    proxy.script = lambda _request: Fault(reply=Reply(left.pop(0))) if left else None
    if error is None:
        assert client.get_manifest(target.with_tag("v1"))[0] == RAW
    else:
        with pytest.raises(error) as caught:
            client.get_manifest(target.with_tag("v1"))
        assert str(answers[0]) in str(caught.value) or answers[0] == 401
        assert target.registry in str(caught.value)
    assert len(proxy.seen) == len(waited) + 1
    assert waits == waited


@pytest.mark.parametrize(
    ("asked", "waited"),
    [
        ("7", 7.0),
        ("0", 1.0),
        ("99999", 60.0),
        ("Fri, 01 Jan 2100 00:00:00 GMT", 60.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 1.0),
        ("soon", 1.0),
        ("-5", 1.0),
        ("1e9", 1.0),
        ("Fri, 27 Nov 2026 00:00:00 +99999999999999999999", 1.0),
    ],
)
@pytest.mark.usefixtures("stocked")
def test_06_retry_after_is_honoured_with_a_cap(
    client: RegistryClient, target: Reference, proxy: Proxy, waits: list[float], asked: str, waited: float
) -> None:
    """Seconds or a date, never less than our own back-off, which nonsense is; a minute at the most."""
    refusal = Fault(reply=Reply(503, b"", {"retry-after": asked}))
    proxy.script = lambda request: refusal if request.number == 1 else None
    client.get_manifest(target.with_tag("v1"))
    assert waits == [waited]


@pytest.mark.usefixtures("stocked")
def test_a_long_wait_is_said(target: Reference, proxy: Proxy, waits: list[float]) -> None:
    """Four minutes of a registry that has enough of us would else look like a run that hangs."""
    lines: list[str] = []
    left = [Reply(429, b"", {"retry-after": "30"}), Reply(503)]
    proxy.script = lambda _request: Fault(reply=left.pop()) if left else None
    transport = Transport(environment={}, say=lines.append, sleep=waits.append, jitter=lambda: 1.0)
    with RegistryClient(transport, {}) as client:
        client.get_manifest(target.with_tag("v1"))
    assert waits[0] == 1.0
    assert lines == [f"waiting 30 s: http://{target.registry}/v2/acme/hello/manifests/v1 answers 429"]


@pytest.mark.usefixtures("stocked")
def test_12_a_registry_s_type_must_be_the_document_s(
    client: RegistryClient, target: Reference, proxy: Proxy
) -> None:
    """CVE-2021-41190: a Content-Type that is not the document's own mediaType is refused."""
    typed = {"content-type": "application/vnd.oci.image.manifest.v1+json"}
    proxy.script = lambda _request: Fault(alter=lambda reply: Reply(200, reply.body, typed))
    source = RegistrySource(client, target.with_tag("v1"))
    from gopherwhale.oci.layout import walk  # noqa: PLC0415

    with pytest.raises(LayoutError):
        list(walk(source))


@pytest.mark.usefixtures("stocked")
def test_14_a_manifest_without_end_is_a_bounded_error(
    client: RegistryClient, target: Reference, proxy: Proxy
) -> None:
    """Over four mebibytes nothing is read on, and an error's text is bounded too."""
    proxy.script = lambda _request: Fault(reply=Reply(200, b" " * (5 * 1024 * 1024)))
    with pytest.raises(RegistryError, match="more than 4194304 bytes"):
        client.get_manifest(target.with_tag("v1"))
    proxy.script = lambda _request: Fault(reply=Reply(400, b"x" * (1024 * 1024)))
    with pytest.raises(RegistryError, match="more than 65536 bytes"):
        client.get_manifest(target.with_tag("v1"))


@pytest.mark.usefixtures("stocked")
def test_14_a_compressed_answer_is_not_unpacked(
    client: RegistryClient, target: Reference, proxy: Proxy
) -> None:
    """CVE-2025-66471: we ask for identity, and what comes encoded is just other bytes."""
    import gzip  # noqa: PLC0415

    packed = gzip.compress(b"\0" * 10_000_000)
    proxy.script = lambda _request: Fault(reply=Reply(200, packed, {"content-encoding": "gzip"}))
    with pytest.raises(RegistryError):
        read(client, target)
    assert proxy.seen[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "said", ["sha256:../../x", "sha256:" + "A" * 64, "sha256:" + "a" * 63, "md5:" + "a" * 32, "x", "-rf"]
)
@pytest.mark.usefixtures("stocked")
def test_15_a_malformed_digest_of_a_registry_goes_no_further(
    client: RegistryClient, target: Reference, proxy: Proxy, said: str
) -> None:
    """CVE-2024-3727: it is refused before any path or URL is made of it."""
    proxy.script = lambda _request: Fault(
        alter=lambda reply: Reply(reply.status, reply.body, {**reply.headers, "docker-content-digest": said})
    )
    for ask in (client.head_manifest, client.get_manifest):
        with pytest.raises(RegistryError, match="unusable digest"):
            ask(target.with_tag("v1"))


@pytest.mark.usefixtures("stocked")
def test_a_registry_that_says_no_digest_is_asked_for_the_bytes(
    client: RegistryClient, target: Reference, proxy: Proxy
) -> None:
    """A HEAD without Docker-Content-Digest is made good by a GET."""
    proxy.script = lambda _request: Fault(
        alter=lambda reply: Reply(reply.status, reply.body, {"content-type": OCI_INDEX})
    )
    assert client.head_manifest(target.with_tag("v1")) == digest_of(RAW)


@pytest.mark.usefixtures("stocked")
@pytest.mark.parametrize("status", [400, 401, 403, 405, 501])
@pytest.mark.parametrize("name", ["v1", "none", digest_of(RAW)])
def test_a_registry_that_refuses_a_head_alone_is_asked_for_the_bytes(
    client: RegistryClient, target: Reference, proxy: Proxy, status: int, name: str
) -> None:
    """What a GET may read is there, and what it does not find is not."""
    challenge = {"www-authenticate": f'Bearer realm="http://{target.registry}/token"'}
    token = Fault(reply=Reply(200, b'{"token": "t"}'))

    def script(request: Request) -> Fault | None:
        refused = Fault(reply=Reply(status, b"", challenge))
        return refused if request.method == "HEAD" else token if request.kind == "GET token" else None

    proxy.script = script
    reference = target.with_digest(name) if ":" in name else target.with_tag(name)
    assert client.head_manifest(reference) == ("" if name == "none" else digest_of(RAW))


@pytest.mark.usefixtures("stocked")
def test_what_a_head_is_refused_for_is_told_in_the_registry_s_words(
    client: RegistryClient, target: Reference, proxy: Proxy
) -> None:
    """The answer to a HEAD has no words: a GET's has."""
    said = b'{"errors": [{"code": "DENIED", "message": "the project is archived"}]}'
    proxy.script = lambda _request: Fault(reply=Reply(403, said))
    with pytest.raises(AuthenticationError, match="DENIED the project is archived"):
        client.head_manifest(target.with_tag("v1"))


@pytest.mark.usefixtures("stocked")
@pytest.mark.parametrize("status", [200, 400, 403, 405, 501])
def test_a_registry_that_refuses_the_head_of_a_blob_is_asked_for_the_blob(
    client: RegistryClient, target: Reference, proxy: Proxy, status: int
) -> None:
    """Or the store that it redirects to: an address signed for a GET takes no HEAD. Nothing is sent twice."""
    refused = Reply(status, b"", {"content-length": "0"})
    proxy.script = lambda request: Fault(reply=refused) if request.kind == "HEAD blob" else None
    unknown = replace(BLOB, digest=digest_of(b"unknown"))
    assert client.has_blob(target, BLOB)
    assert not client.has_blob(target, unknown)
    assert not client.has_blob(target, replace(BLOB, size=BLOB.size + 1))
    proxy.script = lambda _request: Fault(reply=Reply(max(status, 400), b"the project is archived"))
    with pytest.raises(GopherwhaleError, match="archived"):
        client.has_blob(target, BLOB)


@pytest.mark.parametrize(
    "said", ["", "application/json", "text/plain; charset=utf-8", "application/octet-stream"]
)
@pytest.mark.parametrize("own", [OCI_INDEX, ""])
def test_a_server_of_files_leaves_the_type_to_the_document(
    client: RegistryClient, target: Reference, memory: MemoryRegistry, said: str, own: str
) -> None:
    """A mirror that knows no types hands out an index all the same."""
    raw = encode({"schemaVersion": 2, **({"mediaType": own} if own else {}), "manifests": []})
    memory.manifests["acme/hello", digest_of(raw)] = (said, raw)
    source = RegistrySource(client, target.with_digest(digest_of(raw)))
    assert source.root.media_type == OCI_INDEX
    assert read_document(source, source.root) == raw


def test_what_a_registry_has_of_another_type_is_read_and_told(
    client: RegistryClient, target: Reference, memory: MemoryRegistry
) -> None:
    """Docker's schema 1 is named, not looked for among the blobs."""
    raw = encode({"schemaVersion": 1, "fsLayers": []})
    memory.manifests["acme/hello", digest_of(raw)] = (f"{SCHEMA_1}+prettyjws", raw)
    report = verify_image(RegistrySource(client, target.with_digest(digest_of(raw))))
    assert "schema-1" in [one.code for one in report.all_findings if one.severity is Severity.ERROR]


def test_a_missing_blob_is_the_image_s_fault(client: RegistryClient, target: Reference) -> None:
    """A repository that lacks a blob of its image holds a damaged image."""
    with pytest.raises(LayoutError, match=BLOB.digest) as caught:
        read(client, target)
    assert caught.value.code == "blob-missing"


def test_a_platform_that_a_registry_lacks_hides_no_other(
    client: RegistryClient, target: Reference, memory: MemoryRegistry
) -> None:
    """A manifest or a layer that is not there, or has another size than said, is its platform's finding."""
    made = Memory()
    entries = [made.put_image(f"linux/{one}", [layer({"app": one.encode()})]) for one in (*MACHINES, "386")]
    lost = json.loads(made.blobs[entries[1].digest])["layers"][0]["digest"]
    wrong = json.loads(made.blobs[entries[2].digest])
    wrong["layers"][0]["size"] += 1
    entries[2] = made.put(encode(wrong), OCI_MANIFEST, "linux/s390x")
    root = made.put_index(entries)
    for digest, data in made.blobs.items():
        memory.blobs["acme/hello", digest] = data
        memory.manifests["acme/hello", digest] = (OCI_INDEX if digest == root.digest else OCI_MANIFEST, data)
    del memory.manifests["acme/hello", entries[0].digest]
    del memory.blobs["acme/hello", lost]
    report = verify_image(RegistrySource(client, target.with_digest(root.digest)))
    found = {str(one.platform): {other.code for other in one.findings} for one in report.platforms}
    assert found["linux/amd64"] == found["linux/arm64"] == {"blob-missing"}
    assert found["linux/s390x"] == {"size-differs"}
    assert "not-a-program" in found["linux/386"]


@pytest.mark.usefixtures("stocked")
def test_a_registry_is_a_source_like_any_other(client: RegistryClient, target: Reference) -> None:
    """Its blobs pass the checks that every source's pass."""
    source = RegistrySource(client, target.with_tag("v1"))
    check_blob(source, BLOB)
    assert read_document(source, source.root) == RAW


@pytest.mark.usefixtures("stocked")
def test_one_connection_serves_many_requests(
    client: RegistryClient, target: Reference, memory: MemoryRegistry
) -> None:
    """An answer that was read leaves its connection to the next request."""
    direct = Reference(registry=memory.address, repository="acme/hello")
    before = memory.connections
    for _ in range(5):
        assert client.has_blob(direct, BLOB)
        assert client.head_manifest(direct.with_tag("v1"))
        assert client.head_manifest(direct.with_tag("none")) == ""
        assert client.get_manifest(direct.with_tag("v1"))
        assert read(client, direct) == DATA
    assert memory.connections == before + 1
    assert target.registry != direct.registry
