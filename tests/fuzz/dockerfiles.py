"""The reader of Dockerfiles, and the rules that look at what it read."""

from __future__ import annotations

from typing import Final

from gopherwhale.lint.linter import lint
from gopherwhale.lint.view import Surroundings
from tasks._lint_examples import EXAMPLES, GOOD
from tests.fuzz.targets import Target


def _judge(data: bytes) -> object:
    text = data.decode(errors="replace")
    around = Surroundings(ignore_text=text, unwanted={"dockerignore-git": ".git"})
    return lint("Dockerfile", text, around).to_document()


def _seeds() -> list[bytes]:
    more = (
        "# escape=`\nFROM a AS b\nRUN <<EOF <<-'B' `\n x\nEOF\n\tB\nONBUILD RUN [\"a\"]\nCOPY --from=b x y\n"
    )
    return [text.encode() for text in (GOOD, more, *(example.text for example in EXAMPLES))]


TARGETS: Final = (Target(name="dockerfile", seeds=_seeds, read=_judge),)
