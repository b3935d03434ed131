"""An HTTP or HTTPS server of a test's own, which keeps every request."""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def authorization(self) -> str:
        """The Authorization header, or empty."""
        return self.headers.get("authorization", "")

    @property
    def query(self) -> dict[str, list[str]]:
        """The query's parameters."""
        return parse_qs(urlsplit(self.path).query, keep_blank_values=True)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What to answer."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


Answering = Callable[[Asked], Reply]


@dataclass(kw_only=True)
class Recording:
    """A running server.

    Attributes:
        address: `127.0.0.1:PORT`.
        url: The same with its scheme.
        seen: Every request, in order.
        answer: What it answers; may be replaced while it runs.
    """

    address: str
    url: str
    answer: Answering
    seen: list[Asked] = field(default_factory=list)

    @property
    def saw_a_credential(self) -> bool:
        """Whether any request held an Authorization header or a body with a token."""
        return any(asked.authorization or b"refresh_token" in asked.body for asked in self.seen)


@contextlib.contextmanager
def recording(
    answer: Answering = lambda _asked: Reply(), *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> Iterator[Recording]:
    """Serve on a free port for a block."""
    found: list[Recording] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(method=self.command, path=self.path, headers=headers, body=body)
            found[0].seen.append(asked)
            reply = found[0].answer(asked)
            self.send_response(reply.status)
            for name, value in reply.headers:
                self.send_header(name, value)
            if not any(name.lower() == "content-length" for name, _ in reply.headers):
                self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)

        do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_CONNECT = _serve  # noqa: N815 -- http.server's names

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_arguments: object) -> None:
            """A client that gives up is what some tests are about."""

    with Server((host, 0), Handler) as server:
        if tls is not None:
            # The handshake is the thread's own affair: a client that refuses us must not stop the server.
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        address = f"{host}:{server.server_address[1]}"
        found.append(
            Recording(address=address, url=f"{'https' if tls else 'http'}://{address}", answer=answer)
        )
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield found[0]
        finally:
            server.shutdown()
            thread.join(timeout=10)
