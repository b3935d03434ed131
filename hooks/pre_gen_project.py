"""Refuse answers that cannot become a repository, before anything is written.

Cookiecutter renders this file as a template and runs it alone, so it imports the standard library only.
The answers come in as JSON: Jinja's `tojson` leaves no quote that could end the string below.
"""  # noqa: INP001 -- a hook is a script, not part of a package

from __future__ import annotations

import contextlib
import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

ANSWERS: Final = r'''<< cookiecutter | tojson >>'''  # fmt: skip  # noqa: Q001

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_MAX_NAME: Final = 63
# Folders of the image, or of the repository, whose place a program of that name would take.
_TAKEN: Final = frozenset({"cmd", "dev", "dist", "etc", "internal", "proc", "sys", "usr", "vendor"})
_OWNER = re.compile(r"[A-Za-z0-9]+((\.|_|__|-+)[A-Za-z0-9]+)*")

# The distribution project's grammar for the name of an image; a host has a dot, a port or is localhost.
_PATH = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*"
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = (
    rf"(localhost|{_LABEL}(\.{_LABEL})+|{_LABEL}(\.{_LABEL})*:[0-9]{{1,5}}|\[[0-9a-fA-F:]+\](:[0-9]{{1,5}})?)"
)
_REGION = r"[a-z]{2}(-[a-z]+)+-[0-9]"
_IMAGES: Final[Mapping[str, tuple[str, str]]] = {
    "ghcr": (rf"ghcr\.io/[^/]+/{_PATH}", "ghcr.io/acme/hello"),
    "dockerhub": (r"docker\.io/[^/]+/[^/]+", "docker.io/acme/hello"),
    "ecr": (
        rf"[0-9]{{12}}\.dkr\.ecr(-fips)?\.{_REGION}\.amazonaws\.com(\.cn)?/{_PATH}",
        "123456789012.dkr.ecr.eu-central-1.amazonaws.com/hello",
    ),
    "other": (rf"(?!docker\.io/){_HOST}/{_PATH}", "registry.example.com/acme/hello"),
}
_MAX_IMAGE: Final = 255
_BASE = re.compile(rf"({_HOST}/)?{_PATH}(:[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?(@sha256:[0-9a-f]{{64}})?")
_DISTROLESS: Final = "gcr.io/distroless/static-debian12:nonroot"

# golang.org/x/mod/module, CheckPath.
_MODULE_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_MODULE_PART = re.compile(r"[A-Za-z0-9_~-]([A-Za-z0-9._~-]*[A-Za-z0-9_~-])?")
_WINDOWS: Final = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_SHORT_NAME = re.compile(r"[^.]*~[0-9]+(\..*)?")
_MAJOR = re.compile(r"v[0-9.]+")
_MAX_MODULE: Final = 200

_ARCHITECTURES: Final = (
    "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le",
    "riscv64", "s390x",
)  # fmt: skip
_VARIANTS: Final[Mapping[str, tuple[str, ...]]] = {
    "amd64": ("v1", "v2", "v3", "v4"),
    "arm": ("v5", "v6", "v7"),
    "arm64": ("v8", *(f"v8.{n}" for n in range(1, 10)), "v9", *(f"v9.{n}" for n in range(1, 6))),
}
# What no variant stands for: two spellings of one platform are found by it.
_IMPLIED: Final[Mapping[str, str]] = {"amd64": "v1", "arm": "v7", "arm64": "v8"}

_GO = re.compile(r"1\.([1-9][0-9])(\.(0|[1-9][0-9]?)|rc[1-9])?")
_OLDEST_GO: Final = 24
_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_NUMBERS = r"[0-9]+(\.[0-9]+)*"
_SUFFIX = r"((a|b|rc)[0-9]+)?(\.post[0-9]+)?(\.dev[0-9]+)?"
_LOCAL = r"(\+[a-z0-9]+(\.[a-z0-9]+)*)?"
# PEP 440: a star only where equality is asked, and at least two numbers for "compatible with".
_VERSIONS = (
    rf"([=!]= ?{_NUMBERS}(\.\*|{_SUFFIX}{_LOCAL})|[<>]=? ?{_NUMBERS}{_SUFFIX}|~= ?[0-9]+(\.[0-9]+)+{_SUFFIX})"
)
_WEB = r"(git\+)?https://[A-Za-z0-9.-]+(:[0-9]+)?/[A-Za-z0-9._~/@%+#=&-]+"
_SSH = r"git\+ssh://git@[A-Za-z0-9.-]+(:[0-9]+)?/[A-Za-z0-9._~/@%+#=&-]+"
_FILE = r"file:///[A-Za-z0-9._~/%+#=&-]+"
_REQUIREMENT = re.compile(
    rf"gopherwhale(\[[a-z]+(,[a-z]+)*\])?( ?{_VERSIONS}(, ?{_VERSIONS})*| @ ({_WEB}|{_SSH}|{_FILE}))?"
)
# What no question asks for: `gopherwhale init` fills it in for a repository that exists.
_PART = r"[A-Za-z0-9_+~-][A-Za-z0-9._+~-]*"
_FOLDER = rf"{_PART}(/{_PART})*"
_PACKAGE = rf"\.(/{_FOLDER})?"
_PROGRAM: Final[Mapping[str, str]] = {
    "name": _NAME.pattern,
    "binary": _PART,
    "package": _PACKAGE,
    "packages": rf"{_PACKAGE}(=/{_NAME.pattern})?",
    "repository": rf"{_HOST}/{_PATH}",
    "description": r"[\w .,:;()'/+-]{3,120}",
    "table": rf"images\.{_NAME.pattern}\.",
}
_SHAPE: Final[Mapping[str, str]] = {
    "package": _PACKAGE,
    "packages": _PROGRAM["packages"],
    "modules": rf"\.|{_FOLDER}",
    "embedded": r"LICENSE|README\.md",
    "ports": r"[0-9]{1,5}(/(tcp|udp|sctp))?",
    "dockerfile": _FOLDER,
    "engine": "auto|buildx|go",
    **dict.fromkeys(("workspace", "vendored", "tests"), "True|False"),
}
# Cookiecutter's own, put together here because this file is a template too.
_MARKS: Final = ("<" * 2, ">" * 2, *("<" + mark for mark in "%#"), *(mark + ">" for mark in "%#"))
_MAX_TEXT: Final = 200

Answers = Mapping[str, Any]


def project(answers: Answers) -> str | None:
    """A folder, a program and the last part of an image's name: the narrowest grammar of them."""
    typed, safe = str(answers["__project_as_typed"]), str(answers["project"])
    if typed == safe and _NAME.fullmatch(typed) and typed not in _TAKEN:
        return None
    if typed in _TAKEN:
        return f"it would take the place of a folder: type {f'{typed}-app'!a}"
    proposal = safe if _NAME.fullmatch(safe) and safe not in {*_TAKEN, "refused"} else "hello"
    return (
        "use lower-case letters, digits and single dashes, a letter first, at most "
        f"{_MAX_NAME}: type {proposal!a}"
    )


def text(key: str) -> Callable[[Answers], str | None]:
    """One line that means itself in Go, TOML, YAML, Markdown and a Dockerfile."""

    def check(answers: Answers) -> str | None:
        value = str(answers[key])
        if not value.strip() or value != value.strip() or len(value) > _MAX_TEXT:
            return f"type one line of at most {_MAX_TEXT} characters, with none blank at its ends"
        if not value.isprintable():
            return "type one line of visible characters"
        found = [mark for mark in ('"', "\\", "$", "`", *_MARKS) if mark in value]
        return f"type it without {found[0]}" if found else None

    return check


def choice(key: str, *known: str) -> Callable[[Answers], str | None]:
    """One of a few words, which a replay file or a user's own configuration may have got wrong."""

    def check(answers: Answers) -> str | None:
        return None if answers[key] in known else f"type one of {', '.join(known)}"

    return check


def yes_or_no(key: str) -> Callable[[Answers], str | None]:
    """Yes or no, which cookiecutter has read by now."""

    def check(answers: Answers) -> str | None:
        return None if isinstance(answers[key], bool) else "type yes or no"

    return check


def owner(answers: Answers) -> str | None:
    """The account's name at the forge and at the registry."""
    if _OWNER.fullmatch(str(answers["owner"])) and len(str(answers["owner"])) <= _MAX_NAME:
        return None
    return "use letters and digits with single dots, underscores or dashes between them: type 'acme'"


def image(answers: Answers) -> str | None:
    """Where the image goes, at the registry that was chosen."""
    value = str(answers["image"])
    pattern, example = _IMAGES.get(answers["registry"], _IMAGES["other"])
    last = value.rsplit("/", 1)[-1]
    if ":" in last or "@" in last:
        bare = value[: -len(last)] + re.split("[:@]", last)[0]
        return f"gopherwhale chooses the tags: type it without one, as {_short(bare)}"
    path = value.partition("/")[2]
    if len(value) <= _MAX_IMAGE and re.fullmatch(pattern, value) and re.fullmatch(_PATH, path):
        return None
    return f"for the registry {answers['registry']!a} type a name in lower case such as {example!a}"


def base(answers: Answers) -> str | None:
    """What the final stage stands on."""
    value = str(answers["base"])
    if value in ("scratch", "distroless"):
        return None
    name, _, digest = value.partition("@")
    path, colon, tag = name.rpartition(":")
    if len(value) > _MAX_IMAGE or not _BASE.fullmatch(value):
        return "type 'scratch', 'distroless' or an image with its tag, as 'alpine:3.22'"
    if not digest and (not colon or "/" in tag or tag == "latest"):
        return f"say which of them: type it with a tag that stays, as {_short(f'{path or name}:1')}"
    return None


def module(answers: Answers) -> str | None:
    """A path that the go command accepts for a module and could download it by."""
    value = str(answers["module"])
    host, _, rest = value.partition("/")
    parts = rest.split("/")
    if _exists(answers) and len(value) <= _MAX_MODULE and all(map(_is_module_part, value.split("/"))):
        # Of a repository that exists go.mod is its own, and `go mod init hello` is all that it takes.
        return None
    major = _MAJOR.fullmatch(parts[-1]) if len(parts) > 1 else None
    sound = (
        len(value) <= _MAX_MODULE
        and "." in host
        and ".." not in host
        and _MODULE_HOST.fullmatch(host)
        and all(_is_module_part(part) for part in [host, *parts])
        and (major is None or re.fullmatch(r"v([2-9]|[1-9][0-9]+)", parts[-1]))
    )
    if sound:
        return None
    return "type a host and a path, of letters, digits and ._~- as in 'github.com/acme/hello'"


def platforms(answers: Answers) -> str | None:
    """Platforms of Linux that Go compiles for, each once."""
    seen: dict[str, str] = {}
    for word in str(answers["platforms"]).replace(" ", "").split(","):
        os, _, rest = word.partition("/")
        architecture, slash, variant = rest.partition("/")
        variants = _VARIANTS.get(architecture, ())
        if os != "linux" or architecture not in _ARCHITECTURES or (slash and variant not in variants):
            return f"{_short(word)} is no platform of Linux that Go knows: {_proposal(word)}"
        same = f"{architecture}/{variant or _IMPLIED.get(architecture, '')}"
        if same in seen:
            return f"{word} is {seen[same]} once more: type it once"
        seen[same] = word
    return None


def go_version(answers: Answers) -> str | None:
    """A tag of the golang image whose release is new enough for the service's code."""
    match = _GO.fullmatch(str(answers["go_version"]))
    if match and int(match[1]) >= _OLDEST_GO:
        return None
    return f"type a release of Go from 1.{_OLDEST_GO} on, as 1.27.3"


def default_branch(answers: Answers) -> str | None:
    """A branch's name (git check-ref-format) with none of GitHub's wildcards."""
    value = str(answers["default_branch"])
    parts = value.split("/")
    if (
        len(value) <= _MAX_TEXT
        and _BRANCH.fullmatch(value)
        and ".." not in value
        and not any(part.endswith((".", ".lock")) for part in parts)
    ):
        return None
    return "type a branch's name of letters, digits and ._/- as 'main'"


def gopherwhale_requirement(answers: Answers) -> str | None:
    """A requirement by PEP 508 that holds no quote and no password."""
    if _REQUIREMENT.fullmatch(str(answers["gopherwhale_requirement"])):
        return None
    return "type 'gopherwhale', 'gopherwhale>=0.1,<1' or 'gopherwhale @ https://...', with no password in it"


CHECKS: Final[Mapping[str, Callable[[Answers], str | None]]] = {
    "project": project,
    "kind": choice("kind", "http", "tool", "worker"),
    "layout": choice("layout", "single", "several"),
    "description": text("description"),
    "owner": owner,
    "registry": choice("registry", *_IMAGES),
    "image": image,
    "module": module,
    "platforms": platforms,
    "go_version": go_version,
    "builder": choice("builder", "alpine", "debian"),
    "base": base,
    "time_zones": yes_or_no("time_zones"),
    "vendoring": yes_or_no("vendoring"),
    "ci": choice("ci", "github", "github-matrix", "gitlab"),
    "weekly": yes_or_no("weekly"),
    "runner": choice("runner", "both", "invoke", "nox"),
    "license": choice("license", "Apache-2.0", "MIT", "BSD-3-Clause", "none"),
    "author": text("author"),
    "default_branch": default_branch,
    "first_commit": yes_or_no("first_commit"),
    "gopherwhale_requirement": gopherwhale_requirement,
}


def problems(answers: Answers) -> list[str]:
    """One line for each answer that cannot be used."""
    lines = []
    for key, check in CHECKS.items():
        problem = check(answers)
        if problem:
            given = answers["__project_as_typed"] if key == "project" else answers[key]
            lines.append(f"{key} is {_short(given)}: {problem}")
    found = shape(answers.get("_shape", {}))
    if found:
        lines.append(f"_shape is not what gopherwhale wrote: {found}")
    lines += [
        f"{key} is {_short(answers[key])}: take it out of your configuration, it follows from the answers"
        for key, expected in derived(answers).items()
        if answers.get(key, expected) != expected
    ]
    return lines


def derived(answers: Answers) -> dict[str, str]:
    """What no question asks for and a configuration could still set: it must be what follows."""
    runner, version = answers["runner"], str(answers["go_version"])
    return {
        "__base": _DISTROLESS if answers["base"] == "distroless" else str(answers["base"]),
        "__docker": "nox -s docker-" if runner == "nox" else "invoke docker.",
        "__ci_docker": "invoke docker." if runner == "invoke" else "nox -s docker-",
        "__ci_flags": "" if runner == "invoke" else " --",
        "__ci_task": "invoke " if runner == "invoke" else "nox -s ",
        "__go_minor": version if "rc" in version else ".".join(version.split(".")[:2]),
    }


def ways_out(folder: Path) -> list[str]:
    """Links in a folder that exists already, by which a file would be written elsewhere."""
    inside = folder.resolve()
    places = [folder, *(folder / name for name in (".github", ".github/workflows", "cmd", "internal"))]
    entries = [entry for place in places if place.is_dir() for entry in sorted(place.iterdir())]
    return [
        f"{_short(entry.relative_to(folder).as_posix())} leads out of the folder: move it away"
        for entry in entries
        if entry.is_symlink() and not entry.resolve().is_relative_to(inside)
    ]


def shape(given: Mapping[str, Any]) -> str:
    """The first part of a repository's shape that cannot be, else nothing."""
    images = given.get("images", [])
    tables = [({k: v for k, v in given.items() if k != "images"}, _SHAPE), *((i, _PROGRAM) for i in images)]
    for table, patterns in tables:
        for key, value in table.items():
            for item in value if isinstance(value, list) else [value]:
                if key not in patterns or not re.fullmatch(patterns[key], str(item)):
                    return f"{_short(key)} is {_short(item)}"
    return ""


def _exists(answers: Answers) -> bool:
    """Whether the answers are of a repository that has its programs already."""
    given = answers.get("_shape", {})
    return bool(given.get("packages") or given.get("images"))


def _is_module_part(part: str) -> bool:
    return (
        _MODULE_PART.fullmatch(part) is not None
        and _WINDOWS.fullmatch(part) is None
        and _SHORT_NAME.fullmatch(part) is None
        and part != "vendor"
    )


def _proposal(word: str) -> str:
    architecture = re.split("[/:]", word.removeprefix("linux/").removeprefix("linux"))[0].lower()
    known = {"x86_64": "amd64", "aarch64": "arm64", "armv7": "arm/v7", "armv6": "arm/v6", "i386": "386"}
    proposal = known.get(architecture, architecture if architecture in _ARCHITECTURES else "")
    choices = ", ".join(_VARIANTS.get(architecture, ()))
    if proposal and word == f"linux/{proposal}/{word.rpartition('/')[2]}":
        return f"its variants are {choices}" if choices else f"type linux/{proposal}"
    return f"type linux/{proposal}" if proposal else "type linux/amd64,linux/arm64"


def _short(value: object) -> str:
    """The answer with nothing in it that a terminal would obey."""
    shown = ascii(value)
    return shown if len(shown) <= _MAX_NAME else f"{shown[:_MAX_NAME]}..."


def main() -> int:
    """Report every wrong answer at once; cookiecutter then removes the folder it has made."""
    found = problems(json.loads(ANSWERS)) + ways_out(Path.cwd())
    for line in found:
        sys.stderr.write(f"gopherwhale: {line}\n")
    return 1 if found else 0


def leave_nothing(copy: Path) -> None:
    """Remove what cookiecutter made of this file: it stays among the temporary files, answers and all."""
    if copy.name != "pre_gen_project.py":
        # Not every system lets a program's own file go.
        with contextlib.suppress(OSError):
            copy.unlink()


if __name__ == "__main__":
    leave_nothing(Path(__file__))
    sys.exit(main())
