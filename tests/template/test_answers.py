"""Answers that are refused, answers that are accepted, and what is left of either."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest
import yaml
from cookiecutter.exceptions import FailedHookException, OutputDirExistsException

from gopherwhale import settings
from tests.template.baking import GOOD, bake, bake_with, different, files, problems

_HOSTILE: Final = (
    '"; import os; os.abort() #',
    '"""',
    "$(touch touched)",
    "`touch touched`",
    "${{ github.token }}",
    "a\nb",
    "a\r",
    "a\0b",
    "a\x1b[2J",
    "a\\",
    "\\N{BULLET}",
    "a\u202eb",
    "a\u2028b",
    "\ud800",
    " ",
    "",
    "a" * 5000,
)
# Harmless in a sentence, refused in a name.
_HOSTILE_NAMES: Final = (
    "'''+__import__('os').abort()+r'''",
    "../../touched",
    "/touched",
    "..",
    "-x",
    "--help",
    "\uff45\uff54\uff43",
    "a b",
)
_SENTENCES: Final = frozenset({"description", "author"})
_WRONG: Final = (
    # answer, what is typed, what the message says to type
    ("project", "Hello World", "type 'hello-world'"),
    ("project", "hello_world", "type 'hello-world'"),
    ("project", "2048", "type 'hello'"),
    ("project", "-hello", "type 'hello'"),
    ("project", "caf\u00e9", "type 'cafe'"),
    ("project", "x" * 64, "at most 63"),
    ("project", "etc", "type 'etc-app'"),
    ("description", 'the "best"', 'without "'),
    ("description", "costs $5", "without $"),
    ("description", "a `b`", "without `"),
    ("description", " padded", "blank at its ends"),
    ("description", "x" * 201, "at most 200"),
    ("author", "A\\B", "without \\"),
    ("author", "two\nlines", "one line"),
    ("owner", "acme/", "type 'acme'"),
    ("owner", "a b", "type 'acme'"),
    ("image", "ghcr.io/acme/hello:latest", "type it without one, as 'ghcr.io/acme/hello'"),
    ("image", "ghcr.io/acme/hello@sha256:00", "type it without one, as 'ghcr.io/acme/hello'"),
    ("image", "ghcr.io/Acme/hello", "'ghcr.io/acme/hello'"),
    ("image", "acme/hello", "'ghcr.io/acme/hello'"),
    ("image", "docker.io/acme/hello", "for the registry 'ghcr'"),
    ("image", "ghcr.io/acme/../hello", "'ghcr.io/acme/hello'"),
    ("module", "hello", "'github.com/acme/hello'"),
    ("module", "https://github.com/acme/hello", "'github.com/acme/hello'"),
    ("module", "github.com/acme/hello/", "'github.com/acme/hello'"),
    ("module", "github.com/acme/hello/v1", "'github.com/acme/hello'"),
    ("module", "github.com/acme/vendor", "'github.com/acme/hello'"),
    ("module", "github.com/acme/con", "'github.com/acme/hello'"),
    ("module", "GitHub.com/acme/hello", "'github.com/acme/hello'"),
    ("platforms", "linux/x86_64", "type linux/amd64"),
    ("platforms", "arm64", "type linux/arm64"),
    ("platforms", "linux/arm/v8", "variants are v5, v6, v7"),
    ("platforms", "linux/s390x/v2", "type linux/s390x"),
    ("platforms", "linux/sparc", "type linux/amd64,linux/arm64"),
    ("platforms", "windows/amd64", "type linux/amd64"),
    ("platforms", "linux/amd64,", "type linux/amd64,linux/arm64"),
    ("platforms", "linux/arm64,linux/arm64/v8", "linux/arm64 once more: type it once"),
    ("go_version", "latest", "as 1.27.3"),
    ("go_version", "go1.27", "as 1.27.3"),
    ("go_version", "1.21.0", "from 1.24 on"),
    ("go_version", "1.27.03", "as 1.27.3"),
    ("base", "alpine", "as 'alpine:1'"),
    ("base", "registry.example.com:5000/base", "as 'registry.example.com:1'"),
    ("base", "alpine:latest", "a tag that stays"),
    ("base", "Alpine:3", "'distroless'"),
    ("default_branch", "a..b", "as 'main'"),
    ("default_branch", "release/*", "as 'main'"),
    ("default_branch", "main.lock", "as 'main'"),
    ("default_branch", "-main", "as 'main'"),
    ("gopherwhale_requirement", "https://example.com/x.whl", "'gopherwhale @ https://"),
    ("gopherwhale_requirement", "nothing", "'gopherwhale'"),
    ("gopherwhale_requirement", "gopherwhale @ https://me:secret@example.com/x.whl", "no password"),
    ("gopherwhale_requirement", "gopherwhale; python_version<'4'", "'gopherwhale'"),
)


def _tree(folder: Path) -> dict[str, bytes]:
    """Everything in a folder but what cookiecutter keeps of its own."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else b"/"
        for path in folder.rglob("*")
        if ".cookiecutter" not in path.relative_to(folder).parts[0]
    }


@pytest.mark.parametrize(("key", "value", "advice"), _WRONG)
def test_a_wrong_answer_is_told_from_a_good_one(hook: ModuleType, key: str, value: str, advice: str) -> None:
    """The message names the answer and says what to type."""
    (line,) = problems(hook, key, value)
    assert line.startswith(f"{key} is ")
    assert advice in line or key == "project"


@pytest.mark.parametrize(("key", "value", "advice"), [_WRONG[0], _WRONG[4], *_WRONG[9::9]])
def test_a_wrong_answer_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], key: str, value: str, advice: str
) -> None:
    """The message names the answer and says what to type, and nothing is left behind."""
    target = tmp_path / "a" / "target"
    target.mkdir(parents=True)
    before = _tree(tmp_path)
    with pytest.raises(FailedHookException):
        bake(target, **{key: value})
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("gopherwhale: ")]
    assert lines[0].startswith(f"gopherwhale: {key} is ")
    assert advice in lines[0]
    assert _tree(tmp_path / "a" / "target") == {}
    assert {name for name in _tree(tmp_path) if "/.cookiecutter" not in name} == set(before)


def test_the_good_answers_are_good(hook: ModuleType) -> None:
    """The answers that these tests spoil one by one have no problem themselves."""
    assert hook.problems(GOOD) == []


@pytest.mark.parametrize(
    "key", sorted(key for key in GOOD if isinstance(GOOD[key], str) and not key.startswith("_"))
)
def test_a_hostile_answer_is_refused(hook: ModuleType, key: str) -> None:
    """Quotes, commands, paths, flags and characters that hide are refused, and not shown as they are."""
    said = {value: problems(hook, key, value) for value in (*_HOSTILE, *_HOSTILE_NAMES)}
    for value in _HOSTILE_NAMES if key in _SENTENCES else ():
        assert (value, said.pop(value)) == (value, [])
    for value, lines in said.items():
        assert [line for line in lines if line.startswith(f"{key} is ")], ascii(value)
        assert all(line.isascii() and line.isprintable() and len(line) < 400 for line in lines), ascii(value)


@pytest.mark.parametrize(
    "project", ["../touched", "../a/b/c", "/{here}/touched", "a/../../b", ".", "..", "", "/", "\0"]
)
@pytest.mark.parametrize("force", [False, True])
def test_no_name_leads_out_of_the_target(tmp_path: Path, project: str, force: bool) -> None:  # noqa: FBT001
    """A project called after a path makes nothing outside the target, not even for a moment, nor in it."""
    target = tmp_path / "a" / "b" / "target"
    target.mkdir(parents=True)
    before = set(_tree(tmp_path))
    with pytest.raises((FailedHookException, OutputDirExistsException)):
        bake_with(target, {"project": project.replace("{here}", str(tmp_path))}, force=force)
    assert {name for name in _tree(tmp_path) if ".cookiecutter-" not in name} == before


def test_a_users_own_configuration_is_checked_too(tmp_path: Path) -> None:
    """Answers that come from ~/.cookiecutterrc are no more trusted than typed ones."""
    target = tmp_path / "a" / "target"
    target.mkdir(parents=True)
    with pytest.raises(FailedHookException):
        bake_with(target, {}, defaults={"project": "../../touched", "description": "$(touch touched)"})
    assert {path.name for path in tmp_path.rglob("*touched*")} == set()
    assert bake_with(target, {}, defaults={"author": "The Otters", "unknown": "x"}).name == "hello"


def test_a_template_in_an_answer_stays_in_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Cookiecutter renders an answer once; what comes out is checked, and a mark left over is refused."""
    with pytest.raises(FailedHookException):
        bake(tmp_path / "target", project="<< 7 * 7 >>", description="<< '<' ~ '< x >' ~ '>' >>")
    shown = capfd.readouterr().err
    assert "project is '49'" in shown
    assert "description is '<< x >>': type it without <<" in shown


def test_every_wrong_answer_is_named_at_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Who gave three wrong answers learns of all three."""
    with pytest.raises(FailedHookException):
        bake(tmp_path / "target", project="A", platforms="vax", go_version="2")
    keys = [
        line.split()[1] for line in capfd.readouterr().err.splitlines() if line.startswith("gopherwhale: ")
    ]
    assert keys == ["project", "platforms", "go_version"]


@pytest.mark.parametrize("answers", [{}, {"platforms": "vax"}])
@pytest.mark.parametrize("force", [False, True])
def test_an_existing_folder_loses_nothing(tmp_path: Path, force: bool, answers: dict[str, str]) -> None:  # noqa: FBT001
    """A folder of that name is left alone, unless its owner forces it with good answers."""
    folder = tmp_path / "target" / "hello"
    folder.mkdir(parents=True)
    (folder / "LICENSE").write_text("mine\n", encoding="utf-8")
    (folder / "notes").write_text("mine\n", encoding="utf-8")
    if force and not answers:
        bake_with(folder.parent, {"license": "none"}, force=True)
        assert (folder / "go.mod").is_file()
        assert (folder / "LICENSE").read_text(encoding="utf-8") == "mine\n"
    else:
        with pytest.raises((FailedHookException, OutputDirExistsException)):
            bake_with(folder.parent, answers, force=force)
        assert {path.name for path in files(folder)} == {"LICENSE", "notes"}
    assert (folder / "notes").read_text(encoding="utf-8") == "mine\n"


_ACCEPTED: Final = (
    {"description": "'''+__import__('os').abort()+r'''"},
    {"description": "It's <b>fast</b> & 100% sure: #1, {{ x }}; d\u00e9j\u00e0 vu \U0001f40b"},
    {"author": "O'Brien & S\u00f8n, Ltd. [x](y)"},
    {"project": "a", "owner": "A-b.c"},
    {"project": "h2-o3-x", "module": "example.com/x/y_z/v2"},
    {"registry": "other", "image": "localhost:5000/x"},
    {"registry": "other", "image": "registry.example.com/a/b__c/d-e.f"},
    {"registry": "ecr", "image": "123456789012.dkr.ecr.us-gov-west-1.amazonaws.com/team/x"},
    {"gopherwhale_requirement": "gopherwhale[nox]>=0.1,<1"},
    {"gopherwhale_requirement": "gopherwhale @ https://example.com/w/gopherwhale-0.1-py3-none-any.whl"},
    {"gopherwhale_requirement": "gopherwhale @ git+https://example.com/a/gopherwhale@v1.0"},
    {"gopherwhale_requirement": "gopherwhale @ file:///tmp/gopherwhale-0.1-py3-none-any.whl"},
    {"default_branch": "release/1.20"},
    {"default_branch": "1.20"},
    {"platforms": "linux/amd64/v3,linux/arm64/v9,linux/loong64"},
)


@pytest.fixture(scope="module")
def accepted(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A repository for each of these answers."""
    target = tmp_path_factory.mktemp("accepted")
    return [bake(target / str(number), **answers) for number, answers in enumerate(_ACCEPTED)]


def test_hadolint_is_content_with_unusual_answers(accepted: list[Path], tool: Callable[..., str]) -> None:
    """No accepted answer brings a finding into the Dockerfile."""
    paths = different(path / "Dockerfile" for path in accepted)
    assert not tool("hadolint", "--no-color", *paths, cwd=accepted[0])


@pytest.mark.parametrize("number", range(len(_ACCEPTED)), ids=lambda number: str(_ACCEPTED[number]))
def test_an_unusual_answer_arrives_unchanged(accepted: list[Path], number: int) -> None:
    """What is accepted means in every file what it meant when it was typed."""
    folder, answers = accepted[number], _ACCEPTED[number]
    found = settings.load(folder, environment={})
    image = found.images[next(iter(found.images))]
    workflow = yaml.safe_load((folder / ".github/workflows/image.yaml").read_text(encoding="utf-8"))
    noxfile = (folder / "noxfile.py").read_text(encoding="utf-8")
    description = answers.get("description", "A small HTTP service")
    assert image.labels["org.opencontainers.image.description"] == description
    assert f'image.description="{description}"' in (folder / "Dockerfile").read_text(encoding="utf-8")
    assert workflow[True]["push"]["branches"] == [answers.get("default_branch", "main")]
    assert found.default_branch == answers.get("default_branch", "main")
    assert image.repository == answers.get("image", image.repository)
    assert f'"{answers.get("gopherwhale_requirement", "gopherwhale")}"]\n' in noxfile
    assert answers.get("module", "github.com/") in (folder / "go.mod").read_text(encoding="utf-8")
