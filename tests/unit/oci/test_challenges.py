from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gopherwhale.errors import AuthenticationError, RegistryError
from gopherwhale.oci.challenges import Challenge, check_realm, parse_challenge
from gopherwhale.oci.urls import netloc, origin, shown

BEARER = 'Bearer realm="https://auth.example/token",service="s"'


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (BEARER, ("Bearer", "https://auth.example/token", "s")),
        (f'{BEARER},scope="repository:x:pull"', ("Bearer", "https://auth.example/token", "s")),
        ("bearer realm=https://a/t , service=s", ("Bearer", "https://a/t", "s")),
        ('Basic realm="x"', ("Basic", "x", "")),
        ("Basic", ("Basic", "", "")),
        (f'Basic realm="x", {BEARER}', ("Bearer", "https://auth.example/token", "s")),
        (f'{BEARER}, Basic realm="evil"', ("Bearer", "https://auth.example/token", "s")),
        ('Negotiate YII==, Basic realm="x"', ("Basic", "x", "")),
        ('Bearer realm="https://a/t",realm="https://evil.example"', ("Bearer", "https://a/t", "")),
        ('Bearer realm="a,Basic realm=x",service="s"', ("Bearer", "a,Basic realm=x", "s")),
        (r'Bearer realm="https://a/\"t",service="s\\"', ("Bearer", 'https://a/"t', "s\\")),
        ("Digest nonce=1", None),
        ("", None),
        ("realm=x", None),
    ],
)  # fmt: skip
def test_each_challenge_has_its_own_parameters(header: str, expected: tuple[str, str, str] | None) -> None:
    """Bearer goes before Basic wherever they stand, and neither takes the other's realm."""
    found = parse_challenge(header)
    assert (found and (found.scheme, found.realm, found.service)) == expected


PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E))


@settings(max_examples=60, deadline=None)
@given(realm=PRINTABLE, service=PRINTABLE, before=st.sampled_from(["", "Negotiate a=, ", "Digest a=b, "]))
def test_whatever_is_quoted_comes_back(realm: str, service: str, before: str) -> None:
    """A challenge that is written by the rules of RFC 9110 is read as it was meant."""

    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    header = f"{before}Bearer service={quoted(service)}, realm={quoted(realm)}"
    if len(header) < 4096:
        assert parse_challenge(header) == Challenge(scheme="Bearer", realm=realm, service=service)


@settings(max_examples=100, deadline=None)
@given(st.text(st.sampled_from('Bearer Basic realm=",\\= \t') | st.characters(), max_size=5000))
def test_no_header_breaks_the_reader(header: str) -> None:
    """Any text gives a challenge or none."""
    found = parse_challenge(header)
    assert found is None or found.scheme in ("Bearer", "Basic")


HUB = "https://registry-1.docker.io"
OWN = "https://registry.example.com"
PLAIN = "http://127.0.0.1:5000"

TRUSTED = [
    (HUB, "https://auth.docker.io/token"),
    (OWN, "https://registry.example.com/token"),
    (OWN, "https://registry.example.com:443/token"),
    (OWN, "https://git.example.com/jwt/auth"),
    ("https://registry.acme.co.uk", "https://auth.acme.co.uk/"),
    ("https://10.1.2.3:5000", "https://10.1.2.3:5000/token"),
    (PLAIN, "http://127.0.0.1:5000/token"),
    ("http://[::1]:5000", "http://[::1]:5000/token"),
]
FOREIGN = [
    (OWN, "https://auth.other.com/token"),
    (OWN, "https://example.com.evil.io/token"),
    ("https://registry.acme.co.uk", "https://evil.co.uk/"),
    ("https://203.0.113.5", "https://198.51.113.5/"),
    ("http://registry.example.com", "https://auth.example.com/"),
]
REFUSED = [
    (OWN, "http://registry.example.com/token"),
    (OWN, "http://auth.example.com/token"),
    (OWN, "https://169.254.169.254/latest"),
    (OWN, "https://10.0.0.1/token"),
    (OWN, "https://[fe80::1]/token"),
    (OWN, "https://localhost/token"),
    (OWN, "https://metadata/token"),
    (OWN, "https://metadata.google.internal/token"),
    (OWN, "https://0x7f.1/token"),
    (PLAIN, "http://127.0.0.1:5001/token"),
    (PLAIN, "http://localhost:5000/token"),
    (PLAIN, "http://169.254.169.254/latest"),
    ("https://10.1.2.3:5000", "https://10.1.2.3:5001/token"),
]


@pytest.mark.parametrize(("registry", "realm"), TRUSTED)
def test_04_a_realm_of_the_registrys_own_may_have_the_credential(registry: str, realm: str) -> None:
    """Its own origin, or over TLS a host of its own domain."""
    check_realm(realm, registry, credential=True)


@pytest.mark.parametrize(("registry", "realm"), FOREIGN)
def test_04_a_foreign_realm_gets_no_credential_unless_named(registry: str, realm: str) -> None:
    """Another domain is asked without a credential, or with one where the user names that host."""
    check_realm(realm, registry, credential=False)
    with pytest.raises(AuthenticationError, match="no credential was sent") as caught:
        check_realm(realm, registry, credential=True)
    assert f"token_realms = ['{netloc(realm)}']" in caught.value.hint
    check_realm(realm, registry, credential=True, named=(netloc(realm),))


@pytest.mark.parametrize("credential", [True, False])
@pytest.mark.parametrize(("registry", "realm"), REFUSED)
def test_04_a_realm_within_the_network_is_not_asked_at_all(
    registry: str,
    realm: str,
    credential: bool,  # noqa: FBT001 -- a parameter of pytest's
) -> None:
    """Plain HTTP, another port, and names or addresses of an inner network (CVE-2026-48978)."""
    with pytest.raises(AuthenticationError, match="no credential was sent"):
        check_realm(realm, registry, credential=credential)


def test_04_a_named_realm_is_still_not_reached_in_plain_by_a_registry_of_tls() -> None:
    """`token_realms` names whom to trust; it does not turn TLS off."""
    with pytest.raises(AuthenticationError):
        check_realm("http://auth.other.com", OWN, credential=True, named=("auth.other.com",))


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example\\@registry.example.com/",
        "https://evil.example\\.example.com/",
        "https://user@registry.example.com/",
        "https://registry.example.com\t@evil.example/",
        "https://regi stry.example.com/",
        "https://registry.example.com:99999/",
        "https://registry.example.com:x/",
        "https://[::1/",
        "https://",
        "ftp://registry.example.com/",
        "file:///etc/passwd",
        "//registry.example.com/",
        "https://régistry.example.com/",
        "https://registry.example.com/a\nb",
        "",
    ],
)
def test_04_an_address_that_two_parsers_read_apart_is_none(url: str) -> None:
    """What is compared is what is connected to: tricks with a backslash or a user's part are refused."""
    with pytest.raises(RegistryError, match="no address that can be used"):
        origin(url)
    with pytest.raises(RegistryError):
        check_realm(url, OWN, credential=True, named=("registry.example.com",))


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60), st.sampled_from(["https://", "http://", "https://a@", "//"]))
def test_04_an_origin_is_where_urllib3_would_connect(text: str, start: str) -> None:
    """For every text: refused, or the host and port which the connection would go to."""
    from urllib3.util import parse_url  # noqa: PLC0415 -- a judge, for this test alone

    try:
        scheme, host, port = origin(start + text)
    except RegistryError:
        return
    parts = parse_url(start + text)
    defaults = {"http": 80, "https": 443}
    assert (parts.scheme, (parts.host or "").strip("[]")) == (scheme, host)
    assert (parts.port or defaults[scheme]) == port
    assert parts.auth is None


def test_what_is_shown_of_an_address_holds_no_secret() -> None:
    """Neither a query, which may sign it, nor a user's part."""
    assert shown("https://u:secret@r.example/a?X-Amz-Signature=secret#x") == "https://r.example/a"
