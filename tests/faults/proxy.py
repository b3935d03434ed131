"""A loopback proxy before a registry, or anything else that speaks HTTP: a script decides over each request.

    with proxying(registry.address) as proxy:
        proxy.script = lambda request: Fault(reply=Reply(503)) if request.number == 3 else None

A script can answer in the server's place, cut the request or the answer anywhere, lose the answer of a
request that was done, delay, alter, redirect, or call back before and after. What was asked is in `seen`.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

_BLOCK: Final = 64 * 1024
_SECONDS: Final = 60.0
_HOP_BY_HOP: Final = {"connection", "keep-alive", "transfer-encoding"}


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request as it arrived.

    Attributes:
        number: From 1, in the order of arrival.
        method: As sent.
        path: As sent, with its query.
        headers: By lower-case name.
    """

    number: int
    method: str
    path: str
    headers: Mapping[str, str]

    @property
    def kind(self) -> str:
        """`PUT tag`, `PUT manifest`, `HEAD blob`, `POST upload`, `GET token` and so on."""
        if "/blobs/uploads" in self.path:
            return f"{self.method} upload"
        if "/blobs/" in self.path:
            return f"{self.method} blob"
        if "/manifests/" in self.path:
            by_digest = re.search(r"/manifests/sha\d+:", self.path)
            return f"{self.method} {'manifest' if by_digest else 'tag'}"
        return f"{self.method} {self.path.partition('?')[0].rpartition('/')[2]}"

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return int(self.headers.get("content-length", "0"))


@dataclass(frozen=True)
class Reply:
    """An answer: of the server, or in its place."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What happens to a request, in this order; nothing that is not named.

    Attributes:
        delay: Seconds to wait first.
        before: Called before the server is asked.
        reply: Answered in the server's place; the request's body is read and dropped.
        cut_request: The server gets so many bytes of the body, then both connections are cut.
        after: Called when the server has answered and the client does not know it yet.
        alter: Makes another answer of the server's.
        cut_answer: The client gets so many bytes of the answer's body and is then cut off; -1: not even
            the headers.
    """

    delay: float = 0.0
    before: Callable[[], object] | None = None
    reply: Reply | None = None
    cut_request: int | None = None
    after: Callable[[], object] | None = None
    alter: Callable[[Reply], Reply] | None = None
    cut_answer: int | None = None


Script = Callable[[Request], Fault | None]


class Proxy(ThreadingHTTPServer):
    """The proxy; made by `proxying`.

    Attributes:
        address: `127.0.0.1:PORT`.
        upstream: `HOST:PORT` that is asked; may change, as when a server comes back elsewhere.
        script: Decides over each request; called in the request's thread.
        seen: Every request, in order.
        connected: The clients' ends of connections that have not ended.
        answered: The number of a request -> the status that the client got.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, upstream: str, script: Script | None, tls: ssl.SSLContext | None) -> None:
        """Take a free port."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.address = f"127.0.0.1:{self.server_address[1]}"
        self.upstream = upstream
        self.script: Script = script or (lambda _request: None)
        self.seen: list[Request] = []
        self.answered: dict[int, int] = {}
        self.lock = threading.Lock()
        self.connected: set[tuple[str, int]] = set()
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)

    def kinds(self, *wanted: str) -> list[str]:
        """The kinds of all requests so far, or of those of some kinds."""
        return [request.kind for request in list(self.seen) if not wanted or request.kind in wanted]

    def settle(self) -> None:
        """Wait until the server has answered whatever it was asked by a client that is gone.

        What that sent may not even have been read yet: its connections have ended when all is done.
        """
        deadline = time.monotonic() + _SECONDS
        with socket.create_connection(("127.0.0.1", self.server_port), timeout=_SECONDS) as last:
            # Connections are taken in the order of their making.
            while last.getsockname() not in self.connected and time.monotonic() < deadline:
                time.sleep(0.002)
        while self.connected and time.monotonic() < deadline:
            time.sleep(0.002)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Note the connection, and serve it in a thread of its own."""
        with self.lock:
            self.connected.add(client_address)
        super().process_request(request, client_address)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve the connection until it ends."""
        try:
            super().finish_request(request, client_address)
        finally:
            with self.lock:
                self.connected.discard(client_address)

    def forget(self) -> None:
        """Begin to count anew."""
        with self.lock:
            self.seen.clear()
            self.answered.clear()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: cut connections are what this is for."""


@contextlib.contextmanager
def proxying(
    upstream: str, script: Script | None = None, *, tls: ssl.SSLContext | None = None
) -> Iterator[Proxy]:
    """Run a proxy before `HOST:PORT`, with TLS where a context is given."""
    proxy = Proxy(upstream, script, tls)
    thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        thread.join(_SECONDS)
        proxy.server_close()


class _Cut(Exception):  # noqa: N818 -- what a script asked for
    pass


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = _SECONDS
    server: Proxy
    _upstream: http.client.HTTPConnection | None = None

    def handle(self) -> None:
        with contextlib.suppress(_Cut, OSError, http.client.HTTPException):
            super().handle()
        if self._upstream is not None:
            self._upstream.close()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name of the base
        pass

    def _relay(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        with self.server.lock:
            request = Request(
                number=len(self.server.seen) + 1, method=self.command, path=self.path, headers=headers
            )
            self.server.seen.append(request)
        fault = self.server.script(request) or Fault()
        time.sleep(fault.delay)
        if fault.before:
            fault.before()
        if fault.reply:
            self._drop(request.size)
            self._answer(request, fault, fault.reply)
            return
        self._forward(request, fault)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _relay  # noqa: N815 -- names of the base

    def _drop(self, size: int) -> None:
        while size > 0 and (part := self.rfile.read(min(size, _BLOCK))):
            size -= len(part)

    def _forward(self, request: Request, fault: Fault) -> None:
        try:
            upstream = self._ask(request, fault)
            answer = upstream.getresponse()
        except (OSError, http.client.HTTPException):
            if self._upstream is not None:
                self._upstream.close()
                self._upstream = None
            self.close_connection = True
            self._answer(request, fault, Reply(502))
            return
        kept = {k.lower(): v for k, v in answer.getheaders() if k.lower() not in _HOP_BY_HOP}
        if fault.after:
            fault.after()
        if request.method == "HEAD" or fault.alter or fault.cut_answer is not None or answer.length is None:
            reply = Reply(answer.status, answer.read(), kept)
            self._answer(request, fault, fault.alter(reply) if fault.alter else reply)
            return
        self._head(request, answer.status, kept)
        while part := answer.read(_BLOCK):
            self.wfile.write(part)

    def _ask(self, request: Request, fault: Fault) -> http.client.HTTPConnection:
        # A server may close a connection that rests; only a fresh one is sure to be read.
        if self._upstream is None or request.method not in ("GET", "HEAD"):
            if self._upstream is not None:
                self._upstream.close()
            self._upstream = http.client.HTTPConnection(self.server.upstream, timeout=_SECONDS)
        upstream = self._upstream
        upstream.putrequest(request.method, request.path, skip_host=True, skip_accept_encoding=True)
        for name, value in request.headers.items():
            if name not in _HOP_BY_HOP:
                upstream.putheader(name, value)
        upstream.endheaders()
        left = request.size if fault.cut_request is None else min(fault.cut_request, request.size)
        while left > 0 and (part := self.rfile.read(min(left, _BLOCK))):
            upstream.send(part)
            left -= len(part)
        # A client that was killed in the middle of its body sends no more of it: the server is to see that.
        if left > 0 or fault.cut_request is not None:
            _end(upstream)
            self._cut()
        return upstream

    def _answer(self, request: Request, fault: Fault, reply: Reply) -> None:
        if fault.cut_answer == -1:
            self._cut()
        headers = {name.lower(): value for name, value in reply.headers.items()}
        if request.method != "HEAD":
            headers.setdefault("content-length", str(len(reply.body)))
        self._head(request, reply.status, headers)
        if request.method != "HEAD":
            self.wfile.write(reply.body if fault.cut_answer is None else reply.body[: fault.cut_answer])
        if fault.cut_answer is not None:
            self._cut(gently=True)
        if int(headers.get("content-length", "0")) > len(reply.body) and request.method != "HEAD":
            # It promises more than there is: the client shall see the end.
            self.close_connection = True

    def _head(self, request: Request, status: int, headers: Mapping[str, str]) -> None:
        self.server.answered[request.number] = status
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _cut(self, *, gently: bool = False) -> None:
        """End the connection at once: with a reset, or so that what was sent still arrives."""
        self.wfile.flush()
        if gently:
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # The socket itself is closed when its files are.
        self.connection.close()
        self.close_connection = True
        raise _Cut


def _end(upstream: http.client.HTTPConnection) -> None:
    """End a request in its middle, and wait until the server has dealt with that: what follows sees it."""
    with contextlib.suppress(OSError):
        upstream.sock.shutdown(socket.SHUT_WR)
        while upstream.sock.recv(_BLOCK):
            pass
    upstream.close()


def flipped(reply: Reply) -> Reply:
    """The answer with one bit of its body changed."""
    changed = bytearray(reply.body)
    changed[len(changed) // 2] ^= 1
    return replace(reply, body=bytes(changed))


def truncated(reply: Reply) -> Reply:
    """The answer without the end of its body, its length told accordingly."""
    return _resized(reply, reply.body[: len(reply.body) // 2])


def longer(reply: Reply) -> Reply:
    """The answer with a byte more, its length told accordingly."""
    return _resized(reply, reply.body + b"\n")


def broken_off(reply: Reply) -> Reply:
    """The answer that promises all of its body and ends in the middle."""
    return Reply(
        reply.status,
        reply.body[: len(reply.body) // 2],
        {**reply.headers, "content-length": str(len(reply.body))},
    )


def _resized(reply: Reply, body: bytes) -> Reply:
    return Reply(reply.status, body, {**reply.headers, "content-length": str(len(body))})
