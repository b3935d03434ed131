"""The buildx engine: the repository's Dockerfile, through python-on-whales and BuildKit.

The only module that speaks to Docker. One build makes every platform and exports an OCI layout; nothing is
pushed from here.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from python_on_whales import DockerClient, DockerException

from gopherwhale.engines import bounded, buildkit, silence
from gopherwhale.engines.invocation import arguments, export_folder
from gopherwhale.errors import AuthenticationError, BuildError, MissingToolError, UsageError
from gopherwhale.oci.ci_credentials import Credential
from gopherwhale.oci.documents import Descriptor
from gopherwhale.oci.layout import Layout
from gopherwhale.oci.layout_writer import LayoutWriter
from gopherwhale.pipeline import Built, Meanwhile, PlatformWork, Say
from gopherwhale.plan import ImagePlan
from gopherwhale.references import DOCKER_HUB

if TYPE_CHECKING:
    # The package does not offer it at its top.
    from python_on_whales.components.system.models import SystemInfo

OWN_BUILDER: Final = "gopherwhale"
_QUERY_TIMEOUT: Final = 60
_SNAPSHOTTER: Final = "io.containerd.snapshotter.v1"
_MAX_ERROR: Final = 400
# Seconds without a word of BuildKit's, which says nothing while a step that prints nothing runs.
_SILENCE: Final = 10.0


class BuildxEngine:
    """An engine that asks BuildKit for an OCI layout.

    Args:
        environment: The process environment, which the Docker client reads too.
    """

    name = "buildx"

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Remember the environment; nothing is asked of Docker before `check`."""
        self._environment = environment
        # With this variable python-on-whales prints the whole environment, secrets included.
        os.environ.pop("PYTHON_ON_WHALES_DEBUG", None)

    def check(self) -> str:
        """Ask whether Docker answers and has buildx.

        Returns:
            The Docker engine's version.

        Raises:
            MissingToolError: No client, no buildx, or no engine that answers; it says which.
        """
        return str(self._info().server_version)

    def build(self, image: ImagePlan, writer: LayoutWriter, say: Say, meanwhile: Meanwhile) -> Built:
        """Build every platform of an image and move the blobs into its layout.

        Raises:
            BuildError: A step failed, or the limit of time was reached.
            MissingToolError: This builder cannot export a layout; the message says what mends it.
            UsageError: A cache option holds a credential, or the run is locked and an image is not pinned.
        """
        if image.locked:
            from gopherwhale.engines.dockerfile import refuse_unpinned  # noqa: PLC0415 -- most runs are not

            refuse_unpinned(image)
        export = export_folder(image)
        started = time.monotonic()
        try:
            _fresh_folder(export)
            progress = self._run(image, say, meanwhile)
            layout = Layout(export / "layout")
            for blob in sorted((layout.path / "blobs").glob("*/*")):
                digest = f"{blob.parent.name}:{blob.name}"
                if not writer.has(digest, blob.stat().st_size):
                    writer.adopt(blob, digest)
            self._check_metadata(export / "metadata.json", layout.root)
        finally:
            _remove(export)
        return Built(
            root=layout.root,
            engine=self.name,
            seconds=time.monotonic() - started,
            work=_work(image, progress),
        )

    def commands(self, image: ImagePlan) -> list[list[str]]:
        """The exact commands that `build` would run, read off python-on-whales itself; nothing is run.

        Returns:
            One argument list for each command.
        """
        # python-on-whales has no dry run: given a "client" that only repeats its arguments, it shows them.
        repeat = "import json, sys; print(json.dumps(sys.argv[1:]))"
        client = DockerClient(client_call=[sys.executable, "-I", "-S", "-c", repeat])
        lines = cast("Iterator[str]", client.buildx.build(**arguments(image, image.settings.builder)))
        return [["docker", *json.loads("".join(lines))]]

    def ask(self) -> None:
        """Ask whether Docker answers at all, with buildx or without.

        Raises:
            MissingToolError: There is no Docker, or no engine behind it.
        """
        # Another program of that name, as podman's, tells of itself in its own form.
        with contextlib.suppress(ValueError):
            self._answer()

    def load(self, archive: Path, timeout: int) -> None:
        """Load an archive into Docker's own image store.

        Raises:
            BuildError: Docker refuses it.
        """
        try:
            self._client(timeout).image.load(archive, quiet=True)
        except DockerException as error:
            raise BuildError(f"docker load failed: {_reason(error)}") from None

    def save(self, name: str, archive: Path, timeout: int, bound: int) -> None:
        """Write an image of Docker's own store to an archive.

        Raises:
            UsageError: Docker has no such image, or cannot save it, or it is larger than `bound` bytes.
        """
        client = self._client(timeout)
        try:
            size = client.image.inspect(name).size or 0
            if size > bound:
                raise UsageError(f"{name} has {size} bytes in Docker's store, over the bound of {bound}")
            client.image.save(name, output=archive)
        except DockerException as error:
            raise UsageError(f"Docker does not hand out {name}: {_reason(error)}") from None

    def login(self, registry: str, credential: Credential) -> None:
        """Log Docker in to a registry; the password goes by a pipe, and Docker says where it keeps it.

        Raises:
            AuthenticationError: Docker or the registry refuses it.
            MissingToolError: There is no Docker.
        """
        server = None if registry == DOCKER_HUB else registry
        try:
            client = self._client(_QUERY_TIMEOUT, bounded.TO_STDERR)
            client.login(server, credential.username, credential.password.reveal())
        except DockerException as error:
            why = "in time" if error.return_code == bounded.TIMED_OUT else f"(exit code {error.return_code})"
            raise AuthenticationError(f"docker login {registry} did not succeed {why}") from None

    def _client(self, timeout: int, *flags: str) -> DockerClient:
        docker = shutil.which("docker", path=self._environment.get("PATH"))
        if docker is None:
            raise MissingToolError("there is no docker on PATH", hint="install Docker with its buildx plugin")
        bound = [bounded.__file__, *flags, str(timeout)]
        return DockerClient(client_call=[sys.executable, "-I", "-S", *bound, docker])

    def _run(self, image: ImagePlan, say: Say, meanwhile: Meanwhile) -> buildkit.Progress:
        """Build, and ask Docker what is wrong only when BuildKit began nothing: each question takes 0.2 s."""
        builder, progress = image.settings.builder, buildkit.Progress()
        try:
            self._attempt(image, builder, progress, say, meanwhile)
        except BuildError:
            if progress.steps:
                raise
            other = self._builder(builder, self._info())
            if other == builder:
                raise
            say(f"{image.name}: built with the builder {other} (the setting `builder` saves this attempt)")
            progress = buildkit.Progress()
            self._attempt(image, other, progress, say, meanwhile)
        return progress

    def _attempt(
        self, image: ImagePlan, builder: str, progress: buildkit.Progress, say: Say, meanwhile: Meanwhile
    ) -> None:
        lines = cast("Iterator[str]", self._client(image.timeout).buildx.build(**arguments(image, builder)))

        def waiting() -> str:
            return f"{image.name}: BuildKit is at work, {progress.under_way()}"

        try:
            with silence.broken(say, waiting, _SILENCE) as spoken:
                for number, line in enumerate(lines):
                    spoken(progress.read(line))
                    if number == 0:
                        meanwhile()
        except DockerException as error:
            if error.return_code == bounded.TIMED_OUT:
                raise BuildError(
                    f"the build of {image.name} took over {image.timeout} s and was stopped",
                    hint="raise the setting `timeout`",
                ) from None
            cause = progress.errors[-1] if progress.errors else _reason(error)
            raise BuildError(f"docker buildx could not build {image.name}: {cause[:_MAX_ERROR]}") from None

    def _info(self) -> SystemInfo:
        """What Docker says of its engine and client; errors as of `check`."""
        info = self._answer()
        if not info.server_version:
            raise MissingToolError(
                "the Docker client has no engine behind it", hint="start Docker, or set DOCKER_HOST"
            )
        plugins = info.client_info.plugins if info.client_info else None
        if plugins is not None and not any(plugin.name == "buildx" for plugin in plugins):
            raise MissingToolError("Docker has no buildx", hint="install the docker-buildx plugin")
        return info

    def _answer(self) -> SystemInfo:
        try:
            return self._client(_QUERY_TIMEOUT).system.info()
        except DockerException as error:
            raise MissingToolError(
                f"Docker does not answer: {_reason(error)}", hint="start it, or set DOCKER_HOST"
            ) from None

    def _builder(self, wanted: str, info: SystemInfo) -> str:
        """The builder to use: the one that is wanted, if it can export a layout."""
        client = self._client(_QUERY_TIMEOUT)
        try:
            if client.buildx.inspect(wanted or None).driver != "docker":
                return wanted
            status = [tuple(pair) for pair in info.driver_status or ()]
            if ("driver-type", _SNAPSHOTTER) in status:
                return wanted
            if not wanted and any(builder.name == OWN_BUILDER for builder in client.buildx.list()):
                return OWN_BUILDER
        except DockerException as error:
            raise MissingToolError(f"Docker cannot tell about its builder: {_reason(error)}") from None
        except ValueError:
            raise MissingToolError(
                "buildx cannot list its builders as JSON", hint="install buildx 0.13 or newer"
            ) from None
        raise MissingToolError(
            "this Docker keeps images without containerd, so its own builder cannot export an image layout",
            hint=f"run once: docker buildx create --name {OWN_BUILDER} --driver docker-container"
            "\n  (that builder is then used), or turn on the containerd image store",
        )

    @staticmethod
    def _check_metadata(path: Path, root: Descriptor) -> None:
        try:
            digest = json.loads(path.read_bytes()).get("containerimage.digest")
        except (OSError, ValueError, AttributeError):
            digest = None
        if digest != root.digest:
            raise BuildError(f"BuildKit reports the digest {digest}, but its layout holds {root.digest}")


def _fresh_folder(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _remove(export: Path) -> None:
    shutil.rmtree(export, ignore_errors=True)
    # Another image of the repository may be exporting beside this one.
    with contextlib.suppress(OSError):
        export.parent.rmdir()


def _work(image: ImagePlan, progress: buildkit.Progress) -> tuple[PlatformWork, ...]:
    work = []
    for platform in image.platforms:
        steps = progress.of(str(platform))
        cached = sum(step.cached for step in steps)
        seconds = sum(step.seconds for step in steps)
        work.append(
            PlatformWork(platform=platform, cached=cached, built=len(steps) - cached, seconds=seconds)
        )
    return tuple(work)


def _reason(error: DockerException) -> str:
    """The last line that says something; never the command, whose arguments may hold what is private."""
    lines = [line.strip() for line in (error.stderr or "").splitlines() if line.strip()]
    return (lines[-1] if lines else f"exit code {error.return_code}")[:_MAX_ERROR]
