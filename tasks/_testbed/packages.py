"""Debian's own packages: a few installed, the rest unpacked into the private prefix."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gopherwhale.errors import MissingToolError
from tasks._testbed.commands import run
from tasks._testbed.places import Places

# Installed, because they bring libraries or look for their files in fixed places. None starts a service.
_INSTALLED: Final = (
    "ca-certificates",
    "debian-archive-keyring",
    "debootstrap",
    "git",
    "iproute2",
    "iptables",
    "openssl",
    "runc",
    "skopeo",
)
# Unpacked only: installing these starts a registry or registers emulators for the whole machine.
_UNPACKED_HERE: Final = ("docker-registry", "qemu-user-static", "umoci")
# Debian 12's docker.io is 20.10, whose BuildKit cannot export a layout; Debian 13's runs on Debian 12.
_UNPACKED_NEXT: Final = ("containerd", "docker-buildx", "docker-cli", "docker.io")
_NEXT_KEYRING: Final = Path("/usr/share/keyrings/debian-archive-trixie-stable.gpg")
_SUITES: Final = ("bookworm", "bookworm-updates", "bookworm-security")
_PLUGIN: Final = "usr/libexec/docker/cli-plugins/docker-buildx"
# apt's setting for how often a download that fails is asked for again (apt.conf(5)).
RETRIES: Final = "Acquire::Retries"
_APT_OPTIONS: Final = ("-q", "-o", "APT::Sandbox::User=root", "-o", f"{RETRIES}=3")
_MINUTES_15: Final = 900.0


@dataclass(frozen=True, kw_only=True)
class Source:
    """One entry of sources.list(5).

    Attributes:
        uri: The mirror.
        suite: The suite, such as "bookworm-security".
        components: Such as "main".
        signed_by: The keyring's path; empty for apt's own.
    """

    uri: str
    suite: str
    components: str
    signed_by: str = ""

    def deb822(self) -> str:
        """Write it as a stanza of a `.sources` file."""
        signed = f"Signed-By: {self.signed_by}\n" if self.signed_by else ""
        return f"Types: deb\nURIs: {self.uri}\nSuites: {self.suite}\nComponents: {self.components}\n{signed}"


def install(say: Callable[[str], None]) -> None:
    """Install what is missing on this machine, debootstrap among it.

    Raises:
        MissingToolError: A package cannot be had.
    """
    missing = [name for name in _INSTALLED if not _is_installed(name)]
    if missing:
        say(f"installing Debian packages: {' '.join(missing)}")
        run(["apt-get", *_APT_OPTIONS, "update"], timeout=_MINUTES_15)
        run(
            [
                *("env", "DEBIAN_FRONTEND=noninteractive"),
                *("apt-get", *_APT_OPTIONS, "install", "--yes", "--no-install-recommends", *missing),
            ],
            timeout=_MINUTES_15,
        )


def unpack(places: Places, say: Callable[[str], None]) -> None:
    """Fill the prefix; at once where that was done before.

    Raises:
        MissingToolError: A package cannot be had.
    """
    wanted = _UNPACKED_HERE + _UNPACKED_NEXT
    done = places.prefix / ".unpacked"
    if done.is_file() and done.read_text(encoding="utf-8").split() == list(wanted):
        return
    downloads = places.cache / "packages"
    downloads.mkdir(exist_ok=True)
    say(f"downloading and unpacking into {places.prefix}: {' '.join(wanted)}")
    run(["apt-get", *_APT_OPTIONS, "download", *_UNPACKED_HERE], cwd=downloads, timeout=_MINUTES_15)
    options = _next_release(places)
    run(["apt-get", *options, "update"], timeout=_MINUTES_15)
    run(["apt-get", *options, "download", *_UNPACKED_NEXT], cwd=downloads, timeout=_MINUTES_15)
    for package in sorted(downloads.glob("*.deb")):
        run(["dpkg-deb", "--extract", package, places.prefix], timeout=120)
        package.unlink()
    done.write_text("\n".join(wanted) + "\n", encoding="utf-8")


def link_buildx(places: Places) -> None:
    """Put the buildx plugin where a Docker client with our DOCKER_CONFIG finds it."""
    plugin = places.docker_config / "cli-plugins/docker-buildx"
    plugin.parent.mkdir(exist_ok=True)
    plugin.unlink(missing_ok=True)
    plugin.symlink_to(places.prefix / _PLUGIN)


def sources() -> tuple[Source, ...]:
    """Give this machine's sources of Debian 12.

    Raises:
        MissingToolError: It has none.
    """
    files = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    texts = [file.read_text(encoding="utf-8", errors="replace") for file in files if file.is_file()]
    found = tuple(
        source
        for text in texts
        for source in parse_sources(text)
        if source.suite in _SUITES and "main" in source.components.split()
    )
    if not any(source.suite == _SUITES[0] for source in found):
        raise MissingToolError(
            "the testbed finds no source of Debian 12 packages in /etc/apt",
            hint="add one for the suite `bookworm`, component `main`",
        )
    return found


def parse_sources(text: str) -> tuple[Source, ...]:
    """Read a sources file of either form; lines that are no source of binary packages are passed over."""
    return (*_stanzas(text), *_one_liners(text))


def _stanzas(text: str) -> Iterable[Source]:
    plain = re.sub(r"^#.*\n?", "", text, flags=re.MULTILINE)
    for stanza in re.split(r"\n\s*\n", plain):
        pairs = re.findall(r"^([A-Za-z-]+):[ \t]*(.*(?:\n[ \t]+.*)*)$", stanza, re.MULTILINE)
        values = {key.lower(): " ".join(value.split()) for key, value in pairs}
        if "deb" not in values.get("types", "").split() or values.get("enabled", "yes").lower() == "no":
            continue
        for uri in values.get("uris", "").split():
            for suite in values.get("suites", "").split():
                yield Source(
                    uri=uri,
                    suite=suite,
                    components=values.get("components", ""),
                    signed_by=values.get("signed-by", ""),
                )


def _one_liners(text: str) -> Iterable[Source]:
    pattern = r"^deb[ \t]+(?:\[([^\]\n]*)\][ \t]+)?(\S+)[ \t]+(\S+)[ \t]+([^#\n]+)"
    for options, uri, suite, components in re.findall(pattern, text, re.MULTILINE):
        signed = re.search(r"signed-by=(\S+)", options)
        yield Source(
            uri=uri,
            suite=suite,
            components=" ".join(components.split()),
            signed_by=signed[1] if signed else "",
        )


def _is_installed(package: str) -> bool:
    if package == "debian-archive-keyring" and not _NEXT_KEYRING.exists():
        return False
    asked = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${db:Status-Status}", package],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return asked.stdout == "installed"


def _next_release(places: Places) -> tuple[str, ...]:
    """Make an apt state of Debian 13 beside the machine's own, and give the options that lead to it."""
    state = places.cache / "apt"
    parts, lists, archives = state / "parts", state / "lists", state / "archives"
    for folder in (parts, lists, archives):
        folder.mkdir(parents=True, exist_ok=True)
    stanzas = [
        Source(
            uri=source.uri,
            suite=source.suite.replace("bookworm", "trixie"),
            components="main",
            signed_by=source.signed_by,
        ).deb822()
        for source in sources()
    ]
    (parts / "next.sources").write_text("\n".join(stanzas), encoding="utf-8")
    settings = {
        "Dir::State::Lists": lists,
        "Dir::Etc::SourceList": "/dev/null",
        "Dir::Etc::SourceParts": parts,
        "Dir::Cache": archives,
    }
    pairs = (("-o", f"{key}={value}") for key, value in settings.items())
    return (*_APT_OPTIONS, *(part for pair in pairs for part in pair))
