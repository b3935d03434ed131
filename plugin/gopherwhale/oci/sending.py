"""The blobs of an image on their way to every repository that lacks them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import IO, Final, cast

from gopherwhale.oci.body import BlobBody
from gopherwhale.oci.documents import Descriptor
from gopherwhale.oci.registry import RegistryClient
from gopherwhale.oci.source import ImageSource
from gopherwhale.oci.survey import Presence
from gopherwhale.oci.tagging import TagRules
from gopherwhale.oci.transport import Say
from gopherwhale.oci.workers import side_by_side
from gopherwhale.references import Reference

JOBS: Final = 8
_EVERY: Final = 2.0
_MEGABYTE: Final = 1e6


def _no_note(_repository: str, _digest: str) -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Choices:
    """How a push is done.

    Attributes:
        also: Further repositories, which get the same image and tags.
        jobs: Requests at once.
        rules: When a tag may be moved.
        lenders: Repositories that may have blobs of the image already, to be mounted from.
        note: Told of each blob and document that is in its place: repository and digest.
    """

    also: tuple[Reference, ...] = ()
    jobs: int = JOBS
    rules: TagRules = field(default_factory=TagRules)
    lenders: tuple[Reference, ...] = ()
    note: Callable[[str, str], None] = _no_note


@dataclass(kw_only=True)
class Sending:
    """The blobs on their way: bytes are counted over all threads, and said now and then."""

    source: ImageSource
    present: Sequence[Presence]
    client: RegistryClient
    say: Say
    choices: Choices
    _total: int = 0
    _done: int = 0
    _told: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    def send(self) -> list[Descriptor]:
        """Bring every blob to where it is missing; the result has one entry for each that was sent."""
        self._total = sum(state.bytes_missing for state in self.present)
        self._told = time.monotonic()
        wanted: dict[tuple[str, str], Descriptor] = {}
        for state in self.present:
            wanted |= {(state.target.registry, digest): blob for digest, blob in state.blobs.items()}
        # The largest first: the last thread to end has then the least to do.
        order = sorted(wanted.items(), key=lambda item: -item[1].size)
        tasks = [partial(self._bring, registry, blob) for (registry, _), blob in order]
        return [blob for sent in side_by_side(tasks, self.choices.jobs, self.client.cancel) for blob in sent]

    def _bring(self, registry: str, blob: Descriptor) -> list[Descriptor]:
        """Bring a blob to the repositories of one registry: sent once, mounted from there into the others."""
        here = [state for state in self.present if state.target.registry == registry]
        having = [state.target for state in here if blob.digest not in state.blobs]
        having += [lender for lender in self.choices.lenders if lender.registry == registry]
        sent = []
        for state in here:
            if blob.digest in state.blobs:
                if self._put(state.target, blob, having[0] if having else None):
                    sent.append(blob)
                having.insert(0, state.target)
                self.choices.note(state.target.name, blob.digest)
        return sent

    def _put(self, target: Reference, blob: Descriptor, lender: Reference | None) -> bool:
        def opened(offset: int, length: int) -> IO[bytes]:
            return cast("IO[bytes]", BlobBody(self.source, blob, offset, length, self._count))

        sent = self.client.put_blob(target, blob, opened, mount_from=lender)
        how = f"mounted from {lender.name}:" if lender and not sent else "sent"
        self.say(f"{how} {blob.digest} ({blob.size} bytes) {'to' if sent else 'into'} {target.name}")
        return sent

    def _count(self, size: int) -> None:
        self.client.check()
        with self._lock:
            self._done += size
            now = time.monotonic()
            if now - self._told < _EVERY:
                return
            self._told = now
            done, total = min(self._done, self._total) / _MEGABYTE, self._total / _MEGABYTE
        self.say(f"sending: {done:.1f} of {total:.1f} MB")
