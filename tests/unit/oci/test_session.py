from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gopherwhale.errors import AuthenticationError, RegistryError
from gopherwhale.oci.documents import OCI_INDEX
from gopherwhale.oci.registry import RegistryClient
from gopherwhale.oci.session import _widened
from gopherwhale.oci.transport import Transport
from gopherwhale.oci.urls import joined, origin
from gopherwhale.references import Reference
from tests.fuzz.registry_answers import read_error
from tests.servers.recording import Asked, Reply, recording

TEXTS = st.one_of(st.binary(max_size=300), st.text(max_size=80).map(str.encode))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
ERRORS = st.fixed_dictionaries(
    {"errors": st.lists(st.fixed_dictionaries({"code": JSON, "message": JSON, "detail": JSON}), max_size=3)}
)


@settings(max_examples=60)
@given(st.one_of(TEXTS, ERRORS.map(lambda document: json.dumps(document).encode())))
def test_whatever_a_registry_says_becomes_one_bounded_printable_line(body: bytes) -> None:
    """An error's text is data: no line break, no escape, no end."""
    shown = read_error(body).splitlines()[0]
    assert shown.isprintable()
    assert len(shown) < 600
    assert "registry.example/acme/hello@sha256:000" in shown


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"errors": [{"code": "UNKNOWN", "detail": {"Enclosed": {"Err": 28}}}]}, "No space left on device"),
        ({"errors": [{"code": "DENIED", "message": "quota exceeded"}]}, "DENIED quota exceeded"),
        ({"errors": [{"code": "NAME_UNKNOWN", "message": "no"}]}, "does the repository exist?"),
        ({"errors": [{"code": "MANIFEST_UNKNOWN"}]}, "docker.tags registry.example/acme/hello lists what is"),
        ({"message": "Not Found"}, '{"message": "Not Found"}'),
    ],
)
def test_a_cause_is_told_in_words(document: Any, expected: str) -> None:
    """A full disk is a number in the registry's answer and words in ours."""
    assert expected in read_error(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (401, "(status 401)\n  run: docker login registry.example"),
        (403, "(status 403): DENIED no write_package\n  it is not there, or this account may not"),
    ],
)
def test_a_refusal_says_what_the_registry_says_of_it(status: int, told: str) -> None:
    """Whoever is not logged in logs in; whoever is reads what the account lacks, and no token said back."""
    body = {"errors": [{"code": "DENIED", "message": "no write_package", "detail": ""}]}
    assert told in read_error(json.dumps(body).encode(), status)
    assert "canary" not in read_error(b"you sent Basic canary==, Bearer canary", status)


@pytest.mark.parametrize("logged_in", [True, False])
def test_who_is_logged_in_is_not_told_to_log_in(*, logged_in: bool) -> None:
    """Docker Hub says 401 to an account that may not push, as it does to nobody."""

    def answer(asked: Asked) -> Reply:
        if asked.path.startswith("/token"):
            return Reply(body=b'{"token": "t"}')
        challenge = f'Bearer realm="{server.url}/token",error="insufficient_scope"'
        return Reply(status=401, headers=(("WWW-Authenticate", challenge),), body=b"access is denied")

    with recording(answer) as server:
        names = ("REGISTRY", "USERNAME", "PASSWORD")
        pair = dict(zip(names, (server.address, "gopher", "canary"), strict=True)) if logged_in else {}
        environment = {f"GOPHERWHALE_{name}": value for name, value in pair.items()}
        target = Reference(registry=server.address, repository="acme/hello", tag="v1")
        with (
            RegistryClient(Transport(environment={}), environment) as client,
            pytest.raises(AuthenticationError) as caught,
        ):
            client.put_manifest(target, b"{}", OCI_INDEX)
    assert ("access is denied" in caught.value.problem) is logged_in
    assert ("this account may not" in caught.value.hint) is logged_in
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("wanted", "scope"),
    [
        ("repository:acme/hello:delete", "repository:acme/hello:pull,push,delete"),
        ("repository:acme/hello:*,pull", "repository:acme/hello:pull,push,*"),
        ("registry:catalog:* repository:acme/hello:push", "repository:acme/hello:pull,push"),
        ("repository:acme/hello2:delete repository:acme:delete", "repository:acme/hello:pull,push"),
        ("repository:acme/hello:delete&x=1,DELETE,,", "repository:acme/hello:pull,push"),
        ("", "repository:acme/hello:pull,push"),
    ],
)
def test_a_registry_may_want_more_for_the_same_repository_alone(wanted: str, scope: str) -> None:
    """What else a challenge names is asked for by nobody; a mount's source stays behind it."""
    source = " repository:acme/base:pull"
    assert _widened("repository:acme/hello:pull,push", wanted) == scope
    assert _widened(f"repository:acme/hello:pull,push{source}", wanted) == f"{scope}{source}"


@settings(max_examples=100)
@given(st.text(max_size=60))
def test_a_location_leads_somewhere_or_is_refused(location: str) -> None:
    """No text of a registry's makes more of an address than an origin or an error of ours."""
    try:
        scheme, host, _ = origin(joined("https://registry.example/v2/", location))
    except RegistryError:
        return
    assert scheme in {"http", "https"}
    assert host


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/v2/x?a=1", "https://registry.example/v2/x?a=1"),
        ("y#part", "https://registry.example/v2/y"),
        ("http://other.example:1/z", "http://other.example:1/z"),
        ("//other.example/z", "https://other.example/z"),
    ],
)
def test_a_location_may_be_relative(location: str, url: str) -> None:
    """As RFC 9110 has it, and its fragment is left out: a query is still to be added."""
    assert joined("https://registry.example/v2/", location) == url
