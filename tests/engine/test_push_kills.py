"""Number 2 of the twenty: a push killed at every request boundary, and the next one that goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gopherwhale.oci.layout import Layout
from tests.engine.conftest import REPOSITORY, Testbed
from tests.engine.push_images import blobs_of, digest_at, image, lacking, present, tags_of
from tests.engine.pusher import pushing
from tests.faults.proxy import Fault, Request, proxying

pytestmark = pytest.mark.engine

TAGS = ("1.0.0", "latest")


@dataclass
class Pushers:
    """The process that forks the ones to be killed."""

    process: subprocess.Popen[str]

    def start(self, *arguments: Any) -> int:
        """The pid of a push that has begun."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{json.dumps(arguments)}\n")
        self.process.stdin.flush()
        return self._line()

    def status(self) -> int:
        """How the last one ended, as of wait(2)."""
        return self._line()

    def _line(self) -> int:
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())


@pytest.fixture(scope="module")
def pushers() -> Iterator[Pushers]:
    """Start it; its end is the end of its input."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.engine.pusher"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )
    with process:
        yield Pushers(process)
        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)


@dataclass
class Killer:
    """Kills a process at the boundary of a request: before the registry sees it, or when it has answered."""

    number: int
    after: bool
    pid: int = 0
    started: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    def __call__(self, request: Request) -> Fault | None:
        """The script of the proxy."""
        if request.number != self.number:
            return None
        return Fault(after=self.kill, cut_answer=-1) if self.after else Fault(before=self.kill, cut_request=0)

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        assert self.started.wait(30)
        os.kill(self.pid, signal.SIGKILL)
        assert self.ended.wait(30)


def killed(killer: Killer, pushers: Pushers, repository: str, layout: Path, jobs: int, upstream: str) -> None:
    """Run a push in a process of its own until it is killed."""
    with proxying(upstream, killer) as proxy:
        killer.pid = pushers.start(proxy.address, repository, str(layout), TAGS, jobs)
        killer.started.set()
        status = pushers.status()
        killer.ended.set()
        proxy.settle()
    assert os.WIFSIGNALED(status)


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """The image that `latest` points at before."""
    return image(tmp_path_factory.mktemp("old") / "layout", "old", 1000)


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """The image that is pushed: three platforms, six blobs."""
    return image(tmp_path_factory.mktemp("new") / "layout", "new")


@pytest.mark.parametrize("jobs", [1, 4])
def test_02_killed_at_every_request_boundary_a_push_leaves_no_tag_on_half_an_image(
    testbed: Testbed,
    pushers: Pushers,
    old: Layout,
    new: Layout,
    jobs: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Three platforms, two tags, SIGKILL before and after each request; the rerun sends what is missing."""
    run = f"kills/{uuid.uuid4().hex}"
    with proxying(testbed.registry) as proxy:
        pushing(proxy.address, f"{run}/whole", new.path, TAGS, jobs)
        total = len(proxy.seen)
    # Side by side the order differs from run to run, so that one boundary of each request is enough there.
    boundaries = [
        (number, after)
        for number in range(1, total + 1)
        for after in (False, True)
        if jobs == 1 or after == bool(number % 2)
    ]
    resent = 0
    for number, after in boundaries:
        repository = f"{run}/{number}-{after}".lower()
        if after:
            _push_old(testbed.registry, repository, old)
        killed(Killer(number, after), pushers, repository, new.path, jobs, testbed.registry)
        _check_tags(testbed.registry, repository, old, new, had_old=after)
        there = present(testbed.registry, repository, blobs_of(new))
        again = pushing(testbed.registry, repository, new.path, TAGS, jobs)
        assert again.blobs_sent == len(blobs_of(new) - there), (number, after)
        assert tags_of(testbed.registry, repository) == set(TAGS)
        assert digest_at(testbed.registry, repository, "latest") == new.root.digest
        assert lacking(testbed.registry, repository, "1.0.0") == []
        resent += again.blobs_sent
    with capsys.disabled():
        said = f"{total} requests, killed at {len(boundaries)} boundaries, {resent} blobs sent by the reruns"
        sys.stdout.write(f"\n{jobs} at once: {said}\n")
    assert total == (2 + 4 + 6) + 2 * 6 + 4 + 1 + 2
    assert len(boundaries) == (2 * total if jobs == 1 else total)


def _push_old(address: str, repository: str, old: Layout) -> None:
    pushing(address, repository, old.path, ["latest"], 1)


def _check_tags(address: str, repository: str, old: Layout, new: Layout, *, had_old: bool) -> None:
    """Each tag is absent, old, or new and whole."""
    for tag in TAGS:
        digest = digest_at(address, repository, tag)
        before = old.root.digest if had_old and tag == "latest" else ""
        assert digest in {before, new.root.digest}
        if digest:
            assert lacking(address, repository, digest) == []
