"""Platforms: the image specification's `os/architecture[/variant]`, to and from Go's environment variables.

A leaf: it imports nothing of ours but the errors. Names and normalisation follow the OCI image index
specification ("platform" property) and what container runtimes match on, so that two spellings of one
platform are one value here.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from gopherwhale.errors import UsageError
from gopherwhale.guesses import closest

_ALIASES: Final[Mapping[str, tuple[str, str]]] = {
    "x86_64": ("amd64", ""),
    "x86-64": ("amd64", ""),
    "i386": ("386", ""),
    "i486": ("386", ""),
    "i586": ("386", ""),
    "i686": ("386", ""),
    "x86": ("386", ""),
    "aarch64": ("arm64", ""),
    "armhf": ("arm", "v7"),
    "armv7l": ("arm", "v7"),
    # What the kernel of a 64-bit machine calls itself to a 32-bit system.
    "armv8l": ("arm", "v7"),
    "armv7": ("arm", "v7"),
    "armel": ("arm", "v6"),
    "armv6l": ("arm", "v6"),
    "armv6": ("arm", "v6"),
    "armv5": ("arm", "v5"),
    "armv8": ("arm64", ""),
    "loongarch64": ("loong64", ""),
    "powerpc64le": ("ppc64le", ""),
    "mipsel": ("mipsle", ""),
    "mips64el": ("mips64le", ""),
}

_ARCHITECTURES: Final[Mapping[str, tuple[str, ...]]] = {
    "linux": (
        "386",
        "amd64",
        "arm",
        "arm64",
        "loong64",
        "mips",
        "mips64",
        "mips64le",
        "mipsle",
        "ppc64",
        "ppc64le",
        "riscv64",
        "s390x",
    ),
    "windows": ("386", "amd64", "arm64"),
}

# What each architecture's variant may be, and the variant that "no variant" stands for.
_VARIANTS: Final[Mapping[str, tuple[str, ...]]] = {
    "amd64": ("v1", "v2", "v3", "v4"),
    "arm": ("v5", "v6", "v7"),
    "arm64": ("v8", *(f"v8.{n}" for n in range(1, 10)), "v9", *(f"v9.{n}" for n in range(1, 6))),
}
_IMPLIED: Final[Mapping[str, str]] = {"amd64": "v1", "arm64": "v8"}
_SYNONYMS: Final[Mapping[str, str]] = {"v8.0": "v8", "v9.0": "v9"}

_LEVEL_VARIABLE: Final[Mapping[str, str]] = {"amd64": "GOAMD64", "arm": "GOARM", "arm64": "GOARM64"}
# The same for architectures that have no variants: Go's own default stands unless a level is asked for.
_OPTION_VARIABLE: Final[Mapping[str, str]] = {
    "386": "GO386",
    "mips": "GOMIPS",
    "mipsle": "GOMIPS",
    "mips64": "GOMIPS64",
    "mips64le": "GOMIPS64",
    "ppc64": "GOPPC64",
    "ppc64le": "GOPPC64",
    "riscv64": "GORISCV64",
}


@dataclass(frozen=True, kw_only=True, order=True)
class Platform:
    """One platform of an image index, normalised.

    Attributes:
        os: Operating system by Go's name, as `linux`.
        architecture: CPU architecture by Go's name, as `arm64`.
        variant: CPU variant where it says more than the architecture's baseline, as `v7`; else empty.
            `arm64/v8` and `amd64/v1` are the baselines and have none; `arm` always has one.
    """

    os: str
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        """The specifier as every tool writes it."""
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)

    @property
    def slug(self) -> str:
        """The specifier with dashes, for the names of files and tags."""
        return str(self).replace("/", "-")

    @property
    def is_unknown(self) -> bool:
        """Whether this is the `unknown/unknown` that builders give to attestations."""
        return self.os == "unknown" and self.architecture == "unknown"

    def to_document(self) -> dict[str, str]:
        """The `platform` object of a descriptor (image-spec, image index)."""
        document = {"architecture": self.architecture, "os": self.os}
        return {**document, "variant": self.variant} if self.variant else document

    def go_environment(self, levels: Mapping[str, str] | None = None) -> dict[str, str]:
        """The variables that make the Go toolchain compile for this platform.

        Args:
            levels: CPU levels asked for apart from the variant, as `{"GOAMD64": "v2"}`; where the platform
                names a variant of its own, only an option behind that one counts (`GOARM=7,softfloat`).

        Returns:
            GOOS and GOARCH, and the architecture's level variable where it has one, always set: a value
            of the surrounding environment must not leak in.
        """
        environment, asked = {"GOOS": self.os, "GOARCH": self.architecture}, levels or {}
        if option := _OPTION_VARIABLE.get(self.architecture):
            return {**environment, option: asked[option]} if asked.get(option) else environment
        variable = _LEVEL_VARIABLE.get(self.architecture)
        if variable is None:
            return environment
        level, comma, options = asked.get(variable, "").partition(",")
        level = self.variant or level or _IMPLIED.get(self.architecture, "")
        if variable == "GOARM":
            level = level.removeprefix("v")
        if variable == "GOARM64" and "." not in level:
            level = f"{level}.0"
        return {**environment, variable: f"{level}{comma}{options}"}


def normalise(os: str, architecture: str, variant: str = "") -> Platform:
    """Bring the three words to their normal form, refusing nothing.

    For documents written by others, which may hold anything; `parse` is for what a user types.

    Returns:
        The platform, with aliases resolved and a baseline variant dropped.
    """
    os, architecture, variant = os.strip().lower(), architecture.strip().lower(), variant.strip().lower()
    if architecture in _ALIASES:
        architecture, implied = _ALIASES[architecture]
        variant = variant or implied
    if variant[:1].isdigit():
        variant = f"v{variant}"
    variant = _SYNONYMS.get(variant, variant) if architecture == "arm64" else variant
    if architecture == "arm" and not variant:
        variant = "v7"
    if variant and variant == _IMPLIED.get(architecture):
        variant = ""
    return Platform(os=os, architecture=architecture, variant=variant)


def parse(text: str) -> Platform:
    """Read one platform as a user types it: `linux/arm/v7`, `arm64`, `linux/x86_64`.

    Args:
        text: The specifier; a lone architecture means Linux.

    Returns:
        The platform, normalised.

    Raises:
        UsageError: It is no platform that Go can build for; the message names the nearest that is.
    """
    parts = text.strip().split("/")
    if len(parts) == 1:
        parts = ["linux", *parts]
    if not 2 <= len(parts) <= 3 or not all(parts):  # noqa: PLR2004 -- os/architecture[/variant]
        raise UsageError(
            f"{text!r} is not a platform",
            hint="write os/architecture[/variant], as linux/arm64 or linux/arm/v7",
        )
    found = normalise(*parts)
    if found.architecture not in _ARCHITECTURES.get(found.os, ()):
        raise UsageError(f"Go builds no platform {text!r}", hint=_nearest(str(found)))
    allowed = _VARIANTS.get(found.architecture, ())
    if found.variant and found.variant not in allowed:
        choice = ", ".join(allowed) or "none"
        raise UsageError(
            f"{text!r} has a variant that Go cannot build", hint=f"variants of {found.architecture}: {choice}"
        )
    return found


def known(*systems: str) -> tuple[Platform, ...]:
    """Every platform of the given systems that Go builds, arm once for each variant.

    Args:
        systems: `linux`, `windows` or both, in the wanted order.
    """
    return tuple(
        Platform(os=os, architecture=architecture, variant=variant)
        for os in systems
        for architecture in _ARCHITECTURES[os]
        for variant in (_VARIANTS["arm"] if architecture == "arm" else ("",))
    )


PRESETS: Final[Mapping[str, tuple[Platform, ...]]] = {
    "default": (parse("linux/amd64"), parse("linux/arm64")),
    "common": (parse("linux/amd64"), parse("linux/arm64"), parse("linux/arm/v7")),
    "linux": known("linux"),
    "windows": known("windows"),
    "all": known("linux", "windows"),
}


def parse_many(texts: Iterable[str]) -> tuple[Platform, ...]:
    """Read a list of platforms and presets, each item possibly a comma-separated list itself.

    Args:
        texts: As `["linux/amd64,linux/arm64"]`, `["common"]` or `["all"]`.

    Returns:
        The platforms in the order given, each once.

    Raises:
        UsageError: An item is neither a platform nor a preset, or nothing is left.
    """
    words = [word.strip() for text in texts for word in text.split(",") if word.strip()]
    chosen: dict[Platform, None] = {}
    for word in words:
        chosen.update(dict.fromkeys(PRESETS.get(word) or (parse(word),)))
    if not chosen:
        raise UsageError(
            "no platform is given", hint="as linux/amd64,linux/arm64, or a preset: " + ", ".join(PRESETS)
        )
    return tuple(chosen)


def of_this_machine(architecture: str | None = None) -> Platform:
    """The Linux platform whose images run at full speed on this machine.

    A container on macOS or Windows runs in a Linux machine of the same architecture, so the system is
    always Linux.

    Args:
        architecture: The machine's own word for its architecture; asked of the kernel when None.
    """
    return parse(f"linux/{architecture or os.uname().machine or 'amd64'}")


def _nearest(text: str) -> str:
    words = [str(platform) for platform in PRESETS["all"]] + list(PRESETS)
    close = closest(text, words) or closest(text.rsplit("/", maxsplit=1)[-1], words)
    listing = "list them with a preset: " + ", ".join(PRESETS)
    return f"did you mean {close!r}?" if close else listing
