"""The template rendered to files in memory, by cookiecutter itself in a process of its own.

What `gopherwhale init` and `update` write is what `cookiecutter` would have written, hooks included.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

from gopherwhale.errors import MissingToolError, UsageError
from gopherwhale.files import read_bounded

# In a wheel; a checkout has the template at its own top.
_PACKAGED: Final = "_template"
_QUESTIONS: Final = "cookiecutter.json"
_MAX_QUESTIONS: Final = 1024 * 1024
_TIMEOUT: Final = 300
_MAX_BYTES: Final = 64 * 1024 * 1024
_MAX_FILES: Final = 5000
_MAX_LINE: Final = 200
# What no question asks for; cookiecutter hands on names with one underscore without rendering them.
SHAPE: Final = "_shape"
# https://cookiecutter.readthedocs.io/en/stable/advanced/boolean_variables.html#basic-usage
_YES_OR_NO: Final = frozenset({"1", "true", "t", "yes", "y", "on", "0", "false", "f", "no", "n", "off"})
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def bundled() -> Path:
    """The folder of the template that this package carries."""
    package = Path(__file__).resolve().parents[1]
    packaged = package / _PACKAGED
    return packaged if (packaged / _QUESTIONS).is_file() else package.parents[1]


def questions(template: Path) -> dict[str, Any]:
    """What a template asks, with its defaults.

    Raises:
        UsageError: It is no template.
    """
    try:
        document = json.loads(read_bounded(template / _QUESTIONS, _MAX_QUESTIONS))
    except (UsageError, ValueError, RecursionError) as error:
        raise UsageError(f"{template} is no template: {error}") from None
    if not isinstance(document, dict):
        raise UsageError(f"{template} is no template: {_QUESTIONS} holds no table")
    return document


@contextlib.contextmanager
def opened(source: str, commit: str = "") -> Iterator[Path]:
    """A template's folder, for as long as it is looked at.

    Args:
        source: A folder, a wheel of gopherwhale, or a git repository's address; empty for our own.
        commit: The commit to take it at; empty for what is there, or what a clone checks out.

    Raises:
        UsageError: It cannot be had.
    """
    if not source:
        yield bundled()
    elif Path(source).is_dir() and not commit:
        yield Path(source).absolute()
    else:
        with tempfile.TemporaryDirectory(prefix="gopherwhale-template-") as folder:
            place = Path(folder)
            if source.endswith(".whl"):
                yield _unpack(Path(source), place)
            else:
                yield _clone(source, commit, place / "template")


def render(template: Path, answers: Mapping[str, Any]) -> dict[str, bytes]:
    """Every file that a template makes from answers, by its path.

    Args:
        template: Its folder.
        answers: The answers; for a question that they leave out, the template's default.

    Raises:
        UsageError: The template refuses an answer, or makes too much.
    """
    with tempfile.TemporaryDirectory(prefix="gopherwhale-render-") as folder:
        made = Path(folder) / "made"
        made.mkdir()
        command = _cookiecutter(template, answers, Path(folder), made)
        _run(command, Path(folder), "the template", **_litter(folder))
        return _read(next(made.iterdir(), made))


def make(template: Path, answers: Mapping[str, Any], output: Path, *, ask: bool) -> str:
    """Make a new repository in a folder, as cookiecutter does; where nothing is asked, all of it or nothing.

    Args:
        template: The template's folder.
        answers: What the questions propose.
        output: Where the repository's own folder goes.
        ask: Whether the questions are asked on this terminal; else what they propose is taken.

    Returns:
        What the template said, where it did not say it on this terminal.

    Raises:
        UsageError: The template refuses an answer, or the folder is there already.
    """
    with tempfile.TemporaryDirectory(prefix="gopherwhale-render-") as folder:
        if not ask:
            with tempfile.TemporaryDirectory(prefix=".gopherwhale-new-", dir=output) as beside:
                command = _cookiecutter(template, answers, Path(folder), Path(beside))
                said = _run(command, output, "the template", **_litter(folder))
                _put(Path(beside), output)
            return said
        # A person takes the time that a person takes, and sees what is left of an interrupted run.
        command = _cookiecutter(template, answers, Path(folder), output)
        asking = [word for word in command if word != "--no-input"]
        environment = {**os.environ, **_litter(folder)}
        if subprocess.run(asking, cwd=output, env=environment, check=False).returncode:
            raise UsageError("no repository was made")
        return ""


def _put(made: Path, output: Path) -> None:
    for folder in made.iterdir():
        place = output / folder.name
        if os.path.lexists(place):
            raise UsageError(f"{place} is there already", hint="choose another name: --answer project=NAME")
        folder.rename(place)


def _cookiecutter(template: Path, answers: Mapping[str, Any], own: Path, output: Path) -> list[str]:
    """The command, whose own files go into a folder of ours: no defaults and no replay of the user's."""
    configuration = {
        "default_context": _inert(answers, questions(template)),
        "replay_dir": str(own / "replay"),
        "cookiecutters_dir": str(own / "templates"),
    }
    # JSON is YAML.
    (own / "config.yaml").write_text(json.dumps(configuration), encoding="utf-8")
    options = ["--config-file", str(own / "config.yaml"), "--output-dir", str(output)]
    return [
        sys.executable,
        "-m",
        "cookiecutter",
        "--no-input",
        "--accept-hooks",
        "yes",
        *options,
        str(template),
    ]


def _litter(own: str) -> dict[str, str]:
    """Where cookiecutter puts the hooks that it renders: it never removes them, and only ours do so now."""
    return {"TMPDIR": own}


def _inert(answers: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """The answers to a template's own questions, none of which is a template itself.

    Cookiecutter renders answers, and lets them set its own options too, those that import code among them.
    """
    marks = {"variable": "{{", "block": "{%", "comment": "{#"}
    own = asked.get("_jinja2_env_vars", {})
    starts = [str(own.get(f"{name}_start_string", mark)) for name, mark in marks.items()]
    kept = {name: value for name, value in answers.items() if name in asked and name[0] != "_"}
    for name, value in kept.items():
        if not isinstance(value, str | bool):
            raise UsageError(f"the answer {name} is neither a text nor yes or no")
        if any(start in str(value) for start in starts):
            raise UsageError(f"the answer {name} holds a mark of the template's: {value!a}"[:_MAX_LINE])
        _refuse_unknown(name, value, asked[name])
    shape = answers.get(SHAPE)
    return {**kept, SHAPE: shape} if isinstance(shape, dict) and SHAPE in asked else kept


def _refuse_unknown(name: str, value: object, default: object) -> None:
    """What cookiecutter would pass over without a word, and take its default for."""
    if isinstance(default, bool):
        good, known = str(value).strip().lower() in _YES_OR_NO, ["yes", "no"]
    elif isinstance(default, list):
        good, known = value in default, list(map(str, default))
    else:
        return
    if not good:
        raise UsageError(f"{name}: {str(value)[:80]!a} is no answer", hint=f"one of: {', '.join(known)}")


def _read(folder: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    size = 0
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name.partition("/")[0] == ".git" or path.is_symlink() or not path.is_file():
            continue
        size += path.stat().st_size
        if size > _MAX_BYTES or len(found) >= _MAX_FILES:
            raise UsageError(f"the template makes over {_MAX_FILES} files or {_MAX_BYTES} bytes")
        found[name] = path.read_bytes()
    return found


def _unpack(wheel: Path, place: Path) -> Path:
    """The template in a wheel of gopherwhale."""
    prefix = f"gopherwhale/{_PACKAGED}/"
    try:
        with zipfile.ZipFile(wheel) as archive:
            members = [one for one in archive.infolist() if one.filename.startswith(prefix)]
            if sum(one.file_size for one in members) > _MAX_BYTES or len(members) > _MAX_FILES:
                raise UsageError(f"{wheel} holds over {_MAX_FILES} files or {_MAX_BYTES} bytes")
            for one in members:
                name = PurePosixPath(one.filename.removeprefix(prefix))
                if name.is_absolute() or ".." in name.parts or one.is_dir():
                    continue
                target = place / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.read(one))
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise UsageError(f"cannot read {wheel}: {error}") from None
    if not (place / _QUESTIONS).is_file():
        raise UsageError(f"{wheel} holds no template of gopherwhale")
    return place


def _clone(source: str, commit: str, place: Path) -> Path:
    if source.startswith("-"):
        raise UsageError(
            f"{source!r} is no template", hint="a folder, a wheel, or a git repository's address"
        )
    if commit and not _COMMIT.fullmatch(commit):
        raise UsageError(f"{commit[:80]!r} is no commit of a template")
    _run(["git", "clone", "--quiet", "--no-checkout", "--", source, str(place)], Path.cwd(), source)
    _run(["git", "-C", str(place), "checkout", "--quiet", commit or "HEAD", "--"], Path.cwd(), source)
    return place


def _run(command: list[str], folder: Path, what: str, **variables: str) -> str:
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8", **variables}
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT,
            check=False,
        )
    except FileNotFoundError:
        raise MissingToolError(f"{command[0]} is not on PATH", hint=f"install {command[0]}") from None
    except subprocess.TimeoutExpired:
        raise UsageError(f"{what} took over {_TIMEOUT} s and was stopped") from None
    if done.returncode:
        # Cookiecutter itself complains on standard output, hooks and git on the other.
        text = (done.stdout + done.stderr).decode(errors="replace")
        said = [line.strip() for line in text.splitlines() if line.strip()]
        # Our hooks say in a line for each answer what is wrong; cookiecutter's own words come behind.
        ours = [line.removeprefix("gopherwhale: ") for line in said if line.startswith("gopherwhale: ")]
        # What only we can have got wrong follows from another answer, which is told before it.
        asked = [line for line in ours if not line.startswith(SHAPE)]
        problems = asked or ours or said[-1:] or [f"exit code {done.returncode}"]
        raise UsageError(f"{what}: {problems[0]}", hint="; ".join(problems[1:]))
    return done.stdout.decode(errors="replace")
