from __future__ import annotations

import io
import json

import pytest

from gopherwhale.console import Console

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
