"""Open an image and judge it: every platform's final file system against what the index declares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from gopherwhale.console import counted
from gopherwhale.errors import LayoutError
from gopherwhale.oci.documents import INDEX_TYPES, MANIFEST_TYPES, Descriptor, Index
from gopherwhale.oci.source import ImageSource, read_index
from gopherwhale.platforms import Platform, normalise
from gopherwhale.verify import judge
from gopherwhale.verify.cache import LayerCache
from gopherwhale.verify.codes import CODES
from gopherwhale.verify.findings import File, Finding, PlatformReport, Report, finding
from gopherwhale.verify.opening import Meanwhile, Opened, open_images
from gopherwhale.verify.policy import Rule, weigh
from gopherwhale.verify.running import judge_running
from gopherwhale.verify.sameness import Held, judge_sameness
from gopherwhale.verify.scope import Scope
from gopherwhale.verify.users import judge_user

Say = Callable[[str], None]
_MAX_IMAGES: Final = 256
_UNKNOWN: Final = normalise("unknown", "unknown")
_ARTIFACT: Final = "not-an-image"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What an image is held against.

    Attributes:
        platforms: Those that must be there, exactly; None for whatever the image declares.
        revision: The commit that it must be of, at least its first seven digits; empty for any.
        everything: Whether every program of the image is judged, reached or not.
        policy: Findings that are weighed otherwise.
        only: The platforms that are read and judged at all; None for every one.
    """

    platforms: Sequence[Platform] | None = None
    revision: str = ""
    everything: bool = False
    policy: Sequence[Rule] = ()
    only: Sequence[Platform] | None = None

    def leaves_out(self, platform: Platform | None) -> bool:
        """Whether nobody asked about a platform; what declares none is looked at to see."""
        return self.only is not None and platform is not None and platform not in self.only


class _Entries(NamedTuple):
    images: tuple[Descriptor, ...] = ()
    attestations: int = 0
    listed: bool = False
    problem: tuple[Finding, ...] = ()


class _Judged(NamedTuple):
    report: PlatformReport
    held: Held | None = None
    version: str = ""


def verify_image(
    source: ImageSource,
    wanted: Wanted | None = None,
    *,
    cache: LayerCache | None = None,
    say: Say | None = None,
    meanwhile: Meanwhile | None = None,
) -> Report:
    """Verify an image.

    Args:
        source: Where it is.
        wanted: What it must be; nothing beyond its own declaration where None.
        cache: What was found in layers before; None to read all of them.
        say: Takes lines of progress, from several threads.
        meanwhile: Called once while layers are read, as to import what the steps after this one need.

    Returns:
        The report. What is damaged, ambiguous or beyond our bounds is a finding too, so that the other
        platforms are judged all the same.

    Raises:
        RegistryError: The source could not be reached.
    """
    wanted = wanted or Wanted()
    entries = _entries(source, wanted)
    if say:
        say(f"reading {counted(len(entries.images), 'image')} of {source.name}")
    opened = open_images(source, entries.images, cache=cache, say=say, meanwhile=meanwhile)
    pairs = [
        (entry, found)
        for entry, found in zip(entries.images, opened, strict=True)
        if not (entries.listed and _is_artifact(entry, found))
    ]
    attestations = entries.attestations + len(opened) - len(pairs)
    pairs = [
        pair for pair in pairs if isinstance(pair[1], LayoutError) or not wanted.leaves_out(pair[1].declared)
    ]
    judged = [_judge_one(entry, found, wanted, listed=entries.listed) for entry, found in pairs]
    findings = entries.problem or (
        *judge.judge_set([(one.report.platform, one.version) for one in judged], wanted.platforms),
        *judge_sameness([one.held for one in judged if one.held]),
    )
    return Report(
        source=source.name,
        digest=source.root.digest,
        platforms=tuple(
            replace(one.report, findings=weigh(one.report.findings, wanted.policy)) for one in judged
        ),
        findings=weigh(findings, wanted.policy),
        attestations=attestations,
    )


def unreadable(name: str, error: LayoutError) -> Report:
    """The report of a source that could not even be opened."""
    return Report(source=name, digest="", platforms=(), findings=(_unread(error, None),), attestations=0)


def _is_artifact(entry: Descriptor, found: Opened | LayoutError) -> bool:
    """Whether it is a signature or the like, which an index may hold beside its images."""
    unnamed = entry.platform is None or entry.platform.is_unknown
    if not unnamed or not isinstance(found, LayoutError):
        return False
    # What has a type that we do not know shall be passed over (image-spec, "image index").
    return found.code == _ARTIFACT or entry.media_type not in MANIFEST_TYPES


def _entries(source: ImageSource, wanted: Wanted) -> _Entries:
    root = source.root
    if root.media_type not in INDEX_TYPES:
        return _Entries(images=(root,))
    try:
        index = read_index(source, root)
        _refuse_beyond(index, source.name)
    except LayoutError as error:
        return _Entries(problem=(_unread(error, None),))
    images = tuple(entry for entry in index.images if not wanted.leaves_out(entry.platform))
    return _Entries(images=images, attestations=len(index.attestations), listed=True)


def _refuse_beyond(index: Index, name: str) -> None:
    if len(index.manifests) > _MAX_IMAGES:
        raise LayoutError(f"{name} has more than {_MAX_IMAGES} entries", code="beyond-bounds")
    nested = [entry for entry in index.images if entry.media_type in INDEX_TYPES]
    if nested:
        raise LayoutError(f"{name} holds an index in its index, {nested[0].digest}", code="nested-index")


def _judge_one(entry: Descriptor, found: Opened | LayoutError, wanted: Wanted, *, listed: bool) -> _Judged:
    if isinstance(found, LayoutError):
        return _Judged(report=_blank(entry, _unread(found, entry.platform)), version=entry.os_version)
    scope = Scope(found.declared, found.config, found.system, everything=wanted.everything)
    findings = (
        *judge.judge_entry(entry, listed=listed),
        *judge.judge_config(found.declared, found.config),
        *scope.findings,
        *judge.judge_reached(scope),
        *judge.judge_revision(found.declared, found.config, scope, wanted.revision),
        *judge_running(scope),
        *judge_user(scope),
    )
    report = _report(found, scope, findings)
    return _Judged(report=report, held=_held(scope), version=entry.os_version)


def _report(image: Opened, scope: Scope, findings: tuple[Finding, ...]) -> PlatformReport:
    program = scope.program
    return PlatformReport(
        platform=image.declared,
        digest=image.entry.digest,
        size=image.manifest.config.size + sum(layer.size for layer in image.manifest.layers),
        entrypoint=scope.entrypoint,
        program=program.path if program else "",
        facts=program.facts if program else None,
        files=tuple(
            File(path=one.path, role=one.role, facts=one.facts, digest=one.node.digest)
            for one in scope.reached.values()
        ),
        findings=findings,
    )


def _blank(entry: Descriptor, problem: Finding) -> PlatformReport:
    return PlatformReport(
        platform=entry.platform or _UNKNOWN,
        digest=entry.digest,
        size=0,
        entrypoint="",
        program="",
        facts=None,
        files=(),
        findings=(problem,),
    )


def _unread(error: LayoutError, platform: Platform | None) -> Finding:
    code = error.code if error.code in CODES else "damaged"
    return finding(code, platform, expected="an image to be read", found=error.problem, remedy=error.hint)


def _held(scope: Scope) -> Held:
    machines: dict[str, set[str]] = {}
    for _, node in scope.known:
        if node.facts and node.facts.architecture and not node.facts.is_data:
            machines.setdefault(node.layer, set()).add(node.facts.architecture)
    program = scope.program
    return Held(
        platform=scope.declared,
        path=program.path if program else "",
        facts=program.facts if program else None,
        digest=program.node.digest if program else "",
        programs={
            one.node.digest: one.path
            for one in scope.reached.values()
            if one.is_code and one.role in ("entrypoint", "argument")
        },
        layers=scope.config.diff_ids,
        machines=machines,
    )
