"""The main packages of a repository: which there are, what Go calls their binaries, where those go."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gopherwhale.errors import UsageError
from gopherwhale.import_paths import program_name

_PACKAGE_CLAUSE = re.compile(r"^package\s+main\b", re.MULTILINE)
_MODULE = re.compile(r'^module\s+"?([^\s"]+)', re.MULTILINE)
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
    name = program_name(import_path)
    path = path or f"/{name}"
    if not path.startswith("/") or path.endswith("/") or posixpath.normpath(path) != path:
        raise UsageError(f"[go] packages: {path!r} is no absolute path", hint="as ./cmd/serve=/bin/serve")
    return Binary(package=package, name=name, path=path)


def main_packages(root: Path) -> tuple[str, ...]:
    """The main packages of a repository: its root, else the folders directly below `cmd`.

    Programs that a build passes by, as a generator with `//go:build ignore`, count where there is no other:
    the settings may hold the build tags that they ask for.

    Raises:
        UsageError: There is none.
    """
    # Most repositories name their packages, and need not pay for it.
    from gopherwhale.adopt.gosource import is_built  # noqa: PLC0415

    folders = sorted((root / "cmd").iterdir()) if (root / "cmd").is_dir() else []
    below = [folder for folder in folders if folder.is_dir()]
    for takes in (is_built, _any):
        if _is_main(root, takes):
            return (".",)
        if found := [f"./cmd/{folder.name}" for folder in below if _is_main(folder, takes)]:
            return tuple(found)
    raise UsageError(
        f"no Go program is in {root} or in its folder cmd",
        hint='name its package: packages = ["./path"] in the table [go] of gopherwhale.toml',
    )


def _any(_name: str, _text: str) -> bool:
    return True


def _is_main(folder: Path, takes: Callable[[str, str], bool] = _any) -> bool:
    """Whether a folder holds a program in the files that a build takes, by their names and texts."""
    files = (path for path in sorted(folder.glob("*.go")) if not path.name.endswith("_test.go"))
    # A folder may be called so too, as a clone of nats.go.
    heads = ((p.name, _head(p)) for p in files if not p.name.startswith(("_", ".")) and p.is_file())
    return any(_PACKAGE_CLAUSE.search(text) and takes(name, text) for name, text in heads)


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
