"""The go engine: no daemon, no Dockerfile. Go cross-compiles, and the image is put together here.

Binaries stay below `dist/.go`, so that Go finds them up to date; layers of unchanged content stay in the
layout. Nothing in an image depends on the folder, the clock, the umask or the number of cores.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gopherwhale.engines import recipe
from gopherwhale.engines.compiling import Group, Job, Stopped
from gopherwhale.engines.dockerfile import differences
from gopherwhale.engines.files import certificates, time_zones
from gopherwhale.engines.recipe import Recipe
from gopherwhale.engines.toolchain import Toolchain, clean_environment
from gopherwhale.engines.workplace import TEMPORARY, work_folder, working
from gopherwhale.errors import BuildError, UsageError
from gopherwhale.oci.assemble import Part, put_image, put_index
from gopherwhale.oci.documents import Descriptor
from gopherwhale.oci.layer_writer import Entry, LayerCache, write_layer
from gopherwhale.oci.layout import LayoutWriter
from gopherwhale.pipeline import Built, PlatformWork
from gopherwhale.plan import ImagePlan
from gopherwhale.platforms import Platform

_SILENCE: Final = 5.0
_MAX_DOCKERFILE: Final = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class _Run:
    """What the parts of one build share."""

    image: ImagePlan
    recipe: Recipe
    program: Path
    environment: Mapping[str, str]
    folder: Path
    lock: int
    writer: LayoutWriter
    cache: LayerCache
    packing: ThreadPoolExecutor
    say: Callable[[str], None]


class GoEngine:
    """An engine that needs the Go toolchain alone.

    Args:
        environment: The process environment.
    """

    name = "go"

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Remember the environment; Go is looked for by `check` and `build`."""
        self._environment = environment

    def check(self) -> str:
        """Look for Go.

        Returns:
            Where it was found, as a reason.

        Raises:
            MissingToolError: There is none.
        """
        return Toolchain.find(self._environment).source

    def build(self, image: ImagePlan, writer: LayoutWriter, say: Callable[[str], None]) -> Built:
        """Compile every platform side by side and put the image's blobs into its layout.

        Raises:
            BuildError: A platform could not be compiled; its output was shown, the others were stopped.
            MissingToolError: There is no Go.
            UsageError: The settings describe no image that this engine can make.
        """
        started = time.monotonic()
        _refuse_windows(image)
        made, toolchain = recipe.read(image), Toolchain.find(self._environment)
        _warn(image, made, say)
        try:
            with working(image, say) as (folder, lock), ThreadPoolExecutor(_cores()) as packing:
                run = _Run(
                    image=image,
                    recipe=made,
                    program=toolchain.program,
                    environment=clean_environment(self._environment, folder / TEMPORARY),
                    folder=folder,
                    lock=lock,
                    writer=writer,
                    cache=LayerCache(folder / f"{image.layout.name}.layers.json"),
                    packing=packing,
                    say=_one_at_a_time(say),
                )
                done = _side_by_side(run, _common_parts(run))
                root = put_index(writer, [manifest for manifest, _ in done], image.annotations)
                run.cache.save()
        except OSError as error:
            raise UsageError(
                f"cannot build {image.name}: {error.filename or image.layout}: {error.strerror or error}"
            ) from error
        work = tuple(work for _, work in done)
        return Built(root=root, engine=self.name, seconds=time.monotonic() - started, work=work)

    def commands(self, image: ImagePlan) -> list[list[str]]:
        """The exact commands that `build` would run, running none of them."""
        made, folder = recipe.read(image), work_folder(image)
        return [
            [
                "env",
                *(f"{key}={text}" for key, text in made.variables(platform).items()),
                *made.command("go", folder / platform.slug),
            ]
            for platform in image.platforms
        ]


def _common_parts(run: _Run) -> list[Part]:
    """The layers that every platform shares; what changes least stands lowest."""
    parts = []
    if run.recipe.certificates != "none":
        entry, source = certificates(run.recipe.certificates)
        parts.append(_part(run, [entry], f"gopherwhale: CA certificates ({source})"))
    if run.recipe.time_zones:
        zones = time_zones(run.program, run.environment)
        parts.append(_part(run, zones, "gopherwhale: time zones (of the Go toolchain)"))
    if run.recipe.system:
        parts.append(_part(run, run.recipe.system, "gopherwhale: accounts and folders"))
    if run.recipe.files:
        sources = " ".join(setting.source for setting in run.image.settings.go.files)
        parts.append(_part(run, run.recipe.files, f"gopherwhale: files ({sources})"))
    return parts


def _side_by_side(run: _Run, common: Sequence[Part]) -> list[tuple[Descriptor, PlatformWork]]:
    """Build every platform, as many at once as there are cores; the first failure stops the rest."""
    group = Group(run.say, run.image.timeout)
    platforms = run.image.platforms
    with ThreadPoolExecutor(min(len(platforms), _cores())) as pool:
        futures = [pool.submit(_platform, run, group, platform, common) for platform in platforms]
        try:
            _await(futures, platforms, run.say)
        finally:
            for future in futures:
                future.cancel()
            group.stop()
    return [future.result() for future in futures]


def _await(
    futures: Sequence[Future[tuple[Descriptor, PlatformWork]]],
    platforms: Sequence[Platform],
    say: Callable[[str], None],
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
    run: _Run, group: Group, platform: Platform, common: Sequence[Part]
) -> tuple[Descriptor, PlatformWork]:
    started = time.monotonic()
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
    parts = [*common, _binaries(run, folder, platform)]
    manifest = put_image(
        run.writer,
        platform,
        run.recipe.process,
        parts,
        created=run.image.source_date,
        annotations=run.image.annotations,
    )
    seconds = time.monotonic() - started
    cached = sum(part.layer.reused for part in parts)
    run.say(f"{platform}: done in {seconds:.1f} s")
    return manifest, PlatformWork(
        platform=platform, cached=cached, built=len(parts) - cached, seconds=seconds
    )


def _binaries(run: _Run, folder: Path, platform: Platform) -> Part:
    entries = []
    for binary in run.recipe.binaries:
        file = folder / binary.name
        if not file.is_file():
            raise BuildError(
                f"go build for {platform} left no {binary.name}",
                hint=f"is {binary.package} a main package, and do the settings' flags let Go write it?",
            )
        entries.append(Entry(path=binary.path.lstrip("/"), content=file, mode=0o755))
    packages = " ".join(binary.package for binary in run.recipe.binaries)
    return _part(run, entries, f"gopherwhale: go build {packages}")


def _part(run: _Run, entries: Sequence[Entry], created_by: str) -> Part:
    layer = write_layer(entries, run.writer, run.cache, run.packing, run.recipe.compression)
    return Part(layer=layer, created_by=created_by)


def _warn(image: ImagePlan, made: Recipe, say: Callable[[str], None]) -> None:
    """Where nobody chose this engine, name what the repository's Dockerfile would have done otherwise."""
    path = image.root / image.settings.dockerfile
    if image.settings.engine != "auto" or not path.is_file():
        return
    text = path.read_bytes()[:_MAX_DOCKERFILE].decode(errors="replace")
    for line, what in differences(text, made, image.settings.target):
        say(
            f"warning: {image.settings.dockerfile}:{line}: `{what}` is not what the go engine makes; see [go]"
        )


def _refuse_windows(image: ImagePlan) -> None:
    if windows := [str(platform) for platform in image.platforms if platform.os != "linux"]:
        raise UsageError(
            f"the go engine makes images from scratch, and {windows[0]} has none",
            hint="build it with the buildx engine, or leave it out",
        )


def _cores() -> int:
    return os.cpu_count() or 1


def _one_at_a_time(say: Callable[[str], None]) -> Callable[[str], None]:
    """Keep the lines of several threads whole."""
    lock = threading.Lock()

    def say_whole(line: str) -> None:
        with lock:
            say(line)

    return say_whole
