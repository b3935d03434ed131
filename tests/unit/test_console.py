from __future__ import annotations

import io
import json

import pytest

from gopherwhale.console import Console, harmless

DIGEST = f"sha256:{'0123456789abcdef' * 4}"


class Pieces(io.StringIO):
    """A stream that keeps what it was given, piece by piece."""

    def __init__(self) -> None:
        """Nothing yet."""
        super().__init__()
        self.pieces: list[str] = []

    def write(self, text: str, /) -> int:
        """Keep a piece."""
        self.pieces.append(text)
        return len(text)


def test_a_line_of_progress_is_one_piece() -> None:
    """Threads that speak at once do not break each other's lines."""
    err = Pieces()
    Console(out=io.StringIO(), err=err).say("sent a blob")
    assert err.pieces == ["sent a blob\n"]


def test_off_a_terminal_a_digest_stays_in_one_piece() -> None:
    """Whoever searches the log of a CI finds it, beside the longest of names."""
    console = Console(out=io.StringIO(), err=io.StringIO())
    name = f"registry.example.com/{'a' * 100}/{'b' * 100}:{'c' * 60}@{DIGEST}"
    shown = console.table(("copied to", "digest"), [(name, DIGEST)], title="copied")
    assert any(name in line and line.count(DIGEST) == 2 for line in shown.splitlines())


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
@pytest.mark.parametrize("form", ["table", "json"])
def test_what_a_terminal_cannot_show_is_escaped(form: str, encoding: str) -> None:
    """A folder's name need not be text, and few encodings have a dash of any length: JSON stays JSON."""
    name, buffer = "h\udce9llo \u2500", io.BytesIO()
    out = io.TextIOWrapper(buffer, encoding=encoding)
    Console(out=out, err=io.StringIO(), format=form).show(name, {"name": name})
    said = buffer.getvalue().decode(encoding)
    assert (json.loads(said) == {"name": name}) if form == "json" else ("h\\udce9llo" in said)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("sent a blob to [::1]:5000\tat once\n  or not", None),
        ("an \x1b[1;31merror\x1b[0m of a compiler", "an error of a compiler"),
        ("label \x1b]0;title\x07 \u202e x\r", r"label \x1b]0;title\x07 \u202e x\r"),
        ("found x\n  ::error title=y::z", "found x\n  :\\x3aerror title=y:\\x3az"),
        ("found ##[error]x", r"found ##\x5berror]x"),
    ],
)
def test_no_stranger_s_string_steers_a_terminal_or_a_ci(text: str, shown: str | None) -> None:
    """CVE-2026-53488: an image's entrypoint, a receipt's repository and a RUN's output are data."""
    console = Console(out=io.StringIO(), err=io.StringIO())
    console.say(text)
    assert isinstance(console.err, io.StringIO)
    assert console.err.getvalue() == f"{shown or text}\n"
    assert harmless(text) == (shown or text)
