"""What the go engine makes of an image's settings: binaries, flags, files and how the image starts.

Read once, before anything runs; no process is started for it, so that a plan can show it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gopherwhale.engines.files import own_files, system_files
from gopherwhale.engines.packages import Binary, binaries_of
from gopherwhale.engines.toolchain import TARGET_VARIABLES, go_variables
from gopherwhale.engines.workplace import work_folder
from gopherwhale.errors import UsageError
from gopherwhale.oci.assemble import Process
from gopherwhale.oci.compress import Compression
from gopherwhale.oci.layer_writer import Entry, folders_above
from gopherwhale.plan import ImagePlan
from gopherwhale.platforms import Platform

SCRATCH: Final = "scratch"
# Settings that a base's own value stands for while nobody sets them, by the config's member.
_MEMBERS: Final[Mapping[str, str]] = {"user": "User", "working_dir": "WorkingDir"}
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """An image as the go engine makes it.

    Attributes:
        base: What the image is built upon: `scratch`, or where its base is.
        folder: Where the go command runs.
        binaries: At least one.
        arguments: Of `go build`, without packages and output.
        levels: CPU levels for platforms that name none.
        build_env: For the Go toolchain.
        platform_env: The same, by platform.
        certificates: `certifi`, `none`, or a file.
        time_zones: Whether the time zone database is added.
        system: The entries of /etc/passwd, /etc/group and /tmp that were asked for.
        files: The entries of the repository's own files.
        compression: Of the layers.
        process: How the image starts.
    """

    base: str
    folder: Path
    binaries: tuple[Binary, ...]
    arguments: tuple[str, ...]
    levels: Mapping[str, str]
    build_env: Mapping[str, str]
    platform_env: Mapping[str, Mapping[str, str]]
    certificates: str | Path
    time_zones: bool
    system: tuple[Entry, ...]
    files: tuple[Entry, ...]
    compression: Compression
    process: Process

    @property
    def folders(self) -> Mapping[str, Entry]:
        """The folders whose mode or owner was chosen, by path."""
        return {entry.path: entry for entry in (*self.system, *self.files) if entry.is_folder}

    def command(self, program: Path | str, folder: Path) -> list[str]:
        """The `go build` of one platform, all binaries at once, into a folder."""
        packages = [binary.package for binary in self.binaries]
        return [str(program), "build", *self.arguments, "-o", f"{folder}/", *packages]

    def variables(self, platform: Platform) -> dict[str, str]:
        """What that command sets in its environment."""
        own = self.platform_env.get(str(platform), {})
        return go_variables(platform, self.levels, {**self.build_env, **own})


def read(image: ImagePlan) -> Recipe:
    """Make the recipe of an image.

    Raises:
        UsageError: A package cannot be found or told apart, or a setting names what is not there.
    """
    settings = image.settings.go
    folder = image.root / image.settings.context
    binaries = binaries_of(folder, settings.packages)
    ports = tuple(sorted(port if "/" in port else f"{port}/tcp" for port in settings.expose))
    return Recipe(
        base=settings.base,
        folder=folder,
        binaries=binaries,
        arguments=_arguments(image),
        levels={key: text for key, text in image.build_args.items() if key in TARGET_VARIABLES},
        build_env=settings.build_env,
        platform_env=settings.platform_env,
        certificates=_certificates(image.root, settings.certificates),
        time_zones=settings.time_zones,
        system=tuple(system_files(settings)),
        files=_files(image, binaries),
        compression=settings.compression,
        process=Process(
            user=settings.user,
            entrypoint=settings.entrypoint or (_started(binaries, image.name),),
            command=settings.args,
            environment=tuple(f"{key}={text}" for key, text in settings.env.items()),
            working_dir=settings.working_dir,
            ports=ports,
            stop_signal=settings.stop_signal,
            labels=image.labels,
            given=frozenset(_MEMBERS[name] for name in settings.given & _MEMBERS.keys()),
        ),
    )


def expand(template: str, values: Mapping[str, str], where: str) -> str:
    """Fill `${NAME}` from the build arguments, as BuildKit does in a Dockerfile.

    Args:
        template: The text.
        values: The build arguments.
        where: What the text is, for the message.

    Raises:
        UsageError: A name is no build argument.
    """
    if unknown := [name for name in _VARIABLE.findall(template) if name not in values]:
        raise UsageError(
            f"{where} names ${{{unknown[0]}}}, which is no build argument",
            hint=f"known: {', '.join(values)}; set more in [build_args]",
        )
    return _VARIABLE.sub(lambda match: values[match[1]], template)


def _arguments(image: ImagePlan) -> tuple[str, ...]:
    settings = image.settings.go
    tags = [f"-tags={','.join(settings.build_tags)}"] if settings.build_tags else []
    ldflags = expand(settings.ldflags, image.build_args, "[go] ldflags")
    # No vcs stamp: a Dockerfile's build has no .git, and the label and ldflags say the revision.
    return (
        "-trimpath",
        "-buildvcs=false",
        *tags,
        *(["-ldflags", ldflags] if ldflags else []),
        *settings.flags,
    )


def _started(binaries: tuple[Binary, ...], image: str) -> str:
    named = [binary.path for binary in binaries if len(binaries) == 1 or binary.name == image]
    if not named:
        names = ", ".join(binary.path for binary in binaries)
        raise UsageError(
            f"the image {image!r} holds several programs ({names}), and none has its name",
            hint="say which one runs: entrypoint in the table [go] of gopherwhale.toml",
        )
    return named[0]


def _files(image: ImagePlan, binaries: tuple[Binary, ...]) -> tuple[Entry, ...]:
    taken = {binary.path.lstrip("/"): f"the binary of {binary.package}" for binary in binaries}
    found: list[Entry] = []
    output = work_folder(image).parent
    for setting in image.settings.go.files:

        def fill(text: str, where: str = setting.source) -> str:
            return expand(text, image.build_args, where)

        for entry in own_files(image.root, setting, fill, output):
            if entry.path in taken:
                raise UsageError(
                    f"[[go.files]]: {setting.source} and {taken[entry.path]} are both /{entry.path}"
                )
            if not entry.is_folder:
                taken[entry.path] = setting.source
            found.append(entry)
    _refuse_files_as_folders(found, taken)
    return tuple(found)


def _refuse_files_as_folders(found: Iterable[Entry], taken: Mapping[str, str]) -> None:
    """Nothing can be put below a file; below a link it can."""
    links = {entry.path for entry in found if entry.link}
    folders = {entry.path for entry in found if entry.is_folder}
    folders |= {above for path in taken for above in folders_above(path)} - links
    if clash := sorted(folders & taken.keys()):
        raise UsageError(f"[[go.files]]: /{clash[0]} cannot be a folder, for it is {taken[clash[0]]} as well")


def _certificates(root: Path, setting: str) -> str | Path:
    if setting in ("certifi", "none"):
        return setting
    path = root / setting
    if not path.is_file():
        raise UsageError(
            f"[go] certificates: there is no file {path}", hint="name a PEM file, or certifi, or none"
        )
    return path
