"""Bodies of requests: as large as may be, in chunks, slow, too large, and cut off."""

import base64
import json
import socket
import time
from threading import Thread

import pytest

from ccfs.protocol.operations import BASE_PATH
from tests.cast import Cast, a_law
from tests.web.callers import Caller, OldCaller, raw, send
from tests.web.serving import Server

LIMIT = 5 << 20  # of a voice file, bytes
FIVE_MB = base64.b64encode(a_law(77, 656)[:LIMIT]).decode()


def head(target: str, headers: dict[str, str]) -> bytes:
    return (
        f"POST {target} HTTP/1.1\r\n".encode()
        + b"".join(f"{k}: {v}\r\n".encode() for k, v in headers.items())
        + b"\r\n"
    )


def upload(acme: Caller, cast: Cast) -> tuple[str, bytes]:
    """Path and body of an upload of the largest size: about 7 MB."""
    return f"{BASE_PATH}ivr/uploadFile?vdnId={cast.acme.vdn}", acme.body({"data": FIVE_MB})


def receive(connection: socket.socket) -> bytes:
    """An answer with "connection: close" to its end."""
    return b"".join(iter(lambda: connection.recv(1 << 16), b""))


def test_the_largest_file_may_be_uploaded_and_one_byte_more_may_not(acme: Caller, cast: Cast) -> None:
    target, body = upload(acme, cast)
    name = acme.post(target, body).json["resultData"]["fileName"]
    assert acme.ask("ivr/downloadFile", {"filePath": name}).body == base64.b64decode(FIVE_MB)
    larger = base64.b64encode(a_law(77, 656)[: LIMIT + 1]).decode()
    reply = acme.post(target, acme.body({"data": larger}))
    assert reply.json == {"resultData": "", "resultCode": "0390001", "resultDesc": "The request is larger than 5 MB."}


def test_a_slow_upload_holds_up_nobody(acme: Caller, cast: Cast) -> None:
    target, body = upload(acme, cast)
    with acme.server.connect() as slow:
        slow.sendall(head(target, {**acme.signed(target, body), "connection": "close"}) + body[: len(body) // 2])
        for _ in range(20):
            assert acme.ask("downloadRecordFile", {"fileName": cast.acme.one.file_name}).status == 200
            assert send(acme.server, "GET", "/readyz").status == 200
        slow.sendall(body[len(body) // 2 :])
        assert json.loads(receive(slow).partition(b"\r\n\r\n")[2])["resultCode"] == "0"


def test_large_uploads_at_once_leave_time_for_others(acme: Caller, cast: Cast) -> None:
    target, body = upload(acme, cast)
    codes: list[str] = []
    threads = [Thread(target=lambda: codes.append(acme.post(target, body).code)) for _ in range(4)]
    for thread in threads:
        thread.start()
    began = time.monotonic()
    for _ in range(20):
        assert acme.ask("downloadRecordFile", {"fileName": cast.acme.one.file_name}).status == 200
    assert time.monotonic() - began < 60
    for thread in threads:
        thread.join()
    assert codes == ["0"] * 4


@pytest.mark.parametrize("size", [1, 1000, 1 << 20])
def test_a_body_may_come_in_chunks(acme: Caller, cast: Cast, size: int) -> None:
    old = OldCaller(server=acme.server, ak=acme.ak, sk=acme.sk)  # signs no content-length, which is not sent
    path, body = BASE_PATH + "downloadRecordFile", acme.body({"fileName": cast.acme.one.file_name, "more": "x" * 3000})
    signed = {name: value for name, value in old.signed(path, body).items() if name != "content-length"}
    headers = {**signed, "transfer-encoding": "chunked", "connection": "close"}
    chunks = b"".join(
        b"%x\r\n%s\r\n" % (len(body[at : at + size]), body[at : at + size]) for at in range(0, len(body), size)
    )
    answer = raw(acme.server, head(path, headers) + chunks + b"0\r\n\r\n")
    assert answer.endswith(cast.acme.audio[cast.acme.one.file_name])


@pytest.mark.parametrize("megabytes", [9, 30])
def test_a_body_beyond_every_limit_is_answered(acme: Caller, megabytes: int) -> None:
    reply = acme.post(
        f"{BASE_PATH}ivr/uploadFile?vdnId=4", b"x" * (megabytes << 20)
    )  # sent whole before the answer is read
    assert (reply.status, reply.code) == (200, "0390001")
    assert reply.json["resultDesc"] == "The request is larger than 7929856 bytes."


def test_a_body_in_chunks_beyond_every_limit_is_answered(server: Server) -> None:
    chunk = b"%x\r\n%s\r\n" % (1 << 20, b"x" * (1 << 20))
    sent = head(BASE_PATH + "downloadRecord", {"host": "x", "transfer-encoding": "chunked", "connection": "close"})
    assert b'"resultCode":"0390001"' in raw(server, sent + chunk * 10 + b"0\r\n\r\n")


def test_who_leaves_in_the_middle_of_a_body_is_no_error_of_ours(server: Server) -> None:
    path = BASE_PATH + "downloadRecord"
    raw(server, head(path, {"host": "x", "content-length": "1000"}) + b"abc", 0.1)
    raw(server, head(path, {"host": "x", "content-length": str(20 << 20)}) + b"abc", 0.1)
    server.logged("request_answered", status=499, operation="downloadRecord")
    assert server.log_lines("request_failed") == []
