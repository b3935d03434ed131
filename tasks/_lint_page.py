"""docs/lint.md, written from the rules and their examples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tasks._lint_examples import EXAMPLES, GOOD, IGNORE, Example

_HEAD: Final = """\
# Lint

`invoke docker.lint [PATH...]` judges the Dockerfiles of this repository's images, or those that are named,
and the `.dockerignore` beside them. Each finding has a code, a place, what is there, why it matters, and the
line as it should be. The exit code is 10 where there is an error, else 0. `docker.build`,
`docker.cross-build` and `docker.push` with the buildx engine run it first and stop at an error before
anything is built. hadolint, where it is installed, runs beside `docker.lint`; its findings keep their own
codes and are never an error here. `--format` is table, json, github, sarif or junit, and `--report
junit=FILE` (or `sarif=FILE`, `json=FILE`) writes a file beside it. `--fix` writes the mended lines where that
needs no thought, each file whole or not at all, shows the difference on stderr, and judges what is left.

What is meant to be so is allowed by a comment on the line above, with the reason, which is required:

```dockerfile
# gopherwhale: ignore=latest-tag it is built from this repository
FROM registry.example.com/base
```

(In a `.dockerignore` such a comment holds for the whole file.) Tables `[[lint.policy]]` of the settings
raise, lower or allow a code for the whole image: see [settings.md](settings.md).

This page is written by `invoke papers`. Its examples change this Dockerfile, which has nothing to mend:

"""


def lint_page() -> str:
    """The page that lists every code with its example."""
    from gopherwhale.lint.codes import CODES  # noqa: PLC0415

    examples = {example.code: example for example in EXAMPLES}
    lines = [_HEAD + f"```dockerfile\n{GOOD}```\n", "| code | severity | what it is |", "|---|---|---|"]
    lines += [f"| [`{one.name}`](#{one.name}) | {one.severity} | {one.title} |" for one in CODES.values()]
    for one in CODES.values():
        lines += [f"\n## {one.name}\n", f"{_sentence(one.title)} {_sentence(one.why)}\n"]
        lines += _example(examples[one.name])
    return "\n".join(lines) + "\n"


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _example(example: Example) -> Iterator[str]:
    from gopherwhale.lint.linter import lint  # noqa: PLC0415
    from gopherwhale.lint.view import Surroundings  # noqa: PLC0415

    unwanted = {"dockerignore-git": ".git", "dockerignore-dist": "dist"}
    around = Surroundings(
        ignore_text=example.ignore, unwanted=unwanted, single=dict.fromkeys([example.single], True)
    )
    (found,) = lint("Dockerfile", example.text, around).findings
    if example.ignore != IGNORE:
        yield f"Add to `.dockerignore`:\n\n```text\n{found.mended}\n```"
        return
    lines = example.text.splitlines()
    edit = found.edit
    line = lines[(edit.line if edit else found.line) - 1]
    if edit and not edit.text:
        yield f"```dockerfile\n{line}\n```\n\nTo mend it, {found.mended}."
        return
    kept = f"\n{line}" if edit and edit.end < edit.line else ""
    yield f"```dockerfile\n{line}\n```\n\nMended:\n\n```dockerfile\n{found.mended}{kept}\n```"
