"""A location on another node's disk: its bytes are fetched from that node, signed, as they are wanted. Nothing is written.

Every wait is bounded, and a node that does not answer is left alone for a while: what is asked meanwhile fails at once.
"""

import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import urlsplit

from ccfs.model.recording import Kept
from ccfs.model.ticket import ticket
from ccfs.store.locations.breaker import Breaker
from ccfs.store.locations.port import CHUNK, Gone, Unreachable, checked

PATH = "/peer/"  # and then the location's id, "/", the key
GONE = 410  # the node's disk has no such bytes; 404 could be anybody's who listens at its address
_BEYOND_END = 416
_IDLE = 8  # connections that are kept for the next


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How peers are asked."""

    key: bytes  # for tickets
    now: Callable[[], datetime]
    connect_seconds: float
    read_seconds: float  # of silence
    rest_seconds: float  # for one that failed
    trust: ssl.SSLContext


class Peer:
    """The peer maker of the location port."""

    def __init__(self, location_id: str, address: Callable[[], str], terms: Terms) -> None:
        """`address` gives the node's URL, or raises Unreachable; it is asked for each connection."""
        self.location_id = location_id
        self._address, self._terms = address, terms
        self._breaker = Breaker(terms.rest_seconds)
        self._idle: list[HTTPConnection] = []

    def __del__(self) -> None:
        for connection in self._idle:
            connection.close()

    def keep(self, key: str, chunks: Iterable[bytes]) -> Kept:
        """See the port: refused."""
        raise self._refusal(checked(key))

    def remove(self, key: str) -> None:
        """See the port: refused."""
        raise self._refusal(checked(key))

    def path(self, key: str) -> None:
        """See the port: there is no file."""
        checked(key)

    def sweep(self, older_than_seconds: float) -> int:
        """See the port: that node does it."""
        return 0

    def size(self, key: str) -> int:
        """See the port."""
        connection, response = self._asked("HEAD", key)
        self._done(connection, response)
        return int(response.headers["content-length"])

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """See the port."""
        if end is not None and end <= start:
            self.size(key)
            return iter(())
        range_ = "" if start == 0 and end is None else f"bytes={start}-{'' if end is None else end - 1}"
        connection, response = self._asked("GET", key, range_)
        chunks = self._chunks(connection, response)
        next(chunks)  # runs to its first yield, so that it tidies up even if nobody reads
        return chunks

    def _refusal(self, key: str) -> Unreachable:
        return Unreachable(
            f"{key}: location {self.location_id} is another node's disk, and only that node writes there"
        )

    def _asked(self, method: str, key: str, range_: str = "") -> tuple[HTTPConnection, HTTPResponse]:
        """A response that has begun, good or beyond the end; raises Gone and Unreachable."""
        path = f"{PATH}{self.location_id}/{checked(key)}"
        if not self._breaker.admits():
            raise Unreachable(f"the node of location {self.location_id} did not answer a moment ago")
        try:
            connection, response = self._sent(method, path, range_)
        except (OSError, HTTPException, ValueError) as error:
            self._breaker.failed()
            raise Unreachable(f"the node of location {self.location_id} does not answer: {_told(error)}") from None
        self._breaker.worked()
        if response.status in (200, 206) or (response.status == _BEYOND_END and range_):
            return connection, response
        self._done(connection, response)
        if response.status == GONE:
            raise Gone(key)
        raise Unreachable(f"the node of location {self.location_id} answers with status {response.status}")

    def _sent(self, method: str, path: str, range_: str) -> tuple[HTTPConnection, HTTPResponse]:
        terms = self._terms
        headers = {"authorization": ticket(terms.key, method, path, range_, terms.now())}
        if range_:
            headers["range"] = range_
        while True:
            is_fresh, connection = self._connection()
            try:
                connection.request(method, path, headers=headers)
                return connection, connection.getresponse()
            except (ConnectionError, HTTPException) as error:
                connection.close()
                if is_fresh or isinstance(error, ConnectionRefusedError):  # an idle one may have been closed: go on
                    raise
            except BaseException:
                connection.close()
                raise

    def _connection(self) -> tuple[bool, HTTPConnection]:
        """Whether it is fresh, and a connection."""
        with suppress(IndexError):
            return False, self._idle.pop()
        url, terms = urlsplit(self._address()), self._terms
        host, port = url.hostname or "", url.port
        if url.scheme == "https":
            fresh: HTTPConnection = HTTPSConnection(host, port, timeout=terms.connect_seconds, context=terms.trust)
        else:
            fresh = HTTPConnection(host, port, timeout=terms.connect_seconds)
        fresh.connect()
        fresh.sock.settimeout(terms.read_seconds)
        return True, fresh

    def _done(self, connection: HTTPConnection, response: HTTPResponse) -> None:
        """The connection can be used again where nothing of the answer is left, and is closed where something is."""
        is_open = response.isclosed() or response.length == 0
        if is_open and not response.will_close and len(self._idle) < _IDLE:
            response.close()
            self._idle.append(connection)
        else:
            connection.close()

    def _chunks(self, connection: HTTPConnection, response: HTTPResponse) -> Iterator[bytes]:
        """First nothing, then the bytes; Unreachable where they end too early."""
        left = 0 if response.status == _BEYOND_END else int(response.headers["content-length"])
        try:
            yield b""
            while left:
                chunk = response.read(min(CHUNK, left))
                if not chunk:
                    raise ConnectionResetError("broke off")
                left -= len(chunk)
                yield chunk
        except (OSError, HTTPException) as error:
            self._breaker.failed()
            raise Unreachable(f"the node of location {self.location_id} broke off: {_told(error)}") from None
        finally:
            self._done(connection, response)


def _told(error: Exception) -> str:
    return str(error) or type(error).__name__
