"""One run of the go engine: every platform compiled and put together, side by side."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gopherwhale.engines import windows
from gopherwhale.engines.compiling import Group, Job, Stopped
from gopherwhale.engines.files import certificates, time_zones
from gopherwhale.engines.recipe import Recipe
from gopherwhale.errors import BuildError
from gopherwhale.oci.assemble import Part, Process, put_image
from gopherwhale.oci.base import Base, BaseImage
from gopherwhale.oci.documents import Descriptor
from gopherwhale.oci.layer_writer import Entry, LayerCache, write_layer
from gopherwhale.oci.layout_writer import LayoutWriter
from gopherwhale.pipeline import Meanwhile, PlatformWork
from gopherwhale.plan import ImagePlan
from gopherwhale.platforms import Platform

_SILENCE: Final = 5.0


@dataclass(frozen=True, kw_only=True)
class Run:
    """What the parts of one build share.

    Attributes:
        image: What is built.
        recipe: How.
        program: The go command.
        environment: For it, without what would choose the target.
        folder: Where binaries are kept.
        lock: The open file of that folder's lock.
        writer: The layout's transaction.
        cache: The layers that are known.
        packing: Where blocks are compressed.
        base: What the images are built upon; None for scratch.
        annotations: For index and manifests.
        say: Takes lines of progress, from any thread.
    """

    image: ImagePlan
    recipe: Recipe
    program: Path
    environment: Mapping[str, str]
    folder: Path
    lock: int
    writer: LayoutWriter
    cache: LayerCache
    packing: ThreadPoolExecutor
    base: Base | None
    annotations: Mapping[str, str]
    say: Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Made:
    """One platform's image, and what it took."""

    manifest: Descriptor
    attestation: Descriptor | None
    work: PlatformWork


def side_by_side(run: Run, meanwhile: Meanwhile) -> list[Made]:
    """Build every platform, as many at once as there are cores; the first failure stops the rest.

    Args:
        run: What they share.
        meanwhile: Called when Go is at work.

    Raises:
        BuildError: A platform could not be compiled.
        UsageError: The base lacks a platform, and nothing was compiled; or a file cannot be read.
    """
    platforms = run.image.platforms
    bases = [run.base.of(platform) if run.base else None for platform in platforms]
    common: dict[str, Future[list[Part]]] = {platform.os: Future() for platform in platforms}
    group = Group(run.say, run.image.timeout)
    with ThreadPoolExecutor(min(len(platforms), cores())) as pool:
        futures = [
            pool.submit(_platform, run, group, platform, base, common[platform.os])
            for platform, base in zip(platforms, bases, strict=True)
        ]
        try:
            for system, parts in common.items():
                parts.set_result(_common_parts(run, system))
            meanwhile()
            _await(futures, platforms, run.say)
        finally:
            for future in futures:
                future.cancel()
            for parts in common.values():
                parts.cancel()
            group.stop()
    return [future.result() for future in futures]


def cores() -> int:
    """How much may run at once."""
    # Of those that this process may use: a CI gives a job a few of many.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def one_at_a_time(say: Callable[[str], None]) -> Callable[[str], None]:
    """Keep the lines of several threads whole."""
    lock = threading.Lock()

    def say_whole(line: str) -> None:
        with lock:
            say(line)

    return say_whole


def _common_parts(run: Run, system: str) -> list[Part]:
    """The layers that every platform of a system shares; what changes least stands lowest."""
    parts = []
    recipe, on_linux = run.recipe, system != windows.WINDOWS
    # Windows has stores of its own for certificates, time zones and accounts, which Go asks there.
    if recipe.certificates != "none" and on_linux:
        entry, source = certificates(recipe.certificates)
        parts.append(_part(run, system, [entry], f"gopherwhale: CA certificates ({source})"))
    if recipe.time_zones and on_linux:
        zones = time_zones(run.program, {**run.environment, **recipe.build_env}, recipe.folder)
        parts.append(_part(run, system, zones, "gopherwhale: time zones (of the Go toolchain)"))
    if recipe.system and on_linux:
        parts.append(_part(run, system, recipe.system, "gopherwhale: accounts and folders"))
    if recipe.files:
        sources = " ".join(setting.source for setting in run.image.settings.go.files)
        parts.append(_part(run, system, recipe.files, f"gopherwhale: files ({sources})"))
    return parts


def _await(
    futures: Sequence[Future[Made]], platforms: Sequence[Platform], say: Callable[[str], None]
) -> None:
    """Wait for all, say now and then what is still under way, and raise the first failure."""
    started = time.monotonic()
    while True:
        done, pending = wait(futures, timeout=_SILENCE, return_when=FIRST_EXCEPTION)
        for future in (future for future in futures if future in done):
            if (error := future.exception()) and not isinstance(error, Stopped):
                raise error
        if not pending:
            return
        names = [str(name) for name, future in zip(platforms, futures, strict=True) if future in pending]
        say(f"building {', '.join(names)} ({time.monotonic() - started:.0f} s)")


def _platform(
    run: Run, group: Group, platform: Platform, base: BaseImage | None, common: Future[list[Part]]
) -> Made:
    started = time.monotonic()
    fetching = run.packing.submit(_fetch_base, run, base)
    files = _compile(run, group, platform)
    parts = [*common.result(), _binary_part(run, platform, files)]
    fetched = fetching.result()
    manifest = put_image(
        run.writer,
        platform,
        _process(run.recipe, platform),
        parts,
        created=run.image.source_date,
        annotations=run.annotations,
        base=base,
    )
    seconds = time.monotonic() - started
    reused = [*fetched, *(part.layer.reused for part in parts)]
    run.say(f"{platform}: done in {seconds:.1f} s")
    work = PlatformWork(
        platform=platform, cached=sum(reused), built=len(reused) - sum(reused), seconds=seconds
    )
    return Made(manifest=manifest, attestation=_attestation(run, manifest, files, base), work=work)


def _compile(run: Run, group: Group, platform: Platform) -> dict[str, Path]:
    """Have Go compile one platform; the binaries, by their place in the image."""
    folder = run.folder / platform.slug
    folder.mkdir(exist_ok=True)
    group.run(
        Job(
            name=str(platform),
            arguments=run.recipe.command(run.program, folder),
            environment={**run.environment, **run.recipe.variables(platform)},
            folder=run.recipe.folder,
            lock=run.lock,
        )
    )
    return _binaries(run, folder, platform)


def _attestation(
    run: Run, manifest: Descriptor, files: Mapping[str, Path], base: BaseImage | None
) -> Descriptor | None:
    if not run.image.settings.sbom:
        return None
    from gopherwhale.engines.attesting import attest, read_program  # noqa: PLC0415 -- off by default

    programs = tuple(
        read_program(run.program, file, f"/{path}", run.environment) for path, file in files.items()
    )
    digest = base.digest if base else ""
    return attest(run.image, manifest, programs, run.writer, run.annotations, digest)


def _process(recipe: Recipe, platform: Platform) -> Process:
    if platform.os != windows.WINDOWS:
        return recipe.process
    return windows.process_of(recipe.process, [binary.path for binary in recipe.binaries])


def _fetch_base(run: Run, base: BaseImage | None) -> list[bool]:
    """Put the base's layers into the layout; by layer, whether it stood there already."""
    if run.base is None or base is None:
        return []
    return [run.base.copy_layer(layer, run.writer) for layer in base.layers]


def _binaries(run: Run, folder: Path, platform: Platform) -> dict[str, Path]:
    """The binaries that Go left, by their place in the image."""
    found = {}
    suffix = windows.SUFFIX if platform.os == windows.WINDOWS else ""
    for binary in run.recipe.binaries:
        file = folder / f"{binary.name}{suffix}"
        if not file.is_file():
            raise BuildError(
                f"go build for {platform} left no {file.name}",
                hint=f"is {binary.package} a main package, and do the settings' flags let Go write it?",
            )
        path = binary.path.lstrip("/").removesuffix(suffix) + suffix
        found[path] = file
    return found


def _binary_part(run: Run, platform: Platform, files: Mapping[str, Path]) -> Part:
    entries = [Entry(path=path, content=file, mode=0o755) for path, file in files.items()]
    packages = " ".join(binary.package for binary in run.recipe.binaries)
    return _part(run, platform.os, entries, f"gopherwhale: go build {packages}")


def _part(run: Run, system: str, entries: Sequence[Entry], created_by: str) -> Part:
    placed = windows.layered(entries) if system == windows.WINDOWS else entries
    folders = None if run.base else run.recipe.folders
    layer = write_layer(placed, run.writer, run.cache, run.packing, run.recipe.compression, folders=folders)
    return Part(layer=layer, created_by=created_by)
