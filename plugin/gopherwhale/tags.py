"""Git facts become tags: releases, branches, commits, and the templates of the settings.

Pure. Versions are read by Semantic Versioning 2.0.0 with Go's leading "v".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from gopherwhale import references
from gopherwhale.errors import UsageError
from gopherwhale.git import Revision  # noqa: TID251 -- tags are made of it

AUTO: Final = "auto"
LOCAL_TAG: Final = "dev"
_FIELD = re.compile(r"\{([^{}]*)\}")
_NUMBER: Final = r"(0|[1-9][0-9]{0,17})"
_VERSION = re.compile(rf"v{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-([0-9A-Za-z.-]{{1,128}}))?(?:\+[0-9A-Za-z.-]+)?")
_ALMOST_A_VERSION = re.compile(r"[vV]?\d[\w.+-]*")
_RESERVED_TAG = re.compile(rf"latest|{LOCAL_TAG}|sha-.*|v?\d[\d.]*([-+].*)?")
_MAX_TAG: Final = 128


def resolve(
    templates: Iterable[str], revision: Revision | None, default_branch: str, source_date: int
) -> tuple[str, ...]:
    """Turn the setting `tags` into the tags of one image.

    Args:
        templates: `auto` for those of `automatic_tags`, and templates as `nightly-{date}`.
        revision: What git says, or None.
        default_branch: The branch that is `latest`.
        source_date: Seconds since 1970, for `{date}`.

    Raises:
        UsageError: A template names an unknown field, or a tag is illegal.
    """
    tags: list[str] = []
    for template in templates:
        if template == AUTO:
            tags += automatic_tags(revision, default_branch)
        else:
            tags += _expand(template, _fields(revision, source_date))
    for tag in tags:
        if not references.is_tag(tag):
            raise UsageError(
                f"{tag!r} is not a legal tag", hint="see the setting `tags`; at most 128 of a-z, 0-9, '_.-'"
            )
    return tuple(dict.fromkeys(tags))


def follow_git(templates: Iterable[str]) -> bool:
    """Whether any of the setting `tags` says something of a commit: a later one's may not be given to it."""
    return any(template == AUTO or _FIELD.search(template) for template in templates)


def automatic_tags(revision: Revision | None, default_branch: str) -> tuple[str, ...]:
    """The tags that follow from git alone.

    The default branch gives `latest` and `sha-<12>`; a tag `v1.2.3` gives `1.2.3`, `1.2`, `1` (not for
    0.x) and `latest`, as far as no higher release is known; a pre-release only its own version; another
    branch its slug; a detached commit `sha-<12>`.
    """
    if revision is None:
        return ()
    tags = _release_tags(revision)
    if revision.branch and revision.branch == default_branch:
        tags += ["latest", f"sha-{revision.short}"]
    elif revision.branch:
        tags.append(slug(revision.branch))
    if not tags:
        tags.append(f"sha-{revision.short}")
    return tuple(dict.fromkeys(tags))


def no_version(revision: Revision) -> str:
    """A tag of the commit that looks like a version and is none, so that the commit has none; else empty."""
    if any(map(_parse_version, revision.tags)):
        return ""
    return next((tag for tag in revision.tags if _ALMOST_A_VERSION.fullmatch(tag)), "")


def perhaps_outdated(revision: Revision) -> str:
    """The commit's release, where no other is known because a clone has no other tags; else empty."""
    releases = [version for version in map(_parse_version, revision.tags) if version and version.is_release]
    return max(releases).text if revision.alone and releases else ""


def slug(branch: str) -> str:
    """A branch's name as a legal tag that can be mistaken for no other kind of tag."""
    text = re.sub(r"[^a-z0-9._-]+", "-", branch.lower()).strip(".-")[:_MAX_TAG] or "branch"
    return f"branch-{text}"[:_MAX_TAG] if _RESERVED_TAG.fullmatch(text) else text


def version_of(revision: Revision | None) -> str:
    """The version that the program reports: the release at this commit, else the commit."""
    if revision is None:
        return "unknown"
    releases = sorted(filter(None, map(_parse_version, revision.tags)))
    version = releases[-1].text if releases else f"sha-{revision.short}"
    return f"{version}-dirty" if revision.dirty else version


@dataclass(frozen=True, order=True)
class _Version:
    core: tuple[int, int, int]
    is_release: bool
    prerelease: tuple[tuple[int, int, str], ...]
    text: str


def _parse_version(tag: str) -> _Version | None:
    match = _VERSION.fullmatch(tag)
    if match is None:
        return None
    parts = (match[4] or "").split(".") if match[4] else []
    # SemVer 2.0.0 section 11: numbers compare as numbers and stand below words.
    order = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts)
    core = (int(match[1]), int(match[2]), int(match[3]))
    # "+build" is no part of a version's rank, and "+" is not legal in a tag.
    return _Version(core, not parts, order, tag[1:].partition("+")[0])


def _release_tags(revision: Revision) -> list[str]:
    known = [
        version for version in map(_parse_version, revision.known_tags) if version and version.is_release
    ]
    tags: list[str] = []
    for version in sorted(filter(None, map(_parse_version, revision.tags)), reverse=True):
        tags.append(version.text)
        if not version.is_release:
            continue
        major, minor, _ = version.core
        if not any(other > version for other in known if other.core[:2] == (major, minor)):
            tags.append(f"{major}.{minor}")
        if major and not any(other > version for other in known if other.core[0] == major):
            tags.append(str(major))
        if not any(other > version for other in known):
            tags.append("latest")
    return tags


def _fields(revision: Revision | None, source_date: int) -> dict[str, str]:
    day = datetime.fromtimestamp(source_date, UTC).strftime("%Y%m%d")
    fields = dict.fromkeys(("branch", "commit", "short", "version", "major", "minor"), "") | {"date": day}
    if revision is None:
        return fields
    fields |= {"branch": slug(revision.branch) if revision.branch else "", "commit": revision.commit}
    fields |= {"short": revision.short}
    releases = sorted(filter(None, map(_parse_version, revision.tags)))
    if releases:
        major, minor, _ = releases[-1].core
        fields |= {"version": releases[-1].text, "major": str(major), "minor": f"{major}.{minor}"}
    return fields


def _expand(template: str, fields: Mapping[str, str]) -> list[str]:
    names = _FIELD.findall(template)
    unknown = [name for name in names if name not in fields]
    if unknown:
        raise UsageError(
            f"the tag template {template!r} names {unknown[0]!r}",
            hint=f"known: {', '.join(sorted(fields))}, or `{AUTO}`",
        )
    # A template of something that this commit has not (no release, no branch) gives no tag.
    return (
        [_FIELD.sub(lambda match: fields[match[1]], template)] if all(fields[name] for name in names) else []
    )
