"""What the tests themselves stand on, where it must hold on a busy machine and a bad network."""

from __future__ import annotations

import os
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.engine import fetching
from tests.faults.proxy import proxying
from tests.faults.registry import serving

_GO = """#!/bin/sh
echo >>"$0.asked"
[ "$(wc -l <"$0.asked")" -gt {failures} ] || {{ echo "dial tcp: no route" >&2; exit 1; }}
printf half >"$GOBIN/tool"
sleep 0.05
printf whole >>"$GOBIN/tool"
"""


def test_what_a_client_that_is_gone_has_sent_is_waited_for() -> None:
    """However late the proxy comes to read it, it is with the registry when all is said to be settled."""
    head = b"PATCH /v2/a/blobs/uploads/ab HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"
    with serving() as memory:
        for _ in range(20):
            memory.uploads["ab"] = bytearray()
            with proxying(memory.address) as proxy:
                with socket.create_connection(("127.0.0.1", proxy.server_port)) as client:
                    client.sendall(head + b"late")
                proxy.settle()
                assert memory.uploads["ab"] == b"late"


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for a stand-in of Go's; nobody waits between its attempts."""
    monkeypatch.setattr(fetching, "_PAUSES", (0.0, 0.0))
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin" / "go"


def install(go: Path, failures: int) -> tuple[str, int]:
    """Have it install a program: what it said, and how often it was asked."""
    go.write_text(_GO.format(failures=failures))
    go.chmod(0o755)
    return _again(go), len(Path(f"{go}.asked").read_text().splitlines())


@pytest.mark.parametrize("failures", [0, 1, 2])
def test_a_download_that_fails_is_asked_for_again(go: Path, failures: int) -> None:
    """A network that says no twice fails no test."""
    assert install(go, failures) == ("", failures + 1)
    assert (go.parent.parent / "tools" / "tool").read_text() == "halfwhole"


def test_a_download_that_fails_for_good_leaves_nothing(go: Path) -> None:
    """After the third time what was said is told, and the next worker begins anew."""
    said, asked = install(go, 9)
    assert (said, asked) == ("go install example.invalid/tool@v1: dial tcp: no route", 3)
    assert [path.name for path in (go.parent.parent / "tools").iterdir()] == [".tool.lock"]


def test_workers_that_want_one_program_get_it_whole(go: Path) -> None:
    """One of them makes it, and the others wait: half of a program would be started."""
    install(go, 0)
    tool = go.parent.parent / "tools" / "tool"
    tool.unlink()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: (_again(go), tool.read_text()), range(4)))
    assert found == [("", "halfwhole")] * 4
    assert len(Path(f"{go}.asked").read_text().splitlines()) == 2


def _again(go: Path) -> str:
    environment = {"PATH": f"{go.parent}{os.pathsep}{os.environ['PATH']}"}
    return fetching.install("example.invalid/tool@v1", go.parent.parent / "tools" / "tool", environment)
