"""The go engine: no daemon, no Dockerfile. Go cross-compiles, and the image is put together here.

Binaries stay below `dist/.go`, so that Go finds them up to date; layers of unchanged content stay in the
layout. Nothing in an image depends on the folder, the clock, the umask or the number of cores.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from gopherwhale.engines import bases, go_run, recipe
from gopherwhale.engines.go_run import Made, Run, cores, one_at_a_time
from gopherwhale.engines.memory import collecting_late
from gopherwhale.engines.ports import OpenRegistry
from gopherwhale.engines.recipe import SCRATCH, Recipe
from gopherwhale.engines.toolchain import Toolchain, clean_environment
from gopherwhale.engines.workplace import TEMPORARY, work_folder, working
from gopherwhale.errors import UsageError, system_refusal
from gopherwhale.oci.assemble import put_index
from gopherwhale.oci.documents import Descriptor
from gopherwhale.oci.layer_writer import LayerCache
from gopherwhale.oci.layout_writer import LayoutWriter
from gopherwhale.oci.source import ImageSource
from gopherwhale.pipeline import Built, Meanwhile, Say
from gopherwhale.plan import ImagePlan
from gopherwhale.references import Reference

_KEPT: Final = "base"


class GoEngine:
    """An engine that needs the Go toolchain alone.

    Args:
        environment: The process environment.
        open_registry: Opens a base image in a registry.
    """

    name = "go"

    def __init__(self, environment: Mapping[str, str], open_registry: OpenRegistry | None = None) -> None:
        """Remember both; Go is looked for by `check` and `build`."""
        self._environment = environment
        self._open_registry = open_registry or _no_registry

    def check(self) -> str:
        """Look for Go.

        Returns:
            Where it was found, as a reason.

        Raises:
            MissingToolError: There is none.
        """
        return Toolchain.find(self._environment).source

    def build(self, image: ImagePlan, writer: LayoutWriter, say: Say, meanwhile: Meanwhile) -> Built:
        """Compile every platform side by side and put the image's blobs into its layout.

        Raises:
            BuildError: A platform could not be compiled; its output was shown, the others were stopped.
            MissingToolError: There is no Go.
            UsageError: The settings describe no image that this engine can make.
            LayoutError: The base image is damaged.
            RegistryError: The base image cannot be read.
        """
        started = time.monotonic()
        _refuse_windows(image)
        bases.refuse_unpinned(image)
        made, toolchain = recipe.read(image), Toolchain.find(self._environment)
        _warn(image, made, say)
        try:
            done, root = self._put(image, made, toolchain.program, writer, say, meanwhile)
        except OSError as error:
            raise UsageError(f"cannot build {image.name}: {system_refusal(error)}") from error
        work = tuple(one.work for one in done)
        return Built(root=root, engine=self.name, seconds=time.monotonic() - started, work=work)

    def _put(
        self,
        image: ImagePlan,
        made: Recipe,
        program: Path,
        writer: LayoutWriter,
        say: Say,
        meanwhile: Meanwhile,
    ) -> tuple[list[Made], Descriptor]:
        with (
            working(image, say) as (folder, lock),
            ThreadPoolExecutor(cores()) as packing,
            # Closed first: what is fetched of it in the pool ends then, and a failed run waits for none.
            bases.opened(image, folder / _KEPT, self._open_registry) as base,
        ):
            annotations = {**image.annotations, **bases.annotations_of(made.base, base)}
            run = Run(
                image=image,
                recipe=made,
                program=program,
                environment=self._go_environment(folder, len(image.platforms)),
                folder=folder,
                lock=lock,
                writer=writer,
                cache=LayerCache(folder / f"{image.layout.name}.layers.json"),
                packing=packing,
                base=base,
                annotations=annotations,
                say=one_at_a_time(say),
            )
            done = go_run.side_by_side(run, meanwhile)
            attached = [one.attestation for one in done if one.attestation]
            root = put_index(writer, [*(one.manifest for one in done), *attached], annotations)
            run.cache.save()
        return done, root

    def _go_environment(self, folder: Path, platforms: int) -> dict[str, str]:
        late = collecting_late(self._environment, min(platforms, cores()))
        return {**clean_environment(self._environment, folder / TEMPORARY), **late}

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


def _no_registry(reference: Reference) -> AbstractContextManager[ImageSource]:
    raise UsageError(f"the base {reference} cannot be read here: no registry may be asked")


def _warn(image: ImagePlan, made: Recipe, say: Say) -> None:
    """Name what this engine leaves out; where nobody chose it, what the Dockerfile would have done too."""
    if image.settings.provenance:
        say("warning: provenance is BuildKit's, and the go engine attaches none")
    if image.settings.engine != "auto":
        return
    # Reading Dockerfiles costs an import that a build by this engine's own name need not pay.
    from gopherwhale.engines.dockerfile import differences, read_dockerfile  # noqa: PLC0415

    for line, what in differences(read_dockerfile(image), made, image.settings.target):
        say(
            f"warning: {image.settings.dockerfile}:{line}: `{what}` is not what the go engine makes; see [go]"
        )


def _refuse_windows(image: ImagePlan) -> None:
    strangers = [str(platform) for platform in image.platforms if platform.os != "linux"]
    if strangers and image.settings.go.base == SCRATCH:
        raise UsageError(
            f"an image from scratch cannot run {strangers[0]}",
            hint='name an image of Windows to build upon, base = "REGISTRY/NAME:TAG" in the table [go], '
            "or leave the platform out",
        )
