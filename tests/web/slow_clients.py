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
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += connection.recv(1)
            assert b"octet-stream" in head.lower(), head  # a failure has status 200, too
            held.append(connection)
        yield held


def read_body(connection: socket.socket) -> int:
    """Read the rest of a download that was held; return its number of bytes."""
    size = 0
    while size < HELD_BYTES and (part := connection.recv(1 << 16)):
        size += len(part)
    return size
