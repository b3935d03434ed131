from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gopherwhale.errors import UsageError
from gopherwhale.oci.proxies import proxy_for
from gopherwhale.oci.transport import Transport
from tests.servers.recording import Reply, recording

PROXY = "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"HTTPS_PROXY": PROXY}, PROXY),
        ({"https_proxy": PROXY, "HTTPS_PROXY": "http://other"}, PROXY),
        ({"ALL_PROXY": PROXY}, PROXY),
        ({"HTTPS_PROXY": "proxy.example:3128"}, PROXY),
        ({"HTTPS_PROXY": "http://[2001:db8::1]:3128"}, "http://[2001:db8::1]:3128"),
        ({"HTTP_PROXY": PROXY}, None),
        ({}, None),
        ({"HTTPS_PROXY": " "}, None),
    ],
)
def test_a_proxy_is_taken_from_the_environment(environment: dict[str, str], expected: str | None) -> None:
    """The variable of the scheme, in small letters first, else that of all schemes."""
    found = proxy_for("https", "registry.example", 443, environment)
    assert (found and found.url) == expected


@pytest.mark.parametrize(
    ("exceptions", "host", "direct"),
    [
        ("registry.example", "registry.example", True),
        ("registry.example", "a.registry.example", True),
        (".example", "registry.example", True),
        ("*.example", "registry.example", True),
        ("example", "notexample", False),
        ("registry.example:443", "registry.example", True),
        ("registry.example:5000", "registry.example", False),
        ("10.0.0.0/8, other", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("2001:db8::/32", "2001:db8::5", True),
        ("[2001:db8::5]:443", "2001:db8::5", True),
        ("*", "registry.example", True),
        ("", "registry.example", False),
        ("", "localhost", True),
        ("", "127.0.0.1", True),
        ("", "::1", True),
        ("REGISTRY.example", "registry.EXAMPLE", True),
        (",,:,:x,/,a/b", "registry.example", False),
        ("registry.example:0443", "registry.example", True),
        # Found by fuzzing: digits to Python, and no number.
        ("registry.example:44\N{SUPERSCRIPT THREE}", "registry.example", False),
        (f"registry.example:{'4' * 5000}", "registry.example", False),
    ],
)
def test_no_proxy_names_domains_addresses_networks_and_ports(
    exceptions: str,
    host: str,
    direct: bool,  # noqa: FBT001 -- a parameter of pytest's
) -> None:
    """NO_PROXY is read as Go and curl read it; loopback is always reached directly."""
    found = proxy_for("https", host, 443, {"HTTPS_PROXY": PROXY, "NO_PROXY": exceptions})
    assert (found is None) == direct


def test_a_web_servers_header_is_no_proxy() -> None:
    """Under CGI a client's header stands in HTTP_PROXY: it does not count (CVE-2016-5385)."""
    assert proxy_for("http", "r.example", 80, {"HTTP_PROXY": PROXY, "REQUEST_METHOD": "GET"}) is None


@pytest.mark.parametrize(
    "text", ["socks5://u:secret@proxy", "http://", "http://u:secret@[x", "http://u:secret@h:x"]
)
def test_a_proxy_that_cannot_be_used_is_told_without_its_secret(text: str) -> None:
    """The variable is named, and its value is not."""
    with pytest.raises(UsageError, match="https_proxy") as caught:
        proxy_for("https", "r.example", 443, {"HTTPS_PROXY": text})
    assert "secret" not in str(caught.value)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40), st.text(max_size=40))
def test_no_exceptions_break_the_reader(exceptions: str, host: str) -> None:
    """Any NO_PROXY and any host give a way."""
    proxy_for("https", host, 443, {"HTTPS_PROXY": PROXY, "NO_PROXY": exceptions})


def test_a_proxy_gets_its_own_credential_and_the_registry_another() -> None:
    """Plain HTTP goes through the proxy with Proxy-Authorization; TLS asks it for a tunnel, with no token."""
    with recording(lambda _asked: Reply(status=403)) as proxy:
        own = proxy.url.replace("//", "//u:p%40@")
        environment = {"HTTP_PROXY": own, "HTTPS_PROXY": own}
        transport = Transport(environment=environment, sleep=lambda _s: None, attempts=1)
        transport.request("GET", "http://r.example/v2/", {"Authorization": "Bearer t"}).close()
        with pytest.raises(Exception, match="403"):
            transport.request("GET", "https://r.example/v2/", {"Authorization": "Bearer t"})
        transport.close()
    plain, tunnel = proxy.seen
    assert plain.headers["proxy-authorization"] == tunnel.headers["proxy-authorization"] == "Basic dTpwQA=="
    assert (tunnel.method, tunnel.path, tunnel.authorization) == ("CONNECT", "r.example:443", "")
