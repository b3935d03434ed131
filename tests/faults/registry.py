"""A registry in memory on loopback: the distribution API for tests without a real one."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import threading
import uuid
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

_UPLOAD = re.compile(r"/v2/(?P<name>.+)/blobs/uploads/(?P<id>[0-9a-f]*)")
_BLOB = re.compile(r"/v2/(?P<name>.+)/blobs/(?P<digest>[^/]+)")
_MANIFEST = re.compile(r"/v2/(?P<name>.+)/manifests/(?P<reference>[^/]+)")


class MemoryRegistry(ThreadingHTTPServer):
    """The registry; made by `serving`.

    Attributes:
        address: `127.0.0.1:PORT`.
        blobs: By repository and digest.
        manifests: By repository and digest: media type and bytes.
        tags: By repository and tag.
        uploads: Open uploads by identifier.
        partial: What a cut request brought is kept, and the upload goes on; else it is lost.
        connections: How many were made.
        relative: Locations are relative.
        ignores_ranges: Content-Range is not looked at, as by the distribution project's registry.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        """Take a free port; hold nothing."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.address = f"127.0.0.1:{self.server_address[1]}"
        self.connections = 0
        self.reset()

    def reset(self) -> None:
        """Hold nothing, and be as the specification says."""
        self.blobs: dict[tuple[str, str], bytes] = {}
        self.manifests: dict[tuple[str, str], tuple[str, bytes]] = {}
        self.tags: dict[tuple[str, str], str] = {}
        self.uploads: dict[str, bytearray] = {}
        self.partial = True
        self.relative = False
        self.ignores_ranges = False

    def complete(self, name: str, digest: str) -> bool:
        """Whether a manifest or index is there with everything below it."""
        if (name, digest) not in self.manifests:
            return False
        document = json.loads(self.manifests[name, digest][1])
        if "manifests" in document:
            return all(self.complete(name, child["digest"]) for child in document["manifests"])
        parts = (document["config"], *document["layers"])
        return all((name, part["digest"]) in self.blobs for part in parts)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Count the connection, and serve it in a thread of its own."""
        self.connections += 1
        super().process_request(request, client_address)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that are cut off are what tests are about."""


@contextlib.contextmanager
def serving() -> Iterator[MemoryRegistry]:
    """Run an empty registry."""
    registry = MemoryRegistry()
    thread = threading.Thread(target=registry.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        registry.shutdown()
        thread.join(20)
        registry.server_close()


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60
    server: MemoryRegistry

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            super().handle()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name of the base
        pass

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if match := _UPLOAD.fullmatch(parts.path):
            self._upload(match["name"], match["id"], query)
        elif match := _BLOB.fullmatch(parts.path):
            self._blob(match["name"], match["digest"])
        elif match := _MANIFEST.fullmatch(parts.path):
            self._manifest(match["name"], match["reference"])
        else:
            self._reply(200 if parts.path == "/v2/" else 404)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 -- names of the base

    def _body(self, into: bytearray | None = None) -> bytes:
        data = bytearray() if into is None else into
        left = int(self.headers.get("Content-Length", "0"))
        while left > 0:
            part = self.rfile.read1(min(left, 65536))
            if not part:
                raise ConnectionError
            left -= len(part)
            data += part
        return bytes(data)

    def _upload(self, name: str, identifier: str, query: Mapping[str, str]) -> None:
        registry = self.server
        if self.command == "POST":
            self._body()
            source = (query.get("from", ""), query.get("mount", ""))
            if source in registry.blobs:
                registry.blobs[name, source[1]] = registry.blobs[source]
                self._reply(201, {"Docker-Content-Digest": source[1]})
                return
            identifier = uuid.uuid4().hex
            registry.uploads[identifier] = bytearray()
            self._reply(202, self._place(name, identifier))
            return
        upload = registry.uploads.get(identifier)
        if upload is None:
            self._body()
            self._reply(404)
        elif self.command == "GET":
            self._reply(204, self._place(name, identifier))
        else:
            self._receive(name, identifier, upload, query)

    def _receive(self, name: str, identifier: str, upload: bytearray, query: Mapping[str, str]) -> None:
        start = self.headers.get("Content-Range", f"{len(upload)}-").partition("-")[0]
        if int(start) != len(upload) and not self.server.ignores_ranges:
            self._body()
            self._reply(416, self._place(name, identifier))
            return
        try:
            self._body(upload)
        except ConnectionError:
            if not self.server.partial:
                self.server.uploads.pop(identifier, None)
            raise
        if self.command == "PATCH":
            self._reply(202, self._place(name, identifier))
            return
        del self.server.uploads[identifier]
        if digest(bytes(upload)) != query.get("digest"):
            self._reply(400, body=_error("DIGEST_INVALID"))
            return
        self.server.blobs[name, query["digest"]] = bytes(upload)
        self._reply(201, {"Docker-Content-Digest": query["digest"]})

    def _place(self, name: str, identifier: str) -> dict[str, str]:
        host = "" if self.server.relative else f"http://{self.headers['Host']}"
        reached = max(0, len(self.server.uploads[identifier]) - 1)
        location = f"{host}/v2/{name}/blobs/uploads/{identifier}?step={reached}"
        return {"Location": location, "Range": f"0-{reached}"}

    def _blob(self, name: str, wanted: str) -> None:
        data = self.server.blobs.get((name, wanted))
        if data is None:
            self._reply(404, body=_error("BLOB_UNKNOWN"))
            return
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if match:
            start = int(match[1])
            self._reply(206, {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}, data[start:])
        else:
            self._reply(200, {"Docker-Content-Digest": wanted}, data)

    def _manifest(self, name: str, reference: str) -> None:
        registry = self.server
        if self.command == "PUT":
            self._put_manifest(name, reference, self._body())
            return
        wanted = registry.tags.get((name, reference), reference)
        if (name, wanted) not in registry.manifests:
            self._reply(404, body=_error("MANIFEST_UNKNOWN"))
        elif self.command == "DELETE":
            registry.tags.pop((name, reference), None)
            self._reply(202)
        else:
            media_type, raw = registry.manifests[name, wanted]
            self._reply(200, {"Docker-Content-Digest": wanted, "Content-Type": media_type}, raw)

    def _put_manifest(self, name: str, reference: str, raw: bytes) -> None:
        registry, found = self.server, digest(raw)
        document: dict[str, Any] = json.loads(raw)
        children = {child["digest"] for child in document.get("manifests", [])}
        parts = {part["digest"] for part in [*document.get("layers", []), document.get("config")] if part}
        missing = [child for child in children if (name, child) not in registry.manifests]
        missing += [part for part in parts if (name, part) not in registry.blobs]
        if missing:
            self._reply(400, body=_error("MANIFEST_BLOB_UNKNOWN"))
            return
        registry.manifests[name, found] = (self.headers["Content-Type"], raw)
        if reference != found:
            registry.tags[name, reference] = found
        self._reply(201, {"Docker-Content-Digest": found})

    def _reply(self, status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> None:
        self.send_response_only(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _error(code: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": code.lower().replace("_", " ")}]}).encode()
