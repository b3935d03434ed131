"""Template and plugin hold the same views, and an answer means the same in every file: by properties."""

from __future__ import annotations

import ast
import json
import re
import shlex
import tomllib
from types import ModuleType
from typing import Any, Final

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from jinja2 import Environment, StrictUndefined
from packaging.requirements import Requirement

from gopherwhale import platforms, references
from gopherwhale.adopt import naming
from tests.template.baking import GOOD, HOOKS, ROOT, problems

_QUESTIONS: Final = json.loads((ROOT / "cookiecutter.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("platform", platforms.known("linux"), ids=str)
def test_every_platform_of_linux_is_accepted(hook: ModuleType, platform: platforms.Platform) -> None:
    """What the plugin can build the template can be asked for."""
    assert problems(hook, "platforms", str(platform)) == []


@given(st.text())
def test_the_name_that_init_finds_is_one_that_may_be_typed(hook: ModuleType, text: str) -> None:
    """Whatever a program is called, and be it as a folder is, `project` takes what `init` makes of it."""
    for name in map(naming.name_of, (text, *vars(hook)["_TAKEN"])):
        assert hook.problems({**GOOD, "project": name, "__project_as_typed": name}) == []


_WORDS = st.sampled_from(
    [
        *(
            "linux",
            "windows",
            "LINUX",
            "amd64",
            "arm",
            "arm64",
            "386",
            "s390x",
            "mips64le",
            "x86_64",
            "ppc",
            "",
        ),
        *(
            "v1",
            "v4",
            "v5",
            "v6",
            "v7",
            "v8",
            "v8.0",
            "v8.9",
            "v9",
            "v9.5",
            "v9.6",
            "7",
            "/",
            "/",
            "/",
            ",",
            " ",
        ),
    ]
)


@given(st.lists(_WORDS, max_size=12).map("".join) | st.text(max_size=20))
def test_template_and_plugin_agree_on_platforms(hook: ModuleType, text: str) -> None:
    """What the template accepts is what the plugin reads, each platform once, none of them misspelt."""
    if problems(hook, "platforms", text):
        return
    words = text.replace(" ", "").split(",")
    read = platforms.parse_many(words)
    assert len(read) == len(words)
    assert {platform.os for platform in read} == {"linux"}


@given(
    st.sampled_from(["ghcr", "dockerhub", "ecr", "other"]),
    st.from_regex(
        r"(ghcr\.io|docker\.io|localhost:5|[a-z]{1,3}\.[a-z]{1,3})?/?[a-z0-9._/:@-]{1,12}", fullmatch=True
    ),
)
def test_template_and_plugin_agree_on_images(hook: ModuleType, registry: str, text: str) -> None:
    """An image that the template accepts is a repository to the plugin, at the chosen registry."""
    if hook.problems({**GOOD, "registry": registry, "image": text}):
        return
    read = references.parse(text)
    assert (read.tag, read.digest) == ("", "")
    assert text == read.name
    assert (read.registry == "ghcr.io") <= (registry in {"ghcr", "other"})
    assert (read.registry == "docker.io") == (registry == "dockerhub")


@given(st.text(max_size=30))
def test_a_sentence_means_itself_everywhere(hook: ModuleType, text: str) -> None:
    """A description that is accepted is the same in quotes of TOML, of a Dockerfile and after Go's `//`."""
    if problems(hook, "description", text):
        return
    assert tomllib.loads(f'x = "{text}"')["x"] == text
    assert shlex.split(f'"{text}"') == [text]
    assert text.splitlines() == [text]


@given(st.text(alphabet="abz019._-/*[]!+ \n'\"", max_size=12))
def test_a_branch_means_itself_everywhere(hook: ModuleType, text: str) -> None:
    """A branch that is accepted is the same in YAML and TOML, and no pattern to GitHub."""
    if problems(hook, "default_branch", text):
        return
    assert yaml.safe_load(f'["{text}"]') == [text]
    assert tomllib.loads(f'x = "{text}"')["x"] == text
    assert not re.search(r"[*?+\[\]!]", text)


@example("gopherwhale<0.")
@given(st.from_regex(r"gopherwhale[\[\]a-z ,@:/<>=!~.0-9;'\"\n]{0,20}", fullmatch=True))
def test_a_requirement_is_one(hook: ModuleType, text: str) -> None:
    """A requirement that is accepted is one by PEP 508, of gopherwhale, and one word in a shell's quotes."""
    if problems(hook, "gopherwhale_requirement", text):
        return
    assert Requirement(text).name == "gopherwhale"
    assert shlex.split(f"'{text}'") == [text]


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=30) | st.booleans() | st.none(), max_size=3))
def test_no_answer_becomes_code_of_the_hook(answers: dict[str, Any]) -> None:
    """However the answers read, the rendered hook holds them as one string."""
    questions = _QUESTIONS["_jinja2_env_vars"]
    environment = Environment(undefined=StrictUndefined, autoescape=False, **questions)  # noqa: S701 -- as cookiecutter
    source = (HOOKS / "pre_gen_project.py").read_text(encoding="utf-8")
    line = next(line for line in source.splitlines() if line.startswith("ANSWERS"))
    rendered = ast.parse(environment.from_string(line).render(cookiecutter=answers)).body
    assert len(rendered) == 1
    assert isinstance(rendered[0], ast.AnnAssign)
    assert rendered[0].value is not None
    assert json.loads(ast.literal_eval(rendered[0].value)) == answers
