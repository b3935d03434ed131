"""docker.pin."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gopherwhale import references
from gopherwhale.access import Access
from gopherwhale.app.registries import registry_opener
from gopherwhale.app.request import Request, resolve
from gopherwhale.console import harmless
from gopherwhale.dockerfile.stages import SCRATCH, read_stages
from gopherwhale.dockerfile.syntax import parse as parse_dockerfile
from gopherwhale.dockerfile.words import Word
from gopherwhale.engines.bases import LAYOUT
from gopherwhale.engines.dockerfile import read_dockerfile
from gopherwhale.errors import ExitCode
from gopherwhale.files import rewrite
from gopherwhale.oci.layout import Layout
from gopherwhale.oci.source import split_selector
from gopherwhale.plan import ImagePlan
from gopherwhale.settings import FILE_NAME

Digest = Callable[[str], str]


@dataclass(frozen=True, kw_only=True)
class Pin:
    """A base image in a file.

    Attributes:
        file: Relative to the repository.
        place: The key or the line.
        was: As it stood there.
        now: With its digest.
    """

    file: str
    place: str
    was: str
    now: str


def pin(request: Request) -> ExitCode:
    """Write the digest that each base image has now into gopherwhale.toml and into the Dockerfiles."""
    resolved, made = resolve(request)
    root = resolved.root
    known: dict[str, str] = {}

    def now(text: str) -> str:
        if text not in known:
            request.console.say(f"asking for {text}")
            known[text] = _with_digest(text, root, request, made.access)
        return known[text]

    edits: dict[Path, bytes] = {}
    pins = [
        *_pin_settings(root / FILE_NAME, now, edits),
        *_pin_dockerfiles(made.images, now, request.console.say, edits),
    ]
    for path, data in edits.items():
        rewrite(path, data)
    lines = [
        f"{one.file}: {one.place}: {one.now}{' (as before)' if one.was == one.now else ''}" for one in pins
    ]
    text = "\n".join(lines) or "nothing was pinned in gopherwhale.toml and in the Dockerfiles"
    request.console.show(harmless(text), {"schema": 1, "pins": [asdict(one) for one in pins]})
    return ExitCode.GOOD


def _with_digest(text: str, root: Path, request: Request, access: Access) -> str:
    if text.startswith(LAYOUT):
        name = text.removeprefix(LAYOUT)
        folder, select = split_selector(name, root)
        shown = name.removesuffix(select).rstrip("@:") if select else name
        return f"{LAYOUT}{shown}@{Layout(folder, select).root.digest}"
    reference = references.parse(text)
    if reference.digest and not reference.tag:
        return text
    asked = reference.with_tag(reference.tag or "latest")
    with registry_opener(request, access)(asked) as source:
        return f"{text.partition('@')[0]}@{source.root.digest}"


def _pin_settings(path: Path, now: Digest, edits: dict[Path, bytes]) -> Iterator[Pin]:
    # Only who pins pays for it: a TOML document that keeps its comments and its formatting.
    import tomlkit  # noqa: PLC0415

    if not path.is_file():
        return
    before = path.read_bytes()
    document = tomlkit.parse(before)
    tables: dict[str, Any] = {"go.base": document.get("go")}
    for name, image in (document.get("images") or {}).items():
        tables[f"images.{name}.go.base"] = image.get("go")
    for place, table in tables.items():
        if not isinstance(table, MutableMapping) or table.get("base", SCRATCH) == SCRATCH:
            continue
        was = str(table["base"])
        pinned = now(was)
        if pinned != was:
            table["base"] = pinned
        yield Pin(file=path.name, place=place, was=was, now=pinned)
    data = tomlkit.dumps(document).encode()
    if data != before:
        edits[path] = data


def _pin_dockerfiles(
    images: tuple[ImagePlan, ...], now: Digest, say: Callable[[str], None], edits: dict[Path, bytes]
) -> Iterator[Pin]:
    """Pin what is started from or copied from; a name with a variable in it cannot be, and is left alone."""
    for path, image in {one.root / one.settings.dockerfile: one for one in images}.items():
        text, file = read_dockerfile(image), image.settings.dockerfile
        mark = "\ufeff" if text.startswith("\ufeff") else ""
        # Parted as the parser parts them: for it a form feed ends no line.
        lines = text.removeprefix(mark).split("\n")
        found = []
        for line, column, word in _images(text):
            if "$" in word.raw:
                say(f"{file}:{line}: {word.raw} holds a variable, and is left as it is")
                continue
            found.append((line, column, word, now(word.text)))
            yield Pin(file=file, place=f"line {line}", was=word.text, now=found[-1][-1])
        # From the end: what stands before it in the same line keeps its column.
        for line, column, word, pinned in reversed(found):
            old = lines[line - 1]
            lines[line - 1] = f"{old[:column]}{pinned}{old[column + len(word.raw) :]}"
        data = (mark + "\n".join(lines)).encode()
        if data != text.encode() and path.read_bytes() == text.encode():
            edits[path] = data


def _images(text: str) -> list[tuple[int, int, Word]]:
    """Each image that a Dockerfile names, in the file's order: its line, its column and the word."""
    stages, found = read_stages(parse_dockerfile(text)), []
    for stage in stages.all:
        words = [] if stage.parents else [(stage.start, word) for word in stage.start.words[:1]]
        for one, image in dict.fromkeys(stages.copied(stage)):
            named = re.compile(rf"[-,=]from=[\"']?({re.escape(image)})(?=[\"',\s]|$)", re.IGNORECASE)
            places = named.finditer(one.source, one.start, one.text_start)
            words += [(one, Word(raw=image, text=image, offset=place.start(1))) for place in places]
        found += [(*one.place(word.offset), word) for one, word in words if word.text != SCRATCH]
    return sorted(found, key=lambda one: one[:2])
