"""What each command does, for every front end alike: from its settings to its result on the console.

The front ends (invoke's tasks, the console script, nox sessions by way of it) only gather flags.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from gopherwhale import engines, git, pipeline, plan, platforms, results, settings
from gopherwhale.console import Console
from gopherwhale.errors import ExitCode, UsageError
from gopherwhale.oci.archive import ArchiveSource, write_archive
from gopherwhale.oci.layout import Layout
from gopherwhale.oci.registry import RegistryClient, RegistrySource
from gopherwhale.oci.source import ImageSource
from gopherwhale.pipeline import Built
from gopherwhale.plan import ImagePlan, Plan
from gopherwhale.platforms import Platform
from gopherwhale.references import parse as parse_reference
from gopherwhale.tags import LOCAL_TAG
from gopherwhale.verify.findings import Report
from gopherwhale.verify.image import verify_image
from gopherwhale.verify.report import render

ANY: Final = "any"


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a front end was asked for.

    Attributes:
        start: The folder it was called in.
        environment: The process environment.
        configuration: The `gopherwhale` part of invoke's configuration, as plain values.
        flags: Settings by key, from the command line.
        images: The images asked for by name; empty for all.
        console: Where to speak.
    """

    start: Path
    environment: Mapping[str, str]
    console: Console
    configuration: Mapping[str, Any] = field(default_factory=dict)
    flags: Mapping[str, Any] = field(default_factory=dict)
    images: tuple[str, ...] = ()


def resolve(request: Request) -> tuple[settings.Settings, Plan]:
    """Read settings and git, and decide what the run is.

    Raises:
        UsageError: A setting, a name or the tree cannot be used.
    """
    root = settings.find_root(request.start)
    resolved = settings.load(
        root, configuration=request.configuration, environment=request.environment, flags=request.flags
    )
    revision = git.read(root, request.environment, ignore=resolved.dist)
    date = plan.source_date_of(revision, request.environment, time.time)
    return resolved, plan.make(resolved, revision, source_date=date, only=request.images)


def show_plan(request: Request) -> ExitCode:
    """Print the resolved settings, what would be made of them, and the exact commands; run nothing."""
    resolved, made = resolve(request)
    commands = {image.name: engines.describe(image, request.environment) for image in made.images}
    document = {**made.to_document(), "settings": settings.plain(resolved), "commands": commands}
    lines: list[str] = []
    for image in made.images:
        lines += results.plan_lines(image, commands[image.name])
    request.console.show("\n".join(lines), document)
    return ExitCode.GOOD


def build(request: Request) -> ExitCode:
    """Build each image for one platform, verify it and load it into Docker's own store."""
    _, made = resolve(request)
    console, documents, lines = request.console, [], []
    for image in made.images:
        local = image.for_local_use(_one_platform(request, image))
        engine = engines.choose(image.settings.engine, request.environment, console.say)
        built = pipeline.cross_build(local, engine, console.say)
        report = pipeline.verify(local, console.say)
        pipeline.refuse_unless_verified(report)
        names = _local_names(image, request)
        with tempfile.TemporaryDirectory(prefix="gopherwhale-") as folder:
            archive = Path(folder) / "image.tar"
            write_archive(Layout(local.layout), archive, names=names)
            engines.load(archive, request.environment, image.timeout)
        documents.append({**results.built_document(local, built), "loaded": names})
        lines.append(f"{image.name}: loaded {', '.join(names)} ({local.platforms[0]}, {built.seconds:.1f} s)")
        lines.append(f"  run it with: docker run --rm {names[0]}")
    console.show("\n".join(lines), {"schema": 1, "images": documents})
    return ExitCode.GOOD


def cross_build(request: Request, archive: str = "") -> ExitCode:
    """Build every platform of each image into its OCI layout.

    Args:
        request: What was asked for.
        archive: A file to write as an OCI archive too; only for one image.
    """
    _, made = resolve(request)
    if archive and len(made.images) != 1:
        raise UsageError(
            "--archive writes one image, and there are several", hint="choose one with --image NAME"
        )
    done = [(image, _cross_build(image, request)) for image in made.images]
    if archive:
        write_archive(Layout(made.images[0].layout), request.start / archive)
    text = "\n".join(results.built_table(image, built, request.console) for image, built in done)
    document = {"schema": 1, "images": [results.built_document(image, built) for image, built in done]}
    request.console.show(text, document)
    return ExitCode.GOOD


def verify_arch(request: Request, source: Sequence[str] = (), expect: str = "") -> ExitCode:
    """Verify images, this repository's layouts where no source is named, and show what was found.

    Args:
        request: What was asked for.
        source: Layouts, archives or registry references.
        expect: The platforms that must be there, exactly; `any` for whatever the image declares; empty
            for those of the settings.
    """
    console = request.console
    if not source:
        _, made = resolve(request)
        reports = [
            verify_image(Layout(image.layout), expected=_expected(expect, image.platforms), say=console.say)
            for image in made.images
        ]
    else:
        reports = _verify_sources(request, source, _expected(expect, _platforms_here(request)))
    text = "\n".join(render(report, color=console.color, width=console.width) for report in reports)
    console.show(text, {"schema": 1, "reports": [report.to_document() for report in reports]})
    return ExitCode.GOOD if all(report.ok for report in reports) else ExitCode.VERIFICATION


def push(request: Request) -> ExitCode:
    """Cross-build, verify, push the verified bytes, and move the tags last."""
    _, made = resolve(request)
    pipeline.check_may_push(made)
    console = request.console
    built = [_cross_build(image, request) for image in made.images]
    reports = [pipeline.verify(image, console.say) for image in made.images]
    for report in reports:
        if not report.ok:
            print(render(report, color=False, width=console.width), file=console.err)
        pipeline.refuse_unless_verified(report)
    with RegistryClient.from_environment(request.environment, insecure=made.insecure) as client:
        pushed = [pipeline.publish(image, made, client, console.say) for image in made.images]
    done = list(zip(made.images, built, pushed, strict=True))
    text = "\n".join(results.pushed_table(image, result, console) for image, _, result in done)
    documents = [
        {**results.built_document(image, b), **results.pushed_document(image, r)} for image, b, r in done
    ]
    console.show(text, {"schema": 1, "images": documents})
    return ExitCode.GOOD


def _cross_build(image: ImagePlan, request: Request) -> Built:
    engine = engines.choose(image.settings.engine, request.environment, request.console.say)
    return pipeline.cross_build(image, engine, request.console.say)


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


def _expected(expect: str, default: Sequence[Platform] | None) -> Sequence[Platform] | None:
    if expect == ANY:
        return None
    return platforms.parse_many([expect]) if expect else default


def _platforms_here(request: Request) -> Sequence[Platform] | None:
    """The platforms of the settings, where the run is in a repository with one image."""
    try:
        _, made = resolve(request)
    except UsageError:
        return None
    chosen = {image.platforms for image in made.images}
    return chosen.pop() if len(chosen) == 1 else None


def _verify_sources(
    request: Request, sources: Sequence[str], expected: Sequence[Platform] | None
) -> list[Report]:
    insecure = tuple(request.flags.get("insecure") or ())
    with RegistryClient.from_environment(request.environment, insecure=insecure) as client:
        return [
            verify_image(open_source(text, request.start, client), expected=expected, say=request.console.say)
            for text in sources
        ]


def open_source(text: str, start: Path, client: RegistryClient) -> ImageSource:
    """Open what a user names as an image's source.

    One of `oci:DIR[:TAG|@DIGEST]`, `oci-archive:FILE`, `docker://REF`, a path, or a bare reference.

    Args:
        text: The source.
        start: The folder that relative paths are read from.
        client: For registries.

    Raises:
        UsageError: It is none of these.
        LayoutError: It cannot be read.
    """
    scheme, colon, rest = text.partition(":")
    if colon and scheme == "oci":
        path, select = _split_selector(rest, start)
        return Layout(path, select)
    if colon and scheme == "oci-archive":
        return ArchiveSource(start / rest)
    if text.startswith("docker://"):
        return RegistrySource(client, parse_reference(text.removeprefix("docker://")))
    path = start / text
    if path.is_dir():
        return Layout(path)
    if path.is_file():
        return ArchiveSource(path)
    if text.startswith((".", "/")):
        raise UsageError(
            f"{text} is neither a folder nor a file", hint="name a layout, an archive or a reference"
        )
    return RegistrySource(client, parse_reference(text))


def _split_selector(text: str, start: Path) -> tuple[Path, str]:
    for mark in ("@", ":"):
        path, sign, select = text.rpartition(mark)
        if sign and not (start / text).is_dir():
            return start / path, select
    return start / text, ""
