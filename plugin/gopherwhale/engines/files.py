"""The files that the go engine adds to a binary: certificates, time zones, accounts, the repository's own."""

from __future__ import annotations

import os
import posixpath
import stat
import subprocess
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, NoReturn

from gopherwhale.errors import BuildError, MissingToolError, UsageError
from gopherwhale.files import read_bounded
from gopherwhale.oci.layer_writer import Entry
from gopherwhale.settings import FileSettings, GoSettings

# Where Go's crypto/x509 and time look first on Linux.
CERTIFICATES: Final = "etc/ssl/certs/ca-certificates.crt"
TIME_ZONES: Final = "usr/share/zoneinfo"
_MARK: Final = b"-----BEGIN CERTIFICATE-----"
_MAX_FILE: Final = 16 * 1024 * 1024
_TIMEOUT: Final = 60
# image-spec, "Whiteouts".
_WHITEOUT: Final = ".wh."


def certificates(setting: str | Path) -> tuple[Entry, str]:
    """The CA certificates of an image.

    Args:
        setting: A PEM file, or `certifi` for Mozilla's certificates as the package certifi has them.

    Returns:
        The file, and where it is from, for the image's history.

    Raises:
        UsageError: The file holds no certificate.
    """
    if isinstance(setting, Path):
        source, name = setting, setting.name
    else:
        import certifi  # noqa: PLC0415 -- a plan need not pay for it

        source, name = Path(certifi.where()), f"certifi {certifi.__version__}"
    with source.open("rb") as stream:
        data = stream.read(_MAX_FILE + 1)
    if _MARK not in data or len(data) > _MAX_FILE:
        raise UsageError(
            f"[go] certificates: {source} is not a file of certificates",
            hint="name a PEM file, or certifi, or none",
        )
    return Entry(path=CERTIFICATES, content=data, mode=0o644), name


def time_zones(program: Path, environment: Mapping[str, str], folder: Path) -> list[Entry]:
    """The time zone database that the Go toolchain carries (lib/time/zoneinfo.zip).

    Args:
        program: The go command.
        environment: For it.
        folder: Where it runs: the go.mod there chooses the toolchain.

    Raises:
        BuildError: Go does not say where it is.
        MissingToolError: This toolchain was packaged without it.
    """
    try:
        asked = subprocess.run(
            [program, "env", "GOROOT"],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BuildError(f"`{program} env GOROOT` did not end within {_TIMEOUT} s") from None
    path = Path(asked.stdout.strip(), "lib", "time", "zoneinfo.zip")
    try:
        with zipfile.ZipFile(path) as archive:
            return [
                Entry(path=f"{TIME_ZONES}/{name}", content=archive.read(name), mode=0o644)
                for name in archive.namelist()
                if not name.endswith("/")
            ]
    except (OSError, zipfile.BadZipFile):
        raise MissingToolError(
            f"this Go has no time zone database at {path}",
            hint="use an official Go release, or python3 -m pip install 'gopherwhale[go]'",
        ) from None


def system_files(settings: GoSettings) -> Iterator[Entry]:
    """The accounts and the folder /tmp, as far as they are asked for."""
    if settings.passwd:
        uid, _, gid = settings.user.partition(":")
        passwd, group = "root:x:0:0:root:/root:/sbin/nologin\n", "root:x:0:\n"
        if int(uid or 0):
            passwd += f"nonroot:x:{uid}:{gid or 0}:nonroot:/:/sbin/nologin\n"
        if int(gid or 0):
            group += f"nonroot:x:{gid}:\n"
        yield Entry(path="etc/group", content=group.encode(), mode=0o644)
        yield Entry(path="etc/passwd", content=passwd.encode(), mode=0o644)
    if settings.tmp:
        yield Entry(path="tmp", content=None, mode=0o1777)


def own_files(root: Path, setting: FileSettings, fill: Callable[[str], str], output: Path) -> Iterator[Entry]:
    """The repository's files that one `[[go.files]]` names.

    Of their modes only the owner's run bit counts, as for git: the rest is the umask's.
    As for COPY in a Dockerfile, a file goes under its own name into a place that ends in a slash, and a
    folder's content into the place.

    Args:
        root: The repository.
        setting: What goes where.
        fill: Fills in a template's text.
        output: Where images are built, which goes into none.

    Raises:
        UsageError: There is nothing of that name, something that is no file, or no text to fill in.
        OSError: Something cannot be read.
    """
    source, place = root / setting.source, posixpath.normpath(setting.path).strip("/")
    if not os.path.lexists(source):
        raise UsageError(
            f"[[go.files]]: there is no {source}", hint="name a file or folder of the repository"
        )
    if not source.is_dir() or source.is_symlink():
        into = setting.path.endswith("/")
        yield _own(source, posixpath.join(place, source.name) if into else place, setting, fill)
        return
    if output.resolve().is_relative_to(source.resolve()):
        raise UsageError(
            f"[[go.files]]: {source} holds {output}, where images are built",
            hint="name what the image needs of it",
        )
    if place:
        yield _own(source, place, setting, fill)
    for name in sorted(_below(source)):
        yield _own(name, posixpath.join(place, name.relative_to(source).as_posix()), setting, fill)


def _below(folder: Path) -> Iterator[Path]:
    """Everything in a folder. One that cannot be read is an error, where `Path.rglob` passes it by."""

    def refuse(error: OSError) -> NoReturn:
        raise error

    for place, folders, files in os.walk(folder, onerror=refuse):
        yield from (Path(place, name) for name in (*folders, *files))


def _own(source: Path, path: str, setting: FileSettings, fill: Callable[[str], str]) -> Entry:
    if any(part.startswith(_WHITEOUT) for part in path.split("/")):
        raise UsageError(
            f"[[go.files]]: {source} cannot be in a layer, where a name that begins with {_WHITEOUT} deletes"
        )
    owner, _, group = setting.owner.partition(":")
    uid, gid = int(owner or 0), int(group or 0)
    facts = source.lstat()
    if stat.S_ISLNK(facts.st_mode):
        return Entry(path=path, content=None, mode=0o777, uid=uid, gid=gid, link=os.readlink(source))  # noqa: PTH115 -- Path would write it otherwise
    if stat.S_ISDIR(facts.st_mode):
        return Entry(path=path, content=None, mode=0o755, uid=uid, gid=gid)
    if not stat.S_ISREG(facts.st_mode):
        raise UsageError(f"[[go.files]]: {source} is no file, folder or symbolic link")
    mode = int(setting.mode, 8) if setting.mode else 0o755 if facts.st_mode & stat.S_IXUSR else 0o644
    content: bytes | Path = source
    if setting.template:
        try:
            content = fill(read_bounded(source, _MAX_FILE).decode()).encode()
        except UnicodeDecodeError:
            raise UsageError(f"[[go.files]]: {source} is no text to be filled in") from None
    return Entry(path=path, content=content, mode=mode, uid=uid, gid=gid)
