"""A push against the real registry: altered, cut, restarted, out of space, overrun, and read by others."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from gopherwhale.access import Access
from gopherwhale.errors import GopherwhaleError, RegistryError
from gopherwhale.oci import uploading
from gopherwhale.oci.layout import Layout, walk
from gopherwhale.oci.push import Choices, PushResult, bring, tag_all
from gopherwhale.oci.registry import RegistryClient, RegistrySource
from gopherwhale.oci.source import check_blob
from gopherwhale.oci.transport import Transport
from gopherwhale.references import Reference
from tasks._testbed.processes import stop
from tasks._testbed.registry import start_registry
from tests.engine.conftest import Command, Registry, Testbed
from tests.engine.push_images import blobs_of, digest_at, image, lacking, same_bytes, tags_of
from tests.faults.proxy import Fault, Proxy, Reply, Request, proxying

pytestmark = pytest.mark.engine


def pushed(address: str, repository: str, layout: Layout, *tags: str, jobs: int = 4) -> PushResult:
    """A push that waits a little and not for seconds."""
    transport = Transport(environment={}, jitter=lambda: 0.02)
    with RegistryClient(transport, {}) as client:
        target = Reference(registry=address, repository=repository)
        return bring(layout, target, tags, client=client, choices=Choices(jobs=jobs)).tag()


@pytest.fixture
def repository() -> str:
    """A repository of the test's own in the shared registry."""
    return f"push/{uuid.uuid4().hex}"


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """An image of three platforms, 200 kB each."""
    return image(tmp_path_factory.mktemp("image") / "layout", "real", 200_000)


@pytest.fixture
def proxy(testbed: Testbed) -> Iterator[Proxy]:
    """The fault proxy before the shared registry."""
    with proxying(testbed.registry) as proxy:
        yield proxy


def first(*faults: tuple[str, Fault]) -> Callable[[Request], Fault | None]:
    """Each fault for the next request of its kind, one after the other."""
    left = list(faults)

    def script(request: Request) -> Fault | None:
        return left.pop(0)[1] if left and request.kind == left[0][0] else None

    return script


def test_01_a_registry_whose_disk_lies_is_found_out(registry: Registry, layout: Layout) -> None:
    """A blob that was altered where the registry keeps it is an error with host and digest when read."""
    pushed(registry.address, "acme/hello", layout, "latest")
    digest = max(
        blobs_of(layout), key=lambda one: (layout.path / "blobs" / one.replace(":", "/")).stat().st_size
    )
    data = next(registry.blobs.rglob(f"{digest.partition(':')[2]}/data"))
    content = bytearray(data.read_bytes())
    content[100] ^= 1
    data.write_bytes(content)
    with RegistryClient.from_environment({}, Access()) as client:
        target = Reference(registry=registry.address, repository="acme/hello", tag="latest")
        source = RegistrySource(client, target)
        blobs = [part for _, m in walk(source) for part in getattr(m, "layers", ()) if part.digest == digest]
        with pytest.raises(GopherwhaleError) as caught:
            check_blob(source, blobs[0])
    assert registry.address in str(caught.value)
    assert digest in str(caught.value)


def test_07_an_upload_cut_in_the_middle_starts_afresh(
    proxy: Proxy, testbed: Testbed, repository: str, layout: Layout
) -> None:
    """This registry forgets an upload that broke: its status is 404, and a fresh POST succeeds."""
    proxy.script = first(("PUT upload", Fault(cut_request=50_000)))
    pushed(proxy.address, repository, layout, "latest", jobs=1)
    assert lacking(testbed.registry, repository, "latest") == []
    status = [proxy.answered[r.number] for r in proxy.seen if r.kind == "GET upload"]
    assert status == [404]
    assert len(proxy.kinds("POST upload")) == 7


def test_08_chunks_that_the_registry_puts_together_wrongly_end_in_a_restart(
    proxy: Proxy, testbed: Testbed, repository: str, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ignores Content-Range; a Location that was used is not used again; the digest decides."""
    monkeypatch.setattr(uploading, "CHUNK", 30_000)
    twice = Fault(alter=lambda reply: Reply(reply.status, reply.body, {**reply.headers, "range": "0-9999"}))
    proxy.script = first(
        ("PUT upload", Fault(reply=Reply(413))),
        ("PATCH upload", twice),
        ("PATCH upload", Fault(cut_answer=-1)),
    )
    pushed(proxy.address, repository, layout, "latest", jobs=1)
    assert lacking(testbed.registry, repository, "latest") == []
    assert len(proxy.kinds("POST upload")) > 7


def test_06_a_storm_of_429_and_503_is_sat_out(
    proxy: Proxy, testbed: Testbed, repository: str, layout: Layout
) -> None:
    """Every fourth request refused, the push is whole all the same."""
    statuses = iter([429, 503] * 1000)
    proxy.script = lambda request: (
        Fault(reply=Reply(next(statuses), b"", {"retry-after": "0"})) if request.number % 4 == 0 else None
    )
    pushed(proxy.address, repository, layout, "latest", "1.0.0")
    assert lacking(testbed.registry, repository, "latest") == []


@dataclass
class Own:
    """A registry of the test's own that can be stopped and started again."""

    program: Path
    folder: Path
    address: str = ""

    def start(self) -> str:
        """Start it on a free port, with what it held before."""
        pid_file, log = self.folder / "pid", self.folder / "log"
        self.address, _ = start_registry(self.program, self.folder, pid_file=pid_file, log=log)
        return self.address

    def stop(self) -> None:
        """End it."""
        stop(self.folder / "pid", str(self.folder / "registry.json"), timeout=20)


@pytest.fixture
def own(testbed: Testbed, tmp_path: Path) -> Iterator[Own]:
    """Give one that is not started; it is ended with the test."""
    program = shutil.which("docker-registry", path=testbed.environment()["PATH"])
    assert program is not None
    registry = Own(Path(program), tmp_path / "own")
    yield registry
    registry.stop()


def test_a_registry_restarted_in_mid_push_is_waited_for(own: Own, layout: Layout) -> None:
    """It goes away while blobs are on their way and comes back: the same run succeeds."""
    with proxying(own.start()) as proxy:

        def restart() -> None:
            own.stop()
            proxy.upstream = own.start()

        proxy.script = first(("PUT upload", Fault(before=restart)))
        result = pushed(proxy.address, "acme/hello", layout, "latest", jobs=1)
    assert result.blobs_sent == 6
    assert lacking(own.address, "acme/hello", "latest") == []


def test_17_a_registry_without_space_names_its_cause_and_gets_no_tag(own: Own, layout: Layout) -> None:
    """The registry's disk is full: one line with the cause; with more space the next run sends the rest."""
    own.folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(own.folder)]
    if subprocess.run(mount, check=False, capture_output=True, timeout=60).returncode:
        pytest.skip("this user may not mount a tmpfs")
    try:
        own.start()
        with pytest.raises(RegistryError) as caught:
            pushed(own.address, "acme/hello", layout, "latest", jobs=1)
        assert "no space left on device" in str(caught.value).lower()
        assert own.address in str(caught.value)
        assert tags_of(own.address, "acme/hello") == set()
        remount = ["mount", "-o", "remount,size=64m", str(own.folder)]
        subprocess.run(remount, check=True, timeout=60)
        pushed(own.address, "acme/hello", layout, "latest")
        assert lacking(own.address, "acme/hello", "latest") == []
    finally:
        own.stop()
        subprocess.run(["umount", "--lazy", own.folder], check=True, timeout=60)


@pytest.mark.parametrize("different", [True, False])
def test_18_eight_pushes_at_once_to_one_tag_leave_one_whole_image(
    testbed: Testbed, repository: str, tmp_path: Path, *, different: bool
) -> None:
    """All succeed; the tag is one of theirs, with everything below it."""
    layouts = [image(tmp_path / str(n), str(n * different), 20_000) for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        results = list(
            pool.map(lambda one: pushed(testbed.registry, repository, one, "latest", jobs=2), layouts)
        )
    digests = {result.digest for result in results}
    assert len(digests) == (8 if different else 1)
    assert digest_at(testbed.registry, repository, "latest") in digests
    for digest in digests:
        assert lacking(testbed.registry, repository, digest) == []


@pytest.mark.parametrize("released", [True, False])
def test_where_one_image_s_tag_is_refused_the_other_s_are_set_back_or_named(
    proxy: Proxy, testbed: Testbed, repository: str, layout: Layout, tmp_path: Path, *, released: bool
) -> None:
    """Tags that were there point where they did; this registry deletes none, so a new one is told by name."""
    before = image(tmp_path / "before", "before", 1000)
    names = [f"{repository}/{name}" for name in ("a", "b")]
    if released:
        for name in names:
            pushed(testbed.registry, name, before, "latest")
    with RegistryClient.from_environment({}, Access()) as client:
        brought = [
            bring(layout, Reference(registry=proxy.address, repository=name), ["latest"], client=client)
            for name in names
        ]
        proxy.script = lambda request: (
            Fault(reply=Reply(403)) if request.kind == "PUT tag" and names[1] in request.path else None
        )
        with pytest.raises(GopherwhaleError) as caught:
            tag_all(brought)
    stuck = f"could not be set back: {proxy.address}/{names[0]}:latest"
    assert str(caught.value).count("no tag has moved" if released else stuck) == 1
    held = [digest_at(testbed.registry, name, "latest") for name in names]
    assert held == ([before.root.digest] * 2 if released else [layout.root.digest, ""])
    for name in names:
        again = pushed(testbed.registry, name, layout, "latest")
        assert (again.blobs_sent, again.digest) == (0, layout.root.digest)


def test_skopeo_and_crane_read_back_every_byte(
    testbed: Testbed, repository: str, layout: Layout, tmp_path: Path, skopeo: Command, crane: Command
) -> None:
    """What others pull is the layout that was pushed, each document and blob."""
    pushed(testbed.registry, repository, layout, "latest")
    reference = f"{testbed.registry}/{repository}:latest"
    options = ("copy", "--all", "--preserve-digests", "--src-tls-verify=false")
    skopeo(*options, f"docker://{reference}", f"oci:{tmp_path / 'skopeo'}:x")
    assert same_bytes(layout.path, tmp_path / "skopeo")
    crane("pull", "--insecure", "--format=oci", reference, tmp_path / "crane")
    assert same_bytes(layout.path, tmp_path / "crane")
    assert crane("digest", "--insecure", reference).strip() == layout.root.digest
    crane("validate", "--insecure", "--remote", reference)


def test_what_crane_pushed_is_read_and_found_in_its_place(
    testbed: Testbed, repository: str, layout: Layout, crane: Command
) -> None:
    """An image of another tool's is read to its last byte, and pushed over at the cost of HEADs."""
    reference = f"{testbed.registry}/{repository}"
    root = json.loads((layout.path / "index.json").read_bytes())["manifests"][0]["digest"]
    crane("push", "--insecure", "--index", layout.path, f"{reference}:theirs")
    with RegistryClient.from_environment({}, Access()) as client:
        target = Reference(registry=testbed.registry, repository=repository)
        source = RegistrySource(client, target.with_digest(root))
        for _, document in walk(source):
            for part in getattr(document, "layers", ()):
                check_blob(source, part)
    with proxying(testbed.registry) as proxy:
        result = pushed(proxy.address, repository, layout, "ours")
        assert (result.blobs_sent, result.digest) == (0, root)
        assert proxy.kinds("PUT manifest", "PUT tag", "POST upload") == ["PUT tag"]


@pytest.fixture
def desk(tmp_path: Path, layout: Layout, proxy: Proxy, repository: str) -> Path:
    """A Go repository without git, and a layout to be pushed from it."""
    (tmp_path / "go.mod").write_text("module example.invalid/hello\n")
    settings = f'repository = "{proxy.address}/{repository}"\n'
    platforms = 'platforms = ["linux/amd64", "linux/arm64", "linux/arm/v7"]\n'
    (tmp_path / "gopherwhale.toml").write_text(settings + platforms)
    shutil.copytree(layout.path, tmp_path / "image")
    return tmp_path


def command(desk: Path) -> subprocess.Popen[str]:
    program = Path(sys.executable).with_name("gopherwhale")
    return subprocess.Popen(
        [program, "docker.push", "--layout", "image", "--tag", "1.0.0", "--tag", "latest"],
        cwd=desk,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_17_an_interrupted_command_ends_at_once_and_the_next_one_goes_on(
    desk: Path, proxy: Proxy, testbed: Testbed, repository: str, how: signal.Signals
) -> None:
    """In the middle of a silent registry: no tag, no litter, no traceback; then success."""
    before = {path for path in (desk / "image").rglob("*") if path.is_file()}
    proxy.script = lambda request: Fault(delay=60) if request.kind == "PUT upload" else None
    process = command(desk)
    deadline = time.monotonic() + 60
    while "PUT upload" not in proxy.kinds() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(how)
    _, said = process.communicate(timeout=30)
    assert process.returncode != 0
    assert "Traceback" not in said
    assert tags_of(testbed.registry, repository) == set()
    left = {path for path in (desk / "image").rglob("*") if path.is_file()} - before
    assert {path.name for path in left} == {"unfinished-push.json"}
    proxy.script = lambda _request: None
    again = command(desk)
    _, said = again.communicate(timeout=120)
    assert again.returncode == 0, said
    assert lacking(testbed.registry, repository, "1.0.0") == []
    left = {path for path in (desk / "image").rglob("*") if path.is_file()} - before
    assert {path.name for path in left} == {"receipt.json"}
