"""Images opened side by side, and what was found in layers kept for the next run."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Semaphore
from typing import IO

import pytest

from gopherwhale.errors import LayoutError, RegistryError
from gopherwhale.oci.documents import OCI_CONFIG, OCI_LAYER, Descriptor
from gopherwhale.verify import cache as cache_module
from gopherwhale.verify.cache import LayerCache
from gopherwhale.verify.contents import read_contents
from gopherwhale.verify.opening import Opened, open_images
from tests.unit.verify.binaries import build_info, elf, fat, macho, settings
from tests.unit.verify.layers import Memory, tar

INFO = build_info(lines=settings(GOOS="linux", GOARCH="arm", GOARM="7"))
RICH = tar(
    ("app",),
    ("copy", "hard", "app"),
    ("mac",),
    ("run.sh",),
    ("lib", "link", "usr/lib"),
    ("etc/passwd", "file", 0o644),
    ("d/.wh..wh..opq",),
    (".wh.gone",),
    ("na\udce4me", "fifo"),
    contents={
        "app": elf(bits=32, machine=40, needed=["libc.so.6"], data=INFO),
        "mac": fat(macho(data=INFO), macho(machine=0x0100000C)),
        "run.sh": b"#!/bin/sh\n\xff\xfe\n",
        "etc/passwd": b"root:x:0:0\n",
    },
)
BASE, ONE, TWO = tar(("base",)), tar(("app",)), tar(("app",), contents={"app": elf()})


def only(found: list[Opened | LayoutError]) -> list[Opened]:
    """The images, where none was refused."""
    assert all(isinstance(image, Opened) for image in found), found
    return [image for image in found if isinstance(image, Opened)]


def test_work_of_another_kind_is_done_while_layers_are_read() -> None:
    """It is called once, and layers that wait for it show that they are under way by then."""
    called = Semaphore(0)

    class Waiting(Memory):
        @contextlib.contextmanager
        def open_blob(self, descriptor: Descriptor) -> Iterator[IO[bytes]]:
            if descriptor.media_type == OCI_LAYER:
                assert called.acquire(timeout=60)
            with super().open_blob(descriptor) as stream:
                yield stream

    source = Waiting()
    entry = source.put_image("linux/amd64", [ONE])
    assert only(open_images(source, [entry], meanwhile=called.release))
    assert not called.acquire(blocking=False)


def test_a_layer_that_platforms_share_is_read_once() -> None:
    """Each blob is opened once, however many platforms name it."""
    source = Memory()
    entries = [
        source.put_image("linux/amd64", [BASE, ONE]),
        source.put_image("linux/arm64", [BASE, TWO]),
        source.put_image("linux/arm/v7", [BASE, BASE, TWO]),
    ]
    images = only(open_images(source, entries))
    assert [str(image.declared) for image in images] == ["linux/amd64", "linux/arm64", "linux/arm/v7"]
    assert all(image.system.has("/base") and image.system.has("/app") for image in images)
    assert set(source.opened.values()) == {1}


@pytest.mark.parametrize("part", ["manifest", "config", "layer"])
def test_a_platform_that_cannot_be_read_does_not_hide_the_others(part: str) -> None:
    """Each entry gets its image or its own refusal, in the order of the index."""
    source = Memory()
    good, bad = source.put_image("linux/amd64", [ONE]), source.put_image("linux/arm64", [TWO])
    manifest = json.loads(source.blobs[bad.digest])
    digests = {
        "manifest": bad.digest,
        "config": manifest["config"]["digest"],
        "layer": manifest["layers"][0]["digest"],
    }
    source.blobs[digests[part]] = b"{}"
    found = open_images(source, [bad, good])
    assert isinstance(found[0], LayoutError)
    assert digests[part] in str(found[0])
    assert isinstance(found[1], Opened)


def test_what_is_no_refusal_ends_the_run() -> None:
    """A registry that cannot be reached says nothing about an image."""
    source = Memory()
    entry = source.put_image("linux/amd64", [ONE])

    def fail(_descriptor: Descriptor) -> None:
        raise RegistryError("gone")

    source.open_blob = fail  # type: ignore[method-assign, assignment]
    with pytest.raises(RegistryError, match="gone"):
        open_images(source, [entry])


def test_layers_and_diff_ids_must_be_as_many() -> None:
    """A config that speaks of other layers than the manifest is refused."""
    source = Memory()
    entry = source.put_image("linux/amd64", [ONE], rootfs={})
    config = json.loads(source.blobs[json.loads(source.blobs[entry.digest])["config"]["digest"]])
    config["rootfs"]["diff_ids"] = []
    document = json.loads(source.blobs[entry.digest])
    document["config"] = source.put(json.dumps(config).encode(), OCI_CONFIG).to_document()
    entry = source.put(json.dumps(document).encode(), entry.media_type, "linux/amd64")
    (found,) = open_images(source, [entry])
    assert "has 1 layers, but its config names 0" in str(found)


@pytest.fixture
def cache(tmp_path: Path) -> LayerCache:
    """An empty cache."""
    made = LayerCache.of_user({"XDG_CACHE_HOME": str(tmp_path)})
    assert made is not None
    return made


def test_a_kept_layer_is_what_was_found(cache: LayerCache) -> None:
    """Every name, fact, text, link and whiteout comes back as it was."""
    source = Memory()
    layer = source.put(RICH)
    read = read_contents(source, layer, layer.digest)
    cache.put(layer, layer.digest, read)
    assert cache.get(layer, layer.digest) == read
    kinds = {node.facts.format for _, node in read.entries if node.facts}
    assert kinds == {"ELF", "Mach-O", "script"}


def test_a_second_run_reads_no_layer_and_asks_whether_it_is_there(cache: LayerCache) -> None:
    """An unchanged layer is confirmed, not read; the image is the same."""
    source = Memory()
    entry = source.put_image("linux/amd64", [BASE, RICH])
    first = only(open_images(source, [entry], cache=cache))
    source.opened.clear()
    second = only(open_images(source, [entry], cache=cache))
    layers = {layer.digest for layer in first[0].manifest.layers}
    assert set(source.confirmed) == layers
    assert not layers & set(source.opened)
    assert list(first[0].system.items()) == list(second[0].system.items())


def test_a_blob_that_changed_under_its_name_is_found_in_the_second_run(cache: LayerCache) -> None:
    """What was found before is no answer for other bytes."""
    source = Memory()
    entry = source.put_image("linux/amd64", [ONE])
    (image,) = only(open_images(source, [entry], cache=cache))
    source.blobs[image.manifest.layers[0].digest] = TWO
    (found,) = open_images(source, [entry], cache=cache)
    assert isinstance(found, LayoutError)


@pytest.mark.parametrize("key", ["digest", "size", "diff_id", "code"])
def test_a_kept_layer_is_found_by_all_that_names_it(
    cache: LayerCache, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    """Another digest, size, diff_id or version of our code finds nothing."""
    source = Memory()
    layer = source.put(ONE)
    cache.put(layer, layer.digest, read_contents(source, layer, layer.digest))
    other = source.put(TWO)
    asked, diff_id = layer, layer.digest
    if key == "digest":
        asked = Descriptor(media_type=layer.media_type, digest=other.digest, size=layer.size)
    elif key == "size":
        asked = Descriptor(media_type=layer.media_type, digest=layer.digest, size=layer.size + 1)
    elif key == "diff_id":
        diff_id = other.digest
    else:
        monkeypatch.setattr(cache_module, "_code", lambda: "other")
    assert cache.get(asked, diff_id) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda _raw: b"",
        lambda raw: raw[:-1],
        lambda raw: raw + b" ",
        lambda raw: raw.replace(b'"file"', b'"folder"', 1),
        lambda raw: b"0" * 64 + raw[64:],
    ],
)
def test_a_damaged_entry_counts_as_absent(cache: LayerCache, damage: Callable[[bytes], bytes]) -> None:
    """Cut, changed or foreign: the layer is read again, and the entry written anew."""
    source = Memory()
    entry = source.put_image("linux/amd64", [ONE])
    open_images(source, [entry], cache=cache)
    (path,) = cache.folder.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    source.opened.clear()
    (image,) = only(open_images(source, [entry], cache=cache))
    assert source.opened[image.manifest.layers[0].digest] == 1
    assert cache.get(image.manifest.layers[0], image.config.diff_ids[0]) is not None


def test_one_entry_under_another_s_name_is_not_believed(cache: LayerCache) -> None:
    """An entry says itself of which layer it is; a file that was renamed is not used."""
    source = Memory()
    one, two = source.put(ONE), source.put(TWO)
    for layer in (one, two):
        cache.put(layer, layer.digest, read_contents(source, layer, layer.digest))
    first, second = sorted(cache.folder.iterdir())
    first.write_bytes(second.read_bytes())
    assert sum(cache.get(layer, layer.digest) is None for layer in (one, two)) == 1


def test_the_cache_is_bounded(cache: LayerCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not used for the longest time goes first, and an entry that is too large is not kept."""
    source = Memory()
    layers = [source.put(tar((f"file-{number}",))) for number in range(6)]
    monkeypatch.setattr(cache_module, "_MAX_TOTAL", 1200)
    for layer in layers:
        cache.put(layer, layer.digest, read_contents(source, layer, layer.digest))
    assert 0 < len(list(cache.folder.iterdir())) < 6
    assert cache.get(layers[-1], layers[-1].digest) is not None
    monkeypatch.setattr(cache_module, "_MAX_ENTRY", 100)
    cache.put(layers[0], layers[0].digest, read_contents(source, layers[0], layers[0].digest))
    assert cache.get(layers[0], layers[0].digest) is None


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"HOME": ""},
        {"HOME": "relative"},
        {"HOME": "/proc/none"},
        {"XDG_CACHE_HOME": "SHARED"},
        {"XDG_CACHE_HOME": "OWN", "GOPHERWHALE_NO_CACHE": "1"},
    ],
)
def test_there_is_no_cache_where_none_may_be(tmp_path: Path, environment: dict[str, str]) -> None:
    """Turned off, without a place, or where others could write what we would believe."""
    shared = tmp_path / "shared" / "gopherwhale" / "layers"
    shared.mkdir(parents=True)
    shared.chmod(0o777)
    places = {"SHARED": str(tmp_path / "shared"), "OWN": str(tmp_path)}
    assert LayerCache.of_user({key: places.get(text, text) for key, text in environment.items()}) is None


def test_the_cache_is_the_user_s_alone(cache: LayerCache) -> None:
    """Its folder cannot be looked into by others; images may be private."""
    assert cache.folder.stat().st_mode & 0o777 == 0o700
