from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gopherwhale.errors import GopherwhaleError, RegistryError
from gopherwhale.oci import listing
from gopherwhale.oci.documents import OCI_INDEX, OCI_MANIFEST, Descriptor, digest_of, encode
from gopherwhale.oci.listing import list_tags, next_link
from gopherwhale.oci.referrers import add_referrer, fallback_tag, list_referrers
from gopherwhale.oci.registry import RegistryClient
from gopherwhale.oci.transport import Transport
from gopherwhale.references import Reference
from tests.servers.recording import Asked, Recording, Reply, recording

SUBJECT = digest_of(b"subject")
SBOM, SIGNATURE = "application/spdx+json", "application/vnd.example.signature"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('</v2/x/tags/list?n=2&last=b>; rel="next"', "/v2/x/tags/list?n=2&last=b"),
        ("<a>;rel=next", "a"),
        ('<a>; rel="prev", <b>; rel="next"', "b"),
        ('<a,b;c>; title="x, <y>; rel=next"; rel="first next"', "a,b;c"),
        ('<a>; REL="NEXT"', "a"),
        ('<a>; rel="prev"', ""),
        ('<a>; title="rel=next"', ""),
        ("<a>", ""),
        ("a; rel=next", ""),
        ("", ""),
    ],
)
def test_the_next_page_is_the_link_called_next(header: str, expected: str) -> None:
    """RFC 8288: several links, quoted or not, in any letters."""
    assert next_link(header) == expected


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="<>"), max_size=30))
def test_a_link_that_is_written_by_the_rules_is_read(target: str) -> None:
    """Whatever stands between the brackets comes back."""
    assert next_link(f'<other>; rel="prev"; title="a, b", <{target}>; rel="next"') == target


@settings(max_examples=100, deadline=None)
@given(st.text(st.sampled_from('<>;=", relnxt') | st.characters(), max_size=300))
def test_no_link_breaks_the_reader(header: str) -> None:
    """Any header gives a target or none."""
    assert isinstance(next_link(header), str)


@pytest.fixture
def server() -> Iterator[Recording]:
    with recording(lambda _asked: Reply(status=404)) as running:
        yield running


@pytest.fixture
def client() -> Iterator[RegistryClient]:
    with RegistryClient(Transport(environment={}, sleep=lambda _s: None), {}) as made:
        yield made


def at(server: Recording) -> Reference:
    return Reference(registry=server.address, repository="acme/hello")


def paged(all_of: list[str], size: int, form: str = "<{}>; rel=next") -> Callable[[Asked], Reply]:
    """Hand out tags in pages."""

    def answer(asked: Asked) -> Reply:
        start = int(asked.query.get("last", ["0"])[0])
        link = form.format(f"list?last={start + size}")
        more = (("Link", link),) if start + size < len(all_of) else ()
        return Reply(headers=more, body=json.dumps({"tags": all_of[start : start + size]}).encode())

    return answer


@pytest.mark.parametrize(
    "form",
    [
        *('</v2/acme/hello/tags/{}>; rel="next"', "<{}>;rel=next", "<./{}>; rel=next"),
        *("</v2/hello/tags/{}>; rel=next", "</repository/docker/v2/acme/hello/tags/{}>; rel=next"),
    ],
)
def test_tags_are_read_over_all_pages(server: Recording, client: RegistryClient, form: str) -> None:
    """Absolute, relative, Artifactory's and Nexus's links lead to the next page, until there is none."""
    names = [f"v{number}" for number in range(25)]
    server.answer = paged(names, 10, form)
    assert list_tags(client.session, at(server)) == names
    assert len(server.seen) == 3


def test_a_repository_that_is_not_there_has_no_tags(server: Recording, client: RegistryClient) -> None:
    """Before its first push a repository is unknown to its registry."""
    assert list_tags(client.session, at(server)) == []


@pytest.mark.parametrize(
    ("link", "message"),
    [
        ("http://127.0.0.1:1/v2/acme/hello/tags/list?n=1", "not followed"),
        ("https://evil.example/v2/acme/hello/tags/list", "not followed"),
        ("/v2/acme/other/tags/list", "not followed"),
        ("/v2/other/hello/tags/list?last=a", "not followed"),
        ("/v2/ello/tags/list?last=a", "not followed"),
        ("/v2//tags/list?last=a", "not followed"),
        ("/v2/acme/hello/manifests/latest?last=a", "not followed"),
        ("/v2/acme/hello/../other/tags/list", "not followed"),
        ("//evil.example/v2/acme/hello/tags/list", "not followed"),
        ("http://evil.example\\@{address}/v2/acme/hello/tags/list", "no address that can be used"),
        ("/v2/acme/hello/tags/list?n=1000", "in a circle"),
    ],
)
def test_04_a_list_that_leads_away_or_in_a_circle_is_refused(
    server: Recording, client: RegistryClient, link: str, message: str
) -> None:
    """A next page is of the same repository of the same origin, and a new one."""
    target = link.replace("{address}", server.address)
    server.answer = lambda _asked: Reply(headers=(("Link", f'<{target}>; rel="next"'),), body=b"{}")
    with pytest.raises(RegistryError, match=message):
        list_tags(client.session, at(server))
    assert len(server.seen) == 1


def test_a_next_page_is_asked_for_at_our_own_address(client: RegistryClient) -> None:
    """A registry behind a proxy that ends TLS may write its links without it: none is read so."""
    place = Reference(registry="registry.example", repository="acme/hello")
    path = listing._inside(  # noqa: SLF001 -- no registry of a test's has the ports of both schemes
        *(client.session, place, "https://registry.example/v2/acme/hello/tags/list"),
        *("http://registry.example/v2/acme/hello/tags/list?last=b", "tags/list?n=1000"),
    )
    assert path == "tags/list?last=b"


def test_14_a_list_without_end_is_bounded(
    server: Recording, client: RegistryClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages for ever end in an error; so do more names than anybody has."""
    monkeypatch.setattr("gopherwhale.oci.listing.MAX_PAGES", 5)
    server.answer = paged([f"t{number}" for number in range(100)], 1)
    with pytest.raises(RegistryError, match="over 5 pages"):
        list_tags(client.session, at(server))
    monkeypatch.setattr("gopherwhale.oci.listing.MAX_ENTRIES", 3)
    with pytest.raises(RegistryError, match="over 3 tags"):
        list_tags(client.session, at(server))


@pytest.mark.parametrize(
    "body", [b"[]", b"{", b'{"tags": "x"}', b'{"tags": [1]}', b'{"tags": ["-x"]}', b'{"tags": {"a": 1}}']
)
def test_a_list_of_what_cannot_be_tags_is_refused(
    server: Recording, client: RegistryClient, body: bytes
) -> None:
    """A tag that begins with a dash would be a flag to somebody."""
    server.answer = lambda _asked: Reply(body=body)
    with pytest.raises(RegistryError):
        list_tags(client.session, at(server))


def entry(name: str, artifact_type: str) -> Descriptor:
    raw = name.encode()
    return Descriptor(
        media_type=OCI_MANIFEST, digest=digest_of(raw), size=len(raw), artifact_type=artifact_type
    )


def index_of(*entries: Descriptor) -> bytes:
    manifests = [one.to_document() for one in entries]
    return encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests})


@dataclass
class Store:
    """A registry that knows manifests by tag, and has the referrers API or not."""

    api: list[Descriptor] | None = None
    tags: dict[str, bytes] = field(default_factory=dict)
    steal: int = 0

    def __call__(self, asked: Asked) -> Reply:
        """Answer."""
        tail = asked.path.partition("/v2/acme/hello/")[2].partition("?")[0]
        kind, _, name = tail.partition("/")
        if kind == "referrers":
            return Reply(status=404) if self.api is None else Reply(body=index_of(*self.api))
        if asked.method == "PUT":
            # Another client's index comes right after ours, as often as `steal` says.
            self.steal -= 1
            self.tags[name] = index_of(entry("theirs", SBOM)) if self.steal >= 0 else asked.body
            return Reply(status=201)
        if name not in self.tags:
            return Reply(status=404)
        said = ("Docker-Content-Digest", digest_of(self.tags[name]))
        return Reply(headers=(said, ("Content-Type", OCI_INDEX)), body=self.tags[name])


@pytest.mark.parametrize("api", [True, False])
def test_referrers_come_from_the_api_or_from_their_tag(
    server: Recording, client: RegistryClient, *, api: bool
) -> None:
    """Where the registry has no such API the index under the digest's tag is read."""
    both = [entry("a", SBOM), entry("b", SIGNATURE)]
    server.answer = Store(api=both) if api else Store(tags={fallback_tag(SUBJECT): index_of(*both)})
    found = list_referrers(client, at(server), SUBJECT)
    assert [(one.digest, one.artifact_type) for one in found] == [
        (one.digest, one.artifact_type) for one in both
    ]


def test_what_nobody_refers_to_has_no_referrers(server: Recording, client: RegistryClient) -> None:
    """Neither an API nor a tag is an empty list."""
    assert list_referrers(client, at(server), SUBJECT) == []


def test_a_registry_with_the_api_keeps_its_own_list(server: Recording, client: RegistryClient) -> None:
    """Nothing is put: the registry lists a manifest by its subject."""
    server.answer = Store(api=[])
    add_referrer(client, at(server), SUBJECT, entry("a", SBOM))
    assert [asked.method for asked in server.seen] == ["GET"]


def test_without_the_api_the_tags_index_grows_once(server: Recording, client: RegistryClient) -> None:
    """An entry is added to those that stand there, and not twice."""
    store = Store(tags={fallback_tag(SUBJECT): index_of(entry("a", SBOM))})
    server.answer = store
    for _ in range(2):
        add_referrer(client, at(server), SUBJECT, entry("b", SIGNATURE))
    assert store.tags[fallback_tag(SUBJECT)] == index_of(entry("a", SBOM), entry("b", SIGNATURE))
    assert [asked.method for asked in server.seen].count("PUT") == 1


@pytest.mark.parametrize(("steal", "kept"), [(2, True), (99, False)])
def test_an_entry_that_another_client_overwrote_is_put_again(
    server: Recording, client: RegistryClient, steal: int, *, kept: bool
) -> None:
    """Two who write at once both stand in the index in the end; without end it is an error."""
    store = Store(steal=steal)
    server.answer = store
    if not kept:
        with pytest.raises(RegistryError, match="others keep overwriting"):
            add_referrer(client, at(server), SUBJECT, entry("b", SIGNATURE))
        return
    add_referrer(client, at(server), SUBJECT, entry("b", SIGNATURE))
    assert store.tags[fallback_tag(SUBJECT)] == index_of(entry("theirs", SBOM), entry("b", SIGNATURE))


@pytest.mark.parametrize(
    ("digest", "tag"),
    [
        (f"sha256:{'a' * 64}", f"sha256-{'a' * 64}"),
        (f"sha512:{'b' * 128}", f"sha512-{'b' * 64}"),
    ],
)
def test_the_tag_of_a_digest_is_a_tag(digest: str, tag: str) -> None:
    """At most 64 digits of it, so that it is no longer than a tag may be."""
    assert fallback_tag(digest) == tag


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=200))
def test_any_answer_is_a_list_or_a_refusal(body: bytes) -> None:
    """Whatever a registry sends for a list of referrers, an error of ours or descriptors come of it."""
    from gopherwhale.oci.referrers import parse_referrers  # noqa: PLC0415 -- without a server, to try many

    try:
        parse_referrers(body, Reference(registry="r.example", repository="x"))
    except GopherwhaleError as error:
        assert isinstance(error, RegistryError)  # noqa: PT017 -- one of two good ends
