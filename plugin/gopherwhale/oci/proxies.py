"""HTTP proxies as the environment names them: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY.

Either case of the letters counts, the lower first, as for curl and Go (golang.org/x/net/http/httpproxy).
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from gopherwhale.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """A proxy's address without its credential, and the headers that carry that to it and to nobody else."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def proxy_for(scheme: str, host: str, port: int, environment: Mapping[str, str]) -> Proxy | None:
    """The proxy to take to a host, or None for the direct way.

    Args:
        scheme: `http` or `https`, of what is asked for.
        host: A name or a literal address, without brackets.
        port: For entries of NO_PROXY that name one.
        environment: The process environment.

    Raises:
        UsageError: The variable holds no proxy's address.
    """
    text = _variable(environment, f"{scheme}_proxy") or _variable(environment, "all_proxy")
    if not text or _is_direct(host.lower(), port, _variable(environment, "no_proxy")):
        return None
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        address, named = parts.hostname, parts.port
    except ValueError:
        address, named = None, None
    if not address or parts.scheme not in ("http", "https"):
        raise UsageError(
            f"the variable {scheme}_proxy (or all_proxy) holds no proxy that can be used",
            hint="write http://host:port",
        )
    shown = f"[{address}]" if ":" in address else address
    headers = {}
    if parts.username:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        headers["Proxy-Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    return Proxy(url=f"{parts.scheme}://{shown}{f':{named}' if named else ''}", headers=headers)


def _variable(environment: Mapping[str, str], name: str) -> str:
    # A web server's CGI programs find a request's header `Proxy` in HTTP_PROXY (CVE-2016-5385).
    upper = (
        "" if name == "http_proxy" and "REQUEST_METHOD" in environment else environment.get(name.upper(), "")
    )
    return (environment.get(name) or upper).strip()


def _is_direct(host: str, port: int, exceptions: str) -> bool:
    address = _address(host)
    if host == "localhost" or (address and address.is_loopback):
        return True
    return any(_matches(entry.strip().lower(), host, port, address) for entry in exceptions.split(","))


def _matches(
    entry: str, host: str, port: int, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None
) -> bool:
    """Whether an entry of NO_PROXY means a host: `*`, a domain, an address or a network."""
    if entry in ("", "*"):
        return entry == "*"
    if address is not None:
        try:
            return address in ipaddress.ip_network(entry.strip("[]"), strict=False)
        except ValueError:
            pass
    name, colon, number = entry.rpartition(":")
    if colon and number.isascii() and number.isdigit():
        if number.lstrip("0") != str(port):
            return False
        entry = name.strip("[]")
    domain = entry.removeprefix("*").removeprefix(".")
    return host == domain or (address is None and host.endswith(f".{domain}"))


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
