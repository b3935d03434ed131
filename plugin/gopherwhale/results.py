"""What the commands show of their results: tables and lines for people, documents for machines."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gopherwhale.console import Console, human_size
from gopherwhale.oci.documents import Manifest
from gopherwhale.oci.layout import Layout, walk
from gopherwhale.pipeline import Built
from gopherwhale.plan import ImagePlan
from gopherwhale.platforms import Platform

if TYPE_CHECKING:
    from gopherwhale.oci.push import PushResult
    from gopherwhale.oci.survey import Content, Presence


def plan_lines(image: ImagePlan, commands: Sequence[Sequence[str]]) -> list[str]:
    """A plan for people: target, tags, platforms, labels, arguments and commands, a line each."""
    target = image.repository.name if image.repository else "no repository is set"
    lines = [
        f"{image.name}: {target}",
        f"  tags: {', '.join(image.tags) or 'none'}",
        f"  platforms: {', '.join(map(str, image.platforms))}",
        f"  layout: {image.layout}",
    ]
    tables = {"labels": image.labels, "annotations": image.annotations, "build arguments": image.build_args}
    for title, table in tables.items():
        lines += [f"  {title}:", *(f"    {key}={text}" for key, text in table.items())]
    return [*lines, "  commands:", *(f"    {shlex.join(command)}" for command in commands)]


def _sizes(layout: Path) -> dict[Platform | None, tuple[str, int]]:
    """By platform: the manifest's digest and the compressed bytes that a pull of it moves."""
    source = Layout(layout)
    return {
        descriptor.platform: (
            descriptor.digest,
            document.config.size + sum(part.size for part in document.layers),
        )
        for descriptor, document in walk(source)
        if isinstance(document, Manifest) and not descriptor.is_attestation
    }


def built_table(image: ImagePlan, built: Built, console: Console) -> str:
    """What a build left, by platform: digest, bytes, steps and seconds."""
    sizes = _sizes(image.layout)
    rows = []
    for work in built.work:
        digest, size = sizes.get(work.platform, ("missing", 0))
        rows.append(
            (
                str(work.platform),
                digest,
                human_size(size),
                str(work.cached),
                str(work.built),
                f"{work.seconds:.1f}",
            )
        )
    title = f"{image.name}: {built.root.digest} in {image.layout}, {built.seconds:.1f} s"
    return console.table(("platform", "digest", "size", "cached", "built", "seconds"), rows, title=title)


def built_document(image: ImagePlan, built: Built) -> dict[str, Any]:
    """The same for machines."""
    sizes = _sizes(image.layout)
    return {
        "name": image.name,
        "digest": built.root.digest,
        "layout": str(image.layout),
        "engine": built.engine,
        "seconds": round(built.seconds, 3),
        "platforms": [
            {
                "platform": str(work.platform),
                "digest": sizes.get(work.platform, ("", 0))[0],
                "size": sizes.get(work.platform, ("", 0))[1],
                "steps_cached": work.cached,
                "steps_built": work.built,
                "seconds": round(work.seconds, 3),
            }
            for work in built.work
        ],
    }


def survey_lines(image: ImagePlan, content: Content, present: Sequence[Presence]) -> list[str]:
    """What a push would send, for people: by repository, then by blob, document and tag."""
    digest = content.root[0].digest
    lines = [f"{image.name}: {digest}; nothing was sent"]
    for state in present:
        there = len(content.blobs) - len(state.blobs)
        lines.append(
            f"  {state.target.name}: {len(state.blobs)} blobs to send ({human_size(state.bytes_missing)}),"
            f" {there} there already; {len(state.documents)} manifests to put"
        )
        lines += [f"    blob {blob.digest} ({human_size(blob.size)})" for blob in state.blobs.values()]
        lines += [f"    manifest {descriptor.digest}" for descriptor, _ in state.documents]
        lines += [f"    tag {tag}: {_move(now, digest)}" for tag, now in state.tags.items()]
    return lines


def _move(now: str, digest: str) -> str:
    if now == digest:
        return "points there already"
    return f"would move from {now}" if now else "would be new"


def survey_document(content: Content, present: Sequence[Presence]) -> dict[str, Any]:
    """The same for machines."""
    return {
        "repositories": [
            {
                "repository": state.target.name,
                "blobs": [{"digest": blob.digest, "size": blob.size} for blob in state.blobs.values()],
                "bytes": state.bytes_missing,
                "manifests": [descriptor.digest for descriptor, _ in state.documents],
                "tags": [
                    {"tag": tag, "now": now, "moves": now != content.root[0].digest}
                    for tag, now in state.tags.items()
                ],
            }
            for state in present
        ]
    }


def pushed_table(image: ImagePlan, result: PushResult, console: Console, receipt: Path) -> str:
    """What a push published: each tag and the digest it points at, or the digest alone."""
    untagged = [(f"{result.repository}@{result.digest}", result.digest)]
    rows = [(tag.reference, tag.digest) for tag in result.tags] or untagged
    sent = f"{result.blobs_sent} blobs sent ({human_size(result.bytes_sent)})"
    moved = f"{sent}, {result.blobs_present} there already"
    title = f"{image.name}: pushed in {result.seconds:.1f} s, {moved}; receipt {receipt}"
    return console.table(("tag" if result.tags else "without a tag", "digest"), rows, title=title)


def pushed_document(result: PushResult, receipt: Path) -> dict[str, Any]:
    """The same for machines; the receipt says all of it."""
    return {
        "repository": result.repository,
        "also": list(result.also),
        "tags": [tag.reference for tag in result.tags],
        "receipt": str(receipt),
        "blobs_sent": result.blobs_sent,
        "blobs_present": result.blobs_present,
        "bytes_sent": result.bytes_sent,
    }
