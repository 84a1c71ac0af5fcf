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

from tests.ports import free_port

HOST = "127.0.0.1"
SUCCESS = b'{"resultCode":"0","resultDesc":"success"}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One callback as it arrived."""

    at: float  # of time.monotonic()
    connection: int  # 0 for the first that was accepted
    method: str
    target: str
    headers: dict[str, str]  # names in lower case
    body: bytes


@dataclass(slots=True, kw_only=True)
class Receiver:
    """A receiver: where it is, and what it got."""

    port: int
    scheme: str = "http"
    received: list[Received] = field(default_factory=list)
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

    def under(self, name: str) -> str:
        """The prefix under another name, for a resolver that leads here."""
        return f"{self.scheme}://{name}:{self.port}/"


Behaviour = Callable[[socket.socket, Receiver], bool]  # answers one callback; whether the connection stays open


def answers(status: int = 200, body: bytes = SUCCESS, *headers: str, keep: bool = True) -> Behaviour:
    """Answers at once."""
    length = [] if status == 204 else [f"Content-Length: {len(body)}"]
    head = "\r\n".join([f"HTTP/1.1 {status} -", *length, *headers, "", ""]).encode()

    def behave(connection: socket.socket, receiver: Receiver) -> bool:
        connection.sendall(head + body)
        return keep

    return behave


def says(answer: bytes) -> Behaviour:
    """Sends these bytes, HTTP or not, and hangs up."""

    def behave(connection: socket.socket, receiver: Receiver) -> bool:
        connection.sendall(answer)
        return False

    return behave


def hangs(first: bytes = b"") -> Behaviour:
    """Sends the beginning of an answer, or nothing, and then no more."""

    def behave(connection: socket.socket, receiver: Receiver) -> bool:
        connection.sendall(first)
        receiver.closing.wait()
        return False

    return behave


HANGS = hangs()
HANGS_IN_BODY = hangs(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"resultCode":')


def resets(connection: socket.socket, receiver: Receiver) -> bool:
    """Breaks the connection off with a RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def hangs_up(connection: socket.socket, receiver: Receiver) -> bool:
    """Ends the connection without an answer."""
    return False


def trickles(seconds: float) -> Behaviour:
    """Sends a long answer a byte at a time."""

    def behave(connection: socket.socket, receiver: Receiver) -> bool:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not receiver.closing.wait(seconds):
            connection.sendall(b"x")
        return False

    return behave


def streams(size: int) -> Behaviour:
    """Sends a body of that many bytes as fast as it is taken; Receiver.sent tells how many that were."""
    piece = b"x" * (64 << 10)

    def behave(connection: socket.socket, receiver: Receiver) -> bool:
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
        while receiver.sent < size:
            connection.sendall(piece)
            receiver.sent += len(piece)
        return True

    return behave


OK = answers()
FAILS = answers(500, b"<h1>Internal Server Error</h1>")
REDIRECTS = answers(302, b"", "Location: http://127.0.0.1:9/elsewhere")
SAYS_NOTHING = answers(204, b"")
EMPTY = answers(200, b"")
HUGE = streams(1_000_000_000)
REFUSES = answers(200, b'{"resultCode":"1","resultDesc":"failed"}')


@contextmanager
def receiver(*behaviours: Behaviour, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver that treats the first callback as the first behaviour says, …, and all after the last as the last."""
    with socket.create_server((HOST, 0), backlog=256) as door:
        there = Receiver(port=door.getsockname()[1], scheme="https" if tls else "http")
        house = _House(there, behaviours or (OK,), tls)
        keeper = threading.Thread(target=house.keep, args=(door,), daemon=True)
        keeper.start()
        try:
            yield there
        finally:
            there.closing.set()
            _shut(door)
            keeper.join()
            house.close()


@contextmanager
def deaf() -> Iterator[Receiver]:
    """A receiver whose machine lets nobody in: connecting to it takes for ever."""
    with socket.create_server((HOST, 0), backlog=0) as door, ExitStack() as stack:
        for _ in range(3):  # the queue is full with the first two
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(door.getsockname())
        yield Receiver(port=door.getsockname()[1])


def nobody() -> Receiver:
    """A port where nothing listens: it refuses."""
    return Receiver(port=free_port())


class _House:
    """The threads and sockets of a receiver."""

    def __init__(self, there: Receiver, behaviours: tuple[Behaviour, ...], tls: ssl.SSLContext | None) -> None:
        self._there, self._behaviours, self._tls = there, behaviours, tls
        self._open: dict[int, socket.socket] = {}
        self._threads: list[threading.Thread] = []

    def keep(self, door: socket.socket) -> None:
        """Let everyone in until the door is shut."""
        with suppress(OSError):
            while True:
                connection, _ = door.accept()
                self._open[self._there.connections] = connection
                thread = threading.Thread(target=self._serve, args=(self._there.connections,), daemon=True)
                self._there.connections += 1
                self._threads.append(thread)
                thread.start()

    def close(self) -> None:
        """Hang up on all."""
        for connection in list(self._open.values()):
            _shut(connection)
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()

    def _serve(self, number: int) -> None:
        with suppress(OSError):  # the far side may do as it likes, too
            if self._tls:
                self._open[number] = self._tls.wrap_socket(self._open[number], server_side=True)
            with self._open[number] as connection, connection.makefile("rb") as file:
                while (callback := _read(file, number)) and self._behave(connection, callback):
                    pass
        self._open.pop(number).close()

    def _behave(self, connection: socket.socket, callback: Received) -> bool:
        with self._there.lock:
            behaviour = self._behaviours[min(len(self._there.received), len(self._behaviours) - 1)]
            self._there.received.append(callback)
        return behaviour(connection, self._there)


def _read(file: BufferedReader, number: int) -> Received | None:
    """The next callback; None when no more comes. A handshake with one that knows no TLS counts as one of method TLS."""
    if file.peek()[:1] == b"\x16":
        return _received(number, "TLS", "", {}, file.read1())
    line = file.readline().decode("latin-1").split(" ")
    headers = dict(_header(one.decode("latin-1")) for one in _lines(file))
    body = file.read(int(headers.get("content-length", "0")))
    return _received(number, line[0], line[1], headers, body) if len(line) == 3 else None


def _received(number: int, method: str, target: str, headers: dict[str, str], body: bytes) -> Received:
    now = time.monotonic()
    return Received(at=now, connection=number, method=method, target=target, headers=headers, body=body)


def _lines(file: BufferedReader) -> Iterator[bytes]:
    while (line := file.readline()) not in (b"\r\n", b""):
        yield line


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.lower(), value.strip()


def _shut(one: socket.socket) -> None:
    with suppress(OSError):  # it is closed already
        one.shutdown(socket.SHUT_RDWR)
