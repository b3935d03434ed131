from __future__ import annotations

import io
import json
import os
import pkgutil
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gopherwhale import engines
from gopherwhale.app import building
from gopherwhale.app.pushing import push
from gopherwhale.app.request import Request
from gopherwhale.console import Console
from gopherwhale.errors import (
    BuildError,
    ExitCode,
    GopherwhaleError,
    LayoutError,
    RegistryError,
    UsageError,
    VerificationError,
)
from gopherwhale.files import write_atomically
from gopherwhale.oci.layout import Layout
from gopherwhale.oci.layout_writer import LayoutWriter
from gopherwhale.oci.transport import Transport
from gopherwhale.pipeline import Built, Meanwhile, PlatformWork, Say
from gopherwhale.plan import ImagePlan
from gopherwhale.stopping import stoppable
from tests.documented import documented, keys
from tests.faults.proxy import Fault, Proxy, Reply, proxying
from tests.faults.proxy import Request as Asked
from tests.faults.registry import MemoryRegistry, serving
from tests.unit.oci.images import layer, make_layout, put_image, put_index
from tests.unit.verify.judged import program

TOML = 'repository = "{}/acme/hello"\nplatforms = ["linux/amd64", "linux/arm64"]\n'


@dataclass
class StandIn:
    """An engine that takes programs made by hand, and fails for one platform if told so."""

    name: str = "stand-in"
    builds: int = 0
    fails_for: str = ""

    def build(self, image: ImagePlan, writer: LayoutWriter, say: Say, meanwhile: Meanwhile) -> Built:
        """Build, or fail as told."""
        self.builds += 1
        meanwhile()
        entries = []
        for platform in image.platforms:
            if str(platform) == self.fails_for:
                raise BuildError(f"{platform}: does not compile")
            content = program(str(platform)) + bytes(20_000)
            entries.append(
                put_image(
                    writer,
                    platform,
                    [layer({"app": content}), layer({"ca": b"the same"})],
                    "/app",
                    labels=image.labels,
                )
            )
        say(f"built {len(entries)} platforms")
        root = put_index(writer, entries)
        work = tuple(PlatformWork(platform=p, cached=0, built=1, seconds=0.0) for p in image.platforms)
        return Built(root=root, engine=self.name, seconds=0.0, work=work)

    def commands(self, image: ImagePlan) -> list[list[str]]:
        """None that could be run."""
        return [[image.name]]


@dataclass
class Desk:
    """A repository, a registry behind a proxy, and somebody who types `docker.push`."""

    folder: Path
    registry: MemoryRegistry
    proxy: Proxy
    engine: StandIn
    environment: dict[str, str] = field(default_factory=dict)
    out: io.StringIO = field(default_factory=io.StringIO)
    err: io.StringIO = field(default_factory=io.StringIO)

    def push(self, layout: str = "", *, dry_run: bool = False, untagged: bool = False, **flags: Any) -> Any:
        """What it shows as JSON."""
        return self.does(partial(push, layout=layout, dry_run=dry_run, untagged=untagged), **flags)

    def does(self, command: Callable[[Request], ExitCode], **flags: Any) -> Any:
        """What a command shows as JSON."""
        self.out.truncate(self.out.seek(0))
        self.err.truncate(self.err.seek(0))
        request = Request(
            start=self.folder,
            images=tuple(flags.pop("images", ())),
            environment={"PATH": "/usr/bin:/bin", **self.environment},
            console=Console(out=self.out, err=self.err, format="json"),
            flags=flags,
        )
        assert command(request) is ExitCode.GOOD
        return json.loads(self.out.getvalue())

    def git(self, *arguments: str) -> str:
        """What git says in the repository."""
        identity = (
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@example.invalid",
            "-c",
            "init.defaultBranch=main",
        )
        command = ["git", "-C", str(self.folder), *identity, *arguments]
        return subprocess.run(command, check=True, timeout=60, stdout=subprocess.PIPE, text=True).stdout

    def head(self) -> str:
        """The commit that is checked out."""
        return self.git("rev-parse", "HEAD").strip()

    def commit(self, name: str, text: str) -> None:
        """Write a file and commit it."""
        (self.folder / name).write_text(text)
        self.git("add", ".")
        self.git("commit", "-qm", name)

    @property
    def layout(self) -> Path:
        """Where the image is built."""
        return self.folder / "dist" / "hello"

    @property
    def notes(self) -> Path:
        """What an unfinished push leaves."""
        return self.layout / "unfinished-push.json"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A repository with one commit, on its default branch, and the servers; each test begins with these."""
    folder = tmp_path_factory.mktemp("first")
    with serving() as registry, proxying(registry.address) as proxy:
        made = Desk(folder=folder, registry=registry, proxy=proxy, engine=StandIn())
        (folder / ".gitignore").write_text("/dist/\n")
        (folder / "go.mod").write_text("module example.invalid/hello\n")
        made.git("init", "-q")
        made.commit("gopherwhale.toml", TOML.format(proxy.address))
        yield made


@pytest.fixture
def desk(first: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The same in a folder of the test's own, nothing pushed yet."""
    engine = StandIn()
    monkeypatch.setattr(engines, "choose", lambda *_, **__: engine)
    monkeypatch.setattr(Transport, "_pause", lambda _self, _seconds: None)
    first.registry.reset()
    first.proxy.script = lambda _request: None
    first.proxy.forget()
    shutil.copytree(first.folder, tmp_path, dirs_exist_ok=True)
    return Desk(folder=tmp_path, registry=first.registry, proxy=first.proxy, engine=engine)


def tags(registry: MemoryRegistry) -> set[str]:
    return {tag for _, tag in registry.tags}


def failing(kind: str) -> Any:
    return lambda request: Fault(reply=Reply(500)) if request.kind == kind else None


def test_a_push_ends_with_a_receipt_and_no_notes(desk: Desk) -> None:
    """What was published is in receipt.json; what an unfinished push would need is gone."""
    document = desk.push(tags=["latest", "1.0.0"])
    (shown,) = document["images"]
    assert keys(document) == documented("docker.push")
    for name in ("receipt.json", "build-receipt.json"):
        assert keys(json.loads((desk.layout / name).read_text())) == documented(name)
    assert tags(desk.registry) == {"latest", "1.0.0"}
    receipt = json.loads((desk.layout / "receipt.json").read_text())
    assert receipt["digest"] == shown["digest"] == Layout(desk.layout).root.digest
    # Two programs, two configs, and one layer that both platforms share.
    assert (receipt["blobs_sent"], receipt["also"]) == (5, [])
    assert not desk.notes.exists()


def test_what_builds_say_to_machines_is_on_the_page_of_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of every platform into a layout, and of this machine's into Docker."""
    assert keys(desk.does(building.cross_build)) == documented("docker.cross-build")
    monkeypatch.setattr(engines, "load", lambda *_: None)
    monkeypatch.setattr(engines, "ask_docker", lambda _environment: None)
    assert keys(desk.does(building.build, platforms=["linux/amd64"])) == documented("docker.build")


@pytest.mark.parametrize("kind", ["HEAD blob", "PUT upload", "PUT manifest", "PUT tag"])
def test_a_second_push_builds_nothing_and_sends_what_is_missing(desk: Desk, kind: str) -> None:
    """After a failure at any stage the layout stands, and the next run goes on with it."""
    desk.proxy.script = failing(kind)
    with pytest.raises(RegistryError):
        desk.push(tags=["latest"])
    assert tags(desk.registry) == set()
    noted = json.loads(desk.notes.read_text())
    assert noted["digest"] == Layout(desk.layout).root.digest
    there = {digest for _, digest in desk.registry.blobs} | {digest for _, digest in desk.registry.manifests}
    assert set(noted["repositories"][f"{desk.proxy.address}/acme/hello"]) == there
    assert not (desk.layout / "receipt.json").exists()
    blobs = len(desk.registry.blobs)
    desk.proxy.script = lambda _request: None
    shown = desk.push(tags=["latest"])["images"][0]
    assert desk.engine.builds == 1
    assert "is not built again" in desk.err.getvalue()
    assert shown["engine"] == "none"
    assert shown["blobs_sent"] == 5 - blobs
    assert tags(desk.registry) == {"latest"}


@pytest.mark.parametrize("change", ["commit", "dirty", "setting", "platforms", "layout"])
def test_a_push_of_something_else_is_built(desk: Desk, change: str) -> None:
    """Only the same commit, clean, with the same settings and the same layout needs no build."""
    desk.proxy.script = failing("PUT tag")
    with pytest.raises(RegistryError):
        desk.push(tags=["latest"])
    desk.proxy.script = lambda _request: None
    flags: dict[str, Any] = {"tags": ["latest"]}
    if change == "commit":
        desk.commit("more.go", "package main\n")
    elif change == "dirty":
        (desk.folder / "more.go").write_text("package main\n")
        flags["allow_dirty"] = True
    elif change == "setting":
        flags["build_args"] = ["A=b"]
    elif change == "platforms":
        flags["platforms"] = ["linux/amd64"]
    else:
        make_layout(desk.layout, {"linux/amd64": b"something else"})
    desk.push(**flags)
    assert desk.engine.builds == 2


def test_another_tag_or_repository_needs_no_build(desk: Desk) -> None:
    """Where an image goes changes none of its bytes."""
    desk.proxy.script = failing("PUT tag")
    with pytest.raises(RegistryError):
        desk.push(tags=["latest"])
    desk.proxy.script = lambda _request: None
    desk.push(tags=["other"], also_push_to=[f"{desk.proxy.address}/acme/mirror"])
    assert desk.engine.builds == 1
    assert set(desk.registry.tags) == {("acme/hello", "other"), ("acme/mirror", "other")}


def test_notes_that_are_damaged_cost_a_build_and_no_more(desk: Desk) -> None:
    """A power cut may leave anything in them."""
    desk.proxy.script = failing("PUT tag")
    with pytest.raises(RegistryError):
        desk.push(tags=["latest"])
    desk.proxy.script = lambda _request: None
    desk.notes.write_bytes(b'{"schema": 1, "plan"')
    desk.push(tags=["latest"])
    assert desk.engine.builds == 2


def test_03_a_platform_that_does_not_build_costs_nothing_that_stood(desk: Desk) -> None:
    """No index, no tag, not one request; the layout and the receipt stand as they were."""
    desk.push(tags=["latest"])
    before = {path: path.read_bytes() for path in desk.layout.rglob("*") if path.is_file()}
    desk.proxy.forget()
    desk.engine.fails_for = "linux/arm64"
    desk.commit("more.go", "package main\n")
    with pytest.raises(BuildError, match="linux/arm64"):
        desk.push(tags=["next"])
    assert desk.proxy.seen == []
    assert {path: path.read_bytes() for path in desk.layout.rglob("*") if path.is_file()} == before


def test_a_dry_run_says_what_would_be_sent_and_sends_nothing(desk: Desk) -> None:
    """Blobs with their sizes, manifests, and where each tag would move from."""
    shown = desk.push(dry_run=True, tags=["latest", "1.0.0"])
    assert shown["dry_run"] is True
    assert keys(shown) == documented("docker.push --dry-run")
    place = shown["images"][0]["repositories"][0]
    assert {request.method for request in desk.proxy.seen} == {"HEAD"}
    assert len(place["blobs"]) == 5
    assert place["bytes"] == sum(blob["size"] for blob in place["blobs"]) > 0
    assert place["manifests"][-1] == shown["images"][0]["digest"]
    assert [(tag["tag"], tag["now"], tag["moves"]) for tag in place["tags"]] == [
        *[("latest", "", True), ("1.0.0", "", True)]
    ]
    assert not (desk.layout / "receipt.json").exists()
    desk.push(tags=["latest"])
    place = desk.push(dry_run=True, tags=["latest"])["images"][0]["repositories"][0]
    assert (place["blobs"], place["manifests"], place["tags"][0]["moves"]) == ([], [], False)


def test_a_layout_is_pushed_as_it_is(desk: Desk, tmp_path: Path) -> None:
    """No build and no clean tree is needed: its bytes are verified and sent, and it has its own commit."""
    desk.push(tags=["latest"])
    (tmp_path / "elsewhere").mkdir()
    moved = desk.layout.rename(tmp_path / "elsewhere" / "layout")
    (desk.folder / "dirty.go").write_text("package main\n")
    digest = Layout(moved).root.digest
    shown = desk.push("elsewhere/layout", repository=f"{desk.proxy.address}/acme/again", tags=["x"])
    assert shown["images"][0]["digest"] == digest
    assert desk.registry.tags["acme/again", "x"] == digest
    receipt = json.loads((moved / "receipt.json").read_text())
    assert (receipt["revision"], receipt["dirty"]) == (desk.head(), False)
    assert desk.engine.builds == 1


@pytest.mark.parametrize("when", ["pipeline.layout_of", "app.gate.refuse_unless_verified"])
def test_01_what_another_build_puts_in_place_of_what_was_verified_is_not_pushed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """It may end right before the layout is opened, or right after it was found good: no tag moves."""
    patched = f"gopherwhale.{when}"
    original: Callable[..., Any] = pkgutil.resolve_name(patched.replace(".layout_of", ":layout_of"))

    def other(*arguments: Any) -> Any:
        swap = {name: program("linux/arm64") for name in ("linux/amd64", "linux/arm64")}
        if when == "pipeline.layout_of":
            make_layout(desk.layout, swap)
            return original(*arguments)
        original(*arguments)
        return make_layout(desk.layout, swap)

    monkeypatch.setattr(patched, other)
    with pytest.raises(LayoutError, match="another build write there" if "layout" in when else "lacks"):
        desk.push(tags=["latest"])
    assert [request for request in desk.proxy.seen if request.method != "HEAD"] == []
    assert tags(desk.registry) == set()


def test_a_layout_of_another_commit_gets_no_tag_of_this_one(desk: Desk) -> None:
    """Its own receipt says of which it is: `sha-...` and `latest` of a later commit would be lies."""
    desk.push(tags=["auto"])
    revision, digest = desk.head(), Layout(desk.layout).root.digest
    desk.push("dist/hello", tags=["auto"])
    desk.commit("more.go", "package main\n")
    desk.proxy.forget()
    for tags_ in (["auto"], ["x", "nightly-{short}"]):
        with pytest.raises(UsageError, match=f"is of the commit {revision[:12]}, and the tags"):
            desk.push("dist/hello", tags=tags_)
    assert desk.proxy.seen == []
    desk.push("dist/hello", tags=["stable"])
    assert desk.registry.tags["acme/hello", "stable"] == digest


def test_a_layout_of_a_tree_with_changes_is_pushed_only_where_that_is_said(desk: Desk) -> None:
    """As the tree itself: a dry run builds it, and its own receipt remembers the changes."""
    (desk.folder / "more.go").write_text("package main\n")
    desk.push(dry_run=True, allow_dirty=True, tags=["x"])
    (desk.folder / "more.go").unlink()
    desk.proxy.forget()
    with pytest.raises(UsageError, match=r"dist/hello was built of a tree with uncommitted changes"):
        desk.push("dist/hello", tags=["x"])
    assert desk.proxy.seen == []
    desk.push("dist/hello", tags=["x"], allow_dirty=True)
    receipt = json.loads((desk.layout / "receipt.json").read_text())
    assert (receipt["revision"], receipt["dirty"]) == ("", True)


@pytest.mark.parametrize("wrong", ["nothing", "no layout", "other platforms", "a damaged blob"])
def test_a_layout_that_is_not_good_is_not_pushed(desk: Desk, wrong: str) -> None:
    """It is verified like a build of ours, before anything is sent."""
    folder = desk.folder / "dist" / "given"
    if wrong == "no layout":
        folder.mkdir(parents=True)
    elif wrong == "other platforms":
        make_layout(folder, {"linux/s390x": program("linux/s390x")})
    elif wrong == "a damaged blob":
        make_layout(folder, {name: program(name) for name in ("linux/amd64", "linux/arm64")})
        largest = max((folder / "blobs" / "sha256").iterdir(), key=lambda path: path.stat().st_size)
        largest.write_bytes(largest.read_bytes()[:-1] + b"x")
    with pytest.raises(GopherwhaleError):
        desk.push(str(folder), tags=["latest"])
    assert desk.proxy.seen == []


@pytest.mark.parametrize("where", ["a workflow", "a laptop"])
def test_a_refused_push_is_annotated_in_a_workflow(desk: Desk, tmp_path: Path, where: str) -> None:
    """On GitHub each finding is an annotation and in the step's summary; standard output stays empty."""
    make_layout(
        desk.folder / "dist" / "given",
        {name: program("linux/arm64") for name in ("linux/amd64", "linux/arm64")},
    )
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    desk.environment = {"GITHUB_STEP_SUMMARY": str(summary)}
    if where == "a workflow":
        desk.environment["GITHUB_ACTIONS"] = "true"
    with pytest.raises(VerificationError, match="nothing was pushed"):
        desk.push("dist/given", tags=["latest"])
    told, shown = desk.err.getvalue(), summary.read_text()
    assert "error[wrong-machine] linux/amd64 /app" in told
    annotated = "\n::error title=wrong-machine (" in told
    assert (annotated, "wrong-machine" in shown) == ((where == "a workflow"),) * 2
    assert shown.startswith("before\n")
    assert desk.out.getvalue() == ""


def test_01_what_was_verified_before_is_held_to_its_digest_again(desk: Desk, tmp_path: Path) -> None:
    """What a layer holds is known from the last push; that it is the same layer is not believed, but read."""
    desk.environment["XDG_CACHE_HOME"] = str(tmp_path / "cache")
    desk.push(tags=["latest"])
    assert len(list((tmp_path / "cache").rglob("*.json"))) == 3
    desk.push(str(desk.layout), tags=["again"])
    desk.proxy.forget()
    largest = max((desk.layout / "blobs" / "sha256").iterdir(), key=lambda path: path.stat().st_size)
    largest.write_bytes(largest.read_bytes()[:-1] + b"x")
    with pytest.raises(GopherwhaleError, match=largest.name):
        desk.push(str(desk.layout), tags=["next"])
    assert desk.proxy.seen == []


def test_17_a_layout_that_cannot_be_written_is_said_before_anything_is_sent(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Notes and receipt stand beside the layout: a full or read-only disk moves no tag."""
    desk.push(tags=["latest"])
    before = {path: path.read_bytes() for path in desk.layout.rglob("*") if path.is_file()}
    desk.proxy.forget()

    def full(path: Path, _data: bytes, **_options: bool) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("gopherwhale.unfinished.write_atomically", full)
    with pytest.raises(UsageError, match="No space left on device; no tag has moved"):
        desk.push(str(desk.layout), tags=["next"])
    assert desk.proxy.seen == []
    assert {path: path.read_bytes() for path in desk.layout.rglob("*") if path.is_file()} == before


def test_17_a_receipt_that_cannot_be_written_says_what_is_published(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tags have moved by then: the error says so, and the old receipt stands."""

    def full(path: Path, _data: bytes, **_options: bool) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("gopherwhale.publishing.write_atomically", full)
    with pytest.raises(UsageError, match=r"is pushed and tagged, but .*receipt\.json cannot be written"):
        desk.push(tags=["latest"])
    assert tags(desk.registry) == {"latest"}
    assert not list(desk.layout.glob(".partial-*"))


def test_the_guard_sees_what_moves_while_we_build(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tag is noted before the build; somebody else's push during it stops ours."""
    desk.push(tags=["latest"])
    desk.commit("more.go", "package main\n")
    build = StandIn.build

    def slow(self: StandIn, image: ImagePlan, writer: LayoutWriter, say: Say, also: Meanwhile) -> Built:
        desk.registry.tags["acme/hello", "latest"] = next(
            digest for _, digest in desk.registry.manifests if digest != Layout(desk.layout).root.digest
        )
        return build(self, image, writer, say, also)

    monkeypatch.setattr(StandIn, "build", slow)
    with pytest.raises(RegistryError, match="moved by somebody else"):
        desk.push(tags=["latest"], if_unmoved=True)
    desk.push(tags=["latest"])


def test_several_images_lend_each_other_their_blobs(desk: Desk) -> None:
    """What two images of one run have in common is sent once; no tag moves before both are there."""
    two_images(desk)
    shown = desk.push(tags=["latest"])["images"]
    assert [image["blobs_sent"] for image in shown] == [3, 1]
    writes = desk.proxy.kinds("PUT manifest", "PUT tag")
    assert writes == [*["PUT manifest"] * 4, "PUT tag", "PUT tag"]
    with pytest.raises(UsageError, match="--layout is one image"):
        desk.push("dist/a")


def two_images(desk: Desk) -> None:
    """Two images in one registry, two tags each."""
    address = desk.proxy.address
    desk.commit(
        "gopherwhale.toml",
        'platforms = ["linux/amd64"]\ntags = ["latest", "next"]\n'
        f'[images.a]\nrepository = "{address}/acme/a"\n[images.b]\nrepository = "{address}/acme/b"\n',
    )


@pytest.mark.parametrize(("number", "released"), [(1, False), (3, True), (4, True)])
def test_where_one_tag_of_one_image_cannot_be_moved_no_image_is_tagged(
    desk: Desk, number: int, *, released: bool
) -> None:
    """Whichever of the four it is: every tag is where it was, and the next run goes on without a build."""
    two_images(desk)
    if released:
        desk.push()
        desk.commit("more.go", "package main\n")
    before, builds = dict(desk.registry.tags), desk.engine.builds
    left = [number]

    def script(request: Asked) -> Fault | None:
        left[0] -= request.kind == "PUT tag"
        return Fault(reply=Reply(403)) if request.kind == "PUT tag" and left[0] == 0 else None

    desk.proxy.script = script
    with pytest.raises(GopherwhaleError, match="no tag has moved"):
        desk.push()
    assert desk.registry.tags == before
    assert len(before) == 4 * released
    desk.proxy.script = lambda _request: None
    shown = desk.push()["images"]
    assert desk.engine.builds == builds + 2
    assert [image["blobs_sent"] for image in shown] == [0, 0]
    assert len({digest for (name, _), digest in desk.registry.tags.items() if name == "acme/a"}) == 1
    assert desk.registry.tags != before


def test_a_release_that_stands_stops_the_other_images_too(desk: Desk) -> None:
    """Whatever can be refused is looked at for all images before the first tag of any moves."""
    two_images(desk)
    desk.push(images=("b",), tags=["1.0.0"])
    desk.commit("more.go", "package main\n")
    before = dict(desk.registry.tags)
    with pytest.raises(UsageError, match=r"acme/b:1\.0\.0 is released already"):
        desk.push(tags=["1.0.0", "latest"])
    assert desk.registry.tags == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_02_a_push_that_is_told_to_stop_between_two_tags_moves_them_all_first(
    desk: Desk, number: signal.Signals
) -> None:
    """They are few: half of them moved would be neither the old state nor the new."""
    two_images(desk)

    def script(request: Asked) -> None:
        if request.kind == "PUT tag" and desk.proxy.kinds("PUT tag") == ["PUT tag"]:
            os.kill(os.getpid(), number)

    desk.proxy.script = script
    with stoppable(), pytest.raises((KeyboardInterrupt, SystemExit)):
        desk.push()
    assert len(desk.registry.tags) == 4
    assert len(list(desk.folder.glob("dist/*/receipt.json"))) == 2
    assert desk.err.getvalue().count("once more ends it at once") == 1


def test_02_whoever_says_it_twice_is_obeyed_at_once(desk: Desk) -> None:
    """A registry that does not answer keeps nobody."""

    def script(request: Asked) -> None:
        if request.kind == "PUT tag":
            for said in ("once more", ""):
                os.kill(os.getpid(), signal.SIGINT)
                while said not in desk.err.getvalue():
                    time.sleep(0.01)

    desk.proxy.script = script
    with pytest.raises(KeyboardInterrupt):
        desk.push(tags=["latest", "next"])
    assert ("acme/hello", "next") not in desk.registry.tags
    assert desk.notes.exists()


def test_tags_of_another_image_that_cannot_be_set_back_are_named(desk: Desk) -> None:
    """A registry that deletes no tag keeps the first image's: they are named, in the order they moved."""
    two_images(desk)
    desk.proxy.script = lambda request: (
        Fault(reply=Reply(405))
        if request.method == "DELETE" or (request.kind == "PUT tag" and "acme/b" in request.path)
        else None
    )
    with pytest.raises(RegistryError) as caught:
        desk.push()
    names = [f"{desk.proxy.address}/acme/a:{tag}" for tag in ("latest", "next")]
    assert f"could not be set back: {', '.join(names)}" in str(caught.value)
    assert not list(desk.folder.glob("dist/*/receipt.json"))
    desk.proxy.script = lambda _request: None
    desk.push()
    assert len(desk.registry.tags) == 4


def test_every_receipt_is_tried_though_one_cannot_be_written(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All images are published by then: the error names the receipt that is missing, the other stands."""
    two_images(desk)

    def full(path: Path, data: bytes, **options: bool) -> None:
        if path.parent.name == "a":
            raise OSError(28, "No space left on device", str(path))
        write_atomically(path, data, **options)

    monkeypatch.setattr("gopherwhale.publishing.write_atomically", full)
    with pytest.raises(UsageError, match=r"acme/a@.* is pushed and tagged, but .*receipt\.json cannot"):
        desk.push()
    assert len(desk.registry.tags) == 4
    assert [path.parent.name for path in desk.folder.glob("dist/*/receipt.json")] == ["b"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"untagged": True, "tags": ["x"]}, "--untagged moves no tag, and --tag names one"),
        ({"layout": "dist/hello", "build_args": ["A=b"]}, "--layout builds nothing, and --build-arg is"),
        ({"layout": "dist/hello", "engine": "go"}, "--layout builds nothing, and --engine is"),
        ({"layout": "dist/hello", "locked": True}, "--layout builds nothing, and --locked is"),
        ({"also_push_to": ["acme/hello:1"]}, "names a tag"),
        ({"also_push_to": ["A B"]}, "also_push_to"),
        ({"push_jobs": "0"}, ">= 1"),
        ({"push_jobs": "many"}, "push_jobs"),
    ],
)
def test_settings_of_a_push_are_checked(desk: Desk, flags: Mapping[str, Any], message: str) -> None:
    """A wrong one is told with its name before anything runs."""
    with pytest.raises(UsageError, match=message):
        desk.push(**flags)
    assert desk.engine.builds == 0


def test_one_repository_twice_is_a_mistake(desk: Desk) -> None:
    """It would be tagged twice."""
    with pytest.raises(UsageError, match="names a repository twice"):
        desk.push(also_push_to=[f"{desk.proxy.address}/acme/hello"])


def test_a_layout_s_error_is_ours(desk: Desk) -> None:
    """A folder that is none is told as such; one that is not there is a name mistyped."""
    (desk.folder / "empty").mkdir()
    with pytest.raises(LayoutError, match="not an OCI image layout"):
        desk.push("empty", tags=["x"])
    with pytest.raises(UsageError, match="--layout: there is no .*nowhere"):
        desk.push("nowhere", tags=["x"])
