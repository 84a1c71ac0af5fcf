"""Request bodies: of the largest size, chunked, slow, too large, incomplete."""

import base64
import json
import socket
import time
from threading import Thread

import pytest

from ccfs.protocol.operations import BASE_PATH
from tests.api.api_client import ApiClient, LegacyApiClient, send_raw, send_request
from tests.two_tenants import TwoTenants, make_a_law_wav

LIMIT = 5 << 20  # of a voice file, bytes
FIVE_MB = base64.b64encode(make_a_law_wav(77, 656)[:LIMIT]).decode()


def build_head(target: str, headers: dict[str, str]) -> bytes:
    return (
        f"POST {target} HTTP/1.1\r\n".encode()
        + b"".join(f"{k}: {v}\r\n".encode() for k, v in headers.items())
        + b"\r\n"
    )


def build_upload(acme: ApiClient, tenant_pair: TwoTenants) -> tuple[str, bytes]:
    """Return path and body of an upload of the largest size, about 7 MB."""
    return f"{BASE_PATH}ivr/uploadFile?vdnId={tenant_pair.acme.vdn}", acme.build_body({"data": FIVE_MB})


def receive_all(connection: socket.socket) -> bytes:
    """Return a response with "connection: close" to its end."""
    return b"".join(iter(lambda: connection.recv(1 << 16), b""))


def test_a_file_of_the_largest_size_is_accepted_and_a_larger_one_rejected(
    acme_client: ApiClient, tenant_pair: TwoTenants
) -> None:
    target, body = build_upload(acme_client, tenant_pair)
    name = acme_client.post(target, body).json["resultData"]["fileName"]
    assert acme_client.request("ivr/downloadFile", {"filePath": name}).body == base64.b64decode(FIVE_MB)
    larger = base64.b64encode(make_a_law_wav(77, 656)[: LIMIT + 1]).decode()
    reply = acme_client.post(target, acme_client.build_body({"data": larger}))
    assert reply.json == {"resultData": "", "resultCode": "0390001", "resultDesc": "The request is larger than 5 MB."}


def test_a_slow_upload_blocks_no_other_request(acme_client: ApiClient, tenant_pair: TwoTenants) -> None:
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


def test_concurrent_large_uploads_do_not_starve_other_requests(acme_client: ApiClient, tenant_pair: TwoTenants) -> None:
    target, body = build_upload(acme_client, tenant_pair)
    codes: list[str] = []
    threads = [Thread(target=lambda: codes.append(acme_client.post(target, body).result_code)) for _ in range(4)]
    for thread in threads:
        thread.start()
    started_at = time.monotonic()
    for _ in range(20):
        assert (
            acme_client.request("downloadRecordFile", {"fileName": tenant_pair.acme.only_recording.file_name}).status
            == 200
        )
    assert time.monotonic() - started_at < 60
    for thread in threads:
        thread.join()
    assert codes == ["0"] * 4


@pytest.mark.parametrize("size", [1, 1000, 1 << 20])
def test_a_request_body_may_be_chunked(acme_client: ApiClient, tenant_pair: TwoTenants, size: int) -> None:
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
    response = send_raw(acme_client.server, build_head(path, headers) + chunks + b"0\r\n\r\n")
    assert response.endswith(tenant_pair.acme.audio_by_name[tenant_pair.acme.only_recording.file_name])


@pytest.mark.parametrize("megabytes", [9, 30])
def test_a_body_beyond_every_limit_gets_a_response(acme_client: ApiClient, megabytes: int) -> None:
    reply = acme_client.post(
        f"{BASE_PATH}ivr/uploadFile?vdnId=4", b"x" * (megabytes << 20)
    )  # sent completely before the response is read
    assert (reply.status, reply.result_code) == (200, "0390001")
    assert reply.json["resultDesc"] == "The request is larger than 7929856 bytes."


def sign_without_length(acme: ApiClient, path: str) -> dict[str, str]:
    """Return signed headers that announce no length and fit any body, until the signature is verified."""
    old = LegacyApiClient(server=acme.server, ak=acme.ak, sk=acme.sk)
    return {name: value for name, value in old.sign_headers(path, b"").items() if name != "content-length"}


def test_a_chunked_body_beyond_every_limit_gets_a_response(acme_client: ApiClient) -> None:
    chunk = b"%x\r\n%s\r\n" % (1 << 20, b"x" * (1 << 20))
    path = BASE_PATH + "downloadRecord"
    headers = {**sign_without_length(acme_client, path), "transfer-encoding": "chunked", "connection": "close"}
    received = send_raw(acme_client.server, build_head(path, headers) + chunk * 10 + b"0\r\n\r\n")
    assert b'"resultCode":"0390001"' in received


def test_only_the_upload_takes_a_large_body(acme_client: ApiClient) -> None:
    reply = acme_client.post(BASE_PATH + "downloadRecord", acme_client.build_body({"callId": "x" * (300 << 10)}))
    assert reply.result_code == "0390001"


def test_a_client_that_disconnects_during_its_body_is_logged_as_no_error(acme_client: ApiClient) -> None:
    path, server = BASE_PATH + "ivr/uploadFile", acme_client.server
    for length in (1000, 5 << 20):
        headers = {**sign_without_length(acme_client, path), "content-length": str(length)}
        send_raw(server, build_head(path, headers) + b"abc", 0.1)
    server.wait_for_log_line("request_completed", status=499, operation="ivr/uploadFile")
    assert server.read_log_lines("request_failed") == []
