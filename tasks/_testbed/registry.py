"""A real registry on loopback: Debian's `docker-registry`, which is the distribution project's."""

from __future__ import annotations

import http.client
import json
import os
import socket
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from gopherwhale.errors import MissingToolError
from tasks._testbed.processes import Service

_LOOPBACK: Final = "127.0.0.1"
_TRIES: Final = 3


def start_registry(
    program: Path,
    folder: Path,
    *,
    pid_file: Path,
    log: Path,
    htpasswd: Path | None = None,
    tls: Mapping[str, Any] | None = None,
    token: Mapping[str, Any] | None = None,
) -> tuple[str, int]:
    """Start a registry on a free port.

    Args:
        program: The `docker-registry` binary.
        folder: Holds its configuration and its blobs; what it held before is served again.
        pid_file: Where its pid is kept.
        log: Where its output goes.
        htpasswd: A file of bcrypt entries.
        tls: Its part `http.tls`: certificate, key and perhaps CAs of clients; without it plain HTTP.
        token: Its part `auth.token`; with neither this nor `htpasswd` everybody may push.

    Returns:
        Its `127.0.0.1:PORT`, and its pid.

    Raises:
        MissingToolError: It did not start.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for attempt in range(_TRIES):
        address = f"{_LOOPBACK}:{_free_port()}"
        configuration = folder / "registry.json"
        document = _configuration(folder / "blobs", address, htpasswd, tls, token)
        configuration.write_text(json.dumps(document, indent=2), encoding="utf-8")
        service = Service(
            name="docker-registry",
            arguments=(str(program), "serve", str(configuration)),
            mark=str(configuration),
            pid_file=pid_file,
            log=log,
            # Without this it looks for a telemetry collector, and says so again and again.
            environment={"PATH": os.defpath, "OTEL_TRACES_EXPORTER": "none"},
        )
        try:
            return address, service.start(ready=partial(answers, address, tls=tls is not None), timeout=30)
        except MissingToolError:
            # The port was free when we looked, and another process may have been faster.
            if attempt == _TRIES - 1:
                raise
    raise AssertionError  # pragma: no cover - the last attempt returns or raises


def answers(address: str, *, tls: bool = False) -> bool:
    """Whether a registry answers at `HOST:PORT`; one that wants a log-in does, too."""
    if tls:
        return _listens(address)
    connection = http.client.HTTPConnection(address, timeout=5)
    try:
        connection.request("GET", "/v2/")
        answer = connection.getresponse()
        return answer.headers.get("Docker-Distribution-Api-Version") == "registry/2.0"
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _listens(address: str) -> bool:
    host, _, port = address.partition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=5):
            return True
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _configuration(
    blobs: Path,
    address: str,
    htpasswd: Path | None,
    tls: Mapping[str, Any] | None,
    token: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The configuration; it is written as JSON, which every YAML reader reads."""
    document: dict[str, Any] = {
        "version": "0.1",
        "log": {"level": "warn", "accesslog": {"disabled": False}},
        "storage": {"filesystem": {"rootdirectory": str(blobs)}, "delete": {"enabled": True}},
        "http": {"addr": address},
    }
    if htpasswd is not None:
        document["auth"] = {"htpasswd": {"realm": "test", "path": str(htpasswd)}}
    if token is not None:
        document["auth"] = {"token": dict(token)}
    if tls is not None:
        document["http"]["tls"] = dict(tls)
    return document
