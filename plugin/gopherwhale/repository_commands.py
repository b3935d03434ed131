"""The commands that bring files into a repository, as data; for invoke they are the collection `template`."""

from __future__ import annotations

from typing import Final

from gopherwhale.commands import FORMAT
from gopherwhale.flags import Command, Flag

_WRITING: Final = (
    Flag(name="dry-run", kind="switch", help="show what would be written, and write nothing"),
    Flag(name="yes", kind="switch", help="write without asking"),
    FORMAT,
)
_TEMPLATE: Final = Flag(
    name="template", kind="text", help="another template: a folder, a wheel or a git address"
)
_ANSWER: Final = Flag(
    name="answer", kind="list", help="QUESTION=ANSWER for the template, as builder=debian (repeatable)"
)

REPOSITORY_COMMANDS: Final = (
    Command(
        name="new",
        summary="Make a new Go repository from the template.",
        function="making:new",
        flags=(
            _ANSWER,
            _TEMPLATE,
            Flag(name="no-input", kind="switch", help="ask nothing, and take what the questions propose"),
            FORMAT,
        ),
        own=("answer", "template", "no_input"),
    ),
    Command(
        name="init",
        summary="Give a Go repository that exists what it lacks.",
        function="adopting:init",
        flags=(
            Flag(name="repository", kind="text", help="registry/name that the image goes to"),
            Flag(name="package", kind="list", help="a main package to ship, as ./cmd/serve (repeatable)"),
            _ANSWER,
            _TEMPLATE,
            Flag(name="overwrite", kind="list", help="a file to replace by the template's (repeatable)"),
            Flag(name="force", kind="switch", help="replace every file that the template has"),
            *_WRITING,
        ),
        own=("repository", "package", "answer", "template", "overwrite", "force", "dry_run", "yes"),
    ),
    Command(
        name="update",
        summary="Merge a newer template into a repository.",
        function="updating:update",
        flags=(
            _TEMPLATE,
            Flag(
                name="old", kind="text", help="the template it was made from, if git has not kept its files"
            ),
            _ANSWER,
            Flag(name="allow-dirty", kind="switch", help="merge into uncommitted changes"),
            *_WRITING,
        ),
        own=("template", "old", "answer", "allow_dirty", "dry_run", "yes"),
    ),
)
