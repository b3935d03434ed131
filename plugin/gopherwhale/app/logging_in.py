"""docker.login."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence
from typing import Final

from gopherwhale import engines
from gopherwhale.app.request import Request, resolve
from gopherwhale.errors import ExitCode, UsageError
from gopherwhale.oci.ci_credentials import Credential, Secret, from_environment, is_text
from gopherwhale.references import parse as parse_reference

_MAX_PASSWORD: Final = 64 * 1024


def login(request: Request, registry: Sequence[str] = (), username: str = "") -> ExitCode:
    """Log Docker in, with a password from standard input, or with the credential of the environment.

    Args:
        request: What was asked for.
        registry: Hosts; empty for those that this repository's images go to.
        username: Whose password standard input holds; empty for GOPHERWHALE_USERNAME and _PASSWORD.

    Raises:
        UsageError: There is no credential, or more than one registry for one password.
        AuthenticationError: Docker or the registry refuses it.
        MissingToolError: There is no Docker.
    """
    hosts = [_host(word) for word in registry] or _hosts_here(request)
    if username:
        if len(hosts) != 1:
            raise UsageError(f"one password is for one registry, not for {', '.join(hosts)}", hint="name it")
        given = {hosts[0]: Credential(username=username, password=_read_password(hosts[0], username))}
    else:
        given = from_environment(request.environment)
    for host in hosts:
        if host not in given:
            raise UsageError(
                f"there is no credential for {host}",
                hint="give --username and the password on standard input,"
                " or set GOPHERWHALE_REGISTRY, GOPHERWHALE_USERNAME and GOPHERWHALE_PASSWORD",
            )
    for host in hosts:
        engines.login(host, given[host], request.environment)
    names = [{"registry": host, "username": given[host].username} for host in hosts]
    text = "\n".join(f"logged in to {name['registry']} as {name['username']}" for name in names)
    request.console.show(text, {"schema": 1, "logins": names})
    return ExitCode.GOOD


def _host(word: str) -> str:
    """A registry as references name it; Docker Hub has several names."""
    if "/" not in word and (word == "localhost" or any(character in word for character in ".:[")):
        return parse_reference(f"{word}/x/x").registry
    raise UsageError(f"{word[:100]!r} is not the host of a registry", hint="write it as ghcr.io or host:5000")


def _hosts_here(request: Request) -> list[str]:
    _, made = resolve(request)
    hosts = dict.fromkeys(place.registry for image in made.images for place in image.repositories)
    if not hosts:
        raise UsageError("no registry is named, and no image here has a repository", hint="name a registry")
    return list(hosts)


def _read_password(host: str, username: str) -> Secret:
    password = _read(f"password of {username} at {host}: ").rstrip("\r\n")
    if not password or len(password) > _MAX_PASSWORD:
        raise UsageError("standard input holds no password", hint='as: echo "$TOKEN" | ... --username NAME')
    return Secret(password)


def _read(prompt: str) -> str:
    text: str | None
    try:
        text = getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.read(_MAX_PASSWORD + 1)
    except EOFError:
        # A person who ends the line by Ctrl-D.
        text = ""
    except UnicodeDecodeError:
        text = None
    if text is None or not is_text(text):
        # What was read is a secret: it is not repeated.
        raise UsageError("standard input holds what is no text", hint="is the password in UTF-8?")
    return text
