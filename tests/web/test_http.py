"""HTTP by RFC 9110: ranges of every binary response, ETags, methods, persistent connections."""

import re
import zipfile
from io import BytesIO
from typing import Any

import pytest

from ccfs.protocol.operations import BASE_PATH, OPERATIONS
from tests.api.api_client import ApiClient, Reply, send_raw, send_request
from tests.server.ccfs_server import CcfsServer
from tests.two_tenants import TwoTenants

RequestTarget = tuple[str, dict[str, Any]]


@pytest.fixture(params=["small file", "large file", "zip", "message", "oiap", "voice file", "folder"])
def target(request: pytest.FixtureRequest, tenant_pair: TwoTenants) -> RequestTarget:
    """A request for a binary response of each kind, as operation and msgBody."""
    tenant = tenant_pair.acme
    targets: dict[str, RequestTarget] = {
        "small file": ("downloadRecordFile", {"fileName": tenant.only_recording.file_name}),
        "large file": ("downloadRecord", {"fileName": tenant.large_recording.original_file_name}),
        "zip": ("downloadRecord", {"callId": tenant.call_recordings[0].call_id}),
        "message": ("downloadIVRRecordFile", {"fileName": tenant.voice_message}),
        "oiap": ("downloadOiapRecord", {"fileName": tenant.oiap_names[0]}),
        "voice file": ("ivr/downloadFile", {"filePath": tenant.single_file}),
        "folder": ("ivr/downloadFile", {"filePath": tenant.single_file_folder, "mode": 1}),
    }
    return targets[request.param]


@pytest.mark.parametrize(
    "asked", ["0-", "0-0", "0-99", "100-199", "-1", "-100", "44-", "1000000-2999999", "7000-99999999", "-99999999"]
)
def test_every_binary_response_has_ranges(acme_client: ApiClient, target: RequestTarget, asked: str) -> None:
    whole = acme_client.request(*target)
    size = len(whole.body)
    first, _, last = asked.partition("-")
    start = int(first) if first else max(size - int(last), 0)
    end = min(int(last) + 1, size) if first and last else size
    reply = acme_client.request(*target, range=f"bytes={asked}")
    if start >= size:
        assert (reply.status, reply.body, reply.headers["content-range"]) == (416, b"", f"bytes */{size}")
        assert reply.headers["content-length"] == "0"
    else:
        assert (reply.status, reply.body == whole.body[start:end]) == (206, True)
        assert reply.headers["content-range"] == f"bytes {start}-{end - 1}/{size}"
        assert reply.headers["content-length"] == str(end - start)
    for name in ("etag", "accept-ranges", "content-disposition", "content-type", "cache-control"):
        assert reply.headers[name] == whole.headers[name]


@pytest.mark.parametrize("asked", ["bytes=5-2", "bytes=0-1,5-6", "items=0-5", "bytes=x-", "nonsense", "bytes=-"])
def test_an_invalid_range_is_ignored(acme_client: ApiClient, target: RequestTarget, asked: str) -> None:
    reply = acme_client.request(*target, range=asked)
    assert (reply.status, "content-range" in reply.headers) == (200, False)
    assert reply.body == acme_client.request(*target).body


def test_if_range_holds_for_the_same_bytes_only(acme_client: ApiClient, target: RequestTarget) -> None:
    whole = acme_client.request(*target)
    assert acme_client.request(*target, range="bytes=10-19", if_range=whole.headers["etag"]).body == whole.body[10:20]
    for other in ('"another"', "W/" + whole.headers["etag"], "Wed, 21 Oct 2015 07:28:00 GMT"):
        assert acme_client.request(*target, range="bytes=10-19", if_range=other).status == 200


def test_equal_bytes_have_equal_etags_and_other_bytes_another(
    acme_client: ApiClient, bolt_client: ApiClient, target: RequestTarget
) -> None:
    assert acme_client.request(*target).headers["etag"] == acme_client.request(*target).headers["etag"]
    message = ("downloadIVRRecordFile", {"fileName": "Y:/39/record/20201015/10233946082696733.wav"})
    assert acme_client.request(*message).headers["etag"] != bolt_client.request(*message).headers["etag"]


def test_a_zip_downloaded_in_ranges_is_the_zip(acme_client: ApiClient, tenant_pair: TwoTenants) -> None:
    target = ("downloadRecord", {"callId": tenant_pair.acme.call_recordings[0].call_id})
    tag, size = acme_client.request(*target).headers["etag"], len(acme_client.request(*target).body)
    steps = [f"bytes={start}-{start + 999}" for start in range(0, size, 1000)]
    pieces = [acme_client.request(*target, range=step, if_range=tag).body for step in steps]
    with zipfile.ZipFile(BytesIO(b"".join(pieces))) as archive:
        assert archive.testzip() is None
        assert [archive.read(name) for name in archive.namelist()] == [
            tenant_pair.acme.audio_by_name[recording.file_name] for recording in tenant_pair.acme.call_recordings
        ]


def test_a_post_is_not_answered_with_304(acme_client: ApiClient, target: RequestTarget) -> None:
    assert acme_client.request(*target, if_none_match="*").status == 200


def play_recording(server: CcfsServer, tenant_pair: TwoTenants, method: str = "GET", **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return send_request(server, method, f"{BASE_PATH}playVoice?t=1&version=2.0&st={tenant_pair.acme.play_token}", named)


def test_a_player_seeks_and_revalidates_by_etag(server: CcfsServer, tenant_pair: TwoTenants) -> None:
    sound = tenant_pair.acme.audio_by_name[tenant_pair.acme.only_recording.file_name]
    whole = play_recording(server, tenant_pair)
    assert (whole.status, whole.body) == (200, sound)
    assert play_recording(server, tenant_pair, range="bytes=0-1").body == sound[:2]
    assert play_recording(server, tenant_pair, range="bytes=4000-").body == sound[4000:]
    assert play_recording(server, tenant_pair, range="bytes=8058-").status == 416
    again = play_recording(server, tenant_pair, if_none_match=whole.headers["etag"])
    assert (again.status, again.body) == (304, b"")


def test_head_has_the_headers_of_get_and_ignores_ranges(server: CcfsServer, tenant_pair: TwoTenants) -> None:
    got, head = play_recording(server, tenant_pair), play_recording(server, tenant_pair, "HEAD", range="bytes=0-1")
    assert (head.status, head.body) == (200, b"")
    assert head.without_headers("x-request-id", "date")[1] == got.without_headers("x-request-id", "date")[1]
    failure = send_request(server, "HEAD", f"{BASE_PATH}playVoice?st=none")
    assert (failure.status, failure.body) == (200, b"")


@pytest.mark.parametrize("name", [operation.name for operation in OPERATIONS])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
def test_another_method_is_rejected(server: CcfsServer, tenant_pair: TwoTenants, name: str, method: str) -> None:
    reply = send_request(server, method, f"{BASE_PATH}{name}?st={tenant_pair.acme.play_token}")
    allowed = {"GET", "HEAD"} if name == "playVoice" else {"POST"}
    if method in allowed:
        assert reply.status == (200 if name == "playVoice" else 401)
        return
    assert reply.status == 405
    assert set(reply.headers["allow"].split(", ")) == allowed
    if method != "HEAD":
        expected = '{"timestamp":\\d{13},"status":405,"error":"Method Not Allowed","message":"No message available","path":"%s"}'
        assert re.fullmatch(expected % (BASE_PATH + name), reply.body.decode())


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/docs", "/openapi.json"])
def test_pages_are_read_only(server: CcfsServer, path: str) -> None:
    assert send_request(server, "HEAD", path).status == 200
    assert send_request(server, "POST", path, body=b"{}").status == 405


@pytest.mark.parametrize(
    "path",
    ["/", "/CCFS", BASE_PATH, BASE_PATH + "nothing", BASE_PATH + "downloadRecord/", "/" + BASE_PATH + "downloadRecord"],
)
def test_an_unknown_path_is_not_found(server: CcfsServer, path: str) -> None:
    for method in ("GET", "POST"):
        assert send_request(server, method, path).json["status"] == 404


@pytest.mark.parametrize("prefix", ["/ccfs/resource/ccfs/", "/ccfs/"])
def test_operations_are_served_below_their_other_prefixes(
    acme_client: ApiClient, tenant_pair: TwoTenants, prefix: str
) -> None:
    body = acme_client.build_body({"fileName": tenant_pair.acme.voice_message})
    assert (
        acme_client.post(f"{prefix}downloadIVRRecordFile", body).body
        == tenant_pair.acme.audio_by_name[tenant_pair.acme.voice_message]
    )


def test_one_connection_carries_many_requests(acme_client: ApiClient, tenant_pair: TwoTenants) -> None:
    path, body = (
        BASE_PATH + "downloadRecordFile",
        acme_client.build_body({"fileName": tenant_pair.acme.only_recording.file_name}),
    )
    head = "".join(f"{name}: {value}\r\n" for name, value in acme_client.sign_headers(path, body).items())
    post = f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body
    get = f"GET {BASE_PATH}playVoice?st={tenant_pair.acme.play_token} HTTP/1.1\r\nhost: x\r\nrange: bytes=0-3\r\n\r\n".encode()
    last = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    responses = send_raw(acme_client.server, post + get + post + last)  # pipelined
    assert re.findall(rb"HTTP/1.1 (\d+)", responses) == [b"200", b"206", b"200", b"200"]
    assert responses.count(tenant_pair.acme.audio_by_name[tenant_pair.acme.only_recording.file_name]) == 2
    assert responses.endswith(b'{"status":"ok"}')


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /healthz HTTP/1.0\r\n\r\n", b"200"),
        (b"GET http://elsewhere.example/healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", b"200"),
        (b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-odd: \xff\xfe\r\nconnection: close\r\n\r\n", b"200"),
        (b"GET /\xff\xfe HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", b"400"),
        (b"OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", b"404"),
        (b"nonsense\r\n\r\n", b"400"),
    ],
)
def test_unusual_requests_get_a_response(server: CcfsServer, sent: bytes, status: bytes) -> None:
    assert send_raw(server, sent).split(b" ")[1] == status
