"""Clients that hold connections: silent, slow, stalled, and what the server does with them."""

import socket
import time
from pathlib import Path

from ccfs.protocol.operations import BASE_PATH
from tests.api.api_client import ApiClient, LegacyApiClient
from tests.server.ccfs_server import CcfsServer

UPLOAD_PATH = f"{BASE_PATH}ivr/uploadFile"
GIVE_UP_SECONDS = 30.0  # on a busy machine; an unbounded connection would stay for ever


def sign_head(client: ApiClient, path: str, length: int) -> bytes:
    """Return the head of a POST that is signed as far as its headers tell."""
    headers = LegacyApiClient(server=client.server, ak=client.ak, sk=client.sk, age=client.age).sign_headers(path, b"")
    lines = "".join(f"{name}: {value}\r\n" for name, value in {**headers, "content-length": str(length)}.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode()


def wait_for_end(connection: socket.socket, seconds: float = GIVE_UP_SECONDS) -> tuple[bytes, float]:
    """Return what arrives until the server ends the connection, and how long that took; fail if it does not."""
    began, received = time.monotonic(), b""
    connection.settimeout(seconds)
    try:
        while piece := connection.recv(1 << 16):
            received += piece
    except ConnectionResetError:
        pass
    return received, time.monotonic() - began


def is_ended(connection: socket.socket) -> bool:
    """Return whether the server has ended the connection. Nothing else may have arrived."""
    connection.setblocking(False)
    try:
        return connection.recv(1 << 16) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def connect_from(server: CcfsServer, source: str, receive_bytes: int = 0) -> socket.socket:
    """Return a connection from a loopback address, with a small receive buffer if one is given."""
    connection = socket.socket()
    if receive_bytes:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    connection.settimeout(GIVE_UP_SECONDS)
    connection.bind((source, 0))
    connection.connect(("127.0.0.1", server.port))
    return connection


def measure_memory_mb(server: CcfsServer) -> int:
    """Return the resident memory of the server's processes in megabytes."""
    main = server.process.pid
    below = Path(f"/proc/{main}/task/{main}/children").read_text().split()
    statuses = [Path(f"/proc/{process}/status").read_text() for process in (main, *below)]
    return sum(int(status.partition("VmRSS:")[2].split()[0]) for status in statuses) >> 10
