"""The engine's own network bridge, so that a Docker which runs already keeps its `docker0` to itself."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from gopherwhale.errors import MissingToolError
from tasks._testbed.commands import run

_POOL: Final = ipaddress.ip_network("10.213.0.0/16")
_SECONDS: Final = 20.0


def name_of(folder: Path) -> str:
    """Name the bridge of a testbed's folder: always the same, and short enough for a network interface."""
    return "gw-" + hashlib.sha256(str(folder).encode()).hexdigest()[:10]


def free_network(taken: Iterable[str]) -> ipaddress.IPv4Network:
    """Choose a /24 that no route of this machine overlaps.

    Args:
        taken: The destinations of its routes; "default" is among them.

    Raises:
        MissingToolError: None is free.
    """
    routes = [ipaddress.ip_network(route, strict=False) for route in taken if route != "default"]
    for candidate in _POOL.subnets(new_prefix=24):
        if not any(candidate.overlaps(route) for route in routes):
            return ipaddress.IPv4Network(candidate)
    raise MissingToolError(f"the testbed finds no free network in {_POOL}")


def create(name: str) -> None:
    """Make the bridge, in place of one that an earlier testbed in this folder left."""
    remove(name)
    routes = json.loads(run(["ip", "-json", "-4", "route", "show", "table", "all"], timeout=_SECONDS))
    network = free_network(route["dst"] for route in routes)
    # An address of its own, as Docker's bridge has. Without one it takes the lowest of its ports', which come
    # and go with the containers. What another container sends to one that has gone is flooded, by which
    # netfilter drops the connection's entry and, at the next packet, makes one without address translation:
    # the connection stands still for ever, while new ones work.
    address = f"02:42:{network[1].packed.hex(':')}"
    run(["ip", "link", "add", "name", name, "address", address, "type", "bridge"], timeout=_SECONDS)
    run(["ip", "address", "add", f"{network[1]}/{network.prefixlen}", "dev", name], timeout=_SECONDS)
    run(["ip", "link", "set", name, "up"], timeout=_SECONDS)


def remove(name: str) -> None:
    """Remove the bridge and the rules that dockerd made for it and leaves behind."""
    links = json.loads(run(["ip", "-json", "link", "show", "type", "bridge"], timeout=_SECONDS))
    if name not in {link.get("ifname") for link in links}:
        return
    for table in ("nat", "filter"):
        for rule in run(["iptables", "--wait", "-t", table, "-S"], timeout=_SECONDS).splitlines():
            words = shlex.split(rule)
            if words[0] == "-A" and name in words:
                run(["iptables", "--wait", "-t", table, "-D", *words[1:]], timeout=_SECONDS)
    run(["ip", "link", "delete", name], timeout=_SECONDS)
