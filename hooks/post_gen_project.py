"""Write down what the repository was made from, and say what to do next.

Cookiecutter renders this file as a template and runs it alone in the new repository.
"""  # noqa: INP001 -- a hook is a script, not part of a package

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

ANSWERS: Final = r'''<< cookiecutter | tojson >>'''  # fmt: skip  # noqa: Q001

RECORD: Final = ".gopherwhale.json"
_TIMEOUT: Final = 30


def record(answers: Mapping[str, Any], folder: Path, paths: Iterable[str], *, commit: str) -> str:
    """What `gopherwhale update` needs later to tell the template's changes from the user's.

    Args:
        answers: Those of the questions, and the shape.
        folder: The repository.
        paths: Its files that the template wrote.
        commit: The template's own, where one is known.

    Returns:
        JSON: the template, its commit, the answers, and each file's id as a git blob, by which its first
        text is found again in the repository's own history.
    """
    asked = {key: value for key, value in answers.items() if key == "_shape" or not key.startswith("_")}
    files = {path: _blob((folder / path).read_bytes()) for path in sorted(paths) if path != RECORD}
    document = {
        "template": _shareable(str(answers.get("_template", ""))),
        "commit": commit,
        "answers": asked,
        "files": files,
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _blob(data: bytes) -> str:
    """The id that git gives to a file (gitformat-pack: a header, then the bytes)."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _shareable(template: str) -> str:
    """Where a template was fetched from, without a password; nothing for a folder of this machine."""
    address = re.sub(r"(?<=://)[^/]*@", "", template)
    return address if re.match(r"[a-z+]+://|git@|[a-z]+:[^/\\]", address) else ""


def commit_of(template: Path) -> str:
    """The commit of a template's folder, if it is a checkout with no changes; else nothing."""
    asked = []
    for words in (["rev-parse", "--show-toplevel"], ["status", "--porcelain"], ["rev-parse", "HEAD"]):
        try:
            done = subprocess.run(
                ["git", "-C", str(template), *words],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_TIMEOUT,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        if done.returncode:
            return ""
        asked.append(done.stdout.strip())
    top, changes, head = asked
    return head if not changes and Path(top).resolve() == template.resolve() else ""


def main() -> None:
    """Leave the record, and print the first commands; the new README has the rest."""
    answers = json.loads(ANSWERS)
    here = Path.cwd()
    paths = [path.relative_to(here).as_posix() for path in here.rglob("*") if path.is_file()]
    text = record(answers, here, paths, commit=commit_of(Path(answers["_repo_dir"])))
    (here / RECORD).write_text(text, encoding="utf-8")
    sys.stdout.write(
        f"\n{here.name} is ready. Put it under git, then build it:\n\n"
        f"    cd {here.name}\n"
        "    git init && git add --all && git commit --message 'First commit'\n"
        "    invoke docker.cross-build && invoke docker.verify-arch\n\n"
        "Its README.md says what the registry needs.\n"
    )


if __name__ == "__main__":
    main()
