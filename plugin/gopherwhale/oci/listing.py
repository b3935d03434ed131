"""Lists that a registry hands out in pages, linked by RFC 8288; first of all a repository's tags."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from gopherwhale.errors import LayoutError, RegistryError
from gopherwhale.oci.reading import read_whole
from gopherwhale.oci.session import NOT_FOUND, OK, Session, expect
from gopherwhale.oci.strict_json import MAX_DOCUMENT, load_json
from gopherwhale.oci.transport import Answer
from gopherwhale.oci.urls import origin, shown
from gopherwhale.references import Reference, is_tag

MAX_PAGES: Final = 1000
MAX_ENTRIES: Final = 100_000
_MAX_LINK: Final = 8192
_LINK: Final = re.compile(r'<([^<>]*)>((?:\s*;\s*[\w*!-]+\s*=\s*(?:"[^"]*"|[^\s",;]*))*)\s*(?:,|$)')
_REL: Final = re.compile(r';\s*rel\s*=\s*(?:"([^"]*)"|([^\s",;]*))', re.IGNORECASE)


def next_link(header: str) -> str:
    """The target of a Link header's `rel="next"`, or empty."""
    for match in _LINK.finditer(header[:_MAX_LINK]):
        relation = _REL.search(match[2])
        if relation and "next" in (relation[1] or relation[2] or "").lower().split():
            return match[1].strip()
    return ""


def pages(session: Session, target: Reference, path: str) -> Iterator[tuple[Answer, bytes]]:
    """Read a list page after page; the caller judges each answer before it takes the next.

    Raises:
        RegistryError: A page leads out of the repository or back, or there are over `MAX_PAGES`.
    """
    seen = {path}
    for _ in range(MAX_PAGES):
        answer, body = read_whole(partial(session.ask, "GET", target, path, {}), MAX_DOCUMENT)
        yield answer, body
        link = next_link(answer.headers.get("link", ""))
        if not link:
            return
        path = _inside(session, target, answer.url, link)
        if path in seen:
            raise RegistryError(f"{target.name}: the registry's list leads in a circle")
        seen.add(path)
    raise RegistryError(f"{target.name}: the registry's list has over {MAX_PAGES} pages")


def object_of(body: bytes, target: Reference) -> dict[str, Any]:
    """A page's JSON object.

    Raises:
        RegistryError: It is none.
    """
    try:
        return load_json(body, f"{target.name}: the registry's list")
    except LayoutError as error:
        raise RegistryError(error.problem) from None


def list_tags(session: Session, target: Reference) -> list[str]:
    """Every tag of a repository, as the registry orders them; empty where there is no such repository.

    Raises:
        RegistryError: The registry fails, or lists what cannot be a tag or over `MAX_ENTRIES`.
        AuthenticationError: It refuses us.
    """
    found: dict[str, None] = {}
    for answer, body in pages(session, target, "tags/list?n=1000"):
        if answer.status == NOT_FOUND and not found:
            return []
        expect(answer, {OK}, target, body)
        names = object_of(body, target).get("tags") or []
        if not isinstance(names, list) or not all(isinstance(name, str) and is_tag(name) for name in names):
            raise RegistryError(f"{target.name}: the registry lists what cannot be a tag")
        found.update(dict.fromkeys(names))
        if len(found) > MAX_ENTRIES:
            raise RegistryError(f"{target.name}: the registry lists over {MAX_ENTRIES} tags")
    return list(found)


def _inside(session: Session, target: Reference, url: str, link: str) -> str:
    """A next page as a path of the same repository: nobody leads our credential elsewhere by a link."""
    joined = urljoin(url, link)
    parts, start = urlsplit(joined), f"/v2/{target.repository}/"
    if origin(joined) != origin(session.base(target)) or not parts.path.startswith(start):
        raise RegistryError(f"{target.name}: the registry's list goes on at {shown(joined)}; not followed")
    return parts.path.removeprefix(start) + (f"?{parts.query}" if parts.query else "")
