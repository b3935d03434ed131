"""What the go engine makes of an image's settings: binaries, flags, files and how the image starts.

Read once, before anything runs; no process is started for it, so that a plan can show it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gopherwhale.engines.files import own_files, system_files
from gopherwhale.engines.toolchain import TARGET_VARIABLES, go_variables
from gopherwhale.errors import UsageError
from gopherwhale.oci.assemble import Process
from gopherwhale.oci.compress import Compression
from gopherwhale.oci.layer_writer import Entry
from gopherwhale.plan import ImagePlan
from gopherwhale.platforms import Platform

# What BuildKit gives to every image of a Dockerfile that starts from scratch.
DEFAULT_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_PACKAGE_CLAUSE = re.compile(r"^package\s+main\b", re.MULTILINE)
_MODULE = re.compile(r'^module\s+"?([^\s"]+)', re.MULTILINE)
_MAJOR = re.compile(r"v[0-9]+")
_MAX_HEAD: Final = 256 * 1024


@dataclass(frozen=True, kw_only=True)
class Binary:
    """One main package and its place in the image.

    Attributes:
        package: As the go command takes it.
        name: What the go command calls the result.
        path: In the image, absolute.
    """

    package: str
    name: str
    path: str


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """An image as the go engine makes it.

    Attributes:
        folder: Where the go command runs.
        binaries: At least one.
        arguments: Of `go build`, without packages and output.
        levels: CPU levels for platforms that name none.
        build_env: For the Go toolchain.
        certificates: `certifi`, `none`, or a file.
        time_zones: Whether the time zone database is added.
        system: The entries of /etc/passwd, /etc/group and /tmp that were asked for.
        files: The entries of the repository's own files.
        compression: Of the layers.
        process: How the image starts.
    """

    folder: Path
    binaries: tuple[Binary, ...]
    arguments: tuple[str, ...]
    levels: Mapping[str, str]
    build_env: Mapping[str, str]
    certificates: str | Path
    time_zones: bool
    system: tuple[Entry, ...]
    files: tuple[Entry, ...]
    compression: Compression
    process: Process

    def command(self, program: Path | str, folder: Path) -> list[str]:
        """The `go build` of one platform, all binaries at once, into a folder."""
        packages = [binary.package for binary in self.binaries]
        return [str(program), "build", *self.arguments, "-o", f"{folder}/", *packages]

    def variables(self, platform: Platform) -> dict[str, str]:
        """What that command sets in its environment."""
        return go_variables(platform, self.levels, self.build_env)


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
        folder=folder,
        binaries=binaries,
        arguments=_arguments(image),
        levels={key: text for key, text in image.build_args.items() if key in TARGET_VARIABLES},
        build_env=settings.build_env,
        certificates=_certificates(image.root, settings.certificates),
        time_zones=settings.time_zones,
        system=tuple(system_files(settings)),
        files=_files(image, binaries),
        compression=settings.compression,
        process=Process(
            user=settings.user,
            entrypoint=settings.entrypoint or (_started(binaries, image.name),),
            command=settings.args,
            environment=tuple(
                f"{key}={text}" for key, text in ({"PATH": DEFAULT_PATH} | settings.env).items()
            ),
            working_dir=settings.working_dir,
            ports=ports,
            stop_signal=settings.stop_signal,
            labels=image.labels,
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


def default_name(import_path: str) -> str:
    """What the go command calls the binary of a package: the last element that is no major version."""
    parts = import_path.split("/")
    return parts[-2] if len(parts) > 1 and _MAJOR.fullmatch(parts[-1]) else parts[-1]


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


def binaries_of(root: Path, packages: tuple[str, ...]) -> tuple[Binary, ...]:
    """The binaries that the setting `packages` names; those that `main_packages` finds where it is empty.

    Raises:
        UsageError: An item is no main package, or two would be in one place.
    """
    found = tuple(_binary(root, text) for text in packages or main_packages(root))
    for what, values in (("name", [b.name for b in found]), ("path", [b.path for b in found])):
        twins = [value for value in values if values.count(value) > 1]
        if twins:
            raise UsageError(
                f"[go] packages: two binaries have the {what} {twins[0]!r}",
                hint="build them as two images: [images.NAME.go] packages",
            )
    return found


def _binary(root: Path, text: str) -> Binary:
    package, _, path = text.partition("=")
    if not package or package.startswith("-") or "..." in package:
        raise UsageError(f"[go] packages: {text!r} is not one main package", hint="as . or ./cmd/serve")
    if package.startswith(("./", "../")) or package == ".":
        folder = (root / package).resolve()
        if not folder.is_dir() or not _is_main(folder):
            raise UsageError(f"[go] packages: {package!r} holds no Go program", hint="as . or ./cmd/serve")
        import_path = _import_path(folder)
    else:
        import_path = package
    name = default_name(import_path)
    path = path or f"/{name}"
    if not path.startswith("/") or path.endswith("/") or posixpath.normpath(path) != path:
        raise UsageError(f"[go] packages: {path!r} is no absolute path", hint="as ./cmd/serve=/bin/serve")
    return Binary(package=package, name=name, path=path)


def main_packages(root: Path) -> tuple[str, ...]:
    """The main packages of a repository: its root, else the folders directly below `cmd`.

    Raises:
        UsageError: There is none.
    """
    if _is_main(root):
        return (".",)
    folders = sorted((root / "cmd").iterdir()) if (root / "cmd").is_dir() else []
    found = tuple(f"./cmd/{folder.name}" for folder in folders if folder.is_dir() and _is_main(folder))
    if not found:
        raise UsageError(
            f"no Go program is in {root} or in its folder cmd",
            hint='name its package: packages = ["./path"] in the table [go] of gopherwhale.toml',
        )
    return found


def _is_main(folder: Path) -> bool:
    files = (path for path in sorted(folder.glob("*.go")) if not path.name.endswith("_test.go"))
    return any(_PACKAGE_CLAUSE.search(_head(path)) for path in files if not path.name.startswith(("_", ".")))


def _head(path: Path) -> str:
    with path.open("rb") as stream:
        return stream.read(_MAX_HEAD).decode(errors="replace")


def _import_path(folder: Path) -> str:
    """A folder's import path, by the nearest go.mod."""
    for parent in (folder, *folder.parents):
        file = parent / "go.mod"
        if file.is_file():
            module = _MODULE.search(_head(file))
            below = folder.relative_to(parent).as_posix()
            if module:
                return module[1] if below == "." else f"{module[1]}/{below}"
    raise UsageError(f"{folder} is in no Go module", hint="go mod init example.com/name")


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
    for setting in image.settings.go.files:

        def fill(text: str, where: str = setting.source) -> str:
            return expand(text, image.build_args, where)

        for entry in own_files(image.root, setting, fill):
            if entry.path in taken:
                raise UsageError(
                    f"[[go.files]]: {setting.source} and {taken[entry.path]} are both /{entry.path}"
                )
            if entry.content is not None or entry.link:
                taken[entry.path] = setting.source
            found.append(entry)
    return tuple(found)


def _certificates(root: Path, setting: str) -> str | Path:
    if setting in ("certifi", "none"):
        return setting
    path = root / setting
    if not path.is_file():
        raise UsageError(
            f"[go] certificates: there is no file {path}", hint="name a PEM file, or certifi, or none"
        )
    return path
