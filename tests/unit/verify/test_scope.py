"""Scripts, commands and libraries as strangers write them: told apart, and never a failure of ours."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gopherwhale.dockerfile.shells import shell_command
from gopherwhale.oci.parsing import parse_config
from gopherwhale.platforms import parse
from gopherwhale.verify import judge as judging
from gopherwhale.verify.command_lines import first_program, interpreted_by, launched, named
from gopherwhale.verify.libraries import Loader
from gopherwhale.verify.running import judge_running
from gopherwhale.verify.scope import Scope
from tests.unit.verify.judged import LOADERS, code, library, program
from tests.unit.verify.layers import system_of, tar


@pytest.mark.parametrize(
    ("words", "script"),
    [
        (["sh", "-c", "app x"], "app x"),
        (["/bin/bash", "-euxc", "app"], "app"),
        (["/bin/busybox", "sh", "-c", "app"], "app"),
        (["sh", "/run.sh", "-c", "x"], ""),
        (["sh", "-c"], ""),
        (["sh", "--rcfile", "-c", "x"], "x"),
        (["bash", "--rcfile", "/r", "-c", "x"], "x"),
        (["bash", "-o", "pipefail", "-c", "x"], "x"),
        (["/bin/bash", "-euo", "pipefail", "-ce", "--", "x"], "x"),
        (["sh", "+x", "-c", "-e", "x"], "x"),
        (["sh", "-o", "-c"], ""),
        (["python3", "-c", "x"], ""),
        ([], ""),
    ],
)
def test_the_script_of_a_shell_is_told(words: list[str], script: str) -> None:
    """What stands behind -c, for shells alone, and not where a file is run."""
    assert shell_command(words) == script


@pytest.mark.parametrize(
    ("script", "program_"),
    [
        ("app --x", "app"),
        ("exec /bin/app", "/bin/app"),
        ("A=1 B='2 3' app", "app"),
        ("exec 'my app'", ""),
        ("$APP serve", ""),
        ("cd /x && ./app", ""),
        ("log() { echo; }; log; app", ""),
        ("log () { echo; }; app", ""),
        ("declare -a x; app", ""),
        ("if true; then app; fi", ""),
        ("# nothing", ""),
        ("'", ""),
    ],
)
def test_the_first_program_of_a_script_is_told_where_it_is_certain(script: str, program_: str) -> None:
    """Not the shell's own words, and nothing that only the shell can tell."""
    assert first_program(script) == program_


@pytest.mark.parametrize(
    ("words", "program_"),
    [
        (["tini", "--", "app"], "app"),
        (["/sbin/tini", "-s", "--", "/app", "-x"], "/app"),
        (["dumb-init", "app"], "app"),
        (["tini", "-p", "SIGTERM", "app"], ""),
        (["gosu", "nobody", "app"], ""),
        (["env", "A=b", "app"], "app"),
        (["app", "--", "x"], ""),
        (["tini"], ""),
    ],
)
def test_the_program_of_a_launcher_is_told_where_it_is_certain(words: list[str], program_: str) -> None:
    """An option may take a value, and gosu takes a user."""
    assert launched(words) == program_


def test_names_in_a_script_are_commands_and_paths() -> None:
    """Not comments, not variables, not the shell's own words."""
    text = '#!/bin/sh\n# /no\n[ -x /opt/tool ] && . /env\nexec gosu app /bin/app --f=/x "$@" | tee /log; $X y'
    assert set(named(text).programs) == {"/opt/tool", "/env", "gosu", "app", "/bin/app", "tee", "/log"}
    assert interpreted_by("/usr/bin/env", "-S python3 -u") == "python3"
    assert interpreted_by("/usr/bin/env", "A=b app") == "app"
    assert interpreted_by("/usr/bin/dumb-init", "/bin/sh") == "/bin/sh"
    assert interpreted_by("/bin/sh", "-e") == interpreted_by("/sbin/tini", "-- /bin/sh") == ""


def test_what_a_script_runs_is_told_from_what_it_looks_at() -> None:
    """Behind a launcher and as an argument nobody can be sure; a folder that it went to counts too."""
    text = "cd /srv && ./app /a.conf\nexec su-exec web tool\n. /env\nsh -e more.sh; sh -c 'inner /x'"
    found = named(text)
    assert {word for word, runs in found.programs.items() if runs} >= {"./app", "/srv/./app", "inner"}
    assert {"/a.conf", "web", "tool", "/env", "/x"} <= {w for w, runs in found.programs.items() if not runs}
    assert list(found.files) == ["more.sh"]
    assert max(map(len, named("cd a\n./b\n" * 2000).programs)) < 1024


def test_the_folders_of_a_loader_are_in_its_order() -> None:
    """Run paths, LD_LIBRARY_PATH, ld.so.conf with what it includes, multiarch, the usual ones."""
    confs = {
        "etc/ld.so.conf": b"/first # a comment\ninclude ld.so.conf.d/*.conf\n",
        "etc/ld.so.conf.d/b.conf": b"/third\n",
        "etc/ld.so.conf.d/a.conf": b"/second\ninclude /etc/ld.so.conf\n",
    }
    system = system_of(tar(*((name, "file", 0o644) for name in confs), contents=confs))
    parts: dict[str, Any] = {"interpreter": LOADERS["amd64"].encode(), "runpath": "$ORIGIN/../l:${LIB}/x"}
    facts = system_of(tar(("app",), contents={"app": code("amd64", needed=["x"], **parts)})).node("/app")
    assert facts is not None
    assert facts.facts is not None
    found = Loader(system, facts.facts, "/env:").folders("/opt/bin/app", facts.facts)
    assert found[:8] == (
        *("/opt/l", "/lib64/x", "/env", "/", "/first"),
        *("/second", "/third", "/lib/x86_64-linux-gnu"),
    )
    assert found[-1] == "/usr/libx32"


CONTENTS = [
    program("linux/amd64"),
    code("arm64"),
    code("amd64", interpreter=b"/a", needed=["b", "../c", "/d"], runpath="$ORIGIN:/b"),
    library("amd64", "a", "b"),
    *(
        b"#!/a\n/b /c\n",
        b"#!/usr/bin/env -S b\nexec c",
        b"#!\n",
        b"#!/b/../c x\n" + b"/a /b\n" * 9,
        b"",
        b"MZ",
    ),
]
NAMES = ["a", "b", "c", "bin/sh", "bin/a", "lib/ld-linux.so.2", "lib/libc.so.6", "usr/bin/env", "b/c"]
ROWS = st.tuples(
    st.sampled_from(NAMES), st.sampled_from(["file", "link", "hard", "folder"]), st.sampled_from(NAMES)
)
WORDS = st.lists(
    st.sampled_from(["/a", "b", "sh", "-c", "--", "tini", "exec b", "env", "", "/b/c", "*"]), max_size=4
)


@settings(max_examples=60, deadline=None)
@given(st.lists(ROWS, max_size=8), st.lists(st.sampled_from(CONTENTS), min_size=9, max_size=9), WORDS, WORDS)
def test_no_image_breaks_the_judging(
    rows: Sequence[tuple[str, str, str]], contents: list[bytes], entry: list[str], command: list[str]
) -> None:
    """Links, scripts and libraries that lead anywhere, on Linux and Windows, end in findings alone."""
    layer = tar(
        *((name, kind, target) if kind in ("link", "hard") else (name, kind) for name, kind, target in rows),
        contents=dict(zip(NAMES, contents, strict=True)),
    )
    try:
        system = system_of(layer)
    except Exception as error:  # noqa: BLE001 -- a layer that is refused is another test's
        assert type(error).__name__ == "LayoutError"  # noqa: PT017
        return
    process = {"Entrypoint": entry, "Cmd": command, "Env": ["PATH=/:/bin:b", "LD_LIBRARY_PATH=:/a"]}
    for platform in ("linux/amd64", "windows/amd64", "linux/arm/v7"):
        one = parse(platform)
        document = {**one.to_document(), "config": process}
        config = parse_config(json.dumps(document).encode(), "x")
        scope = Scope(one, config, system, everything=True)
        found = [*scope.findings, *judging.judge_reached(scope), *judge_running(scope)]
        assert all(finding.platform == platform for finding in found)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("text", ["$(" * 9000, "`" * 18_000, "'" * 17_999, "(" * 17_999, "<<A\n" * 4500])
def test_a_script_that_nests_without_end_is_read_to_its_end(text: str) -> None:
    """What follows after it is found, or nothing is, and nothing fails."""
    assert set(named(f"{text}\n/bin/app\n").programs) <= {"/bin/app", "A"}
