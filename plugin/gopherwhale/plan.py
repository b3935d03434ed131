"""Settings and a git revision become a plan: what will be built, tagged and labelled.

Pure: no clock, no disk, no process. What a plan says is what every front end does, and `docker.plan`
prints it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from gopherwhale import references, tags
from gopherwhale.access import Access
from gopherwhale.dates import rfc3339
from gopherwhale.errors import UsageError
from gopherwhale.git import Revision  # noqa: TID251 -- a plan is made of it
from gopherwhale.platforms import Platform
from gopherwhale.references import Reference
from gopherwhale.settings import ImageSettings, Settings  # noqa: TID251 -- a plan is made of them

_OCI: Final = "org.opencontainers.image."


@dataclass(frozen=True, kw_only=True)
class ImagePlan:
    """One image, decided to the last argument.

    Attributes:
        name: The image's name in this repository, and of its folder below `dist`.
        root: The repository's folder.
        repository: Where it goes; None while no repository is set.
        also: Further repositories that get the same.
        platforms: What is built, in this order, and what must be delivered.
        tags: What will point at it.
        labels: For the config of every platform.
        annotations: For the index and every manifest.
        build_args: For the Dockerfile, in this order.
        layout: The folder of its OCI layout.
        source_date: Seconds since 1970 that stand for "now" in everything built.
        revision: The commit, or empty.
        timeout: Seconds that its build may take.
        locked: Whether a base image that no digest pins is refused.
        settings: The rest, as it was set.
    """

    name: str
    root: Path
    repository: Reference | None
    also: tuple[Reference, ...]
    platforms: tuple[Platform, ...]
    tags: tuple[str, ...]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    build_args: Mapping[str, str]
    layout: Path
    source_date: int
    revision: str
    timeout: int
    locked: bool
    settings: ImageSettings

    @property
    def repositories(self) -> tuple[Reference, ...]:
        """Everywhere it goes, the first one first."""
        return (self.repository, *self.also) if self.repository else ()

    def for_local_use(self, platform: Platform) -> ImagePlan:
        """The same image for one platform, in a layout of its own, to be loaded into Docker."""
        layout = self.layout.parent / ".local" / f"{self.name}-{platform.slug}"
        return replace(self, platforms=(platform,), layout=layout)


@dataclass(frozen=True, kw_only=True)
class PushPlan:
    """How a push is done; see the settings of the same names."""

    jobs: int
    if_unmoved: bool
    overwrite_tags: bool


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Every image of a run, and the state of the tree that they are of."""

    images: tuple[ImagePlan, ...]
    revision: Revision | None
    allow_dirty: bool
    access: Access
    push: PushPlan

    def to_document(self) -> dict[str, Any]:
        """What `docker.plan --format json` prints, without the commands."""
        return {
            "schema": 1,
            "revision": self.revision.commit if self.revision else "",
            "branch": self.revision.branch if self.revision else "",
            "dirty": list(self.revision.dirty) if self.revision else [],
            "images": [_image_document(image) for image in self.images],
        }


def make(
    settings: Settings, revision: Revision | None, *, source_date: int, only: Sequence[str] = ()
) -> Plan:
    """Decide what a run will do.

    Args:
        settings: The resolved settings.
        revision: What git says, or None.
        source_date: Seconds since 1970 for everything built; see `source_date_of`.
        only: Names of images; empty for all.

    Raises:
        UsageError: A name is unknown, a tag is illegal, or two images would share a tag.
    """
    unknown = [name for name in only if name not in settings.images]
    if unknown:
        raise UsageError(
            f"there is no image {unknown[0]!r}", hint=f"images here: {', '.join(settings.images)}"
        )
    images = tuple(
        _image(settings, name, image, revision, source_date)
        for name, image in settings.images.items()
        if not only or name in only
    )
    _refuse_shared_tags(images)
    return Plan(
        images=images,
        revision=revision,
        allow_dirty=settings.allow_dirty,
        access=settings.access(),
        push=PushPlan(
            jobs=settings.push_jobs,
            if_unmoved=settings.if_unmoved,
            overwrite_tags=settings.overwrite_tags,
        ),
    )


def source_date_of(
    revision: Revision | None, environment: Mapping[str, str], now: Callable[[], float]
) -> int:
    """The date of everything built: SOURCE_DATE_EPOCH, else the commit's, else now.

    Raises:
        UsageError: SOURCE_DATE_EPOCH is not a number of seconds
            (https://reproducible-builds.org/specs/source-date-epoch/).
    """
    text = environment.get("SOURCE_DATE_EPOCH", "")
    if text:
        if not re.fullmatch(r"\d{1,11}", text):
            raise UsageError(
                f"SOURCE_DATE_EPOCH is {text[:40]!r}", hint="give whole seconds since 1970, or unset it"
            )
        return int(text)
    return revision.source_date if revision else int(now())


def _image(
    settings: Settings, name: str, image: ImageSettings, revision: Revision | None, source_date: int
) -> ImagePlan:
    repository = references.parse(image.repository) if image.repository else None
    also = tuple(references.parse(further) for further in image.also_push_to)
    default_branch = settings.default_branch or (revision.default_branch if revision else "")
    labels = {**_standard_labels(name, revision, source_date), **image.labels}
    return ImagePlan(
        name=name,
        root=settings.root,
        repository=repository,
        also=also,
        platforms=image.platforms,
        tags=tags.resolve(image.tags, revision, default_branch, source_date),
        labels=labels,
        annotations={
            **{key: text for key, text in labels.items() if key.startswith(_OCI)},
            **image.annotations,
        },
        build_args=_build_args(image, revision, source_date),
        layout=settings.root / settings.dist / name,
        source_date=source_date,
        revision=revision.commit if revision else "",
        timeout=settings.timeout,
        locked=settings.locked,
        settings=image,
    )


def _standard_labels(name: str, revision: Revision | None, source_date: int) -> dict[str, str]:
    labels = {f"{_OCI}title": name, f"{_OCI}created": rfc3339(source_date)}
    if revision:
        labels |= {f"{_OCI}revision": revision.commit, f"{_OCI}version": tags.version_of(revision)}
        if revision.source:
            labels[f"{_OCI}source"] = revision.source
    return labels


def _build_args(image: ImageSettings, revision: Revision | None, source_date: int) -> dict[str, str]:
    own = {
        "COMMIT": revision.commit if revision else "unknown",
        "VERSION": tags.version_of(revision),
        "SOURCE_DATE_EPOCH": str(source_date),
    }
    return {**own, **image.build_args}


def _refuse_shared_tags(images: Iterable[ImagePlan]) -> None:
    seen: dict[tuple[str, str], str] = {}
    for image in images:
        if len(set(image.repositories)) != len(image.repositories):
            raise UsageError(
                f"the image {image.name!r} names a repository twice", hint="look at `also_push_to`"
            )
        for key in ((place.name, tag) for place in image.repositories for tag in image.tags):
            if seen.setdefault(key, image.name) != image.name:
                raise UsageError(
                    f"the images {seen[key]!r} and {image.name!r} would both be {key[0]}:{key[1]}",
                    hint="give each [images.NAME] its own repository or tags",
                )


def _image_document(image: ImagePlan) -> dict[str, Any]:
    return {
        "name": image.name,
        "repository": str(image.repository) if image.repository else "",
        "also_push_to": [str(further) for further in image.also],
        "tags": list(image.tags),
        "platforms": [str(platform) for platform in image.platforms],
        "labels": dict(image.labels),
        "annotations": dict(image.annotations),
        "build_args": dict(image.build_args),
        "layout": str(image.layout),
        "source_date": image.source_date,
    }
