"""What a Go repository holds: modules, programs, what is vendored or embedded, and which files are there.

Only names and the repository's own files are read, each with a bound; no link is followed out of it.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gopherwhale.adopt import gomod, gosource
from gopherwhale.adopt.gomod import ModFile
from gopherwhale.errors import UsageError

MAX_FILE: Final = 4 * 1024 * 1024
_MAX_FILES: Final = 20_000
_DOCKERFILES: Final = (
    *("Dockerfile", "Containerfile", "build/Dockerfile", "docker/Dockerfile", "build/package/Dockerfile"),
)
# Where invoke and nox look for tasks.
RUNNERS: Final = {"invoke": ("tasks.py", "tasks/__init__.py"), "nox": ("noxfile.py",)}
# Files that .dockerignore of the template leaves out of a build, which a program may embed all the same.
_IGNORED: Final = ("LICENSE", "README.md")
_LICENSES: Final = (
    ("Apache-2.0", r"Apache License\s+Version 2\.0"),
    ("BSD-3-Clause", r"Redistribution and use in source and binary forms(?s:.)+Neither the name"),
    ("MIT", r"Permission is hereby granted, free of charge, to any person(?s:.)+without restriction"),
)


@dataclass(frozen=True, kw_only=True)
class Program:
    """A main package.

    Attributes:
        folder: From the repository's top, `.` for the top itself.
        module: The folder of its module, in the same way.
        import_path: As Go calls it.
        summary: The first sentence of its comment; may be empty.
        cgo: Whether it is a program with cgo alone.
    """

    folder: str
    module: str
    import_path: str
    summary: str
    cgo: bool

    @property
    def package(self) -> str:
        """As the go command takes it."""
        return "." if self.folder == "." else f"./{self.folder}"


@dataclass(frozen=True, kw_only=True)
class Survey:
    """A repository.

    Attributes:
        root: Its top: the folder of go.work, or else of go.mod.
        workspace: Whether there is a go.work.
        modules: By folder: those that a build at the top takes part in.
        programs: In the order of their folders.
        vendored: Whether the modules that it needs are in its folder `vendor`.
        embedded: Which of the files that a build does not see are embedded.
        dockerfile: The recipe that is there; empty where there is none.
        license: An SPDX identifier of those that the template knows, or `none`.
        has_workflows: Whether GitHub runs something for it already.
        has_gitlab_ci: Whether GitLab does.
        runners: Of `invoke` and `nox` those that run tasks of its own, none of them ours.
        outside: Folders that its modules take others from and that are not in it, as they are written.
        embeds_dist: Whether a program at the top embeds something in the folder where images go.
    """

    root: Path
    workspace: bool
    modules: dict[str, ModFile]
    programs: tuple[Program, ...]
    vendored: bool
    embedded: tuple[str, ...]
    dockerfile: str
    license: str
    has_workflows: bool
    has_gitlab_ci: bool
    runners: tuple[str, ...]
    outside: tuple[str, ...]
    embeds_dist: bool


def find_root(start: Path) -> Path:
    """The folder to adopt: that of the nearest go.mod from `start` upwards, or of a go.work that uses it.

    Raises:
        UsageError: There is neither.
    """
    folders = (start, *start.parents)
    module = next((folder for folder in folders if (folder / "go.mod").is_file()), None)
    workspace = next((folder for folder in folders if (folder / "go.work").is_file()), None)
    if workspace and (module is None or _uses(workspace, module)):
        return workspace
    if module is None:
        raise UsageError(
            f"{start} is not in a Go repository: no go.mod and no go.work here or above",
            hint=_modules_below(start) or "change into one, or make one with `gopherwhale new`",
        )
    return module


def _modules_below(start: Path) -> str:
    """What to do where the modules are further down, as `backend/go.mod`."""
    found = sorted(
        file.parent.relative_to(start).as_posix()
        for depth in ("*", "*/*")
        for file in start.glob(f"{depth}/go.mod")
        if not {"vendor", "testdata"} & set(file.parts)
    )
    if not found:
        return ""
    shown = ", ".join(found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")  # noqa: PLR2004
    return f"modules are in {shown}: change into one, or join them here with `go work init` and `go work use`"


def look(root: Path) -> Survey:
    """Look at a repository.

    Raises:
        UsageError: A file cannot be read, or there are too many.
    """
    workspace = (root / "go.work").is_file()
    modules, outside = _modules(root, workspace=workspace)
    packages = list(_packages(root, modules))
    at_top = [source for folder, _, sources in packages if folder == "." for source in sources]
    return Survey(
        root=root,
        workspace=workspace,
        modules=modules,
        programs=tuple(
            program
            for folder, module, sources in packages
            for program in _programs(folder, module, modules[module].module, sources)
        ),
        vendored=(root / "vendor" / "modules.txt").is_file(),
        embedded=tuple(sorted(name for name in _IGNORED if _embeds(at_top, name))),
        dockerfile=next((name for name in _DOCKERFILES if (root / name).is_file()), ""),
        license=_license(root),
        has_workflows=any((root / ".github" / "workflows").glob("*.y*ml")),
        has_gitlab_ci=(root / ".gitlab-ci.yml").is_file(),
        outside=outside,
        embeds_dist=any(name.split("/")[0] == "dist" for one in at_top for name in one.embedded),
        runners=tuple(name for name, files in RUNNERS.items() if any(is_theirs(root / f) for f in files)),
    )


def _packages(root: Path, modules: Mapping[str, ModFile]) -> Iterator[tuple[str, str, list[gosource.Source]]]:
    """Each folder that holds a package of the modules: itself, its module's, and the files that are built."""
    for folder, names in _folders(root, modules):
        module = max((one for one in modules if _below(folder, one)), key=len, default=None)
        if module is not None:
            texts = [(name, read_text(root / folder / name)) for name in names]
            built = [gosource.read(text) for name, text in texts if gosource.is_built(name, text)]
            yield folder, module, built


def _programs(folder: str, module: str, path: str, sources: Sequence[gosource.Source]) -> Iterator[Program]:
    """The program that a folder holds, if it is one.

    Args:
        folder: From the repository's top.
        module: The folder of its module.
        path: That module's path.
        sources: The folder's Go files.
    """
    mains = [source for source in sources if source.package == "main" and source.has_main]
    if mains:
        below = folder if module == "." else folder.removeprefix(module).lstrip("/") or "."
        yield Program(
            folder=folder,
            module=module,
            import_path=path if below == "." else f"{path}/{below}",
            summary=next((source.summary for source in sources if source.summary), ""),
            cgo=all(source.cgo for source in mains),
        )


def _modules(root: Path, *, workspace: bool) -> tuple[dict[str, ModFile], tuple[str, ...]]:
    """The modules of the workspace, or that at the top, those which these replace others by, and strays."""
    used = gomod.parse(read_text(root / "go.work")).used if workspace else (".",)
    wanted = [(".", path) for path in used]
    found: dict[str, ModFile] = {}
    outside = []
    while wanted:
        base, path = wanted.pop()
        folder = gomod.inside(base, path)
        if folder is None:
            outside.append(path)
        elif folder not in found and _is_file_inside(root, f"{folder}/go.mod"):
            found[folder] = gomod.parse(read_text(root / folder / "go.mod"))
            wanted += [(folder, replaced) for replaced in found[folder].replaced]
    return dict(sorted(found.items())), tuple(dict.fromkeys(outside))


def _folders(root: Path, modules: Mapping[str, ModFile]) -> Iterator[tuple[str, list[str]]]:
    """Each folder that may hold a package, with its Go files; other modules' folders are none of ours."""
    seen = 0
    for path, folders, names in os.walk(root):
        here = Path(path).relative_to(root).as_posix()
        if here != "." and "go.mod" in names and here not in modules:
            folders.clear()
            continue
        folders[:] = sorted(f for f in folders if f not in ("vendor", "testdata") and f[0] not in "._")
        files = sorted(n for n in names if n.endswith(".go") and (Path(path) / n).is_file())
        files = [name for name in files if not (Path(path) / name).is_symlink()]
        seen += len(files)
        if seen > _MAX_FILES:
            raise UsageError(
                f"{root} holds over {_MAX_FILES} Go files", hint="name its programs with --package"
            )
        if files:
            yield here, files


def _uses(workspace: Path, module: Path) -> bool:
    used = gomod.parse(read_text(workspace / "go.work")).used
    folder = module.relative_to(workspace).as_posix() if module.is_relative_to(workspace) else None
    return folder is not None and folder in {gomod.inside(".", path) for path in used}


def _below(folder: str, module: str) -> bool:
    return module in (".", folder) or folder.startswith(f"{module}/")


def _is_file_inside(root: Path, name: str) -> bool:
    path = root / name
    return path.is_file() and path.resolve().is_relative_to(root.resolve())


def _embeds(sources: Sequence[gosource.Source], name: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for source in sources for pattern in source.embedded)


def is_theirs(file: Path) -> bool:
    """Whether a file of Python is there that knows nothing of us."""
    return file.is_file() and "gopherwhale" not in read_text(file)


def _license(root: Path) -> str:
    for name in ("LICENSE", "LICENSE.md", "LICENSE.txt", "COPYING"):
        if (root / name).is_file():
            text = read_text(root / name)
            return next((known for known, pattern in _LICENSES if re.search(pattern, text)), "none")
    return "none"


def read_text(path: Path) -> str:
    """A file's text; what is beyond the bound is not looked at.

    Raises:
        UsageError: It cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_FILE).decode(errors="replace")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
