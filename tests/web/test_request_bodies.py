"""Bodies of requests: as large as may be, in chunks, slow, too large, and cut off."""

import base64
import json
import socket
import time
from threading import Thread

import pytest

from ccfs.protocol.operations import BASE_PATH
from tests.api.api_client import ApiClient, LegacyApiClient, send_raw, send_request
from tests.server.ccfs_server import CcfsServer
from tests.two_tenants import TwoTenants, make_a_law_wav

LIMIT = 5 << 20  # of a voice file, bytes
FIVE_MB = base64.b64encode(make_a_law_wav(77, 656)[:LIMIT]).decode()


def build_head(target: str, headers: dict[str, str]) -> bytes:
    return (
        f"POST {target} HTTP/1.1\r\n".encode()
        + b"".join(f"{k}: {v}\r\n".encode() for k, v in headers.items())
        + b"\r\n"
    )


def build_upload(acme: ApiClient, cast: TwoTenants) -> tuple[str, bytes]:
    """Path and body of an upload of the largest size: about 7 MB."""
    return f"{BASE_PATH}ivr/uploadFile?vdnId={cast.acme.vdn}", acme.build_body({"data": FIVE_MB})


def receive_all(connection: socket.socket) -> bytes:
    """An answer with "connection: close" to its end."""
    return b"".join(iter(lambda: connection.recv(1 << 16), b""))


def test_the_largest_file_may_be_uploaded_and_one_byte_more_may_not(
    acme_client: ApiClient, tenant_pair: TwoTenants
) -> None:
    target, body = build_upload(acme_client, tenant_pair)
    name = acme_client.post(target, body).json["resultData"]["fileName"]
    assert acme_client.request("ivr/downloadFile", {"filePath": name}).body == base64.b64decode(FIVE_MB)
    larger = base64.b64encode(make_a_law_wav(77, 656)[: LIMIT + 1]).decode()
    reply = acme_client.post(target, acme_client.build_body({"data": larger}))
    assert reply.json == {"resultData": "", "resultCode": "0390001", "resultDesc": "The request is larger than 5 MB."}


def test_a_slow_upload_holds_up_nobody(acme_client: ApiClient, tenant_pair: TwoTenants) -> None:
    target, body = build_upload(acme_client, tenant_pair)
    with acme_client.server.connect() as slow:
        slow.sendall(
            build_head(target, {**acme_client.sign_headers(target, body), "connection": "close"})
            + body[: len(body) // 2]
        )
        for _ in range(20):
            assert (
                acme_client.request(
                    "downloadRecordFile", {"fileName": tenant_pair.acme.only_recording.file_name}
                ).status
                == 200
            )
            assert send_request(acme_client.server, "GET", "/readyz").status == 200
        slow.sendall(body[len(body) // 2 :])
        assert json.loads(receive_all(slow).partition(b"\r\n\r\n")[2])["resultCode"] == "0"


def test_large_uploads_at_once_leave_time_for_others(acme_client: ApiClient, tenant_pair: TwoTenants) -> None:
    target, body = build_upload(acme_client, tenant_pair)
    codes: list[str] = []
    threads = [Thread(target=lambda: codes.append(acme_client.post(target, body).result_code)) for _ in range(4)]
    for thread in threads:
        thread.start()
    began = time.monotonic()
    for _ in range(20):
        assert (
            acme_client.request("downloadRecordFile", {"fileName": tenant_pair.acme.only_recording.file_name}).status
            == 200
        )
    assert time.monotonic() - began < 60
    for thread in threads:
        thread.join()
    assert codes == ["0"] * 4


@pytest.mark.parametrize("size", [1, 1000, 1 << 20])
def test_a_body_may_come_in_chunks(acme_client: ApiClient, tenant_pair: TwoTenants, size: int) -> None:
    old = LegacyApiClient(
        server=acme_client.server, ak=acme_client.ak, sk=acme_client.sk
    )  # signs no content-length, which is not sent
    path, body = (
        BASE_PATH + "downloadRecordFile",
        acme_client.build_body({"fileName": tenant_pair.acme.only_recording.file_name, "more": "x" * 3000}),
    )
    signed = {name: value for name, value in old.sign_headers(path, body).items() if name != "content-length"}
    headers = {**signed, "transfer-encoding": "chunked", "connection": "close"}
    chunks = b"".join(
        b"%x\r\n%s\r\n" % (len(body[at : at + size]), body[at : at + size]) for at in range(0, len(body), size)
    )
    answer = send_raw(acme_client.server, build_head(path, headers) + chunks + b"0\r\n\r\n")
    assert answer.endswith(tenant_pair.acme.audio_by_name[tenant_pair.acme.only_recording.file_name])


@pytest.mark.parametrize("megabytes", [9, 30])
def test_a_body_beyond_every_limit_is_answered(acme_client: ApiClient, megabytes: int) -> None:
    reply = acme_client.post(
        f"{BASE_PATH}ivr/uploadFile?vdnId=4", b"x" * (megabytes << 20)
    )  # sent whole before the answer is read
    assert (reply.status, reply.result_code) == (200, "0390001")
    assert reply.json["resultDesc"] == "The request is larger than 7929856 bytes."


def test_a_body_in_chunks_beyond_every_limit_is_answered(server: CcfsServer) -> None:
    chunk = b"%x\r\n%s\r\n" % (1 << 20, b"x" * (1 << 20))
    sent = build_head(
        BASE_PATH + "downloadRecord", {"host": "x", "transfer-encoding": "chunked", "connection": "close"}
    )
    assert b'"resultCode":"0390001"' in send_raw(server, sent + chunk * 10 + b"0\r\n\r\n")


def test_who_leaves_in_the_middle_of_a_body_is_no_error_of_ours(server: CcfsServer) -> None:
    path = BASE_PATH + "downloadRecord"
    send_raw(server, build_head(path, {"host": "x", "content-length": "1000"}) + b"abc", 0.1)
    send_raw(server, build_head(path, {"host": "x", "content-length": str(20 << 20)}) + b"abc", 0.1)
    server.wait_for_log_line("request_completed", status=499, operation="downloadRecord")
    assert server.read_log_lines("request_failed") == []
