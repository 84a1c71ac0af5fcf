"""Callback receivers on real sockets of this machine, well-behaved and otherwise.

No imitations of our own code, and no fixtures. A receiver lives as long as its block, with a thread for each connection.
tests/certificates.py creates the certificates of those with TLS.
"""

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from io import BufferedReader

from tests.ports import get_free_port

HOST = "127.0.0.1"
SUCCESS = b'{"resultCode":"0","resultDesc":"success"}'


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedCallback:
    """One received callback."""

    received_at: float  # of time.monotonic()
    connection: int  # 0 for the first that was accepted
    method: str
    target: str
    headers: dict[str, str]  # names in lower case
    body: bytes


@dataclass(slots=True, kw_only=True)
class CallbackReceiver:
    """A receiver: its address, and the callbacks that it received."""

    port: int
    scheme: str = "http"
    received: list[ReceivedCallback] = field(default_factory=list)
    connections: int = 0  # accepted so far
    sent: int = 0  # bytes of a streamed body
    closing: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        """The callback URL of the receiver."""
        return self.prefix + "cb"

    @property
    def prefix(self) -> str:
        """The prefix that an operator binds to allow it."""
        return f"{self.scheme}://{HOST}:{self.port}/"

    def build_prefix(self, name: str) -> str:
        """Return the prefix under another host name, for a resolver that maps the name to this machine."""
        return f"{self.scheme}://{name}:{self.port}/"


Behaviour = Callable[
    [socket.socket, CallbackReceiver], bool
]  # responds to one callback; returns whether the connection stays open


def respond_with(status: int = 200, body: bytes = SUCCESS, *headers: str, keep: bool = True) -> Behaviour:
    """Respond at once."""
    length = [] if status == 204 else [f"Content-Length: {len(body)}"]
    head = "\r\n".join([f"HTTP/1.1 {status} -", *length, *headers, "", ""]).encode()

    def behave(connection: socket.socket, receiver: CallbackReceiver) -> bool:
        connection.sendall(head + body)
        return keep

    return behave


def send_raw(response: bytes) -> Behaviour:
    """Send these bytes, HTTP or not, and close the connection."""

    def behave(connection: socket.socket, receiver: CallbackReceiver) -> bool:
        connection.sendall(response)
        return False

    return behave


def send_and_hang(first: bytes = b"") -> Behaviour:
    """Send the beginning of a response, or nothing, and then hang."""

    def behave(connection: socket.socket, receiver: CallbackReceiver) -> bool:
        connection.sendall(first)
        receiver.closing.wait()
        return False

    return behave


HANG = send_and_hang()
HANG_IN_BODY = send_and_hang(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"resultCode":')


def reset_connection(connection: socket.socket, receiver: CallbackReceiver) -> bool:
    """Reset the connection."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def close_connection(connection: socket.socket, receiver: CallbackReceiver) -> bool:
    """Close the connection without a response."""
    return False


def trickle(seconds: float) -> Behaviour:
    """Send a long response byte by byte."""

    def behave(connection: socket.socket, receiver: CallbackReceiver) -> bool:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not receiver.closing.wait(seconds):
            connection.sendall(b"x")
        return False

    return behave


def stream(size: int) -> Behaviour:
    """Send a body of that many bytes as fast as it is read; CallbackReceiver.sent counts them."""
    piece = b"x" * (64 << 10)

    def behave(connection: socket.socket, receiver: CallbackReceiver) -> bool:
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
        while receiver.sent < size:
            connection.sendall(piece)
            receiver.sent += len(piece)
        return True

    return behave


OK = respond_with()
FAIL = respond_with(500, b"<h1>Internal Server Error</h1>")
REDIRECT = respond_with(302, b"", "Location: http://127.0.0.1:9/elsewhere")
NO_CONTENT = respond_with(204, b"")
EMPTY_BODY = respond_with(200, b"")
HUGE_BODY = stream(1_000_000_000)
REJECT = respond_with(200, b'{"resultCode":"1","resultDesc":"failed"}')


@contextmanager
def run_receiver(*behaviours: Behaviour, tls: ssl.SSLContext | None = None) -> Iterator[CallbackReceiver]:
    """Run a receiver that applies each behaviour to one callback in turn, and the last one to all further callbacks."""
    with socket.create_server((HOST, 0), backlog=256) as listener:
        there = CallbackReceiver(port=listener.getsockname()[1], scheme="https" if tls else "http")
        server = _ReceiverServer(there, behaviours or (OK,), tls)
        thread = threading.Thread(target=server.accept_connections, args=(listener,), daemon=True)
        thread.start()
        try:
            yield there
        finally:
            there.closing.set()
            _shut_down(listener)
            thread.join()
            server.close()


@contextmanager
def run_unreachable_receiver() -> Iterator[CallbackReceiver]:
    """Run a receiver that accepts no connection: connecting to it never ends."""
    with socket.create_server((HOST, 0), backlog=0) as listener, ExitStack() as stack:
        for _ in range(3):  # the first two fill the queue
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield CallbackReceiver(port=listener.getsockname()[1])


def make_closed_receiver() -> CallbackReceiver:
    """Return a port where nothing listens."""
    return CallbackReceiver(port=get_free_port())


class _ReceiverServer:
    """The threads and sockets of a receiver."""

    def __init__(self, there: CallbackReceiver, behaviours: tuple[Behaviour, ...], tls: ssl.SSLContext | None) -> None:
        self._receiver, self._behaviours, self._tls = there, behaviours, tls
        self._open: dict[int, socket.socket] = {}
        self._threads: list[threading.Thread] = []

    def accept_connections(self, listener: socket.socket) -> None:
        """Accept connections until the listening socket is closed."""
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                self._open[self._receiver.connections] = connection
                thread = threading.Thread(target=self._serve, args=(self._receiver.connections,), daemon=True)
                self._receiver.connections += 1
                self._threads.append(thread)
                thread.start()

    def close(self) -> None:
        """Close all connections."""
        for connection in list(self._open.values()):
            _shut_down(connection)
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()

    def _serve(self, number: int) -> None:
        with suppress(OSError):  # the client may close the connection, too
            if self._tls:
                self._open[number] = self._tls.wrap_socket(self._open[number], server_side=True)
            with self._open[number] as connection, connection.makefile("rb") as file:
                while (callback := _read_callback(file, number)) and self._behave(connection, callback):
                    pass
        self._open.pop(number).close()

    def _behave(self, connection: socket.socket, callback: ReceivedCallback) -> bool:
        with self._receiver.lock:
            behaviour = self._behaviours[min(len(self._receiver.received), len(self._behaviours) - 1)]
            self._receiver.received.append(callback)
        return behaviour(connection, self._receiver)


def _read_callback(file: BufferedReader, number: int) -> ReceivedCallback | None:
    """Return the next callback, None at the end. A TLS handshake with a plain receiver counts as a callback of method TLS."""
    if file.peek()[:1] == b"\x16":
        return _build_callback(number, "TLS", "", {}, file.read1())
    line = file.readline().decode("latin-1").split(" ")
    headers = dict(_parse_header(line.decode("latin-1")) for line in _iter_lines(file))
    body = file.read(int(headers.get("content-length", "0")))
    return _build_callback(number, line[0], line[1], headers, body) if len(line) == 3 else None


def _build_callback(number: int, method: str, target: str, headers: dict[str, str], body: bytes) -> ReceivedCallback:
    now = time.monotonic()
    return ReceivedCallback(
        received_at=now, connection=number, method=method, target=target, headers=headers, body=body
    )


def _iter_lines(file: BufferedReader) -> Iterator[bytes]:
    while (line := file.readline()) not in (b"\r\n", b""):
        yield line


def _parse_header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.lower(), value.strip()


def _shut_down(line: socket.socket) -> None:
    with suppress(OSError):  # it may be closed already
        line.shutdown(socket.SHUT_RDWR)
