"""SIGTERM: requests under way are finished, new ones are rejected."""

import socket
import time
from pathlib import Path

from ccfs.protocol.operations import BASE_PATH
from tests.api.api_client import create_client
from tests.server.ccfs_server import DRAIN_SECONDS, CcfsServer, run_server
from tests.two_tenants import Tenant, add_recording, create_two_tenants
from tests.waiting import wait_until

LARGE_BYTES = 40 << 20  # more than the kernel buffers for a client that does not read
CALL_ID, FILE_NAME = "1602728619-900", "/0/1/record/large.V3"


def build_file_request(server: CcfsServer, member: Tenant, name: str = FILE_NAME) -> bytes:
    """Return a request for a file, which is otherwise a large one, that closes the connection."""
    return _build_post(server, member, "downloadRecordFile", {"fileName": name})


def build_zip_request(server: CcfsServer, member: Tenant) -> bytes:
    """Return a request for a large zip."""
    return _build_post(server, member, "downloadRecord", {"callId": CALL_ID})


def _build_post(server: CcfsServer, member: Tenant, operation: str, msg_body: dict[str, str]) -> bytes:
    client = create_client(server, member)
    body = client.build_body(msg_body)
    lines = "".join(f"{name}: {value}\r\n" for name, value in client.sign_headers(BASE_PATH + operation, body).items())
    return f"POST {BASE_PATH}{operation} HTTP/1.1\r\n{lines}connection: close\r\n\r\n".encode() + body


def receive_first(slow: socket.socket) -> tuple[int, int]:
    """Return how many bytes of a response arrived first, and how many were announced."""
    head, _, body = slow.recv(1 << 16).partition(b"\r\n\r\n")
    return len(body), int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])


def receive_rest(slow: socket.socket) -> int:
    """Return how many bytes follow."""
    return sum(map(len, iter(lambda: slow.recv(1 << 20), b"")))


def test_slow_downloads_are_finished_before_the_server_ends(tmp_path: Path) -> None:
    with run_server(tmp_path) as server:
        member = create_two_tenants(server.node).acme
        blob = add_recording(server.node, member.app, bytes(LARGE_BYTES), FILE_NAME, "Y:/4/0", call_id=CALL_ID).blob
        add_recording(server.node, member.app, blob, FILE_NAME + "-again", "Y:/4/1", call_id=CALL_ID)
        with server.connect() as file, server.connect() as zipped:
            file.sendall(build_file_request(server, member))
            zipped.sendall(build_zip_request(server, member))
            first = [receive_first(slow) for slow in (file, zipped)]
            server.process.terminate()
            began = time.monotonic()
            wait_until(server.is_refusing)
            assert server.process.poll() is None
            for slow, (size, promised) in zip((file, zipped), first, strict=True):
                assert size + receive_rest(slow) == promised >= LARGE_BYTES
        assert server.process.wait(DRAIN_SECONDS) == 0
        assert time.monotonic() - began < DRAIN_SECONDS
