"""Open the images of an index: documents and layers side by side, a shared layer once."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

from gopherwhale.errors import LayoutError
from gopherwhale.oci.documents import CONFIG_TYPES, OCI_LAYER, Descriptor, ImageConfig, Manifest
from gopherwhale.oci.layers import Limits
from gopherwhale.oci.source import ImageSource, read_config, read_manifest
from gopherwhale.platforms import Platform
from gopherwhale.verify.cache import LayerCache
from gopherwhale.verify.contents import Contents, read_contents
from gopherwhale.verify.filesystem import FileSystem, build

Say = Callable[[str], None]
Meanwhile = Callable[[], None]
# Questions wait for the network; reading a layer is work for a core and holds memory.
_QUESTIONS: Final = 8
_LAYERS: Final = min(4, os.cpu_count() or 1)
_WORTH_SAYING: Final = 2.0


class Opened(NamedTuple):
    """One platform's image, read.

    Attributes:
        entry: Its descriptor in the index.
        declared: The platform that the index declares, else its config's.
        manifest: Its manifest.
        config: Its config.
        system: Its file system.
    """

    entry: Descriptor
    declared: Platform
    manifest: Manifest
    config: ImageConfig
    system: FileSystem


class _Layer(NamedTuple):
    """What decides what a layer holds, and so whether two platforms share it."""

    digest: str
    size: int
    diff_id: str

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(media_type=OCI_LAYER, digest=self.digest, size=self.size)


def open_images(
    source: ImageSource,
    entries: Sequence[Descriptor],
    *,
    limits: Limits | None = None,
    cache: LayerCache | None = None,
    say: Say | None = None,
    meanwhile: Meanwhile | None = None,
) -> list[Opened | LayoutError]:
    """Read the images of some entries, every digest, size and diff_id checked.

    Args:
        source: Where they are.
        entries: Descriptors of manifests.
        limits: What a layer may cost.
        cache: Holds what was found in layers before; None to read all of them.
        say: Takes lines of progress, from several threads.
        meanwhile: Called once while layers are read, when this thread would only wait.

    Returns:
        For each entry, in order: its image, or why it cannot be read: a document or a layer is damaged,
        ambiguous, not what its descriptor says, or beyond a bound.
    """
    reader = _Reader(source, limits or Limits(), cache, say or (lambda _line: None))
    with _Pools() as pools:
        return reader.read(entries, pools, meanwhile or (lambda: None))


class _Pools:
    """Threads for documents, for layers that were read before, and for those that are to be read."""

    def __init__(self) -> None:
        self.documents, self.known = ThreadPoolExecutor(_QUESTIONS), ThreadPoolExecutor(_QUESTIONS)
        self.layers = ThreadPoolExecutor(_LAYERS)
        self._all = (self.documents, self.known, self.layers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_error: object) -> None:
        if kind is not None:
            for pool in self._all:
                pool.shutdown(wait=False, cancel_futures=True)
        for pool in self._all:
            pool.shutdown()


@dataclass(frozen=True)
class _Reader:
    source: ImageSource
    limits: Limits
    cache: LayerCache | None
    say: Say

    def read(
        self, entries: Sequence[Descriptor], pools: _Pools, meanwhile: Meanwhile
    ) -> list[Opened | LayoutError]:
        contents: dict[_Layer, Future[Contents]] = {}
        waiting = [(entry, pools.documents.submit(self._documents, entry)) for entry in entries]
        for _, one in waiting:
            if one.exception() is None:
                for layer in _layers(*one.result()):
                    if layer not in contents:
                        contents[layer] = self._submit(layer, pools)
        meanwhile()
        return [_opened(entry, one, contents) for entry, one in waiting]

    def _documents(self, entry: Descriptor) -> tuple[Manifest, ImageConfig]:
        what = f"{self.source.name}: {entry.digest}"
        manifest = read_manifest(self.source, entry)
        if manifest.config.media_type not in CONFIG_TYPES:
            raise LayoutError(
                f"{what} has a config of the type {manifest.config.media_type[:100]!r}", code="not-an-image"
            )
        config = read_config(self.source, entry, manifest)
        if len(config.diff_ids) != len(manifest.layers):
            raise LayoutError(
                f"{what} has {len(manifest.layers)} layers, but its config names {len(config.diff_ids)}"
            )
        return manifest, config

    def _submit(self, layer: _Layer, pools: _Pools) -> Future[Contents]:
        if self.cache is None:
            return pools.layers.submit(self._read, layer)
        return pools.known.submit(self._known_or_read, layer, self.cache, pools.layers)

    def _known_or_read(self, layer: _Layer, cache: LayerCache, layers: ThreadPoolExecutor) -> Contents:
        known = cache.get(layer.descriptor, layer.diff_id)
        if known is not None:
            self.source.confirm(layer.descriptor)
            return known
        return layers.submit(self._read, layer).result()

    def _read(self, layer: _Layer) -> Contents:
        started = time.monotonic()
        found = read_contents(self.source, layer.descriptor, layer.diff_id, self.limits)
        seconds, size = time.monotonic() - started, layer.descriptor.size
        if seconds > _WORTH_SAYING:
            self.say(f"read {layer.descriptor.digest} ({size / 1e6:.1f} MB in {seconds:.1f} s)")
        if self.cache:
            self.cache.put(layer.descriptor, layer.diff_id, found)
        return found


def _layers(manifest: Manifest, config: ImageConfig) -> list[_Layer]:
    pairs = zip(manifest.layers, config.diff_ids, strict=True)
    return [_Layer(layer.digest, layer.size, diff_id) for layer, diff_id in pairs]


def _opened(
    entry: Descriptor,
    documents: Future[tuple[Manifest, ImageConfig]],
    contents: Mapping[_Layer, Future[Contents]],
) -> Opened | LayoutError:
    try:
        manifest, config = documents.result()
        system = build([contents[layer].result() for layer in _layers(manifest, config)])
    except LayoutError as problem:
        return problem
    return Opened(
        entry=entry,
        declared=entry.platform or config.platform,
        manifest=manifest,
        config=config,
        system=system,
    )
