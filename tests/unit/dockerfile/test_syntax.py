from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gopherwhale.dockerfile.shell import commands
from gopherwhale.dockerfile.stages import MOST_STAGES, read_stages
from gopherwhale.dockerfile.syntax import Dockerfile, Instruction, parse
from gopherwhale.dockerfile.variables import expand, uses

# Pieces that steer the parser, so that random files meet every branch of it.
PIECES = st.sampled_from(
    [
        *(
            "FROM scratch AS a\n",
            "RUN x",
            "COPY <<EOF <<-'B' /x\n",
            "EOF\n",
            "\tB\n",
            "ONBUILD RUN <<Z\n",
            "Z\n",
        ),
        *(
            "\\\n",
            "`\n",
            "\\",
            "`",
            "# c\n",
            "#escape=`\n",
            "# syntax=x\n",
            "\n",
            "  ",
            "\t",
            '"',
            "'",
            "$",
            "${",
        ),
        *(
            "}",
            "$(",
            ")",
            "ARG A=$B\n",
            "ENV A b\n",
            '["a", "b"]',
            "[",
            "--mount=type=cache,from=a ",
            "<<",
            "&&",
        ),
        *("\r\n", "\ufeff", "é", "\x00", "FROM $A\n", "${A:-${B}}", "case x in y) z;; esac\n"),
    ]
)
TEXTS = st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=40).map("".join))


def only(text: str) -> Instruction:
    (found,) = parse(text).instructions
    return found


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("run  a b ", [(1, 1, "RUN", "a b")]),
        ("\ufeffFROM a\r\nRUN b\\\r\n c\r\n", [(1, 1, "FROM", "a"), (2, 3, "RUN", "b c")]),
        ("RUN a \\\n# no\n\n  # no\n  && b\nUSER c", [(1, 5, "RUN", "a   && b"), (6, 6, "USER", "c")]),
        ("RUN a \\\\\nRUN b", [(1, 1, "RUN", "a \\\\"), (2, 2, "RUN", "b")]),
        ("RUN a \\  \t\nb", [(1, 2, "RUN", "a b")]),
        ("RU\\\nN a", [(1, 2, "RUN", "a")]),
        ("# escape=`\nRUN a `\n b\nUSER c:\\\nUSER d",
         [(2, 3, "RUN", "a  b"), (4, 4, "USER", "c:\\"), (5, 5, "USER", "d")]),
        ("#ESCAPE = `\nRUN a`\nb", [(2, 3, "RUN", "ab")]),
        ("# a comment\n# escape=`\nRUN a`\nUSER b", [(3, 3, "RUN", "a`"), (4, 4, "USER", "b")]),
        ("# escape=x\nRUN a\\\nb", [(2, 3, "RUN", "ab")]),
        ("\n# escape=`\nRUN a`\nUSER b", [(3, 3, "RUN", "a`"), (4, 4, "USER", "b")]),
        ("RUN <<EOF\nFROM x\n# no\nEOF\nUSER a", [(1, 4, "RUN", "<<EOF"), (5, 5, "USER", "a")]),
        ("COPY <<A <<-B /x/\na\nA\nb\n\t\tB\nUSER a", [(1, 5, "COPY", "<<A <<-B /x/"), (6, 6, "USER", "a")]),
        ("RUN <<'E O' cat\nE\nE O\nUSER a", [(1, 3, "RUN", "<<'E O' cat"), (4, 4, "USER", "a")]),
        ("ONBUILD RUN <<EOF\nx\nEOF\nUSER a", [(1, 3, "ONBUILD", "RUN <<EOF"), (4, 4, "USER", "a")]),
        ('RUN ["a", "<<EOF"]\nUSER a', [(1, 1, "RUN", '["a", "<<EOF"]'), (2, 2, "USER", "a")]),
        ("RUN cat <<< x\nUSER a", [(1, 1, "RUN", "cat <<< x"), (2, 2, "USER", "a")]),
        ("RUN 'a <<EOF'\nUSER a", [(1, 1, "RUN", "'a <<EOF'"), (2, 2, "USER", "a")]),
        ("USER <<EOF\nUSER a", [(1, 1, "USER", "<<EOF"), (2, 2, "USER", "a")]),
        ("RUN a <<EOF \\\n && b\nx\nEOF\nUSER a", [(1, 4, "RUN", "a <<EOF  && b"), (5, 5, "USER", "a")]),
    ],
)  # fmt: skip
def test_lines_become_instructions(text: str, shown: list[tuple[int, int, str, str]]) -> None:
    """Continuations, comments inside them, directives and heredocs are read as BuildKit reads them."""
    assert [(one.line, one.end, one.name, one.rest) for one in parse(text).instructions] == shown


@pytest.mark.parametrize(
    ("text", "heredocs"),
    [
        ("RUN <<EOF\n\ta $B\nEOF", [("EOF", True, 2, ("\ta $B",))]),
        ("RUN <<-EOF\n\ta\n\t\tEOF", [("EOF", True, 2, ("a",))]),
        ('RUN <<"EOF"\n EOF\nEOF', [("EOF", False, 2, (" EOF",))]),
        ("COPY <<a <<'b' /\n1\na\n2\nb", [("a", True, 2, ("1",)), ("b", False, 4, ("2",))]),
        ("RUN 3<<EOF\nEOF", [("EOF", True, 2, ())]),
    ],
)
def test_a_heredoc_keeps_its_text(text: str, heredocs: list[tuple[str, bool, int, tuple[str, ...]]]) -> None:
    """Its lines, where they begin, and whether variables in them count."""
    assert [(h.name, h.expand, h.line, h.lines) for h in only(text).heredocs] == heredocs


def test_a_heredoc_without_an_end_is_a_problem() -> None:
    """It takes the rest of the file, as for BuildKit, and is told."""
    file = parse("FROM a\nRUN <<EOF\nFROM b")
    assert [problem.line for problem in file.problems] == [2]
    assert len(file.instructions) == 2


@pytest.mark.parametrize(
    ("text", "flags", "words"),
    [
        ("FROM --platform=$BUILDPLATFORM a AS b", {"platform": "$BUILDPLATFORM"}, ["a", "AS", "b"]),
        ('COPY --from=a --chown="1:2" "b c" d\\ e', {"from": "a", "chown": "1:2"}, ["b c", "d e"]),
        ('COPY --link ["a b", "c"]', {"link": ""}, ["a b", "c"]),
        ("ENTRYPOINT [ \"a\", 'b' ]", {}, ["[", "a,", "b", "]"]),
        ('USER ["a"]', {}, ["[a]"]),
        ('ENV A="b \\"c\\"" D=\'e "f\'', {}, ['A=b "c"', 'D=e "f']),
        ("RUN it's \"one", {}, ["it's", '"one']),
        ("# escape=`\nCOPY c:\\a` b d", {}, ["c:\\a b", "d"]),
    ],
)
def test_flags_and_words_are_parted(text: str, flags: dict[str, str], words: list[str]) -> None:
    """Quotes, escapes, the JSON form and what only looks like it."""
    one = only(text)
    assert {flag.name: flag.value for flag in one.flags} == flags
    assert [word.text for word in one.words] == words


def test_every_offset_has_its_place_in_the_file() -> None:
    """A word of a continued instruction is found in its own line and column."""
    text = "FROM a\nRUN one \\\n# two\n    two \\\n  three"
    one = parse(text).instructions[1]
    for word in one.words:
        line, column = one.place(word.offset)
        assert text.split("\n")[line - 1][column:].startswith(word.raw)


def test_a_mount_is_read_as_its_options() -> None:
    """The commas of --mount part its options."""
    (flag,) = only("RUN --mount=type=cache,target=/x,id='a' go build").flags
    assert flag.options == {"type": "cache", "target": "/x", "id": "a"}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("$A ${B} ${C:-d} ${E#v} ${F/a/b}", ["A", "B", "C", "E", "F"]),
        ("\\$A '$B' \"$C '$D'\" \"\\$E\"", ["C", "D"]),
        ("${A:-${B:-$C}}", ["A", "B", "C"]),
        ("it's $A", ["A"]),
        ("$1 $$ $(a) ${} $", []),
    ],
)
def test_uses_of_variables(text: str, names: list[str]) -> None:
    """Those that count: not in single quotes and not escaped."""
    assert [use.name for use in uses(text)] == names


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a$A-${A}", "a1-1"),
        ("$X ${X} ${X:-y}", "${X} ${X} y"),
        ("$T ${T:-y}", "${T} ${T}"),
        ("${E:-y}|${E-y}|${A:+z}|${E:+z}|${E+z}", "y||z||z"),
        ("${X:-${A}b}", "1b"),
        ("${A#v}", "${A#v}"),
        ("${A", "1"),
    ],
)
def test_expansion_fills_in_what_is_known(text: str, expected: str) -> None:
    """Defaults and alternatives hold; what only the builder knows stays a variable."""
    assert expand(text, {"A": "1", "E": "", "T": None}) == expected


def test_expansion_does_not_explode() -> None:
    """Arguments that double each other give a bounded text."""
    lines = ["ARG A0=xxxxxxxxxx", *(f"ARG A{n + 1}=$A{n}$A{n}" for n in range(60)), "FROM $A60"]
    assert len(read_stages(parse("\n".join(lines))).all[0].base) <= 4096


@pytest.mark.parametrize(
    ("script", "shown"),
    [
        ("A=1 B='2 3' go build -o x", ["A=1 B=2 3 | go build -o x"]),
        ("a && b; c | d || e & f", ["| a", "| b", "| c", "| d", "| e", "| f"]),
        ("X=$(a b) c", ["X=$(a b) | c", "| a b"]),
        ('a "$(b "c")" d', ['| a "$(b "c")" d', '| b "c"']),
        ("if a; then B=1 c; fi", ["| a", "B=1 | c", "| fi"]),
        ("case x in y) export Z=1;; esac", ["| case x in y", "| export Z=1", "| esac"]),
        ("a 2>&1 >/dev/null <in b # c && d\ne", ["| a b", "| e"]),
        ("a \\\n b", ["| a b"]),
        ("`a b`", ["| `a b`", "| a b"]),
        ("'never closed && a", ["| 'never closed && a"]),
        ("$(never closed", ["| $(never closed", "| never closed"]),
    ],
)
def test_a_script_is_parted_into_commands(script: str, shown: list[str]) -> None:
    """Assignments, words, lists, substitutions and redirections, whatever is never closed."""
    found = [
        " ".join(
            [*(f"{n}={word.text}" for n, word in one.assignments), "|", *(word.raw for word in one.words)]
        )
        for one in commands(script)
    ]
    assert [line.strip() for line in found] == shown


STAGES = """\
ARG BASE=golang
ARG VERSION=1.2
FROM --platform=$BUILDPLATFORM ${BASE}:${VERSION} AS Build
ARG TARGETARCH
FROM build AS app-amd64
FROM build AS app-arm64
FROM busybox AS unused
FROM app-${TARGETARCH} AS app
FROM scratch
COPY --from=app /x /x
RUN --mount=from=1,target=/y true
"""


def test_stages_know_what_they_stand_on() -> None:
    """Global arguments, names in any case, a stage chosen by a variable, and what the image is made of."""
    stages = read_stages(parse(STAGES))
    assert [stage.base for stage in stages.all] == [
        *("golang:1.2", "build", "build", "busybox", "app-${TARGETARCH}", "scratch")
    ]
    assert [parent.name for parent in stages.all[4].parents] == ["app-amd64", "app-arm64"]
    assert sorted(stage.index for stage in stages.used) == [0, 1, 2, 4, 5]
    assert stages.all[1].may_read("TARGETARCH", 5)
    assert stages.all[4].on_build_platform
    assert not stages.all[5].on_build_platform


@pytest.mark.parametrize(("target", "index"), [("", 5), ("BUILD", 0), ("app", 4), ("nobody", 5)])
def test_the_target_is_the_final_stage(target: str, index: int) -> None:
    """The stage that would be built, else the last."""
    final = read_stages(parse(STAGES), target).final
    assert final is not None
    assert final.index == index


def test_a_build_argument_wins_over_a_global_default() -> None:
    """What a build passes decides what a stage is from."""
    assert read_stages(parse(STAGES), build_args={"VERSION": "2"}).all[0].base == "golang:2"


def test_a_file_of_nothing_but_stages_is_read() -> None:
    """Of stages without end those at the end are kept, and no chain of them is too deep."""
    lines = [f"FROM s{n - 1} AS s{n}\nARG A{n}" for n in range(5000)]
    stages = read_stages(parse("\n".join(lines)))
    assert len(stages.all) == MOST_STAGES
    assert len(stages.used) == MOST_STAGES
    assert stages.all[-1].may_read("A4990", 20000)


def is_nothing(line: str) -> bool:
    """Whether a line is blank, a comment or a continuation of nothing."""
    return line.strip() in ("", "\\", "`") or line.lstrip().startswith("#")


def consistent(file: Dockerfile) -> None:
    """What holds for every file, however it was damaged."""
    at = 0
    for one in file.instructions:
        between = file.lines[at : one.line - 1]
        assert all(map(is_nothing, between))
        assert at < one.line <= one.end <= len(file.lines)
        at = one.end
        for offset, _line, _column in one.places:
            line, column = one.place(offset)
            assert file.lines[line - 1][column:].startswith(one.source[offset : offset + 1])
    assert all(map(is_nothing, file.lines[at:]))
    assert all(file.lines[line - 1].lstrip().startswith("#") for line in file.comments)


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_no_text_breaks_the_reader(text: str) -> None:
    """Every line belongs to one instruction, a comment or nothing, and every reader comes to its end."""
    file = parse(text)
    consistent(file)
    stages = read_stages(file)
    starts = sum(one.name == "FROM" for one in file.instructions)
    assert len(stages.all) == min(starts, MOST_STAGES)
    for one in file.instructions:
        assert one.name
        for command in commands(one.source, one.text_start):
            assert command.offset >= one.text_start
        assert all(one.source[use.offset] == "$" for use in uses(one.source, one.escape, one.start))
        assert all(isinstance(word.text, str) for word in (one.trigger or one).words)
