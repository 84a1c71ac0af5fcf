"""Receivers of callbacks on real sockets of this machine, well-behaved and otherwise.

No imitations of our own code, and no fixtures. A receiver lives as long as its block, with a thread for each connection.
tests/certificates.py makes what those with TLS show.
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
    """One callback as it arrived."""

    received_at: float  # of time.monotonic()
    connection: int  # 0 for the first that was accepted
    method: str
    target: str
    headers: dict[str, str]  # names in lower case
    body: bytes


@dataclass(slots=True, kw_only=True)
class CallbackReceiver:
    """A receiver: where it is, and what it got."""

    port: int
    scheme: str = "http"
    received: list[ReceivedCallback] = field(default_factory=list)
    connections: int = 0  # accepted so far
    sent: int = 0  # bytes of a body that streams
    closing: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        """The URL of a callback to it."""
        return self.prefix + "cb"

    @property
    def prefix(self) -> str:
        """What an operator binds to allow it."""
        return f"{self.scheme}://{HOST}:{self.port}/"

    def build_prefix(self, name: str) -> str:
        """The prefix under another name, for a resolver that leads here."""
        return f"{self.scheme}://{name}:{self.port}/"


Behaviour = Callable[[socket.socket, CallbackReceiver], bool]  # answers one callback; whether the connection stays open


def respond_with(status: int = 200, body: bytes = SUCCESS, *headers: str, keep: bool = True) -> Behaviour:
    """Answers at once."""
    length = [] if status == 204 else [f"Content-Length: {len(body)}"]
    head = "\r\n".join([f"HTTP/1.1 {status} -", *length, *headers, "", ""]).encode()

    def behave(connection: socket.socket, receiver: CallbackReceiver) -> bool:
        connection.sendall(head + body)
        return keep

    return behave


def send_raw(answer: bytes) -> Behaviour:
    """Sends these bytes, HTTP or not, and hangs up."""

    def behave(connection: socket.socket, receiver: CallbackReceiver) -> bool:
        connection.sendall(answer)
        return False

    return behave


def send_and_hang(first: bytes = b"") -> Behaviour:
    """Sends the beginning of an answer, or nothing, and then no more."""

    def behave(connection: socket.socket, receiver: CallbackReceiver) -> bool:
        connection.sendall(first)
        receiver.closing.wait()
        return False

    return behave


HANG = send_and_hang()
HANG_IN_BODY = send_and_hang(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"resultCode":')


def reset_connection(connection: socket.socket, receiver: CallbackReceiver) -> bool:
    """Breaks the connection off with a RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def close_connection(connection: socket.socket, receiver: CallbackReceiver) -> bool:
    """Ends the connection without an answer."""
    return False


def trickle(seconds: float) -> Behaviour:
    """Sends a long answer a byte at a time."""

    def behave(connection: socket.socket, receiver: CallbackReceiver) -> bool:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not receiver.closing.wait(seconds):
            connection.sendall(b"x")
        return False

    return behave


def stream(size: int) -> Behaviour:
    """Sends a body of that many bytes as fast as it is taken; Receiver.sent tells how many that were."""
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
    """A receiver that treats the first callback as the first behaviour says, …, and all after the last as the last."""
    with socket.create_server((HOST, 0), backlog=256) as door:
        there = CallbackReceiver(port=door.getsockname()[1], scheme="https" if tls else "http")
        house = _ReceiverServer(there, behaviours or (OK,), tls)
        keeper = threading.Thread(target=house.accept_connections, args=(door,), daemon=True)
        keeper.start()
        try:
            yield there
        finally:
            there.closing.set()
            _shut_down(door)
            keeper.join()
            house.close()


@contextmanager
def run_unreachable_receiver() -> Iterator[CallbackReceiver]:
    """A receiver whose machine lets nobody in: connecting to it takes for ever."""
    with socket.create_server((HOST, 0), backlog=0) as door, ExitStack() as stack:
        for _ in range(3):  # the queue is full with the first two
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(door.getsockname())
        yield CallbackReceiver(port=door.getsockname()[1])


def make_closed_receiver() -> CallbackReceiver:
    """A port where nothing listens: it refuses."""
    return CallbackReceiver(port=get_free_port())


class _ReceiverServer:
    """The threads and sockets of a receiver."""

    def __init__(self, there: CallbackReceiver, behaviours: tuple[Behaviour, ...], tls: ssl.SSLContext | None) -> None:
        self._receiver, self._behaviours, self._tls = there, behaviours, tls
        self._open: dict[int, socket.socket] = {}
        self._threads: list[threading.Thread] = []

    def accept_connections(self, door: socket.socket) -> None:
        """Let everyone in until the door is shut."""
        with suppress(OSError):
            while True:
                connection, _ = door.accept()
                self._open[self._receiver.connections] = connection
                thread = threading.Thread(target=self._serve, args=(self._receiver.connections,), daemon=True)
                self._receiver.connections += 1
                self._threads.append(thread)
                thread.start()

    def close(self) -> None:
        """Hang up on all."""
        for connection in list(self._open.values()):
            _shut_down(connection)
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()

    def _serve(self, number: int) -> None:
        with suppress(OSError):  # the far side may do as it likes, too
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
    """The next callback; None when no more comes. A handshake with one that knows no TLS counts as one of method TLS."""
    if file.peek()[:1] == b"\x16":
        return _build_callback(number, "TLS", "", {}, file.read1())
    line = file.readline().decode("latin-1").split(" ")
    headers = dict(_parse_header(one.decode("latin-1")) for one in _iter_lines(file))
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


def _shut_down(one: socket.socket) -> None:
    with suppress(OSError):  # it is closed already
        one.shutdown(socket.SHUT_RDWR)
