"""SIGTERM: what is under way is finished, what is new is refused."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ccfs.wire.operations import BASE
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
    lines = "".join(f"{name}: {value}\r\n" for name, value in client.signed(BASE + operation, body).items())
    return f"POST {BASE}{operation} HTTP/1.1\r\n{lines}connection: close\r\n\r\n".encode() + body


def refuses(server: Server) -> bool:
    """Whether nobody is let in any more."""
    try:
        server.connect().close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize("asking", [one_file, a_zip])
def test_a_slow_download_is_finished_before_the_server_ends(
    tmp_path: Path, asking: Callable[[Server, Member], bytes]
) -> None:
    with serving(tmp_path) as server:
        member = fill(server.node).acme
        kept = keep_recording(server.node, member.app, bytes(SIZE), NAME, "Y:/4/0", call_id=CALL).kept
        keep_recording(server.node, member.app, kept, NAME + "-again", "Y:/4/1", call_id=CALL)
        with server.connect() as slow:
            slow.sendall(asking(server, member))
            head, _, body = slow.recv(1 << 16).partition(b"\r\n\r\n")
            size, promised = len(body), int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            server.process.terminate()
            began = time.monotonic()
            until(lambda: refuses(server))
            assert server.process.poll() is None
            while piece := slow.recv(1 << 20):
                size += len(piece)
            assert size == promised >= SIZE
        assert server.process.wait(DRAIN_SECONDS) == 0
        assert time.monotonic() - began < DRAIN_SECONDS
