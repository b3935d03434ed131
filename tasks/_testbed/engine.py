"""The Docker engine: started in the private folder, with the containerd image store."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tasks._testbed import bridge, mounts
from tasks._testbed.places import Places
from tasks._testbed.processes import Service, owned_pid, stop

NAME: Final = "dockerd"


def start(places: Places) -> tuple[str, int]:
    """Start dockerd, which starts its containerd.

    Returns:
        Its address for DOCKER_HOST, and its pid.

    Raises:
        MissingToolError: It did not start.
    """
    network = bridge.name_of(places.folder)
    # The folder first: while it is there, `end` knows that there is something to end.
    run = places.open_run()
    bridge.create(network)
    address = f"unix://{run / 'docker.sock'}"
    configuration = places.folder / "daemon.json"
    configuration.write_text(
        json.dumps(
            {
                # The containerd image store: multi-platform images, layouts and attestations with the
                # default builder.
                "features": {"containerd-snapshotter": True},
                "bridge": network,
                "data-root": str(places.data),
                "exec-root": str(run / "exec"),
                "hosts": [address],
                "pidfile": str(run / "docker.pid"),
            },
            indent=2,
        ),
        encoding="utf-8",
    )
    service = Service(
        name=NAME,
        arguments=(str(places.prefix / "usr/sbin/dockerd"), "--config-file", str(configuration)),
        mark=str(configuration),
        pid_file=places.pid_file(NAME),
        log=places.logs / "dockerd.log",
        environment=environment(places),
    )
    return address, service.start(ready=lambda: answers(places, address), timeout=90)


def environment(places: Places) -> dict[str, str]:
    """Give our environment, with the prefix first on PATH and no word of another Docker."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("DOCKER_", "BUILDX_"))}
    path = os.pathsep.join((*map(str, places.binaries()), kept.get("PATH", os.defpath)))
    return kept | {"PATH": path, "DOCKER_CONFIG": str(places.docker_config)}


def answers(places: Places, address: str) -> bool:
    """Whether the engine answers at an address."""
    variables: Mapping[str, str] = environment(places) | {"DOCKER_HOST": address}
    try:
        asked = subprocess.run(
            [places.prefix / "usr/bin/docker", "version", "--format", "{{.Server.Version}}"],
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


def running(places: Places) -> bool:
    """Whether our dockerd runs."""
    return owned_pid(places.pid_file(NAME), str(places.folder / "daemon.json")) is not None


def end(places: Places) -> bool:
    """Stop the engine and what it leaves where it was killed: its containerd, mounts, sockets and bridge.

    Returns:
        Whether it ran.
    """
    if not os.path.lexists(places.run):
        return False
    ran = stop(places.pid_file(NAME), str(places.folder / "daemon.json"), timeout=60)
    exec_root = Path(os.path.realpath(places.run)) / "exec"
    stop(exec_root / "containerd/containerd.pid", str(exec_root), timeout=30)
    mounts.clear(exec_root)
    mounts.clear(places.data)
    places.remove_run()
    bridge.remove(bridge.name_of(places.folder))
    return ran
