"""The distribution API, as far as pushing and reading an image needs it (distribution-spec 1.1)."""

from __future__ import annotations

import contextlib
import functools
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import IO, Final, Self, cast

from gopherwhale.access import Access
from gopherwhale.errors import LayoutError, RegistryError
from gopherwhale.oci.documents import INDEX_TYPES, MANIFEST_TYPES, Descriptor, digest_of
from gopherwhale.oci.parsing import own_type
from gopherwhale.oci.reading import BlobReader, read_whole
from gopherwhale.oci.session import (
    ACCEPTED,
    BAD_REQUEST,
    CREATED,
    MAX_ERROR,
    NOT_FOUND,
    OK,
    NotThereError,
    Session,
    expect,
)
from gopherwhale.oci.strict_json import MAX_DOCUMENT
from gopherwhale.oci.transport import Say, Transport
from gopherwhale.oci.uploading import Opener, Upload
from gopherwhale.references import Reference, is_digest

ACCEPT: Final = ", ".join(sorted(INDEX_TYPES | MANIFEST_TYPES))
_LOOKS: Final = 5
_ASKED_AGAIN: Final = frozenset({400, 401, 403, 405, 406, 501})
# What servers say that hand out files and know of no types: the document tells its own.
_UNTYPED: Final = frozenset(
    {"", "application/json", "application/octet-stream", "binary/octet-stream", "text/plain"}
)
_DIGEST: Final = "docker-content-digest"


class RegistryClient:
    """One client for every registry of a run: one pool, one cache of tokens."""

    def __init__(self, transport: Transport, environment: Mapping[str, str]) -> None:
        """Keep what the run uses; nothing is asked of anybody yet."""
        self._transport = transport
        self._session = Session(transport=transport, environment=environment)

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str], access: Access, say: Say = lambda _line: None
    ) -> Self:
        """Make a client with Docker's credentials, the proxies and the CAs of an environment.

        Args:
            environment: Of the process.
            access: How hosts are reached.
            say: Takes a line where it waits.
        """
        return cls(Transport(environment=environment, access=access, say=say), environment)

    def __enter__(self) -> Self:
        """Use it for a block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection."""
        self.close()

    @property
    def session(self) -> Session:
        """What its requests go through, for the lists that stand in modules of their own."""
        return self._session

    def close(self) -> None:
        """Close every connection."""
        self._transport.close()

    def cancel(self) -> None:
        """End waits and attempts: each request under way fails at its next step."""
        self._transport.cancelled.set()

    def check(self) -> None:
        """Fail where the run was cancelled.

        Raises:
            RegistryError: It was.
        """
        self._transport.check()

    def will_write(self, target: Reference) -> None:
        """Say that this run writes to a repository, so that one token is asked for and not two."""
        self._session.will_write(target)

    def head_manifest(self, target: Reference) -> str:
        """The digest that a tag or digest points at, or empty where the registry has none.

        Raises:
            RegistryError: The registry fails, or answers with no digest.
        """
        path = f"manifests/{target.digest or target.tag}"
        answer = self._session.ask("HEAD", target, path, {"Accept": ACCEPT})
        answer.close()
        if answer.status == NOT_FOUND:
            return ""
        if answer.status in _ASKED_AGAIN:
            # Some registries refuse a HEAD alone; what a GET is refused for is told in words.
            return self._digest_by_get(target)
        expect(answer, {OK}, target, b"", target.digest)
        said = answer.headers.get(_DIGEST, "") or target.digest
        if said and not is_digest(said):
            raise RegistryError(f"{target}: the registry answers with the unusable digest {said[:100]!r}")
        # Some registries say it for a GET alone.
        return said or digest_of(self.get_manifest(target)[0])

    def _digest_by_get(self, target: Reference) -> str:
        try:
            raw, _ = self.get_manifest(target)
        except NotThereError:
            return ""
        return target.digest or digest_of(raw)

    def get_manifest(self, target: Reference) -> tuple[bytes, str]:
        """The exact bytes and the media type of a manifest or index.

        Raises:
            RegistryError: There is none, or it is not what its digest says.
        """
        path = f"manifests/{target.digest or target.tag or 'latest'}"
        answer, body = read_whole(
            lambda: self._session.ask("GET", target, path, {"Accept": ACCEPT}), MAX_DOCUMENT
        )
        expect(answer, {OK}, target, body, target.digest)
        said = target.digest or answer.headers.get(_DIGEST, "")
        if said and not is_digest(said):
            raise RegistryError(f"{target}: the registry answers with the unusable digest {said[:100]!r}")
        if said and said != digest_of(body, said.partition(":")[0]):
            raise RegistryError(f"{target}: the registry answers with other bytes than {said}")
        return body, answer.headers.get("content-type", "").partition(";")[0].strip()

    def put_manifest(self, target: Reference, raw: bytes, media_type: str) -> None:
        """Put the exact bytes of a manifest or index under a tag or digest.

        Raises:
            RegistryError: The registry refuses it, or stored other bytes.
        """
        digest = target.digest or digest_of(raw)
        for attempt in range(1, _LOOKS + 1):
            answer = self._session.ask(
                "PUT",
                target,
                f"manifests/{target.tag or target.digest}",
                {"Content-Type": media_type},
                body=lambda: _reader(raw),
                size=len(raw),
            )
            body = answer.read(MAX_ERROR)
            # What was put a moment ago is not seen by each part of a registry at once, and while another push
            # of the same image writes it once more, it is not seen at all.
            if answer.status not in {BAD_REQUEST, NOT_FOUND} or b"BLOB_UNKNOWN" not in body:
                break
            if attempt < _LOOKS:
                self._transport.rest(attempt)
        # The specification has 201; Quay's older releases say 202.
        expect(answer, {OK, CREATED, ACCEPTED}, target, body, digest)
        said = answer.headers.get(_DIGEST, digest)
        if said != digest:
            raise RegistryError(f"{target}: the registry stored {said[:100]!r}, not {digest}")

    def delete_manifest(self, target: Reference) -> bool:
        """Delete a tag, or a manifest by its digest; whether the registry did so."""
        path = f"manifests/{target.digest or target.tag}"
        answer = self._session.ask("DELETE", target, path, {})
        answer.close()
        return answer.status in {OK, ACCEPTED, NOT_FOUND}

    def has_blob(self, target: Reference, descriptor: Descriptor) -> bool:
        """Whether the repository holds a blob of that digest and size.

        Raises:
            RegistryError: The registry fails.
            AuthenticationError: It refuses us.
        """
        path = f"blobs/{descriptor.digest}"
        answer = self._session.ask("HEAD", target, path, {})
        answer.close()
        size = str(descriptor.size)
        strange = answer.status == OK and answer.headers.get("content-length", size) != size
        if strange or answer.status in _ASKED_AGAIN:
            # Refused here, or where it redirects to: an address that was signed for a GET answers no HEAD.
            # A server in front may not know the length of what it does not send.
            answer = self._session.ask("GET", target, path, {})
            if answer.status != OK:
                expect(answer, {NOT_FOUND}, target, answer.read(MAX_ERROR), descriptor.digest)
            answer.close()
        if answer.status == NOT_FOUND:
            return False
        expect(answer, {OK}, target, b"", descriptor.digest)
        return answer.headers.get("content-length", size) == size

    @contextlib.contextmanager
    def open_blob(self, target: Reference, descriptor: Descriptor) -> Iterator[IO[bytes]]:
        """Stream a blob: a cut is made good by a request for the rest, and its end is its digest's.

        Raises:
            RegistryError: There is none, or it holds other bytes than its digest says.
        """
        path = f"blobs/{descriptor.digest}"
        reader = BlobReader(
            lambda headers: self._session.ask("GET", target, path, headers), target, descriptor
        )
        try:
            yield cast("IO[bytes]", reader)
        finally:
            reader.close()

    def put_blob(
        self, target: Reference, descriptor: Descriptor, opener: Opener, mount_from: Reference | None = None
    ) -> bool:
        """Bring a blob into a repository: mounted from another of the same registry, or uploaded.

        Args:
            target: The repository.
            descriptor: Whose digest and size the bytes must have.
            opener: Opens the blob at an offset, for a number of bytes.
            mount_from: A repository of the same registry that has the blob.

        Returns:
            Whether bytes were sent; a mount sends none.

        Raises:
            RegistryError: The registry refuses it.
        """
        upload = Upload(self._session, target, descriptor)
        if mount_from is not None and upload.mount(mount_from):
            return False
        upload.send(opener)
        return True


@dataclass(frozen=True)
class RegistrySource:
    """An image in a registry, read as it streams; see `ImageSource`."""

    client: RegistryClient
    reference: Reference
    # What `root` read: its digest is of these bytes, so that nobody has to ask for them again.
    _known: dict[str, bytes] = field(default_factory=dict, compare=False)

    @property
    def name(self) -> str:
        """The reference, with its scheme."""
        return f"docker://{self.reference}"

    @functools.cached_property
    def root(self) -> Descriptor:
        """The descriptor of what the reference points at, asked once."""
        raw, media_type = self.client.get_manifest(self.reference)
        self._known[digest_of(raw)] = raw
        if media_type in _UNTYPED:
            media_type = own_type(raw, self.name)
        return Descriptor(media_type=media_type, digest=digest_of(raw), size=len(raw))

    @contextlib.contextmanager
    def open_blob(self, descriptor: Descriptor) -> Iterator[IO[bytes]]:
        """Open a manifest, an index or a blob of the repository."""
        raw = self._known.get(descriptor.digest)
        if raw is None and descriptor.media_type in INDEX_TYPES | MANIFEST_TYPES:
            raw = self._child(descriptor)
        if raw is not None:
            yield _reader(raw)
            return
        with self.client.open_blob(self.reference, descriptor) as stream:
            yield stream

    def _child(self, descriptor: Descriptor) -> bytes:
        try:
            return self.client.get_manifest(self.reference.with_digest(descriptor.digest))[0]
        except NotThereError:
            # An index may name more than a registry was given.
            raise LayoutError(
                f"{self.name} lacks the manifest {descriptor.digest}", code="blob-missing"
            ) from None

    def confirm(self, descriptor: Descriptor) -> None:
        """Ask for a blob's presence and size; see `ImageSource.confirm`."""
        if not self.client.has_blob(self.reference, descriptor):
            what = f"{descriptor.digest} of {descriptor.size} bytes"
            raise LayoutError(f"{self.name} lacks the blob {what}", code="blob-missing")


def _reader(raw: bytes) -> IO[bytes]:
    return io.BytesIO(raw)
