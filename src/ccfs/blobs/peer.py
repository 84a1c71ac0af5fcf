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

from ccfs.blobs.circuit_breaker import CircuitBreaker
from ccfs.blobs.interface import CHUNK_BYTES, check_key
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.blobs.errors import BlobNotFound, LocationUnreachable
from ccfs.model.blobs.peer_token import sign_peer_request

PATH_PREFIX = "/peer/"  # and then the location's id, "/", the key
STATUS_BLOB_NOT_FOUND = 410  # the node's disk has no such bytes; 404 could be anybody's who listens at its address
_STATUS_RANGE_NOT_SATISFIABLE = 416
_MAX_IDLE_CONNECTIONS = 8  # connections that are kept for the next


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerConfig:
    """How peers are asked."""

    key: bytes  # for tickets
    now: Callable[[], datetime]
    connect_seconds: float
    read_seconds: float  # of silence
    cooldown_seconds: float  # for one that failed
    ssl_context: ssl.SSLContext


class PeerLocation:
    """The peer maker of the location port."""

    def __init__(self, location_id: str, address: Callable[[], str], terms: PeerConfig) -> None:
        """`address` gives the node's URL, or raises Unreachable; it is asked for each connection."""
        self.location_id = location_id
        self._get_address, self._config = address, terms
        self._breaker = CircuitBreaker(terms.cooldown_seconds)
        self._idle: list[HTTPConnection] = []

    def __del__(self) -> None:
        for connection in self._idle:
            connection.close()

    def write(self, key: str, chunks: Iterable[bytes]) -> BlobRef:
        """See the port: refused."""
        raise self._not_writable_error(check_key(key))

    def delete(self, key: str) -> None:
        """See the port: refused."""
        raise self._not_writable_error(check_key(key))

    def get_path(self, key: str) -> None:
        """See the port: there is no file."""
        check_key(key)

    def delete_partial_uploads(self, older_than_seconds: float) -> int:
        """See the port: that node does it."""
        return 0

    def get_size(self, key: str) -> int:
        """See the port."""
        connection, response = self._request("HEAD", key)
        self._release_connection(connection, response)
        return int(response.headers["content-length"])

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """See the port."""
        if end is not None and end <= start:
            self.get_size(key)
            return iter(())
        range_ = "" if start == 0 and end is None else f"bytes={start}-{'' if end is None else end - 1}"
        connection, response = self._request("GET", key, range_)
        chunks = self._read_chunks(connection, response)
        next(chunks)  # runs to its first yield, so that it tidies up even if nobody reads
        return chunks

    def _not_writable_error(self, key: str) -> LocationUnreachable:
        return LocationUnreachable(
            f"{key}: location {self.location_id} is another node's disk, and only that node writes there"
        )

    def _request(self, method: str, key: str, range_: str = "") -> tuple[HTTPConnection, HTTPResponse]:
        """A response that has begun, good or beyond the end; raises Gone and Unreachable."""
        path = f"{PATH_PREFIX}{self.location_id}/{check_key(key)}"
        if not self._breaker.allows_request():
            raise LocationUnreachable(f"the node of location {self.location_id} did not answer a moment ago")
        try:
            connection, response = self._send(method, path, range_)
        except (OSError, HTTPException, ValueError) as error:
            self._breaker.record_failure()
            raise LocationUnreachable(
                f"the node of location {self.location_id} does not answer: {_error_text(error)}"
            ) from None
        self._breaker.record_success()
        if response.status in (200, 206) or (response.status == _STATUS_RANGE_NOT_SATISFIABLE and range_):
            return connection, response
        self._release_connection(connection, response)
        if response.status == STATUS_BLOB_NOT_FOUND:
            raise BlobNotFound(key)
        raise LocationUnreachable(f"the node of location {self.location_id} answers with status {response.status}")

    def _send(self, method: str, path: str, range_: str) -> tuple[HTTPConnection, HTTPResponse]:
        terms = self._config
        headers = {"authorization": sign_peer_request(terms.key, method, path, range_, terms.now())}
        if range_:
            headers["range"] = range_
        while True:
            is_fresh, connection = self._acquire_connection()
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

    def _acquire_connection(self) -> tuple[bool, HTTPConnection]:
        """Whether it is fresh, and a connection."""
        with suppress(IndexError):
            return False, self._idle.pop()
        url, terms = urlsplit(self._get_address()), self._config
        host, port = url.hostname or "", url.port
        if url.scheme == "https":
            fresh: HTTPConnection = HTTPSConnection(
                host, port, timeout=terms.connect_seconds, context=terms.ssl_context
            )
        else:
            fresh = HTTPConnection(host, port, timeout=terms.connect_seconds)
        fresh.connect()
        fresh.sock.settimeout(terms.read_seconds)
        return True, fresh

    def _release_connection(self, connection: HTTPConnection, response: HTTPResponse) -> None:
        """The connection can be used again where nothing of the answer is left, and is closed where something is."""
        is_open = response.isclosed() or response.length == 0
        if is_open and not response.will_close and len(self._idle) < _MAX_IDLE_CONNECTIONS:
            response.close()
            self._idle.append(connection)
        else:
            connection.close()

    def _read_chunks(self, connection: HTTPConnection, response: HTTPResponse) -> Iterator[bytes]:
        """First nothing, then the bytes; Unreachable where they end too early."""
        left = 0 if response.status == _STATUS_RANGE_NOT_SATISFIABLE else int(response.headers["content-length"])
        try:
            yield b""
            while left:
                chunk = response.read(min(CHUNK_BYTES, left))
                if not chunk:
                    raise ConnectionResetError("broke off")
                left -= len(chunk)
                yield chunk
        except (OSError, HTTPException) as error:
            self._breaker.record_failure()
            raise LocationUnreachable(
                f"the node of location {self.location_id} broke off: {_error_text(error)}"
            ) from None
        finally:
            self._release_connection(connection, response)


def _error_text(error: Exception) -> str:
    return str(error) or type(error).__name__
