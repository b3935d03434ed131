"""What processes show of themselves: their arguments, and their logs at the most verbose level."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_EVERY: Final = 0.05
# Runs in every Python of ours: each program that it starts is noted exactly, and every log is written.
_SITE: Final = """
import logging, os, sys
_notes = os.environ["WATCH_NOTES"]

def _hook(event, arguments):
    if event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.system"):
        with open(_notes, "a") as stream:
            stream.write(repr(arguments[:2]) + "\\n")

sys.addaudithook(_hook)
logging.basicConfig(level=logging.DEBUG, filename=_notes + ".log")
"""


@dataclass(kw_only=True)
class Watch:
    """What was seen.

    Attributes:
        variables: For the processes that are to be watched.
        notes: What they started, by Python's own audit.
        lines: Every command line that /proc showed meanwhile, of whatever started it.
    """

    variables: Mapping[str, str]
    notes: Path
    lines: set[str] = field(default_factory=set)

    def said(self) -> list[str]:
        """Everything, as texts to be searched."""
        files = (self.notes, Path(f"{self.notes}.log"))
        return [*self.lines, *(file.read_text() for file in files if file.exists())]

    def saw(self, text: str) -> bool:
        """Whether a command line held it."""
        return any(text in line for line in self.said())


@contextlib.contextmanager
def watching(folder: Path, environment: Mapping[str, str], extra_path: Path) -> Iterator[Watch]:
    """Watch for a block; `extra_path` goes in front of PATH, for helpers of the test's own."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(_SITE)
    watch = Watch(
        variables={
            "PYTHONPATH": str(folder),
            "WATCH_NOTES": str(folder / "notes"),
            "PATH": f"{extra_path}:{environment['PATH']}",
            "INVOKE_DEBUG": "1",
            "PYTHON_ON_WHALES_DEBUG": "1",
        },
        notes=folder / "notes",
    )
    end = threading.Event()
    thread = threading.Thread(target=_look, args=(watch.lines, end), daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        end.set()
        thread.join(timeout=30)


def _look(lines: set[str], end: threading.Event) -> None:
    while not end.is_set():
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                lines.add(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        time.sleep(_EVERY)
