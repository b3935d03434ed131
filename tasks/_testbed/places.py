"""Where everything of the testbed lies."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gopherwhale.errors import UsageError

VARIABLE: Final = "GOPHERWHALE_TESTBED"
_MARK: Final = "gopherwhale-testbed"
# sun_path is 108 bytes with its final zero (unix(7)). containerd hangs this longest name below the folder.
_SOCKET_BYTES: Final = 107
_LONGEST: Final = "exec/containerd/containerd-debug.sock.ttrpc"


@dataclass(frozen=True, kw_only=True)
class Places:
    """The testbed's folder and what lies where in it.

    Attributes:
        folder: The private folder, absolute and resolved.
    """

    folder: Path

    @classmethod
    def find(cls, repository: Path, environment: Mapping[str, str]) -> Places:
        """Take the folder from GOPHERWHALE_TESTBED, else `.testbed` in the repository.

        Raises:
            UsageError: The folder is a file, or holds things that are not the testbed's.
        """
        folder = Path(environment.get(VARIABLE) or repository / ".testbed").absolute().resolve()
        if folder.exists() and not folder.is_dir():
            raise UsageError(
                f"the testbed's folder {folder} is not a folder", hint=f"name another one in {VARIABLE}"
            )
        places = cls(folder=folder)
        if folder.is_dir() and not places.mark.exists() and any(folder.iterdir()):
            raise UsageError(
                f"{folder} holds files that are not the testbed's",
                hint=f"name an empty or a new folder in {VARIABLE}",
            )
        return places

    @property
    def mark(self) -> Path:
        """An empty file that says whose folder this is, so that nothing else is ever removed."""
        return self.folder / _MARK

    @property
    def state(self) -> Path:
        """What `up` left for others to read."""
        return self.folder / "state.json"

    @property
    def prefix(self) -> Path:
        """The unpacked Debian packages."""
        return self.folder / "prefix"

    @property
    def cache(self) -> Path:
        """Downloaded packages and the base system's archive."""
        return self.folder / "cache"

    @property
    def data(self) -> Path:
        """Docker's data root: images outlive a `down`."""
        return self.folder / "data"

    @property
    def docker_config(self) -> Path:
        """DOCKER_CONFIG: the user's own log-ins and plugins stay untouched."""
        return self.folder / "docker-config"

    @property
    def logs(self) -> Path:
        """One file per service."""
        return self.folder / "logs"

    @property
    def run(self) -> Path:
        """Sockets; a link to a short folder elsewhere where this one's name is too long for a socket."""
        return self.folder / "run"

    def binaries(self) -> tuple[Path, ...]:
        """The folders that go in front of PATH."""
        return self.prefix / "usr/bin", self.prefix / "usr/sbin"

    def pid_file(self, service: str) -> Path:
        """Where the pid of a service we started is kept."""
        return self.folder / f"{service}.pid"

    def create(self) -> None:
        """Make the folder, marked as ours, and its lasting parts."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.mark.touch()
        for part in (self.prefix, self.cache, self.data, self.docker_config, self.logs):
            part.mkdir(exist_ok=True)

    def open_run(self) -> Path:
        """Make a fresh folder for sockets, and give its real path."""
        self.remove_run()
        if len(os.fsencode(self.run / _LONGEST)) <= _SOCKET_BYTES:
            self.run.mkdir()
            return self.run
        short = Path(tempfile.mkdtemp(prefix="gw-", dir="/tmp"))
        self.run.symlink_to(short)
        return short

    def remove_run(self) -> None:
        """Remove the folder for sockets, wherever it is."""
        if self.run.is_symlink():
            target = self.run.readlink()
            self.run.unlink()
            shutil.rmtree(target, ignore_errors=True)
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.run)
