"""A location on another node's disk. It is read-only: files are requested from that node when they are needed.

Requests are signed, and every wait has a timeout. After a failure, requests fail immediately until the cooldown is
over.
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

PATH_PREFIX = "/peer/"  # followed by the location's id, "/", the key
STATUS_BLOB_NOT_FOUND = 410  # the node's disk has no such bytes; 404 could come from any server at its address
_STATUS_RANGE_NOT_SATISFIABLE = 416
_MAX_IDLE_CONNECTIONS = 8  # connections kept open for later requests


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerConfig:
    """Configuration for requests to other nodes."""

    key: bytes  # signs requests
    now: Callable[[], datetime]
    connect_seconds: float
    read_seconds: float  # without a byte
    cooldown_seconds: float  # after a failure
    ssl_context: ssl.SSLContext


class PeerLocation:
    """Another node's disk as an implementation of Location."""

    def __init__(self, location_id: str, get_address: Callable[[], str], config: PeerConfig) -> None:
        """`get_address` returns the node's URL or raises LocationUnreachable. Each new connection calls it."""
        self.location_id = location_id
        self._get_address, self._config = get_address, config
        self._breaker = CircuitBreaker(config.cooldown_seconds)
        self._idle: list[HTTPConnection] = []

    def __del__(self) -> None:
        for connection in self._idle:
            connection.close()

    def write(self, key: str, chunks: Iterable[bytes]) -> BlobRef:
        """Raise LocationUnreachable, because the disks of other nodes are read-only."""
        raise self._not_writable_error(check_key(key))

    def delete(self, key: str) -> None:
        """Raise LocationUnreachable, because the disks of other nodes are read-only."""
        raise self._not_writable_error(check_key(key))

    def get_path(self, key: str) -> None:
        """Return None, because the file is not on this node."""
        check_key(key)

    def delete_partial_uploads(self, older_than_seconds: float) -> int:
        """Return 0, because the node that owns the disk deletes them."""
        return 0

    def get_size(self, key: str) -> int:
        """See Location."""
        connection, response = self._request("HEAD", key)
        self._release_connection(connection, response)
        return int(response.headers["content-length"])

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """See Location."""
        if end is not None and end <= start:
            self.get_size(key)
            return iter(())
        range_ = "" if start == 0 and end is None else f"bytes={start}-{'' if end is None else end - 1}"
        connection, response = self._request("GET", key, range_)
        chunks = self._read_chunks(connection, response)
        next(chunks)  # runs to the first yield, so that the connection is released even if nobody reads
        return chunks

    def _not_writable_error(self, key: str) -> LocationUnreachable:
        return LocationUnreachable(
            f"{key}: location {self.location_id} is another node's disk, and only that node can write to it"
        )

    def _request(self, method: str, key: str, range_: str = "") -> tuple[HTTPConnection, HTTPResponse]:
        """Return a response whose body has not been read yet. Raises BlobNotFound and LocationUnreachable."""
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
        config = self._config
        headers = {"authorization": sign_peer_request(config.key, method, path, range_, config.now())}
        if range_:
            headers["range"] = range_
        while True:
            is_new, connection = self._acquire_connection()
            try:
                connection.request(method, path, headers=headers)
                return connection, connection.getresponse()
            except (ConnectionError, HTTPException) as error:
                connection.close()
                if is_new or isinstance(error, ConnectionRefusedError):
                    raise  # else the node has closed an idle connection: try the next
            except BaseException:
                connection.close()
                raise

    def _acquire_connection(self) -> tuple[bool, HTTPConnection]:
        """Return whether the connection is new, and the connection."""
        with suppress(IndexError):
            return False, self._idle.pop()
        url, config = urlsplit(self._get_address()), self._config
        host, port = url.hostname or "", url.port
        if url.scheme == "https":
            new: HTTPConnection = HTTPSConnection(
                host, port, timeout=config.connect_seconds, context=config.ssl_context
            )
        else:
            new = HTTPConnection(host, port, timeout=config.connect_seconds)
        new.connect()
        new.sock.settimeout(config.read_seconds)
        return True, new

    def _release_connection(self, connection: HTTPConnection, response: HTTPResponse) -> None:
        """Keep the connection for later requests if the response was read completely; otherwise close it."""
        is_open = response.isclosed() or response.length == 0
        if is_open and not response.will_close and len(self._idle) < _MAX_IDLE_CONNECTIONS:
            response.close()
            self._idle.append(connection)
        else:
            connection.close()

    def _read_chunks(self, connection: HTTPConnection, response: HTTPResponse) -> Iterator[bytes]:
        """Yield an empty chunk, then the bytes. Raises LocationUnreachable if they end too early."""
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
