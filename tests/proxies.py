"""A TCP proxy on loopback that misbehaves on demand: a real service behind it seems away, silent, broken or cut off."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto
from urllib.parse import urlsplit

_BUSY_RESPONSE = b"HTTP/1.1 503 Slow Down\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class ProxyMode(Enum):
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
        self.mode = ProxyMode.PASS
        self.cut_after = 4 << 20  # bytes of a connection's answers
        self.mode_after_cut = ProxyMode.BUSY  # what becomes of later connections
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
        with client, suppress(OSError), self._connect_to_target() as service:
            threading.Thread(target=self._forward_response, args=(service, client), daemon=True).start()
            while piece := client.recv(1 << 16):
                match self.mode:
                    case ProxyMode.REFUSE:
                        break
                    case ProxyMode.SILENT:
                        continue
                    case ProxyMode.BUSY:
                        client.sendall(_BUSY_RESPONSE)
                        break
                    case _:
                        service.sendall(piece)
            _shut_down(client, service)

    def _connect_to_target(self) -> socket.socket:
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

    def _forward_response(self, service: socket.socket, client: socket.socket) -> None:
        sent = 0
        with suppress(OSError):
            while piece := service.recv(1 << 14):
                client.sendall(piece)
                sent = sent + len(piece) if self.mode is ProxyMode.CUT else 0
                if sent > self.cut_after:
                    self.mode = self.mode_after_cut
                    break
        _shut_down(client, service)


def _shut_down(*sockets: socket.socket) -> None:
    for one in sockets:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


@contextmanager
def run_proxy(target: str) -> Iterator[Proxy]:
    """A proxy in front of a service's URL or unix socket, for as long as the block lasts."""
    one = Proxy(target)
    try:
        yield one
    finally:
        one.close()
