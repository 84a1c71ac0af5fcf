"""SIGTERM: what is under way is finished, what is new is refused."""

import socket
import time
from pathlib import Path

from ccfs.protocol.operations import BASE_PATH
from tests.cast import Member, fill, keep_recording
from tests.web.callers import caller
from tests.web.serving import DRAIN_SECONDS, Server, serving
from tests.work.announcing import until

SIZE = 40 << 20  # bytes: more than the kernel buffers for a reader that does not read
CALL, NAME = "1602728619-900", "/0/1/record/large.V3"


def one_file(server: Server, member: Member) -> bytes:
    """A request for a large file."""
    return _post(server, member, "downloadRecordFile", {"fileName": NAME})


def a_zip(server: Server, member: Member) -> bytes:
    """A request for a large zip."""
    return _post(server, member, "downloadRecord", {"callId": CALL})


def _post(server: Server, member: Member, operation: str, msg_body: dict[str, str]) -> bytes:
    client = caller(server, member)
    body = client.body(msg_body)
    lines = "".join(f"{name}: {value}\r\n" for name, value in client.signed(BASE_PATH + operation, body).items())
    return f"POST {BASE_PATH}{operation} HTTP/1.1\r\n{lines}connection: close\r\n\r\n".encode() + body


def refuses(server: Server) -> bool:
    """Whether nobody is let in any more."""
    try:
        server.connect().close()
    except ConnectionRefusedError:
        return True
    return False


def begun(slow: socket.socket) -> tuple[int, int]:
    """How many bytes of an answer came first, and how many were promised."""
    head, _, body = slow.recv(1 << 16).partition(b"\r\n\r\n")
    return len(body), int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])


def rest(slow: socket.socket) -> int:
    """How many bytes come after those."""
    return sum(map(len, iter(lambda: slow.recv(1 << 20), b"")))


def test_slow_downloads_are_finished_before_the_server_ends(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        member = fill(server.node).acme
        kept = keep_recording(server.node, member.app, bytes(SIZE), NAME, "Y:/4/0", call_id=CALL).blob
        keep_recording(server.node, member.app, kept, NAME + "-again", "Y:/4/1", call_id=CALL)
        with server.connect() as file, server.connect() as zipped:
            file.sendall(one_file(server, member))
            zipped.sendall(a_zip(server, member))
            first = [begun(slow) for slow in (file, zipped)]
            server.process.terminate()
            began = time.monotonic()
            until(lambda: refuses(server))
            assert server.process.poll() is None
            for slow, (size, promised) in zip((file, zipped), first, strict=True):
                assert size + rest(slow) == promised >= SIZE
        assert server.process.wait(DRAIN_SECONDS) == 0
        assert time.monotonic() - began < DRAIN_SECONDS
