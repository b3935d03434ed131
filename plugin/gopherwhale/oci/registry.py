"""The distribution API, as far as pushing and reading an image needs it (distribution-spec 1.1)."""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from threading import Lock
from types import TracebackType
from typing import IO, Final, Self, cast
from urllib.parse import urljoin, urlsplit

from gopherwhale.errors import AuthenticationError, LayoutError, RegistryError
from gopherwhale.oci import credentials
from gopherwhale.oci.documents import INDEX_TYPES, MANIFEST_TYPES, Descriptor, digest_of
from gopherwhale.oci.strict_json import MAX_DOCUMENT
from gopherwhale.oci.tokens import Tokens, parse_challenge
from gopherwhale.oci.transport import Answer, Body, Transport, origin
from gopherwhale.references import Reference

ACCEPT: Final = ", ".join(sorted(INDEX_TYPES | MANIFEST_TYPES))
_MAX_ERROR: Final = 64 * 1024
_UPLOAD_TRIES: Final = 3
_OK: Final = 200
_CREATED: Final = 201
_ACCEPTED: Final = 202
_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403
_NOT_FOUND: Final = 404


class RegistryClient:
    """One client for every registry of a run: one pool, one cache of tokens."""

    def __init__(
        self, transport: Transport, environment: Mapping[str, str], insecure: Collection[str] = ()
    ) -> None:
        """Keep what the run uses; nothing is asked of anybody yet."""
        self._transport = transport
        self._environment = environment
        self._insecure = frozenset(insecure)
        self._tokens = Tokens(transport=transport)
        self._lock = Lock()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], *, insecure: Collection[str] = ()) -> Self:
        """Make a client with Docker's credentials, the proxies and the CAs of an environment."""
        return cls(Transport(environment=environment), environment, insecure)

    def __enter__(self) -> Self:
        """Use it for a block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection."""
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._transport.close()

    def head_manifest(self, target: Reference) -> str:
        """The digest that a tag or digest points at, or empty where the registry has none."""
        answer = self._ask("HEAD", target, f"manifests/{target.digest or target.tag}", {"Accept": ACCEPT})
        answer.close()
        if answer.status == _NOT_FOUND:
            return ""
        self._expect(answer, {_OK}, target, b"")
        return answer.headers.get("docker-content-digest", "") or target.digest

    def get_manifest(self, target: Reference) -> tuple[bytes, str]:
        """The exact bytes and the media type of a manifest or index.

        Raises:
            RegistryError: There is none, or it is not what its digest says.
        """
        answer = self._ask(
            "GET", target, f"manifests/{target.digest or target.tag or 'latest'}", {"Accept": ACCEPT}
        )
        body = answer.read(MAX_DOCUMENT if answer.status == _OK else _MAX_ERROR)
        self._expect(answer, {_OK}, target, body)
        said = target.digest or answer.headers.get("docker-content-digest", "")
        if said and said.startswith("sha256:") and said != digest_of(body):
            raise RegistryError(f"{target} answers with other bytes than {said}")
        return body, answer.headers.get("content-type", "").partition(";")[0].strip()

    def put_manifest(self, target: Reference, raw: bytes, media_type: str) -> None:
        """Put the exact bytes of a manifest or index under a tag or digest.

        Raises:
            RegistryError: The registry refuses it, or stored other bytes.
        """
        digest = digest_of(raw)
        answer = self._ask(
            "PUT",
            target,
            f"manifests/{target.tag or target.digest}",
            {"Content-Type": media_type},
            body=lambda: _reader(raw),
            size=len(raw),
        )
        body = answer.read(_MAX_ERROR)
        self._expect(answer, {_CREATED}, target, body)
        said = answer.headers.get("docker-content-digest", digest)
        if said != digest:
            raise RegistryError(f"{target}: the registry stored {said[:100]}, not {digest}")

    def has_blob(self, target: Reference, descriptor: Descriptor) -> bool:
        """Whether the repository holds a blob of that digest and size."""
        answer = self._ask("HEAD", target, f"blobs/{descriptor.digest}", {})
        answer.close()
        if answer.status == _NOT_FOUND:
            return False
        self._expect(answer, {_OK}, target, b"")
        return answer.headers.get("content-length", str(descriptor.size)) == str(descriptor.size)

    @contextlib.contextmanager
    def open_blob(self, target: Reference, descriptor: Descriptor) -> Iterator[IO[bytes]]:
        """Stream a blob; its reader checks size and digest.

        Raises:
            RegistryError: There is none.
        """
        answer = self._ask("GET", target, f"blobs/{descriptor.digest}", {})
        if answer.status != _OK:
            self._expect(answer, {_OK}, target, answer.read(_MAX_ERROR))
        try:
            yield cast("IO[bytes]", answer.raw)
        finally:
            answer.close()

    def put_blob(self, target: Reference, descriptor: Descriptor, body: Body) -> None:
        """Upload a blob in one request, from the start again where the upload was lost.

        Args:
            target: The repository.
            descriptor: Whose digest and size the bytes must have.
            body: Opens the blob from its start.

        Raises:
            RegistryError: The registry refuses it.
        """
        for attempt in range(1, _UPLOAD_TRIES + 1):
            start = self._ask("POST", target, "blobs/uploads/", {"Content-Length": "0"})
            self._expect(start, {_ACCEPTED}, target, start.read(_MAX_ERROR))
            location = urljoin(start.url, start.headers.get("location", ""))
            joint = "&" if urlsplit(location).query else "?"
            headers = {"Content-Type": "application/octet-stream"}
            if origin(location) == origin(start.url):
                headers |= self._authorization(target)
            try:
                done = self._transport.request(
                    "PUT",
                    f"{location}{joint}digest={descriptor.digest}",
                    headers,
                    body=body,
                    size=descriptor.size,
                )
            except RegistryError:
                if attempt == _UPLOAD_TRIES:
                    raise
                continue
            text = done.read(_MAX_ERROR)
            if done.status == _NOT_FOUND and attempt < _UPLOAD_TRIES:
                continue
            self._expect(done, {_CREATED}, target, text, descriptor.digest)
            return

    def _base(self, target: Reference) -> str:
        plain = target.is_loopback or target.registry in self._insecure
        return f"{'http' if plain else 'https'}://{target.api_host}"

    @staticmethod
    def _scope(target: Reference, method: str) -> str:
        actions = "pull" if method in ("GET", "HEAD") else "pull,push"
        return f"repository:{target.repository}:{actions}"

    def _authorization(self, target: Reference) -> dict[str, str]:
        for method in ("PUT", "GET"):
            header = self._tokens.kept(self._base(target), self._scope(target, method))
            if header:
                return {"Authorization": header}
        return {}

    def _ask(
        self,
        method: str,
        target: Reference,
        path: str,
        headers: Mapping[str, str],
        *,
        body: Body | None = None,
        size: int = 0,
    ) -> Answer:
        url = f"{self._base(target)}/v2/{target.repository}/{path}"
        scope = self._scope(target, method)
        kept = self._tokens.kept(self._base(target), scope)
        answer = self._send(method, url, headers, kept, body, size)
        if answer.status != _UNAUTHORIZED:
            return answer
        answer.close()
        challenge = parse_challenge(answer.headers.get("www-authenticate", ""))
        if challenge is None:
            raise AuthenticationError(f"{target.registry} refuses us and does not say what it wants")
        credential = credentials.find(target.registry, self._environment)
        with self._lock:
            header = self._tokens.answer(challenge, self._base(target), scope, credential)
        return self._send(method, url, headers, header, body, size)

    def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        authorization: str,
        body: Body | None,
        size: int,
    ) -> Answer:
        signed = {**headers, "Authorization": authorization} if authorization else dict(headers)
        return self._transport.request(method, url, signed, body=body, size=size)

    @staticmethod
    def _expect(
        answer: Answer, good: Collection[int], target: Reference, body: bytes, digest: str = ""
    ) -> None:
        if answer.status in good:
            return
        what = f"{target.name}{'@' + digest if digest else ''}"
        if answer.status in (_UNAUTHORIZED, _FORBIDDEN):
            raise AuthenticationError(
                f"{target.registry} refuses access to {target.repository} (status {answer.status})",
                hint=f"run: docker login {target.registry}",
            )
        raise RegistryError(f"{what}: the registry answers {answer.status}{_said(body)}")


@dataclass(frozen=True)
class RegistrySource:
    """An image in a registry, read as it streams; see `ImageSource`."""

    client: RegistryClient
    reference: Reference

    @property
    def name(self) -> str:
        """The reference, with its scheme."""
        return f"docker://{self.reference}"

    @property
    def root(self) -> Descriptor:
        """The descriptor of what the reference points at now."""
        raw, media_type = self.client.get_manifest(self.reference)
        return Descriptor(media_type=media_type, digest=digest_of(raw), size=len(raw))

    @contextlib.contextmanager
    def open_blob(self, descriptor: Descriptor) -> Iterator[IO[bytes]]:
        """Open a manifest, an index or a blob of the repository."""
        if descriptor.media_type in INDEX_TYPES | MANIFEST_TYPES:
            raw, _ = self.client.get_manifest(self.reference.with_digest(descriptor.digest))
            yield _reader(raw)
            return
        try:
            with self.client.open_blob(self.reference, descriptor) as stream:
                yield stream
        except RegistryError as error:
            raise LayoutError(error.problem, hint=error.hint) from None


def _reader(raw: bytes) -> IO[bytes]:
    return io.BytesIO(raw)


def _said(body: bytes) -> str:
    try:
        errors = json.loads(body)["errors"]
        text = "; ".join(f"{error.get('code', '')} {error.get('message', '')}".strip() for error in errors)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        text = body[:200].decode(errors="replace")
    clean = re.sub(r"[^\x20-\x7e]+", " ", text).strip()[:300]
    return f": {clean}" if clean else ""
