"""Downloads that stay under way: their clients read the head of the response and then wait."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from ccfs.protocol.operations import BASE_PATH
from ccfs.server.node import Node
from tests.api.api_client import ApiClient
from tests.two_tenants import Tenant, add_recording

HELD_BYTES = 16 << 20
RECEIVE_BYTES = 1 << 14  # of the clients' sockets, so that a response does not fit into the kernel's buffers


def send_download(client: ApiClient, name: str) -> socket.socket:
    """Send a signed downloadRecordFile; return the connection, from which nothing was read."""
    body, target = client.build_body({"fileName": name}), BASE_PATH + "downloadRecordFile"
    head = "".join(f"{key}: {value}\r\n" for key, value in client.sign_headers(target, body).items())
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
    connection.settimeout(60)
    connection.connect(("127.0.0.1", client.server.port))
    connection.sendall(f"POST {target} HTTP/1.1\r\n{head}\r\n".encode() + body)
    return connection


def add_held_recording(node: Node, tenant: Tenant) -> str:
    """Add a recording that is larger than all buffers between server and client; return its name."""
    name = f"/0/1/record/{tenant.ak}/held/20201015/1/1.V3"
    recording = add_recording(node, tenant.app, bytes(HELD_BYTES), name, name, call_id="held")
    return recording.file_name


@contextmanager
def hold_downloads(client: ApiClient, name: str, count: int) -> Iterator[list[socket.socket]]:
    """Keep so many downloads of a recording of HELD_BYTES under way until the block ends."""
    with ExitStack() as stack:
        held = []
        for _ in range(count):
            connection = stack.enter_context(send_download(client, name))
            assert connection.recv(15, socket.MSG_WAITALL) == b"HTTP/1.1 200 OK"
            held.append(connection)
        yield held


def read_response(connection: socket.socket) -> bytes:
    """Return the body of a response with a length, whatever was read of its status line."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(1 << 16)
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
    )
    while len(body) < length:
        part = connection.recv(1 << 16)
        assert part, f"{length - len(body)} bytes are missing"
        body += part
    return body
