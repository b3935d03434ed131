"""docker.plan, docker.build and docker.cross-build."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from gopherwhale import engines, pipeline, platforms, receipts, results, settings
from gopherwhale.app import gate
from gopherwhale.app.registries import registry_opener
from gopherwhale.app.request import Request, resolve
from gopherwhale.console import harmless
from gopherwhale.errors import ExitCode, UsageError
from gopherwhale.oci.layout import Layout
from gopherwhale.pipeline import Built, Engine, Meanwhile
from gopherwhale.plan import ImagePlan, Plan
from gopherwhale.platforms import Platform
from gopherwhale.references import parse as parse_reference
from gopherwhale.tags import LOCAL_TAG

_DOCKERFILE: Final = settings.ImageSettings().dockerfile


def show_plan(request: Request) -> ExitCode:
    """Print the resolved settings, what would be made of them, and the exact commands; run nothing."""
    resolved, made = resolve(request)
    commands = {image.name: engines.describe(image, request.environment) for image in made.images}
    document = {**made.to_document(), "settings": settings.plain(resolved), "commands": commands}
    lines: list[str] = []
    for image in made.images:
        lines += results.plan_lines(image, commands[image.name])
    request.console.show(harmless("\n".join(lines)), document)
    return ExitCode.GOOD


def build(request: Request) -> ExitCode:
    """Build each image for one platform, verify it and load it into Docker's own store."""
    # Python's tarfile costs 20 ms to import, which the other commands here need not pay.
    from gopherwhale.oci.archive import write_archive  # noqa: PLC0415

    _, made = resolve(request, prepare)
    console, documents, lines = request.console, [], []
    for image, engine in choose(made.images, made, request):
        local = image.for_local_use(_one_platform(request, image))
        # Docker is asked while compilers are at work; where it does not answer, they need not go on.
        built = pipeline.cross_build(
            local, engine, console.say, lambda: engines.ask_docker(request.environment)
        )
        layout = pipeline.layout_of(local, built)
        gate.refuse_unless_verified([pipeline.verify(local, layout, console.say)], request)
        names = _local_names(image, request)
        with tempfile.TemporaryDirectory(prefix="gopherwhale-") as folder:
            archive = Path(folder) / "image.tar"
            write_archive(layout, archive, names=names)
            engines.load(archive, request.environment, image.timeout)
        documents.append({**results.built_document(local, built), "loaded": names})
        lines.append(f"{image.name}: loaded {', '.join(names)} ({local.platforms[0]}, {built.seconds:.1f} s)")
        lines.append(f"  run it with: docker run --rm {names[0]}")
    console.show("\n".join(lines), {"schema": 1, "images": documents})
    return ExitCode.GOOD


def cross_build(request: Request, archive: str = "", docker_archive: str = "") -> ExitCode:
    """Build every platform of each image into its OCI layout.

    Args:
        request: What was asked for.
        archive: A file to write as an OCI archive too; only for one image.
        docker_archive: The same for `docker load`: this machine's platform under the image's name, each
            platform under a name of its own.

    Raises:
        UsageError: A file cannot be written, or is to hold several images.
        BuildError: A platform could not be built.
        MissingToolError: An engine needs what is not there.
    """
    _, made = resolve(request, prepare)
    flag = "--archive" if archive else "--docker-archive"
    if (archive or docker_archive) and len(made.images) != 1:
        raise UsageError(
            f"{flag} writes one image, and there are several", hint="choose one with --image NAME"
        )
    for file in filter(None, (archive, docker_archive)):
        _refuse_unwritable(request.start / file)
    chosen = choose(made.images, made, request)
    done = list(zip(made.images, cross_build_all(chosen, made, request), strict=True))
    if archive or docker_archive:
        image, built = done[0]
        _write_archives(image, pipeline.layout_of(image, built), request, archive, docker_archive)

    def text() -> str:
        return "\n".join(results.built_table(image, built, request.console) for image, built in done)

    document = {"schema": 1, "images": [results.built_document(image, built) for image, built in done]}
    request.console.show(text, document)
    return ExitCode.GOOD


def prepare(resolved: settings.Settings) -> None:
    """Import what the engines of a repository need."""
    engines.prepare({image.engine for image in resolved.images.values()})


def choose(images: Sequence[ImagePlan], made: Plan, request: Request) -> list[tuple[ImagePlan, Engine]]:
    """Each image with its engine; the Dockerfiles that will be built are judged before any of them is.

    Raises:
        MissingToolError: What an engine needs is not there.
        UsageError: There is no Dockerfile, and the engine that builds one is set.
        VerificationError: A Dockerfile holds a mistake that makes wrong images.
    """
    kinds = {image.name: _kind(image) for image in images}
    surroundings = (request.environment, request.console.say, registry_opener(request, made.access))
    with ThreadPoolExecutor(1) as asking:
        answers = {
            (name, there): asking.submit(engines.choose, name, *surroundings, dockerfile=there)
            for name, there in dict.fromkeys(kinds.values())
        }
        if any(name != "go" and there for name, there in answers):
            # The rules take 40 ms to import, in which Docker answers; the go engine reads no Dockerfile.
            from gopherwhale.app.linting import refuse_unless_clean  # noqa: PLC0415
        chosen = [(image, answers[kinds[image.name]].result()) for image in images]
    if by_dockerfile := [image for image, engine in chosen if engine.name == "buildx"]:
        refuse_unless_clean(by_dockerfile, request)
    return chosen


def _kind(image: ImagePlan) -> tuple[str, bool]:
    """The setting `engine`, and whether there is a Dockerfile where that decides."""
    name, there = image.settings.engine, engines.has_dockerfile(image)
    # Whoever says where it is has a mistake there, and no wish for the other engine.
    asked = name == "buildx" or image.settings.dockerfile != _DOCKERFILE
    if asked and name != "go" and not there:
        raise UsageError(
            f"there is no {image.root / image.settings.dockerfile}",
            hint='`gopherwhale init` writes a Dockerfile, and engine = "go" needs none',
        )
    return name, there or name == "go"


def cross_build_all(
    chosen: Sequence[tuple[ImagePlan, Engine]],
    made: Plan,
    request: Request,
    meanwhile: Meanwhile = lambda: None,
) -> list[Built]:
    """Build every platform of each image into its layout, and note beside it what it is.

    Args:
        chosen: Images and their engines.
        made: The plan that they are of.
        request: What was asked for.
        meanwhile: What the steps after this one prepare while compilers are at work.
    """
    console = request.console

    def waiting() -> None:
        console.prepare()
        meanwhile()

    done = []
    for image, engine in chosen:
        done.append(pipeline.cross_build(image, engine, console.say, waiting))
        receipts.write_built(image, made, done[-1].root.digest)
    return done


def _refuse_unwritable(file: Path) -> None:
    """Before minutes of building: a folder that is not there, or a folder in the file's place."""
    if not file.parent.is_dir() or file.is_dir():
        raise UsageError(f"cannot write {file}: it is no file in a folder that is there")


def _write_archives(
    image: ImagePlan, layout: Layout, request: Request, archive: str, docker_archive: str
) -> None:
    # Python's tarfile costs 20 ms to import, and most builds write no archive.
    from gopherwhale.oci.archive import write_archive  # noqa: PLC0415

    if archive:
        write_archive(layout, request.start / archive)
    if docker_archive:
        names, host = _local_names(image, request), platforms.of_this_machine()
        write_archive(layout, request.start / docker_archive, names=names, host=host)


def _one_platform(request: Request, image: ImagePlan) -> Platform:
    if not request.flags.get("platforms"):
        return platforms.of_this_machine()
    if len(image.platforms) != 1:
        raise UsageError(
            "docker.build loads one platform, and several are given", hint="docker.cross-build makes them all"
        )
    return image.platforms[0]


def _local_names(image: ImagePlan, request: Request) -> list[str]:
    name = image.repository.name if image.repository else f"docker.io/library/{image.name}"
    reference = parse_reference(name)
    tags = image.tags if request.flags.get("tags") else (LOCAL_TAG,)
    return [reference.with_tag(tag).familiar for tag in tags]
