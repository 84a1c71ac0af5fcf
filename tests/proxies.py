"""A TCP proxy on loopback that misbehaves on demand: a real service behind it seems away, silent, broken or cut off."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto
from urllib.parse import urlsplit

_503 = b"HTTP/1.1 503 Slow Down\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Way(Enum):
    """What becomes of a connection."""

    PASS = auto()
    REFUSE = auto()  # closed at once
    SILENT = auto()  # taken, and never answered
    BUSY = auto()  # answered 503
    CUT = auto()  # closed in the middle of an answer


class Proxy:
    """One proxy in front of one service."""

    def __init__(self, target: str) -> None:
        """`target`: a URL, or the path of a unix socket."""
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self.way = Way.PASS
        self.cut_after = 4 << 20  # bytes of a connection's answers
        self.after_cut = Way.BUSY  # what becomes of later connections
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        """One connection; its way is chosen anew with every piece that the client sends."""
        with client, suppress(OSError), self._reached() as service:
            threading.Thread(target=self._answer, args=(service, client), daemon=True).start()
            while piece := client.recv(1 << 16):
                match self.way:
                    case Way.REFUSE:
                        break
                    case Way.SILENT:
                        continue
                    case Way.BUSY:
                        client.sendall(_503)
                        break
                    case _:
                        service.sendall(piece)
            _shut(client, service)

    def _reached(self) -> socket.socket:
        if not self._target.startswith("/"):
            parts = urlsplit(self._target)
            return socket.create_connection((parts.hostname or "", parts.port or 0), 10)
        service = socket.socket(socket.AF_UNIX)
        try:
            service.connect(self._target)
        except OSError:
            service.close()
            raise
        return service

    def _answer(self, service: socket.socket, client: socket.socket) -> None:
        sent = 0
        with suppress(OSError):
            while piece := service.recv(1 << 14):
                client.sendall(piece)
                sent = sent + len(piece) if self.way is Way.CUT else 0
                if sent > self.cut_after:
                    self.way = self.after_cut
                    break
        _shut(client, service)


def _shut(*sockets: socket.socket) -> None:
    for one in sockets:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxy(target: str) -> Iterator[Proxy]:
    """A proxy in front of a service's URL or unix socket, for as long as the block lasts."""
    one = Proxy(target)
    try:
        yield one
    finally:
        one.close()
