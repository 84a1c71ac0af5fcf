"""HTTP as RFC 9110 has it: ranges on every binary answer, tags, methods, connections that stay."""

import re
import zipfile
from io import BytesIO
from typing import Any

import pytest

from ccfs.protocol.operations import BASE_PATH, OPERATIONS
from tests.cast import Cast
from tests.web.callers import Caller, Reply, raw, send
from tests.web.serving import Server

Target = tuple[str, dict[str, Any]]


@pytest.fixture(params=["small file", "large file", "zip", "message", "oiap", "voice file", "folder"])
def target(request: pytest.FixtureRequest, cast: Cast) -> Target:
    """One binary answer of each kind, by operation and msgBody."""
    one = cast.acme
    targets: dict[str, Target] = {
        "small file": ("downloadRecordFile", {"fileName": one.one.file_name}),
        "large file": ("downloadRecord", {"fileName": one.large.original_file_name}),
        "zip": ("downloadRecord", {"callId": one.two[0].call_id}),
        "message": ("downloadIVRRecordFile", {"fileName": one.message}),
        "oiap": ("downloadOiapRecord", {"fileName": one.oiap[0]}),
        "voice file": ("ivr/downloadFile", {"filePath": one.lonely}),
        "folder": ("ivr/downloadFile", {"filePath": one.lonely_folder, "mode": 1}),
    }
    return targets[request.param]


@pytest.mark.parametrize(
    "asked", ["0-", "0-0", "0-99", "100-199", "-1", "-100", "44-", "1000000-2999999", "7000-99999999", "-99999999"]
)
def test_every_binary_answer_has_ranges(acme: Caller, target: Target, asked: str) -> None:
    whole = acme.ask(*target)
    size = len(whole.body)
    first, _, last = asked.partition("-")
    start = int(first) if first else max(size - int(last), 0)
    end = min(int(last) + 1, size) if first and last else size
    reply = acme.ask(*target, range=f"bytes={asked}")
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
def test_a_range_that_is_none_gives_everything(acme: Caller, target: Target, asked: str) -> None:
    reply = acme.ask(*target, range=asked)
    assert (reply.status, "content-range" in reply.headers) == (200, False)
    assert reply.body == acme.ask(*target).body


def test_if_range_holds_for_the_same_bytes_only(acme: Caller, target: Target) -> None:
    whole = acme.ask(*target)
    assert acme.ask(*target, range="bytes=10-19", if_range=whole.headers["etag"]).body == whole.body[10:20]
    for other in ('"another"', "W/" + whole.headers["etag"], "Wed, 21 Oct 2015 07:28:00 GMT"):
        assert acme.ask(*target, range="bytes=10-19", if_range=other).status == 200


def test_the_same_bytes_have_the_same_tag_and_others_another(acme: Caller, bolt: Caller, target: Target) -> None:
    assert acme.ask(*target).headers["etag"] == acme.ask(*target).headers["etag"]
    message = ("downloadIVRRecordFile", {"fileName": "Y:/39/record/20201015/10233946082696733.wav"})
    assert acme.ask(*message).headers["etag"] != bolt.ask(*message).headers["etag"]


def test_a_zip_that_is_fetched_in_pieces_is_the_zip(acme: Caller, cast: Cast) -> None:
    target = ("downloadRecord", {"callId": cast.acme.two[0].call_id})
    tag, size = acme.ask(*target).headers["etag"], len(acme.ask(*target).body)
    steps = [f"bytes={start}-{start + 999}" for start in range(0, size, 1000)]
    pieces = [acme.ask(*target, range=step, if_range=tag).body for step in steps]
    with zipfile.ZipFile(BytesIO(b"".join(pieces))) as archive:
        assert archive.testzip() is None
        assert [archive.read(name) for name in archive.namelist()] == [
            cast.acme.audio[recording.file_name] for recording in cast.acme.two
        ]


def test_a_post_is_not_answered_with_304(acme: Caller, target: Target) -> None:
    assert acme.ask(*target, if_none_match="*").status == 200


def play(server: Server, cast: Cast, method: str = "GET", **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return send(server, method, f"{BASE_PATH}playVoice?t=1&version=2.0&st={cast.acme.token}", named)


def test_a_player_seeks_and_asks_again_by_tag(server: Server, cast: Cast) -> None:
    sound = cast.acme.audio[cast.acme.one.file_name]
    whole = play(server, cast)
    assert (whole.status, whole.body) == (200, sound)
    assert play(server, cast, range="bytes=0-1").body == sound[:2]
    assert play(server, cast, range="bytes=4000-").body == sound[4000:]
    assert play(server, cast, range="bytes=8058-").status == 416
    again = play(server, cast, if_none_match=whole.headers["etag"])
    assert (again.status, again.body) == (304, b"")


def test_head_says_what_get_would_send_and_knows_no_range(server: Server, cast: Cast) -> None:
    got, head = play(server, cast), play(server, cast, "HEAD", range="bytes=0-1")
    assert (head.status, head.body) == (200, b"")
    assert head.without("x-request-id", "date")[1] == got.without("x-request-id", "date")[1]
    refused = send(server, "HEAD", f"{BASE_PATH}playVoice?st=none")
    assert (refused.status, refused.body) == (200, b"")


@pytest.mark.parametrize("name", [one.name for one in OPERATIONS])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_another_method_is_refused(server: Server, cast: Cast, name: str, method: str) -> None:
    reply = send(server, method, f"{BASE_PATH}{name}?st={cast.acme.token}")
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
def test_pages_are_read_only(server: Server, path: str) -> None:
    assert send(server, "HEAD", path).status == 200
    assert send(server, "POST", path, body=b"{}").status == 405


@pytest.mark.parametrize(
    "path",
    ["/", "/CCFS", BASE_PATH, BASE_PATH + "nothing", BASE_PATH + "downloadRecord/", "/" + BASE_PATH + "downloadRecord"],
)
def test_an_unknown_path_is_not_found(server: Server, path: str) -> None:
    for method in ("GET", "POST"):
        assert send(server, method, path).json["status"] == 404


@pytest.mark.parametrize("prefix", ["/ccfs/resource/ccfs/", "/ccfs/"])
def test_operations_answer_below_their_other_prefixes_too(acme: Caller, cast: Cast, prefix: str) -> None:
    body = acme.body({"fileName": cast.acme.message})
    assert acme.post(f"{prefix}downloadIVRRecordFile", body).body == cast.acme.audio[cast.acme.message]


def test_one_connection_carries_many_requests(acme: Caller, cast: Cast) -> None:
    path, body = BASE_PATH + "downloadRecordFile", acme.body({"fileName": cast.acme.one.file_name})
    head = "".join(f"{name}: {value}\r\n" for name, value in acme.signed(path, body).items())
    post = f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body
    get = f"GET {BASE_PATH}playVoice?st={cast.acme.token} HTTP/1.1\r\nhost: x\r\nrange: bytes=0-3\r\n\r\n".encode()
    last = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    found = raw(acme.server, post + get + post + last)  # all at once: pipelined
    assert re.findall(rb"HTTP/1.1 (\d+)", found) == [b"200", b"206", b"200", b"200"]
    assert found.count(cast.acme.audio[cast.acme.one.file_name]) == 2
    assert found.endswith(b'{"status":"ok"}')


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
def test_odd_requests_get_an_answer(server: Server, sent: bytes, status: bytes) -> None:
    assert raw(server, sent).split(b" ")[1] == status
