"""What a person or a machine reads: progress on stderr, results on stdout, as a table or as JSON."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType

# Off a terminal no cell is folded: a digest is to be found and copied in one piece.
_PLAIN_WIDTH = 512
# Select Graphic Rendition of ECMA-48: colours and the like.
_COLOR = re.compile(r"\x1b\[[0-9;:]*m")


@dataclass(frozen=True, kw_only=True)
class Console:
    """Where a run speaks to.

    Attributes:
        out: Results; nothing else is ever written there, so that it may be piped.
        err: Progress and errors.
        format: How results are written.
        ask: Asks a person a question that is answered by yes or no; None where there is nobody to ask.
    """

    out: IO[str]
    err: IO[str]
    format: str = "table"
    ask: Callable[[str], bool] | None = None

    @property
    def color(self) -> bool:
        """Whether results may hold colours: on a terminal alone."""
        return self.format == "table" and self.out.isatty()

    @property
    def width(self) -> int:
        """Columns to use for a table."""
        return shutil.get_terminal_size((_PLAIN_WIDTH, 24)).columns if self.out.isatty() else _PLAIN_WIDTH

    def say(self, line: str) -> None:
        """Write a line of progress at once; what a stranger's string in it could steer, it does not."""
        self.command(harmless(line))

    def command(self, line: str) -> None:
        """Write a line as it is: a command to the CI that reads us."""
        # In one piece: several threads speak, and an end of line may not come behind another's line.
        self.err.write(f"{line}\n")
        self.err.flush()

    def show(
        self,
        text: str | Callable[[], str],
        document: Mapping[str, Any] | Sequence[Any],
        others: Mapping[str, Callable[[], str]] | None = None,
    ) -> None:
        """Write a result.

        Args:
            text: For people; where it takes rich to lay out, a function that is called for people alone.
            document: As JSON.
            others: Further formats, by name.
        """
        other = (others or {}).get(self.format)
        if other:
            shown = other()
        elif self.format == "json":
            shown = json.dumps(document, indent=2, ensure_ascii=False)
            if self._sayable(shown) != shown:
                shown = json.dumps(document, indent=2)
        else:
            shown = text if isinstance(text, str) else text()
        # Of nothing there is no line: whoever reads line by line would take it for one.
        if shown := shown.rstrip():
            print(self._sayable(shown), file=self.out, flush=True)

    def _sayable(self, text: str) -> str:
        """With what the stream's encoding lacks as escapes; a file's name may be no text in any encoding."""
        encoding = getattr(self.out, "encoding", None) or "utf-8"
        return text.encode(encoding, "backslashreplace").decode(encoding)

    def prepare(self) -> None:
        """Import what a table takes (50 ms), for whoever waits anyway."""
        if self.format == "table":
            from rich import box, console, table, text  # noqa: F401, PLC0415

    def table(self, headers: Sequence[str], rows: Sequence[Sequence[str]], *, title: str = "") -> str:
        """Lay out rows in columns; every cell is data and never markup."""
        # rich costs 50 ms to import, which `invoke --list` need not pay.
        from rich import box  # noqa: PLC0415
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        grid = Table(title=title or None, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
        for header in headers:
            grid.add_column(header, overflow="fold")
        for row in rows:
            grid.add_row(*(Text(printable(cell)) for cell in row))
        return laid_out([grid], color=self.color, width=self.width)


def laid_out(parts: Iterable[RenderableType], *, color: bool, width: int) -> str:
    """Tables and lines as text, one below the other.

    Args:
        parts: rich's; a Text is never broken into lines, so that it can be searched and copied.
        color: Whether escape sequences for colour may be used.
        width: Columns.
    """
    # rich costs 50 ms to import, which only a report pays.
    from rich.console import Console as RichConsole  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    writer = RichConsole(
        width=width,
        force_terminal=color,
        no_color=not color,
        color_system="standard" if color else None,
        highlight=False,
        # A title is data too; and rich's table of emoji alone takes 20 ms to look a string through.
        markup=False,
        emoji=False,
    )
    with writer.capture() as capture:
        for part in parts:
            writer.print(part, soft_wrap=isinstance(part, Text))
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def printable(text: str) -> str:
    """A string of a stranger's, with whatever could steer who shows it as an escape (CVE-2026-53488).

    That is a terminal, and the log of a GitHub workflow, which obeys `::command::` and `##[command]`.
    """
    plain = text if text.isprintable() else _escaped(text)
    return plain.replace("::", r":\x3a").replace("##[", r"##\x5b")


def harmless(text: str) -> str:
    """Lines of ours with strings of strangers in them, such that none steers who shows them: see `printable`.

    Colours, as a compiler or a RUN may bring them, go.
    """
    return "\n".join(map(_harmless, _COLOR.sub("", text).split("\n")))


def _harmless(line: str) -> str:
    # How GitHub finds a command: https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs
    if line.lstrip().startswith("::") or "##[" in line:
        return printable(line)
    plain = line.replace("\t", "")
    return line if plain.isprintable() else "\t".join(map(_escaped, line.split("\t")))


def _escaped(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def counted(number: int, noun: str, plural: str = "s") -> str:
    """A number and what it is of."""
    return f"{number} {noun}{'' if number == 1 else plural}"


def human_size(size: float) -> str:
    """Bytes as a person reads them, in powers of 1000 as registries count."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:  # noqa: PLR2004 -- the step between units
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
