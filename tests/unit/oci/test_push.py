from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from gopherwhale.errors import GopherwhaleError, LayoutError, RegistryError, UsageError
from gopherwhale.oci.archive import write_archive
from gopherwhale.oci.documents import OCI_INDEX, Descriptor, digest_of, encode
from gopherwhale.oci.layout import Layout, blob_path, walk
from gopherwhale.oci.layout_writer import writing
from gopherwhale.oci.push import Choices, PushResult, TagRules, bring
from gopherwhale.oci.registry import RegistryClient, RegistrySource
from gopherwhale.oci.source import ImageSource
from gopherwhale.oci.tar_source import open_oci_archive
from gopherwhale.oci.transport import Transport
from gopherwhale.references import Reference
from tests.faults.proxy import Fault, Proxy, Reply, Request, proxying
from tests.faults.registry import MemoryRegistry, serving
from tests.unit.oci.images import make_layout

NAME = "acme/hello"
PLATFORMS = ("linux/amd64", "linux/arm64", "linux/arm/v7")


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """An image of three platforms: six blobs, three manifests and an index."""
    folder = tmp_path_factory.mktemp("image") / "layout"
    return Layout(make_layout(folder, {name: name.encode() * 5000 for name in PLATFORMS}))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """Another image."""
    return Layout(make_layout(tmp_path_factory.mktemp("other") / "layout", {"linux/amd64": b"other"}))


@pytest.fixture
def second() -> Iterator[tuple[MemoryRegistry, Proxy]]:
    """A second registry behind a proxy of its own."""
    with serving() as registry, proxying(registry.address) as proxy:
        yield registry, proxy


def push(source: ImageSource, target: Reference, tags: Sequence[str], **options: Any) -> PushResult:
    """The whole of it, as every command does it for each image."""
    return bring(source, target, tags, **options).tag()


def failing(kind: str, status: int = 500) -> Callable[[Request], Fault | None]:
    return lambda request: Fault(reply=Reply(status)) if request.kind == kind else None


def test_blobs_come_first_then_manifests_then_the_index_and_tags_last(
    client: RegistryClient, target: Reference, memory: MemoryRegistry, proxy: Proxy, layout: Layout
) -> None:
    """The order of a push, as every trusted client keeps it; the bytes in the registry are the layout's."""
    result = push(layout, target, ["1.0.0", "latest"], client=client)
    writes = [kind for kind in proxy.kinds() if kind.split()[0] in {"PUT", "POST", "PATCH"}]
    last_blob = max(number for number, kind in enumerate(writes) if "upload" in kind)
    assert writes[last_blob + 1 :] == [*["PUT manifest"] * 4, "PUT tag", "PUT tag"]
    index = [request.path for request in proxy.seen if request.kind == "PUT manifest"][-1]
    assert index.endswith(layout.root.digest)
    assert (result.blobs_sent, result.blobs_present, result.digest) == (6, 0, layout.root.digest)
    for (_, digest), data in memory.blobs.items():
        assert data == blob_path(layout.path, digest).read_bytes()
    for descriptor, document in walk(layout):
        assert memory.manifests[NAME, descriptor.digest] == (document.media_type, document.raw)
    assert memory.tags == {(NAME, "1.0.0"): layout.root.digest, (NAME, "latest"): layout.root.digest}


def test_an_unchanged_push_asks_and_sends_nothing(
    client: RegistryClient, target: Reference, proxy: Proxy, layout: Layout
) -> None:
    """HEADs are all that it costs, and each tag stays untouched."""
    push(layout, target, ["latest"], client=client)
    proxy.forget()
    result = push(layout, target, ["latest"], client=client)
    assert {request.method for request in proxy.seen} == {"HEAD"}
    assert len(proxy.seen) == 1 + 4 + 6
    assert (result.blobs_sent, result.bytes_sent, result.blobs_present) == (0, 0, 6)
    assert [(tag.previous, tag.digest) for tag in result.tags] == [(layout.root.digest,) * 2]


def test_a_registry_that_lost_a_blob_is_mended(
    client: RegistryClient, target: Reference, memory: MemoryRegistry, layout: Layout
) -> None:
    """Under a manifest that is there a blob may be missing: it is sent again."""
    push(layout, target, ["latest"], client=client)
    lost = next(iter(memory.blobs))
    del memory.blobs[lost]
    assert push(layout, target, ["latest"], client=client).blobs_sent == 1
    assert memory.complete(NAME, layout.root.digest)


def test_every_source_can_be_pushed(
    client: RegistryClient, target: Reference, memory: MemoryRegistry, layout: Layout, tmp_path: Path
) -> None:
    """A layout, an archive and a registry give the same bytes."""
    write_archive(layout, tmp_path / "image.tar")
    first = push(open_oci_archive(tmp_path / "image.tar"), target, ["a"], client=client)
    copied = Reference(registry=target.registry, repository="acme/copy")
    second = push(RegistrySource(client, target.with_tag("a")), copied, ["b"], client=client)
    assert first.digest == second.digest == layout.root.digest
    assert memory.complete("acme/copy", layout.root.digest)


def test_two_repositories_of_one_registry_share_the_bytes(
    client: RegistryClient, target: Reference, memory: MemoryRegistry, proxy: Proxy, layout: Layout
) -> None:
    """A blob is sent once and mounted into the second repository."""
    also = Reference(registry=target.registry, repository="acme/mirror")
    result = push(layout, target, ["latest"], client=client, choices=Choices(also=(also,)))
    assert (result.blobs_sent, result.blobs_present) == (6, 6)
    assert proxy.kinds("PUT upload") == ["PUT upload"] * 6
    assert memory.tags == {
        (NAME, "latest"): layout.root.digest,
        ("acme/mirror", "latest"): layout.root.digest,
    }
    assert result.also == (also.name,)


@pytest.mark.parametrize("kind", ["HEAD blob", "POST upload", "PUT upload", "PUT manifest"])
def test_where_one_registry_fails_no_tag_moves_on_any(
    client: RegistryClient,
    target: Reference,
    memory: MemoryRegistry,
    second: tuple[MemoryRegistry, Proxy],
    layout: Layout,
    kind: str,
) -> None:
    """Blobs everywhere, manifests everywhere, then tags everywhere: a failure before that moves none."""
    registry, proxy = second
    also = Reference(registry=proxy.address, repository=NAME)
    proxy.script = failing(kind)
    with pytest.raises(RegistryError) as caught:
        push(layout, target, ["1.0.0", "latest"], client=client, choices=Choices(also=(also,)))
    assert proxy.address in str(caught.value)
    assert memory.tags == registry.tags == {}


@pytest.mark.parametrize("old", [True, False])
def test_a_tag_that_cannot_be_moved_sets_the_others_back(
    client: RegistryClient,
    target: Reference,
    memory: MemoryRegistry,
    second: tuple[MemoryRegistry, Proxy],
    layout: Layout,
    other: Layout,
    *,
    old: bool,
) -> None:
    """A registry that fails at its very last request leaves the other's tags as they were."""
    registry, proxy = second
    also = Reference(registry=proxy.address, repository=NAME)
    if old:
        push(other, target, ["latest"], client=client)
        push(other, also, ["latest"], client=client)
    before = (dict(memory.tags), dict(registry.tags))
    proxy.script = failing("PUT tag")
    with pytest.raises(RegistryError, match="no tag has moved"):
        push(layout, target, ["latest", "next"], client=client, choices=Choices(also=(also,)))
    assert (memory.tags, registry.tags) == before


def test_a_tag_that_cannot_be_set_back_is_named(
    client: RegistryClient,
    target: Reference,
    second: tuple[MemoryRegistry, Proxy],
    proxy: Proxy,
    layout: Layout,
) -> None:
    """Many registries delete no tag: then the error says what stands where."""
    also = Reference(registry=second[1].address, repository=NAME)
    second[1].script = failing("PUT tag", 403)
    proxy.script = failing("DELETE tag", 405)
    with pytest.raises(GopherwhaleError, match=f"could not be set back: {target.name}:latest"):
        push(layout, target, ["latest"], client=client, choices=Choices(also=(also,)))


def test_a_tag_is_set_back_with_the_right_that_its_registry_wants_for_it(
    client: RegistryClient,
    target: Reference,
    memory: MemoryRegistry,
    second: tuple[MemoryRegistry, Proxy],
    proxy: Proxy,
    layout: Layout,
) -> None:
    """To delete is another action than to push: the challenge names it, and the token is asked for it."""
    also = Reference(registry=second[1].address, repository=NAME)
    second[1].script = failing("PUT tag", 403)
    realm = f'Bearer realm="http://{target.registry}/token",scope="repository:{NAME}:delete"'

    def script(request: Request) -> Fault | None:
        if request.kind == "GET token":
            token = "may-delete" if "delete" in request.path else "may-push"
            return Fault(reply=Reply(200, json.dumps({"token": token}).encode()))
        wanted = "may-delete" if request.method == "DELETE" else "may"
        if wanted in request.headers.get("authorization", ""):
            return None
        return Fault(reply=Reply(401, b"", {"www-authenticate": realm}))

    proxy.script = script
    with pytest.raises(GopherwhaleError, match="no tag has moved"):
        push(layout, target, ["latest"], client=client, choices=Choices(also=(also,)))
    assert memory.tags == {}
    asked = [request.path for request in proxy.seen if request.kind == "GET token"]
    assert asked[-1].endswith("scope=repository%3Aacme%2Fhello%3Apull%2Cpush%2Cdelete")


def test_a_tag_that_a_registry_led_elsewhere_is_named(
    client: RegistryClient,
    target: Reference,
    memory: MemoryRegistry,
    proxy: Proxy,
    layout: Layout,
    other: Layout,
) -> None:
    """A registry that stores other bytes under a tag has moved it: nothing else may be said of that."""
    push(other, target, ["other"], client=client)

    def astray() -> None:
        memory.tags[NAME, "latest"] = other.root.digest

    told = Reply(201, b"", {"docker-content-digest": other.root.digest})
    said = Fault(after=astray, alter=lambda _reply: told)
    proxy.script = lambda request: said if request.kind == "PUT tag" else None
    with pytest.raises(RegistryError) as caught:
        push(layout, target, ["latest"], client=client)
    assert f"{target.name}:latest points at {other.root.digest}, which is neither" in str(caught.value)
    assert "no tag has moved" not in str(caught.value)


@pytest.mark.parametrize("tag", ["1.2.3", "v1.2.3", "1.2.3-rc.1", "0.0.1"])
def test_a_version_s_tag_is_not_overwritten_unless_told(
    client: RegistryClient,
    target: Reference,
    memory: MemoryRegistry,
    proxy: Proxy,
    layout: Layout,
    other: Layout,
    tag: str,
) -> None:
    """A release stays what it was; nothing is sent for it either."""
    push(other, target, [tag], client=client)
    proxy.forget()
    with pytest.raises(UsageError, match="is released already") as caught:
        push(layout, target, ["latest", tag], client=client)
    assert "--overwrite-tags" in str(caught.value)
    assert {request.method for request in proxy.seen} == {"HEAD"}
    assert (NAME, "latest") not in memory.tags
    push(other, target, [tag], client=client)
    push(layout, target, [tag], client=client, choices=Choices(rules=TagRules(overwrite=True)))
    assert memory.tags[NAME, tag] == layout.root.digest


@pytest.mark.parametrize("tag", ["1.2", "1", "latest", "main", "sha-0123456789ab"])
def test_other_tags_move(
    client: RegistryClient, target: Reference, memory: MemoryRegistry, layout: Layout, other: Layout, tag: str
) -> None:
    """What follows releases and branches is there to be moved."""
    push(other, target, [tag], client=client)
    push(layout, target, [tag], client=client)
    assert memory.tags[NAME, tag] == layout.root.digest


def test_a_tag_that_somebody_moved_meanwhile_is_left_alone(
    client: RegistryClient, target: Reference, memory: MemoryRegistry, layout: Layout, other: Layout
) -> None:
    """With the guard a tag moves only from where it was when the run began, and else none moves."""
    push(other, target, ["latest"], client=client)
    before = {str(target.with_tag("latest")): other.root.digest, str(target.with_tag("new")): ""}
    choices = Choices(rules=TagRules(unmoved=before))
    brought = bring(layout, target, ["new", "latest"], client=client, choices=choices)
    memory.tags[NAME, "latest"] = "sha256:" + "0" * 64
    memory.manifests[NAME, "sha256:" + "0" * 64] = (OCI_INDEX, b"{}")
    with pytest.raises(RegistryError, match="moved by somebody else"):
        brought.tag()
    assert (NAME, "new") not in memory.tags
    memory.tags[NAME, "latest"] = other.root.digest
    brought.tag()
    assert memory.tags[NAME, "latest"] == memory.tags[NAME, "new"] == layout.root.digest


@pytest.mark.parametrize("times", [1, 99])
def test_an_index_whose_children_are_not_seen_yet_is_put_again(
    client: RegistryClient,
    target: Reference,
    memory: MemoryRegistry,
    proxy: Proxy,
    layout: Layout,
    times: int,
) -> None:
    """Registries are not always of one mind at once: a child that we just put may be unknown for a moment."""
    left = [Fault(reply=Reply(400, b'{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN"}]}'))] * times
    proxy.script = lambda request: (
        left.pop() if left and layout.root.digest in request.path and request.method == "PUT" else None
    )
    if times == 1:
        push(layout, target, ["latest"], client=client)
        assert memory.complete(NAME, memory.tags[NAME, "latest"])
    else:
        with pytest.raises(RegistryError, match="MANIFEST_BLOB_UNKNOWN"):
            push(layout, target, ["latest"], client=client)
        assert len(left) == 99 - 5
        assert not memory.tags


@pytest.mark.parametrize("status", [200, 202])
def test_a_manifest_is_taken_with_any_word_of_success(
    client: RegistryClient,
    target: Reference,
    memory: MemoryRegistry,
    proxy: Proxy,
    layout: Layout,
    status: int,
) -> None:
    """Quay's older releases say 202 where the specification has 201; the digest is checked all the same."""
    other = Fault(
        alter=lambda reply: Reply(status if reply.status == 201 else reply.status, b"", reply.headers)
    )
    proxy.script = lambda request: other if request.kind in {"PUT manifest", "PUT tag"} else None
    push(layout, target, ["latest"], client=client)
    assert memory.complete(NAME, memory.tags[NAME, "latest"])


def test_requests_are_bounded_and_side_by_side(
    client: RegistryClient, target: Reference, proxy: Proxy, layout: Layout
) -> None:
    """As many at once as the setting says, and no more."""
    lock, now, most = threading.Lock(), 0, 0
    met = threading.Event()

    def enter() -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
            if most >= 3:
                met.set()

    def meet() -> None:
        # However slow the machine is, the first of them are there until the third has come.
        enter()
        met.wait(20)

    def leave() -> None:
        nonlocal now
        with lock:
            now -= 1

    proxy.script = lambda request: Fault(
        before=meet if request.kind == "HEAD blob" else enter, delay=0.005, after=leave
    )
    push(layout, target, ["latest"], client=client, choices=Choices(jobs=3))
    assert most == 3
    proxy.forget()


def test_the_first_failure_ends_the_run(
    client: RegistryClient, target: Reference, memory: MemoryRegistry, proxy: Proxy, layout: Layout
) -> None:
    """A refused blob stops the others too, and its error is the one that is told."""
    proxy.script = failing("PUT upload", 400)
    with pytest.raises(RegistryError, match="answers 400"):
        push(layout, target, ["latest"], client=client)
    assert not memory.tags
    assert not memory.manifests


def damage(path: Path, how: str) -> None:
    data = path.read_bytes()
    changed = {"altered": data[:-1] + bytes([data[-1] ^ 1]), "truncated": data[:-1], "gone": b""}[how]
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(changed)


@pytest.mark.parametrize("how", ["altered", "truncated", "gone"])
def test_01_a_layout_that_lies_is_not_pushed(
    client: RegistryClient, target: Reference, memory: MemoryRegistry, tmp_path: Path, how: str
) -> None:
    """A blob that changed since it was verified ends in an error, not in a registry."""
    layout = Layout(make_layout(tmp_path / "layout", {"linux/amd64": b"x" * 100_000}))
    manifest: Any = next(walk(layout))[1]
    damage(blob_path(layout.path, manifest.layers[0].digest), how)
    with pytest.raises(LayoutError, match=manifest.layers[0].digest):
        push(layout, target, ["latest"], client=client)
    assert (NAME, manifest.layers[0].digest) not in memory.blobs
    assert not memory.tags


def rewritten(folder: Path, change: Callable[[dict[str, Any]], None]) -> Layout:
    """An image whose index is changed by hand, with a digest that is right."""
    layout = Layout(make_layout(folder, {"linux/amd64": b"x", "linux/arm64": b"y"}))
    document = json.loads(blob_path(folder, layout.root.digest).read_bytes())
    change(document)
    with writing(folder) as writer:
        root = writer.put(encode(document), OCI_INDEX)
        entry = Descriptor(media_type=OCI_INDEX, digest=root.digest, size=root.size)
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry.to_document()]}
        (folder / "index.json").write_bytes(encode(index))
        return Layout(folder)


CHANGES: dict[str, Callable[[dict[str, Any]], None]] = {
    "12: members of a manifest": lambda document: document.update(layers=[], config={}),
    "12: members of another case": lambda document: document.update(Manifests=[]),
    "12: a child of another type": lambda document: document["manifests"][0].update(
        mediaType="application/vnd.docker.distribution.manifest.v2+json"
    ),
    "12: another type than its descriptor's": lambda document: document.update(
        mediaType="application/vnd.docker.distribution.manifest.list.v2+json"
    ),
    "12: a child of another size": lambda document: document["manifests"][0].update(size=7),
    "14: a size beyond all": lambda document: document["manifests"][0].update(size=2**63),
    "14: a size below nothing": lambda document: document["manifests"][0].update(size=-1),
    "14: a child that is not there": lambda document: document["manifests"][0].update(
        digest="sha256:" + "0" * 64
    ),
    "15: a digest that leads out": lambda document: document["manifests"][0].update(digest="sha256:../../x"),
    "15: an upper-case digest": lambda document: document["manifests"][0].update(digest="sha256:" + "A" * 64),
}


@pytest.mark.parametrize("change", CHANGES)
def test_12_14_15_a_malformed_image_is_refused_before_the_first_request(
    client: RegistryClient, target: Reference, proxy: Proxy, tmp_path: Path, change: str
) -> None:
    """What a registry would take (a wrong child's size, say) is not offered to it."""
    with pytest.raises(LayoutError):
        push(rewritten(tmp_path / "layout", CHANGES[change]), target, ["latest"], client=client)
    assert proxy.seen == []


def test_14_indexes_nested_without_end_are_refused_before_the_first_request(
    client: RegistryClient, target: Reference, proxy: Proxy, tmp_path: Path
) -> None:
    """Two hundred indexes in each other cost neither a request nor the stack."""
    folder = make_layout(tmp_path / "layout", {"linux/amd64": b"x"})
    entry = Layout(folder).root
    for _ in range(200):
        document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry.to_document()]}
        data = encode(document)
        entry = Descriptor(media_type=OCI_INDEX, digest=digest_of(data), size=len(data))
        blob_path(folder, entry.digest).write_bytes(data)
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry.to_document()]}
    (folder / "index.json").write_bytes(encode(index))
    with pytest.raises(LayoutError, match="nests or branches"):
        push(Layout(folder), target, ["latest"], client=client)
    assert proxy.seen == []


@pytest.mark.parametrize("tag", ["../x", "a" * 129, "-flag", "a\nb", "", "a b", "é", "x/y", "a:b"])
def test_15_a_malformed_tag_costs_no_request(
    client: RegistryClient, target: Reference, proxy: Proxy, layout: Layout, tag: str
) -> None:
    """It is refused before any URL is made of it."""
    with pytest.raises(UsageError):
        push(layout, target, [tag], client=client)
    assert [request for request in proxy.seen if request.method != "HEAD"] == []


def test_06_a_storm_of_429_is_sat_out_together(
    client: RegistryClient, target: Reference, memory: MemoryRegistry, proxy: Proxy, layout: Layout
) -> None:
    """Each third request is refused for a while, and the push succeeds all the same."""
    proxy.script = lambda request: (
        Fault(reply=Reply(429, b"", {"retry-after": "1"})) if request.number % 3 == 0 else None
    )
    assert push(layout, target, ["latest"], client=client).blobs_sent == 6
    assert memory.complete(NAME, memory.tags[NAME, "latest"])


def test_progress_is_told_in_bytes(
    client: RegistryClient, target: Reference, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each blob is a line, and a long one says how far it is."""
    monkeypatch.setattr("gopherwhale.oci.sending._EVERY", 0.0)
    lines: list[str] = []
    push(layout, target, ["latest"], client=client, say=lines.append)
    assert sum(line.startswith("sent sha256:") for line in lines) == 6
    assert any(line.startswith("sending: ") and line.endswith(" MB") for line in lines)
    assert f"tagged {target.name}:latest" in lines


def test_02_killed_in_spirit_at_every_request_a_rerun_sends_what_is_missing(
    target: Reference, memory: MemoryRegistry, proxy: Proxy, other: Layout
) -> None:
    """The network ends for good at each request in turn, before it and after it: no tag on half an image."""

    def fresh() -> RegistryClient:
        return RegistryClient(Transport(environment={}, attempts=1, sleep=lambda _seconds: None), {})

    with fresh() as client:
        push(other, target, ["latest"], client=client, choices=Choices(jobs=1))
    total = len(proxy.seen)
    # The tag, documents and blobs are asked for; blobs are begun and sent. The engine's test has the rest.
    assert total == (1 + 2 + 2) + 2 * 2 + 2 + 1
    for number in range(1, total + 1):
        for fault in (Fault(cut_request=0), Fault(cut_answer=-1)):
            memory.reset()
            proxy.forget()

            def script(request: Request, number: int = number, fault: Fault = fault) -> Fault | None:
                if request.number < number:
                    return None
                return fault if request.number == number else Fault(cut_request=0)

            proxy.script = script
            with fresh() as client, pytest.raises(GopherwhaleError):
                push(other, target, ["latest"], client=client, choices=Choices(jobs=1))
            assert all(memory.complete(NAME, digest) for digest in memory.tags.values())
            there = {digest for _, digest in memory.blobs}
            proxy.script = lambda _request: None
            proxy.forget()
            with fresh() as client:
                again = push(other, target, ["latest"], client=client, choices=Choices(jobs=1))
            assert again.blobs_sent == 2 - len(there)
            assert memory.complete(NAME, memory.tags[NAME, "latest"])
