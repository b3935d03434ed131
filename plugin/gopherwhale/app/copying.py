"""docker.copy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gopherwhale import pipeline, platforms
from gopherwhale.app import gate
from gopherwhale.app.registries import registry_client
from gopherwhale.app.request import Request, agreed, settings_of
from gopherwhale.app.sources import open_source
from gopherwhale.app.verifying import ANY
from gopherwhale.console import human_size
from gopherwhale.errors import ExitCode, UsageError
from gopherwhale.oci.push import Choices, PushResult, TagRules, bring, tag_all
from gopherwhale.oci.referring import copy_referrers
from gopherwhale.oci.registry import RegistryClient, RegistrySource
from gopherwhale.oci.source import ImageSource
from gopherwhale.oci.survey import look_at_tags
from gopherwhale.references import Reference
from gopherwhale.references import parse as parse_reference
from gopherwhale.settings import Settings
from gopherwhale.stopping import held
from gopherwhale.verify.image import Wanted, verify_image


@dataclass(frozen=True, kw_only=True)
class _Copied:
    result: PushResult
    referrers: int


def copy(
    request: Request, place: Sequence[str] = (), expect: str = "", *, referrers: bool = False
) -> ExitCode:
    """Promote an image by digest: verify it, bring it to every destination, and move the tags last.

    Args:
        request: What was asked for.
        place: The source, as of `docker.verify-arch`, and the references to copy it to.
        expect: The platforms that must be there; empty, or `any`, for those that the image declares.
        referrers: Copy what refers to the image too.

    Raises:
        UsageError: There is no destination, or a tag may not be moved.
        VerificationError: The image is not what it declares; nothing was copied.
        RegistryError: A registry failed; no tag has moved, or the message says which.
    """
    if len(place) < 2:  # noqa: PLR2004 -- a source and a destination
        raise UsageError("a copy wants a source and a place to go", hint="docker.copy SOURCE REFERENCE...")
    targets = _targets(place[1:])
    chosen = settings_of(request)
    wanted = _wanted(expect, chosen)
    with (
        registry_client(request, chosen.access()) as client,
        open_source(place[0], request.start, lambda: client, request.environment) as opened,
    ):
        source = _pinned(opened, client)
        if referrers and not isinstance(source, RegistrySource):
            raise UsageError(f"{source.name} is in no registry: it has no referrers", hint="omit --referrers")
        unmoved = _tags_now(targets, client) if chosen.if_unmoved else None
        _verify(source, wanted, request)
        choices = Choices(
            jobs=chosen.push_jobs,
            rules=TagRules(overwrite=chosen.overwrite_tags, unmoved=unmoved),
            lenders=(source.reference,) if isinstance(source, RegistrySource) else (),
        )
        copied = _bring(source, targets, client, request, choices, referrers=referrers)
    _show(source, copied, request)
    return ExitCode.GOOD


def _wanted(expect: str, chosen: Settings) -> Wanted:
    """What the image is held against: the settings count where they have one answer, as for verify-arch."""
    one = agreed([image.verify for image in chosen.images.values()])
    return Wanted(
        platforms=None if expect in ("", ANY) else platforms.parse_many([expect]),
        everything=one is not None and one.all,
        policy=pipeline.policy(one) if one else (),
    )


def _targets(words: Sequence[str]) -> dict[Reference, tuple[str, ...]]:
    """The tags to move, by repository; none where a destination names no tag."""
    found: dict[Reference, tuple[str, ...]] = {}
    for word in words:
        reference = parse_reference(word.removeprefix("docker://"))
        if reference.digest:
            raise UsageError(f"{word} names a digest: the source decides it", hint="name a tag or nothing")
        repository = Reference(registry=reference.registry, repository=reference.repository)
        tags = (reference.tag,) if reference.tag else ()
        found[repository] = tuple(dict.fromkeys((*found.get(repository, ()), *tags)))
    return found


def _pinned(source: ImageSource, client: RegistryClient) -> ImageSource:
    """The source by its digest: a tag may move between our looks at it."""
    if not isinstance(source, RegistrySource):
        return source
    return RegistrySource(client, source.reference.with_digest(source.root.digest))


def _verify(source: ImageSource, wanted: Wanted, request: Request) -> None:
    gate.refuse_unless_verified([verify_image(source, wanted, say=request.console.say)], request)


def _tags_now(targets: Mapping[Reference, Sequence[str]], client: RegistryClient) -> dict[str, str]:
    found: dict[str, str] = {}
    for target, tags in targets.items():
        found |= look_at_tags([target], tags, client)
    return found


def _bring(
    source: ImageSource,
    targets: Mapping[Reference, Sequence[str]],
    client: RegistryClient,
    request: Request,
    choices: Choices,
    *,
    referrers: bool,
) -> list[_Copied]:
    waiting, counts = [], []
    for target, tags in targets.items():
        brought = bring(source, target, tags, client=client, say=request.console.say, choices=choices)
        count = 0
        if referrers and isinstance(source, RegistrySource):
            count = copy_referrers(source, target, client, choices, request.console.say)
        waiting.append(brought)
        counts.append(count)
    # Tags move when the image is in every place, and everywhere or nowhere.
    with held(request.console.say, "the tags are moved"):
        results = tag_all(waiting)
    return [_Copied(result=result, referrers=count) for result, count in zip(results, counts, strict=True)]


def _show(source: ImageSource, copied: Sequence[_Copied], request: Request) -> None:
    rows, documents = [], []
    for one in copied:
        result = one.result
        names = [tag.reference for tag in result.tags] or [f"{result.repository}@{result.digest}"]
        moved = f"{result.blobs_sent} blobs, {human_size(result.bytes_sent)}"
        rows += [(name, result.digest, moved) for name in names]
        documents.append(_document(one))

    def text() -> str:
        title = f"{source.name}: verified and copied"
        return request.console.table(("copied to", "digest", "sent"), rows, title=title)

    request.console.show(text, {"schema": 1, "source": source.name, "copies": documents})


def _document(copied: _Copied) -> dict[str, Any]:
    result = copied.result
    return {
        "repository": result.repository,
        "digest": result.digest,
        "tags": [tag.reference for tag in result.tags],
        "blobs_sent": result.blobs_sent,
        "blobs_present": result.blobs_present,
        "bytes_sent": result.bytes_sent,
        "referrers": copied.referrers,
        "seconds": round(result.seconds, 3),
    }
