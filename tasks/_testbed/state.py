"""What a running testbed is, for those who use it: `state.json`, written whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from gopherwhale.errors import UsageError
from gopherwhale.files import write_atomically


@dataclass(frozen=True, kw_only=True)
class State:
    """A running testbed.

    Attributes:
        docker_host: The engine's address, for DOCKER_HOST.
        docker_config: The private folder with the buildx plugin, for DOCKER_CONFIG.
        path: Folders to put in front of PATH, the first one first.
        registry: The registry's `127.0.0.1:PORT`; it speaks plain HTTP.
        go_version: The Go version in the base image, such as "1.26.8".
        base_images: The names under which the base image is in the engine's store.
        bridge: The network bridge made for the engine's containers.
        pids: The pid of each service.
    """

    docker_host: str
    docker_config: str
    path: tuple[str, ...]
    registry: str
    go_version: str
    base_images: tuple[str, ...]
    bridge: str
    pids: Mapping[str, int]

    @classmethod
    def read(cls, file: Path) -> State | None:
        """Read a state file; None where there is none.

        Raises:
            UsageError: The file is not a state of ours.
        """
        try:
            document: Any = json.loads(file.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            raise _damaged(file, str(error)) from error
        if not isinstance(document, dict) or set(document) != {field.name for field in fields(cls)}:
            raise _damaged(file, "other keys than ours")
        texts = ("docker_host", "docker_config", "registry", "go_version", "bridge")
        lists = ("path", "base_images")
        pids = document["pids"]
        if (
            not all(isinstance(document[key], str) for key in texts)
            or not all(_is_list_of_text(document[key]) for key in lists)
            or not isinstance(pids, dict)
            or not all(type(pid) is int and pid > 1 for pid in pids.values())
        ):
            raise _damaged(file, "a value of the wrong kind")
        return cls(**(document | {key: tuple(document[key]) for key in lists}))

    def write(self, file: Path) -> None:
        """Write beside, then rename: a reader never sees half a state."""
        write_atomically(file, f"{json.dumps(asdict(self), indent=2)}\n".encode())

    def variables(self, path: str) -> dict[str, str]:
        """Give the variables that lead a process to this testbed.

        Args:
            path: The PATH to put our folders in front of.
        """
        return {
            "DOCKER_CONFIG": self.docker_config,
            "DOCKER_HOST": self.docker_host,
            "PATH": os.pathsep.join((*self.path, path)),
        }


def _is_list_of_text(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _damaged(file: Path, why: str) -> UsageError:
    return UsageError(f"{file} is damaged: {why}", hint="run `invoke testbed.down`, then `invoke testbed.up`")
