"""A real registry on loopback: Debian's `docker-registry`, which is the distribution project's."""

from __future__ import annotations

import http.client
import json
import os
import socket
from functools import partial
from pathlib import Path
from typing import Final

from gopherwhale.errors import MissingToolError
from tasks._testbed.processes import Service

_LOOPBACK: Final = "127.0.0.1"
_TRIES: Final = 3


def start_registry(
    program: Path, folder: Path, *, pid_file: Path, log: Path, htpasswd: Path | None = None
) -> tuple[str, int]:
    """Start a registry on a free port.

    Args:
        program: The `docker-registry` binary.
        folder: Holds its configuration and its blobs; what it held before is served again.
        pid_file: Where its pid is kept.
        log: Where its output goes.
        htpasswd: A file of bcrypt entries; without it everybody may push.

    Returns:
        Its `127.0.0.1:PORT`, and its pid.

    Raises:
        MissingToolError: It did not start.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for attempt in range(_TRIES):
        address = f"{_LOOPBACK}:{_free_port()}"
        configuration = folder / "registry.json"
        configuration.write_text(_configuration(folder / "blobs", address, htpasswd), encoding="utf-8")
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
            return address, service.start(ready=partial(answers, address), timeout=30)
        except MissingToolError:
            # The port was free when we looked, and another process may have been faster.
            if attempt == _TRIES - 1:
                raise
    raise AssertionError  # pragma: no cover - the last attempt returns or raises


def answers(address: str) -> bool:
    """Whether a registry answers at `HOST:PORT`; one that wants a log-in does, too."""
    connection = http.client.HTTPConnection(address, timeout=5)
    try:
        connection.request("GET", "/v2/")
        answer = connection.getresponse()
        return answer.headers.get("Docker-Distribution-Api-Version") == "registry/2.0"
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _configuration(blobs: Path, address: str, htpasswd: Path | None) -> str:
    """Write it as JSON, which every YAML reader reads."""
    document: dict[str, object] = {
        "version": "0.1",
        "log": {"level": "warn", "accesslog": {"disabled": False}},
        "storage": {"filesystem": {"rootdirectory": str(blobs)}, "delete": {"enabled": True}},
        "http": {"addr": address},
    }
    if htpasswd is not None:
        document["auth"] = {"htpasswd": {"realm": "test", "path": str(htpasswd)}}
    return json.dumps(document, indent=2)
