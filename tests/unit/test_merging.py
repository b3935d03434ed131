"""Images of single platforms become one: pushed without tags, merged by their receipts."""

from __future__ import annotations

import io
import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gopherwhale import publishing, receipts
from gopherwhale.access import Access
from gopherwhale.app.copying import copy
from gopherwhale.app.listing_tags import show_tags
from gopherwhale.app.merging import merge
from gopherwhale.app.pushing import push
from gopherwhale.app.request import Request, resolve
from gopherwhale.console import Console
from gopherwhale.errors import GopherwhaleError, RegistryError, UsageError, VerificationError
from gopherwhale.oci.documents import OCI_MANIFEST, Descriptor, digest_of, encode
from gopherwhale.oci.layout import Layout
from gopherwhale.oci.layout_writer import writing
from gopherwhale.oci.referrers import add_referrer, fallback_tag
from gopherwhale.oci.registry import RegistryClient
from gopherwhale.oci.transport import Transport
from gopherwhale.platforms import parse
from gopherwhale.references import Reference
from tests.documented import documented, keys
from tests.faults.proxy import Fault, Proxy, Reply, proxying
from tests.faults.proxy import Request as Asked
from tests.faults.registry import MemoryRegistry, serving
from tests.unit.oci.images import layer, put_image, put_index
from tests.unit.verify.binaries import build_info, elf
from tests.unit.verify.binaries import settings as go_settings

ZEROS = f"sha256:{'0' * 64}"
MACHINES = {"linux/amd64": (62, "amd64"), "linux/arm64": (183, "arm64")}


@dataclass(kw_only=True)
class World:
    """A Go repository with one commit, and a registry behind a fault proxy."""

    root: Path
    memory: MemoryRegistry
    proxy: Proxy
    commit: str
    pushed: dict[str, tuple[str, dict[Any, Any], dict[Any, Any]]]

    def request(self, **flags: Any) -> Request:
        """A request in the repository, whose output is JSON."""
        console = Console(out=io.StringIO(), err=io.StringIO(), format="json")
        return Request(start=self.root, environment={"PATH": "/usr/bin:/bin"}, console=console, flags=flags)

    def build(self, platform: str, commit: str = "", image: str = "hello", content: bytes = b"") -> Path:
        """What a runner's cross-build leaves: a layout of one platform, and its receipt."""
        request = self.request(platforms=[platform])
        _, made = resolve(request)
        folder = self.root / "dist" / platform.replace("/", "-")
        machine, architecture = MACHINES[platform]
        lines = go_settings(GOARCH=architecture, GOOS="linux", **{"vcs.revision": commit or self.commit})
        binary = elf(machine=machine, data=build_info(lines=lines)) + content
        with writing(folder) as writer:
            entry = put_image(writer, parse(platform), [layer({"app": binary})], "/app")
            writer.commit(put_index(writer, [entry]), {})
        plan = replace(made.images[0], name=image, layout=folder)
        receipts.write_built(plan, made, Layout(folder).root.digest)
        return folder

    def push(self, platform: str, **options: Any) -> Path:
        """Build and push it without a tag, or bring back what was pushed before; the receipt's path."""
        key = f"{platform} {options}"
        path = self.root / "dist" / platform.replace("/", "-") / "receipt.json"
        if key in self.pushed:
            text, manifests, blobs = self.pushed[key]
            path.write_text(text)
            self.memory.manifests |= manifests
            self.memory.blobs |= blobs
            return path
        folder = self.build(platform, **options)
        push(self.request(platforms=[platform]), layout=str(folder), untagged=True)
        self.pushed[key] = (path.read_text(), dict(self.memory.manifests), dict(self.memory.blobs))
        return path

    @property
    def tags(self) -> dict[str, str]:
        """Every tag of the registry."""
        return {tag: digest for (_, tag), digest in self.memory.tags.items()}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    root = tmp_path_factory.mktemp("hello")
    (root / "go.mod").write_text("module example.invalid/hello\n")
    (root / ".gitignore").write_text("dist/\ngopherwhale.toml\n")
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.invalid")
    for command in (
        ("init", "--quiet", "--initial-branch", "main"),
        ("add", "--all"),
        (*identity, "commit", "--quiet", "--message", "first"),
    ):
        subprocess.run(["git", *command], cwd=root, check=True, timeout=60)
    done = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=root, check=True, timeout=60, capture_output=True, text=True
    )
    return root, done.stdout.strip()


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[MemoryRegistry, Proxy]]:
    with serving() as memory, proxying(memory.address) as proxy:
        yield memory, proxy


@pytest.fixture(scope="module")
def pushed() -> dict[str, Any]:
    return {}


@pytest.fixture
def world(
    repository: tuple[Path, str], servers: tuple[MemoryRegistry, Proxy], pushed: dict[str, Any]
) -> World:
    memory, proxy = servers
    memory.reset()
    proxy.script = lambda _request: None
    proxy.forget()
    root, commit = repository
    lines = f'repository = "{proxy.address}/acme/hello"\nplatforms = ["linux/amd64", "linux/arm64"]\n'
    (root / "gopherwhale.toml").write_text(lines)
    return World(root=root, memory=memory, proxy=proxy, commit=commit, pushed=pushed)


def shown(request: Request) -> Any:
    assert isinstance(request.console.out, io.StringIO)
    return json.loads(request.console.out.getvalue())


def test_two_untagged_pushes_become_one_image(world: World) -> None:
    """The index holds what the runners pushed, in the settings' order; tags move last, and at once."""
    arm, amd = world.push("linux/arm64"), world.push("linux/amd64")
    assert world.tags == {}
    world.proxy.forget()
    request = world.request()
    merge(request, [str(arm), str(amd.parent)])
    (result,) = shown(request)["images"]
    assert keys(shown(request)) == documented("docker.merge")
    assert set(world.tags.values()) == {result["digest"]}
    assert {"latest", f"sha-{world.commit[:12]}"} <= set(world.tags)
    index = json.loads(world.memory.manifests["acme/hello", result["digest"]][1])
    children = [json.loads(path.read_text())["manifests"][0]["digest"] for path in (amd, arm)]
    assert [entry["digest"] for entry in index["manifests"]] == children
    kinds = world.proxy.kinds()
    assert kinds[-len(world.tags) :] == ["PUT tag"] * len(world.tags)
    assert "PUT upload" not in kinds
    # Read back from the registry before the first tag: the index by its digest, and every layer.
    assert "GET blob" in kinds[kinds.index("PUT manifest") : kinds.index("PUT tag")]
    receipt = json.loads(Path(result["receipt"]).read_text())
    assert receipt["digest"] == result["digest"]
    assert keys(receipt) == documented("receipt.json")


def test_a_merge_again_is_the_same_image(world: World) -> None:
    """The order of the receipts changes no byte."""
    paths = [str(world.push(platform)) for platform in MACHINES]
    digests = set()
    for order in (paths, paths[::-1]):
        request = world.request()
        merge(request, order)
        digests.add(shown(request)["images"][0]["digest"])
    assert len(digests) == 1


def test_a_tree_with_changes_does_not_make_the_image_one(world: World) -> None:
    """What was built of the commit is called by it, whatever lies about where it is merged."""
    paths = [str(world.push(platform)) for platform in MACHINES]
    digests = []
    for name in ("dist/ignored", "receipts-and-such"):
        (world.root / name).write_text("x")
        request = world.request()
        merge(request, paths)
        digests.append(shown(request)["images"][0]["digest"])
        (world.root / name).unlink()
    assert digests[0] == digests[1]
    index = json.loads(world.memory.manifests["acme/hello", digests[1]][1])
    assert index["annotations"]["org.opencontainers.image.version"] == f"sha-{world.commit[:12]}"
    # Where somebody allows what was built of changes, it is called so.
    dirty = [str(edited(Path(path), dirty=True)) for path in paths]
    request = world.request(allow_dirty=True)
    merge(request, dirty)
    index = json.loads(world.memory.manifests["acme/hello", shown(request)["images"][0]["digest"]][1])
    assert index["annotations"]["org.opencontainers.image.version"].endswith("-dirty")


def edited(path: Path, **changes: Any) -> Path:
    document = json.loads(path.read_text())
    document.update(changes)
    path.write_text(json.dumps(document))
    return path


REFUSED: list[tuple[str, Callable[[World], list[Path]], str]] = [
    ("a platform is missing", lambda w: [w.push("linux/amd64")], "lack linux/arm64"),
    (
        "a platform is there twice",
        lambda w: [w.push("linux/amd64"), w.push("linux/arm64"), w.root / "dist/linux-amd64"],
        "linux/amd64 is in ",
    ),
    (
        "another repository",
        lambda w: [w.push("linux/amd64"), edited(w.push("linux/arm64"), repository="ghcr.io/acme/other")],
        r"is of ghcr\.io/acme/other",
    ),
    (
        "another commit",
        lambda w: [w.push("linux/amd64"), edited(w.push("linux/arm64"), revision="f" * 40)],
        "is of the commit ffff",
    ),
    (
        "no commit",
        lambda w: [w.push("linux/amd64"), edited(w.push("linux/arm64"), revision="")],
        r"is of the commit \(none\)",
    ),
    (
        "a tree with changes",
        lambda w: [w.push("linux/amd64"), edited(w.push("linux/arm64"), dirty=True)],
        "uncommitted changes",
    ),
    (
        "a digest of another image",
        lambda w: [
            w.push("linux/amd64"),
            edited(w.push("linux/arm64"), digest=json.loads(w.push("linux/amd64").read_text())["digest"]),
        ],
        "not what its receipt says",
    ),
    (
        "a claim of another platform",
        lambda w: [
            edited(
                w.push("linux/amd64"),
                manifests=[
                    {**entry, "platform": "linux/arm64"}
                    for entry in json.loads(w.push("linux/amd64").read_text())["manifests"]
                    if entry["platform"]
                ],
            ),
            edited(w.push("linux/arm64"), manifests=[{"platform": "linux/amd64", "digest": ZEROS}]),
        ],
        "not what its receipt says",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "message"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_what_is_not_exactly_the_image_is_not_merged(
    world: World, make: Callable[[World], list[Path]], message: str
) -> None:
    """Missing, twice, elsewhere, of another commit, or not what it claims: no tag moves (megalinter#8247)."""
    paths = make(world)
    with pytest.raises(VerificationError, match=message):
        merge(world.request(), [str(path) for path in paths])
    assert world.tags == {}


def test_a_program_of_another_commit_is_found_in_what_was_pushed(world: World) -> None:
    """A receipt may lie about the commit; the images themselves, read back, do not (LibreChat#15444)."""
    amd, arm = world.push("linux/amd64"), world.build("linux/arm64", commit="a" * 40)
    document = json.loads((arm / receipts.BUILT).read_text())
    _, made = resolve(world.request(platforms=["linux/arm64"]))
    stale = replace(made.images[0], layout=arm, tags=(), revision=world.commit)
    with RegistryClient(Transport(environment={}, sleep=lambda _s: None), {}) as client:
        publishing.finish([publishing.publish(stale, Layout(arm), made, client, lambda _line: None)])
    assert document["revision"] == world.commit
    with pytest.raises(VerificationError, match="revision"):
        merge(world.request(), [str(amd), str(arm)])
    assert world.tags == {}


def test_a_digest_that_the_registry_lost_is_named(world: World) -> None:
    """What a runner pushed and somebody deleted since cannot be merged."""
    paths = [str(world.push(platform)) for platform in MACHINES]
    digest = json.loads(Path(paths[0]).read_text())["digest"]
    del world.memory.manifests["acme/hello", digest]
    with pytest.raises(RegistryError, match=digest):
        merge(world.request(), paths)
    assert world.tags == {}


def test_an_altered_merge_moves_no_tag(world: World) -> None:
    """The image that is read back is the one that was put, or nothing is tagged."""
    paths = [str(world.push(platform)) for platform in MACHINES]

    def script(asked: Asked) -> Fault | None:
        put = "PUT manifest" in world.proxy.kinds()
        return (
            Fault(alter=lambda answer: Reply(answer.status, b"{}", answer.headers))
            if (put and asked.kind == "GET manifest")
            else None
        )

    world.proxy.forget()
    world.proxy.script = script
    with pytest.raises(GopherwhaleError):
        merge(world.request(), paths)
    assert world.tags == {}


def test_a_receipt_of_an_unknown_image_and_none_at_all_are_refused(world: World) -> None:
    """Each image that is asked for has its receipts, and no receipt is left over."""
    path = world.push("linux/amd64")
    with pytest.raises(UsageError, match="no receipt of the image 'hello'"):
        merge(world.request(), [])
    with pytest.raises(UsageError, match="is of the image 'other'"):
        merge(world.request(), [str(edited(path, image="other"))])
    with pytest.raises(UsageError, match="cannot read .*nowhere.json: No such file"):
        merge(world.request(), ["nowhere.json"])
    with pytest.raises(UsageError, match="is not the receipt of a push"):
        merge(world.request(), [str(path.parent / receipts.BUILT)])


def test_a_layout_of_a_dirty_tree_or_of_nobody_has_no_commit(world: World) -> None:
    """`--layout` takes the commit from the build's own receipt, where that is of this very image."""
    folder = world.build("linux/amd64")
    digest = Layout(folder).root.digest
    assert receipts.built_of(folder, digest) == (world.commit, False)
    assert receipts.built_of(folder, ZEROS) == ("", False)
    edited(folder / receipts.BUILT, dirty=True)
    assert receipts.built_of(folder, digest) == ("", True)
    (folder / receipts.BUILT).write_text("[")
    assert receipts.built_of(folder, digest) == ("", False)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
MEMBERS = ["schema", "pushed", "image", "repository", "digest", "revision", "dirty", "manifests"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(MEMBERS), JSON))
def test_any_receipt_is_read_or_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    """A receipt from elsewhere may hold anything: an error of ours, or values of the right kind."""
    entry = {"platform": "linux/amd64", "digest": f"sha256:{'1' * 64}"}
    document = {
        "schema": 1,
        "pushed": "2026-01-01T00:00:00Z",
        "image": "hello",
        "digest": f"sha256:{'2' * 64}",
        "manifests": [entry],
    }
    path = tmp_path / "receipt.json"
    path.write_text(json.dumps({**document, **changes}))
    try:
        found = receipts.read(path)
    except UsageError:
        return
    assert isinstance(found.image, str)
    assert all(digest.startswith("sha") for _, digest in found.images)


def tagged(world: World) -> str:
    """A whole image in the registry, under its tags; its digest."""
    paths = [str(world.push(platform)) for platform in MACHINES]
    request = world.request()
    merge(request, paths)
    return str(shown(request)["images"][0]["digest"])


def test_tags_are_listed_by_repository(world: World) -> None:
    """Those of our images where none is named; the registry's list is read to its end."""
    tags = ["1.0", "latest"]

    def script(asked: Asked) -> Fault | None:
        if asked.kind != "GET list":
            return None
        first = "last=" not in asked.path
        link = {"link": "</v2/acme/hello/tags/list?last=1.0>; rel=next"} if first else {}
        body = json.dumps({"name": "acme/hello", "tags": [tags[0 if first else 1]]}).encode()
        return Fault(reply=Reply(200, body, link))

    world.proxy.script = script
    name = f"{world.proxy.address}/acme/hello"
    for words in ([], [name]):
        request = world.request()
        show_tags(request, words)
        assert shown(request)["repositories"] == [{"repository": name, "tags": tags}]
        assert keys(shown(request)) == documented("docker.tags")


def test_a_repository_without_tags_is_told_of_and_lists_no_line(world: World) -> None:
    """A name that is mistyped is no different to a registry: a line of nothing would be read as a tag."""
    request = world.request()
    people = replace(request, console=replace(request.console, format="table"))
    show_tags(people, [f"{world.proxy.address}/acme/helo"])
    assert isinstance(people.console.out, io.StringIO)
    assert isinstance(people.console.err, io.StringIO)
    assert people.console.out.getvalue() == ""
    assert "/acme/helo has no tags" in people.console.err.getvalue()


def test_a_copy_brings_the_same_digest_and_mounts_what_it_can(world: World) -> None:
    """Within a registry no blob is sent: the source's repository lends it; every destination gets its tag."""
    digest = tagged(world)
    world.proxy.forget()
    request = world.request()
    source, place = f"{world.proxy.address}/acme/hello:latest", f"{world.proxy.address}/prod"
    copy(request, [source, f"{place}/hello:1.2.3", f"{place}/hello:stable", f"{place}/other"])
    copies = shown(request)["copies"]
    assert keys(shown(request)) == documented("docker.copy")
    assert [one["digest"] for one in copies] == [digest, digest]
    assert [one["blobs_sent"] for one in copies] == [0, 0]
    assert copies[0]["tags"] == [f"{place}/hello:1.2.3", f"{place}/hello:stable"]
    assert copies[1]["tags"] == []
    assert world.memory.complete("prod/hello", digest)
    assert world.memory.complete("prod/other", digest)
    kinds = world.proxy.kinds()
    assert kinds[-2:] == ["PUT tag", "PUT tag"]
    assert "PUT upload" not in kinds


def test_a_copy_goes_on_with_the_digest_that_was_verified(world: World) -> None:
    """A tag that moves between the look and the copy is not followed."""
    digest = tagged(world)
    other = world.memory.tags["acme/hello", "latest"] = json.loads(
        world.push("linux/amd64", content=b"another").read_text()
    )["digest"]
    world.memory.tags["acme/hello", "latest"] = digest
    looks: list[str] = []

    def script(asked: Asked) -> Fault | None:
        if asked.kind == "GET tag":
            looks.append(asked.path)
            world.memory.tags["acme/hello", "latest"] = digest if len(looks) == 1 else other
        return None

    world.proxy.script = script
    copy(world.request(), [f"{world.proxy.address}/acme/hello:latest", f"{world.proxy.address}/prod/x:1"])
    assert world.memory.tags["prod/x", "1"] == digest


def test_a_copy_of_a_layout_is_a_push_of_it(world: World) -> None:
    """A layout or an archive is a source like another; it is verified before anything is sent."""
    folder = world.build("linux/arm64")
    copy(world.request(), [f"oci:{folder}", f"{world.proxy.address}/acme/x:1"], expect="linux/arm64")
    assert world.memory.tags["acme/x", "1"] == Layout(folder).root.digest


def test_a_tag_that_is_not_there_is_named(world: World) -> None:
    """Of many that a script copies, which was it?"""
    name = f"{world.proxy.address}/acme/hello:nope"
    with pytest.raises(RegistryError, match=f"{name}: the registry answers 404") as caught:
        copy(world.request(), [name, f"{world.proxy.address}/prod/x:1"])
    assert caught.value.hint == f"docker.tags {name.removesuffix(':nope')} lists what is there"


def test_what_does_not_verify_is_not_copied(world: World) -> None:
    """A missing platform stops it before the first request that writes."""
    folder = world.build("linux/arm64")
    with pytest.raises(VerificationError, match="nothing was pushed"):
        copy(world.request(), [f"oci:{folder}", f"{world.proxy.address}/acme/x:1"], expect="linux/amd64")
    assert world.proxy.kinds() == []


@pytest.mark.parametrize(
    ("places", "message"),
    [
        ([], "wants a source and a place"),
        (["oci:x"], "wants a source and a place"),
        (["oci:x", f"r.example/x@{ZEROS}"], "names a digest"),
        (["oci:x", "r.example/X"], "not an image reference"),
        (["oci:x", "-x"], "not an image reference"),
    ],
)
def test_a_copy_without_a_good_place_is_refused(world: World, places: list[str], message: str) -> None:
    """Before anything is read."""
    with pytest.raises(UsageError, match=message):
        copy(world.request(), places)


def test_a_released_tag_is_not_overwritten_by_a_copy(world: World) -> None:
    """The rules of a push hold: a version's tag stays what it is unless told."""
    tagged(world)
    folder = world.build("linux/arm64")
    place = f"{world.proxy.address}/acme/hello:1.2.3"
    world.memory.tags["acme/hello", "1.2.3"] = world.memory.tags["acme/hello", "latest"]
    with pytest.raises(UsageError, match="is released already"):
        copy(world.request(), [str(folder), place])
    copy(world.request(overwrite_tags=True), [str(folder), place])
    assert world.memory.tags["acme/hello", "1.2.3"] == Layout(folder).root.digest


def refer(world: World, subject: str, kind: str) -> Descriptor:
    """Put a manifest that refers to a subject, and list it where a registry has no referrers API."""
    target = Reference(registry=world.proxy.address, repository="acme/hello")
    empty = Descriptor(media_type="application/vnd.oci.empty.v1+json", digest=digest_of(b"{}"), size=2)
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": kind,
        "config": empty.to_document(),
        "layers": [empty.to_document()],
        "subject": {"mediaType": OCI_MANIFEST, "digest": subject, "size": 7},
        "annotations": {"made.by": "hand"},
    }
    raw = encode(document)
    entry = Descriptor(media_type=OCI_MANIFEST, digest=digest_of(raw), size=len(raw))
    with RegistryClient.from_environment({}, Access()) as client:
        client.put_blob(target, empty, lambda *_: io.BytesIO(b"{}"))
        client.put_manifest(target.with_digest(entry.digest), raw, OCI_MANIFEST)
        # As another tool may list it: with neither type nor annotations.
        add_referrer(client, target, subject, entry)
    return entry


def test_what_refers_to_an_image_is_copied_and_what_refers_to_that(world: World) -> None:
    """A circle of them ends; each is listed once, as its own document describes it."""
    digest = tagged(world)
    sbom = refer(world, digest, "application/spdx+json")
    signature = refer(world, sbom.digest, "application/vnd.example.signature")
    with RegistryClient.from_environment({}, Access()) as client:
        hello = Reference(registry=world.proxy.address, repository="acme/hello")
        add_referrer(client, hello, signature.digest, sbom)
    words = [f"{world.proxy.address}/acme/hello:latest", f"{world.proxy.address}/prod/x:1"]
    for _ in range(2):
        request = world.request()
        copy(request, words, referrers=True)
        assert shown(request)["copies"][0]["referrers"] == 3
    for subject, entry, kind in (
        (digest, sbom, "application/spdx+json"),
        (sbom.digest, signature, "application/vnd.example.signature"),
    ):
        listed = world.memory.tags["prod/x", fallback_tag(subject)]
        (one,) = json.loads(world.memory.manifests["prod/x", listed][1])["manifests"]
        assert (one["digest"], one["artifactType"]) == (entry.digest, kind)
        assert one["annotations"] == {"made.by": "hand"}
        assert world.memory.complete("prod/x", entry.digest)


def test_a_tag_of_one_destination_that_is_refused_moves_none(world: World) -> None:
    """A promotion to two places is in both or in neither."""
    tagged(world)
    world.proxy.script = lambda asked: (
        Fault(reply=Reply(403)) if asked.kind == "PUT tag" and "/b/" in asked.path else None
    )
    places = [f"{world.proxy.address}/{name}/x:1" for name in ("a", "b")]
    with pytest.raises(GopherwhaleError, match="no tag has moved"):
        copy(world.request(), [f"{world.proxy.address}/acme/hello:latest", *places])
    assert not [name for name, _ in world.memory.tags if name in ("a/x", "b/x")]
