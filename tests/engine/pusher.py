"""Pushes in processes of their own, forked from one that has imported everything: to be killed cheaply.

It reads a line of JSON for each push (address, repository, layout, tags, jobs), answers with the process's
pid at once, and with its wait status when it has ended.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from gopherwhale.access import Access
from gopherwhale.oci.layout import Layout
from gopherwhale.oci.push import Choices, PushResult, bring
from gopherwhale.oci.registry import RegistryClient
from gopherwhale.references import Reference


def pushing(address: str, repository: str, layout: Path, tags: Sequence[str], jobs: int) -> PushResult:
    """One push of a layout."""
    target = Reference(registry=address, repository=repository)
    with RegistryClient.from_environment({}, Access()) as client:
        return bring(Layout(layout), target, tags, client=client, choices=Choices(jobs=jobs)).tag()


def _serve() -> None:
    for line in sys.stdin:
        address, repository, layout, tags, jobs = json.loads(line)
        pid = os.fork()
        if pid == 0:
            try:
                pushing(address, repository, Path(layout), tags, jobs)
            finally:
                os._exit(0)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
        sys.stdout.write(f"{os.waitpid(pid, 0)[1]}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
