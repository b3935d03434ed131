"""A registry that is slow is waited for, one that is as good as silent is not, however it drips."""

from __future__ import annotations

import contextlib
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest

from gopherwhale.oci import patience, transport
from gopherwhale.oci.transport import ConnectionLost, Transport

Serve = Callable[[socket.socket], None]
SIZE = 8 * 1024 * 1024


@contextlib.contextmanager
def serving(serve: Serve) -> Iterator[str]:
    """One connection, in the hands of a function that gets it when the headers have come."""

    def run() -> None:
        with contextlib.suppress(OSError), listener.accept()[0] as connection:
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(1)
            serve(connection)

    with socket.socket() as listener:
        # What a socket takes by itself is no test of who reads it.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    thread.join(20)
    assert not thread.is_alive()


def test_a_slow_line_takes_longer_for_a_block_than_a_connection_may(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight uploads share a line: the time in which a connection must be made is none for what is sent."""
    monkeypatch.setattr(transport, "_CONNECT", 0.1)

    def slowly(connection: socket.socket) -> None:
        time.sleep(0.4)
        left = SIZE
        while left:
            left -= len(connection.recv(1024 * 1024))
        connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")

    with serving(slowly) as url, contextlib.closing(Transport(environment={}, attempts=1)) as way:
        answer = way.request("PUT", url, {}, body=lambda: io.BytesIO(bytes(SIZE)), size=SIZE)
        assert answer.status == 201
        answer.close()


@pytest.mark.parametrize(
    "begun", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"]
)
def test_an_answer_that_drips_ends(monkeypatch: pytest.MonkeyPatch, begun: bytes) -> None:
    """A byte now and then keeps no connection alive: not in its status, its headers or its body."""
    monkeypatch.setattr(transport, "SILENCE", 20.0)
    # Its time is over soon, and yet the first byte may be long in coming.
    monkeypatch.setattr(patience, "time", SimpleNamespace(monotonic=lambda: 100 * time.monotonic()))
    stop = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(begun)
        while not stop.wait(0.02):
            connection.sendall(b"x")

    with serving(drip) as url, contextlib.closing(Transport(environment={}, attempts=1)) as way:
        with pytest.raises(ConnectionLost, match="less than 1024 bytes a second"):
            way.request("GET", url, {}).read(100_000)
        stop.set()


def test_only_waiting_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who copies an image reads as fast as its destination takes it."""
    monkeypatch.setattr(transport, "SILENCE", 20.0)
    away = 0.0
    monkeypatch.setattr(patience, "time", SimpleNamespace(monotonic=lambda: away + time.monotonic()))
    data = bytes(300_000)

    def at_once(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(data) + data)

    with serving(at_once) as url, contextlib.closing(Transport(environment={}, attempts=1)) as way:
        answer = way.request("GET", url, {})
        first = answer.read_some(1000)
        away = 100.0
        assert first + answer.read(len(data)) == data
