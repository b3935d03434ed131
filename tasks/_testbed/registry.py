"""A real registry on loopback: Debian's `docker-registry`, which is the distribution project's."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasks._testbed.processes import Service


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
    configuration = folder / "registry.json"
    document = _configuration(folder / "blobs", htpasswd, tls, token)
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

    def ready() -> bool:
        return any(answers(address, tls=tls is not None) for address in _listening(log))

    pid = service.start(ready=ready, timeout=60)
    return _listening(log)[0], pid


def _listening(log: Path) -> list[str]:
    """Where a registry says that it listens: a port chosen before it starts could be another's by then."""
    return re.findall(
        r'msg="listening on ([0-9.]+:\d+)[,"]', log.read_text(encoding="utf-8", errors="replace")
    )


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


def _configuration(
    blobs: Path,
    htpasswd: Path | None,
    tls: Mapping[str, Any] | None,
    token: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The configuration; it is written as JSON, which every YAML reader reads."""
    document: dict[str, Any] = {
        "version": "0.1",
        # It says where it listens.
        "log": {"level": "info", "accesslog": {"disabled": False}},
        "storage": {"filesystem": {"rootdirectory": str(blobs)}, "delete": {"enabled": True}},
        "http": {"addr": "127.0.0.1:0"},
    }
    if htpasswd is not None:
        document["auth"] = {"htpasswd": {"realm": "test", "path": str(htpasswd)}}
    if token is not None:
        document["auth"] = {"token": dict(token)}
    if tls is not None:
        document["http"]["tls"] = dict(tls)
    return document
