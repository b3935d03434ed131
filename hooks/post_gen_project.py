"""Put the chosen files in their places, write down what was made, and say what to do next.

Cookiecutter renders this file as a template and runs it alone in the new repository.
"""  # noqa: INP001 -- a hook is a script, not part of a package

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

ANSWERS: Final = r'''<< cookiecutter | tojson >>'''  # fmt: skip  # noqa: Q001

RECORD: Final = ".gopherwhale.json"
# The template keeps one folder for each answer here, which is laid over the repository where it was chosen.
CHOICES: Final = ".choices"
_TIMEOUT: Final = 30


def chosen(answers: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The folders of the choices that were made, and where in the repository their files go."""
    project, several = answers["project"], answers["layout"] == "several"
    yield f"kind-{answers['kind']}", f"cmd/{project}" if several else "."
    if several:
        yield "job", f"cmd/{project}-job"
    if answers["ci"] == "gitlab":
        yield "gitlab", "."
    else:
        yield "github", "."
        if answers["_shape"]["engine"] != "go":
            yield "github-docker", "."
        yield "github-matrix" if answers["ci"] == "github-matrix" else "github-one", "."
    yield f"license-{answers['license']}", "."
    for runner in ("invoke", "nox"):
        if answers["runner"] in (runner, "both"):
            yield runner, "."


def place(answers: Mapping[str, Any], folder: Path) -> None:
    """Move the chosen files to their places; what was not chosen goes, and nothing else does.

    Args:
        answers: Those of the questions.
        folder: The repository.
    """
    # pip leaves byte code beside whatever Python it installs, the template's too.
    for cache in (folder / "__pycache__", *(folder / CHOICES).rglob("__pycache__")):
        shutil.rmtree(cache, ignore_errors=True)
    for name, target in chosen(answers):
        source = folder / CHOICES / name
        for file in sorted(path for path in source.rglob("*") if path.is_file()):
            place = folder / target / file.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            file.replace(place)
    shutil.rmtree(folder / CHOICES)


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
    code, out = git(template, "rev-parse", "--show-toplevel", "HEAD")
    top, _, head = out.strip().rpartition("\n")
    if code or Path(top).resolve() != template.resolve():
        return ""
    code, changes = git(template, "status", "--porcelain")
    return "" if code or changes.strip() else head


def git(folder: Path, *words: str) -> tuple[int, str]:
    """Run git in a folder, and nowhere else: its exit code, and what it says."""
    # A git hook's own variables would lead to that hook's repository.
    elsewhere = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"}
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words],
            env={name: text for name, text in os.environ.items() if name not in elsewhere},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
    except OSError as error:
        return 1, f"git: {error.strerror}"
    except subprocess.TimeoutExpired:
        return 1, f"git {words[0]} does not end"
    return done.returncode, done.stdout if not done.returncode else done.stderr


def commit(folder: Path, branch: str) -> str:
    """Put a new repository under git, and commit it.

    Returns:
        What hindered it, in one line; nothing where all went well. The files stay as they are.
    """
    if git(folder, "rev-parse", "--is-inside-work-tree")[0] == 0:
        return "the folder is in a git repository already"
    for words in (
        ("init", "--quiet", "--initial-branch", branch),
        ("add", "--all"),
        ("commit", "--quiet", "--message", "First commit"),
    ):
        code, said = git(folder, *words)
        if code:
            return f"git {words[0]}: {' '.join(said.split())}"
    return ""


def greet(answers: Mapping[str, Any], name: str, hindered: str) -> str:
    """The first commands; the new README has the rest."""
    committed = answers["first_commit"] and not hindered
    lines = [f"{name} is ready. {'B' if committed else 'Put it under git, then b'}uild it:", ""]
    if hindered:
        lines[:0] = [f"No commit was made: {hindered}", ""]
    lines.append(f"    cd {name}")
    if not committed:
        start = f"git init --initial-branch {answers['default_branch']}"
        lines.append(f"    {start} && git add --all && git commit --message 'First commit'")
    docker = answers["__docker"]
    lines += [
        f"    {docker}cross-build && {docker}verify-arch",
        "",
        "Its README.md says what the registry needs.",
    ]
    return "\n".join(["", *lines, ""])


def main() -> None:
    """Finish the repository."""
    answers = json.loads(ANSWERS)
    here = Path.cwd()
    place(answers, here)
    files = (path.relative_to(here) for path in here.rglob("*") if path.is_file())
    paths = [path.as_posix() for path in files if path.parts[0] != ".git"]
    text = record(answers, here, paths, commit=commit_of(Path(answers["_repo_dir"])))
    (here / RECORD).write_text(text, encoding="utf-8")
    hindered = commit(here, answers["default_branch"]) if answers["first_commit"] else ""
    if answers["_greeting"]:
        sys.stdout.write(greet(answers, here.name, hindered))


def leave_nothing(copy: Path) -> None:
    """Remove what cookiecutter made of this file: it stays among the temporary files, answers and all."""
    if copy.name != "post_gen_project.py":
        # Not every system lets a program's own file go.
        with contextlib.suppress(OSError):
            copy.unlink()


if __name__ == "__main__":
    leave_nothing(Path(__file__))
    main()
