"""Lists that a registry hands out in pages, linked by RFC 8288; first of all a repository's tags."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import Any, Final, TypeVar
from urllib.parse import urljoin, urlsplit

from gopherwhale.errors import LayoutError, RegistryError
from gopherwhale.oci.reading import read_whole
from gopherwhale.oci.session import NOT_FOUND, OK, Session, expect
from gopherwhale.oci.strict_json import MAX_DOCUMENT, load_json
from gopherwhale.oci.transport import Answer
from gopherwhale.oci.urls import netloc, shown
from gopherwhale.references import Reference, is_tag

Entry = TypeVar("Entry")

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
        path = _inside(session, target, answer.url, link, path)
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

    def names(body: bytes) -> dict[str, None]:
        listed = object_of(body, target).get("tags") or []
        if not isinstance(listed, list) or not all(isinstance(name, str) and is_tag(name) for name in listed):
            raise RegistryError(f"{target.name}: the registry lists what cannot be a tag")
        return dict.fromkeys(listed)

    found = gathered(session, target, "tags/list?n=1000", names, what="tags", absent={NOT_FOUND})
    return list(found or ())


def gathered(
    session: Session,
    target: Reference,
    path: str,
    read: Callable[[bytes], Mapping[str, Entry]],
    *,
    what: str,
    absent: Collection[int],
    digest: str = "",
) -> dict[str, Entry] | None:
    """The entries of a list over all its pages, in the registry's order, each once.

    Args:
        session: With the registry.
        target: The repository.
        path: Of the list, below the repository's name.
        read: Takes a page apart.
        what: What is listed, for a message.
        absent: Statuses of the first answer that say that there is no such list.
        digest: What the list is about, for a message.

    Returns:
        The entries; None where there is no such list.

    Raises:
        RegistryError: The registry fails, or lists over `MAX_ENTRIES`.
        AuthenticationError: It refuses us.
    """
    found: dict[str, Entry] = {}
    for number, (answer, body) in enumerate(pages(session, target, path)):
        if not number and answer.status in absent:
            return None
        expect(answer, {OK}, target, body, digest)
        found |= read(body)
        if len(found) > MAX_ENTRIES:
            raise RegistryError(f"{target.name}: the registry lists over {MAX_ENTRIES} {what}")
    return found


def _inside(session: Session, target: Reference, url: str, link: str, path: str) -> str:
    """A next page as a path of the same repository: nobody leads our credential elsewhere by a link.

    A registry behind a proxy may not know how it is reached: the page is asked for at our own address, and
    of its path only the list's end counts. Artifactory leaves out the key at its beginning (RTFACT-18971),
    Nexus puts one before (sonatype/nexus-public#1011).
    """
    joined, below = urljoin(url, link), path.partition("?")[0]
    parts = urlsplit(joined)
    name = parts.path.removesuffix(f"/{below}").rpartition("/v2/")[2]
    ours = parts.path.endswith(f"/{below}") and f"/{target.repository}".endswith(f"/{name}")
    if netloc(joined) != netloc(session.base(target)) or not ours:
        raise RegistryError(f"{target.name}: the registry's list goes on at {shown(joined)}; not followed")
    return below + (f"?{parts.query}" if parts.query else "")
