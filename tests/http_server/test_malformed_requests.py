"""Requests that a proxy and the server could read differently, and requests beyond a bound."""

import pytest

from tests.api.api_client import send_raw
from tests.server.ccfs_server import CcfsServer

HOST = b"host: x\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n"
POST = b"POST /healthz HTTP/1.1\r\n" + HOST
AMBIGUOUS = {
    "length and chunks": POST + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": POST + b"transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"content-length: 5\r\ncontent-length: 6\r\n\r\nabcde",
    "twice the same length": POST + b"content-length: 5\r\ncontent-length: 5\r\n\r\nabcde",
    "a list of lengths": POST + b"content-length: 5, 5\r\n\r\nabcde",
    "a signed length": POST + b"content-length: +5\r\n\r\nabcde",
    "a negative length": POST + b"content-length: -5\r\n\r\nabcde",
    "a length in hex": POST + b"content-length: 0x5\r\n\r\nabcde",
    "an enormous length": POST + b"content-length: 99999999999999999999\r\n\r\nabcde",
    "an empty length": POST + b"content-length: \r\n\r\nabcde",
    "a superscript length": POST + b"content-length: \xb2\r\n\r\nabcde",
    "two codings": POST + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "an unknown coding": POST + b"transfer-encoding: gzip\r\n\r\n",
    "chunked is not the last coding": POST + b"transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "a coding with a tab": POST + b"transfer-encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "chunks in HTTP/1.0": b"POST /healthz HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "a folded header": POST + b"x: a\r\n b\r\n\r\n",
    "a folded length": POST + b"content-length:\r\n 5\r\n\r\nabcde",
    "a blank before the colon": POST + b"content-length : 5\r\n\r\nabcde",
    "a blank before the first header": b"GET /healthz HTTP/1.1\r\n host: x\r\n\r\n",
    "bare line feeds": b"GET /healthz HTTP/1.1\nhost: x\n\n",
    "a bare line feed in a header": POST + b"x: a\ny: b\r\n\r\n",
    "a bare carriage return": POST + b"x: a\ry: b\r\n\r\n",
    "a zero byte": POST + b"x: a\x00b\r\n\r\n",
    "a header without a name": POST + b": a\r\n\r\n",
    "a header without a colon": POST + b"nonsense\r\n\r\n",
    "no host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /healthz HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n",
    "HTTP/0.9": b"GET /healthz\r\n\r\n",
    "HTTP/1.2": b"GET /healthz HTTP/1.2\r\nhost: x\r\n\r\n",
    "HTTP/2 without TLS": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a blank in the target": b"GET /health z HTTP/1.1\r\nhost: x\r\n\r\n",
    "a fragment": b"GET /healthz#x HTTP/1.1\r\nhost: x\r\n\r\n",
    "another scheme": b"GET ftp://x/healthz HTTP/1.1\r\nhost: x\r\n\r\n",
    "a target without a slash": b"GET healthz HTTP/1.1\r\nhost: x\r\n\r\n",
    "a TLS handshake": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(32)),
}
CHUNKS = {
    "no size": b"\r\nabc\r\n0\r\n\r\n",
    "a size with a prefix": b"0x3\r\nabc\r\n0\r\n\r\n",
    "a signed size": b"+3\r\nabc\r\n0\r\n\r\n",
    "a size with blanks": b"3 \r\nabc\r\n0\r\n\r\n",
    "an enormous size": b"fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
    "a bare line feed": b"3\nabc\r\n0\r\n\r\n",
    "more bytes than the size": b"3\r\nabcd\r\n0\r\n\r\n",
    "fewer bytes than the size": b"5\r\nabc\r\n0\r\n\r\n",
    "endless extensions": b"3;" + b"x" * 300_000,
    "endless trailers": b"0\r\n" + b"x: y\r\n" * 50_000,
    "a bare line feed at the end": b"3\r\nabc\r\n0\n\n",
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_a_malformed_request_gets_an_error_and_nothing_after_it_is_read(strict_server: CcfsServer, name: str) -> None:
    received = send_raw(strict_server, AMBIGUOUS[name] + SMUGGLED)
    assert received.startswith(b"HTTP/1.1 ")
    assert received.split(b" ")[1] in (b"400", b"501", b"505")
    assert received.count(b"HTTP/1.1 ") == 1
    assert b"\r\nconnection: close\r\n" in received


@pytest.mark.parametrize("name", CHUNKS)
def test_malformed_chunks_end_the_connection(strict_server: CcfsServer, name: str) -> None:
    received = send_raw(strict_server, POST + b"transfer-encoding: chunked\r\n\r\n" + CHUNKS[name] + SMUGGLED)
    assert received.count(b"HTTP/1.1 ") == 1  # of the request: its path takes no POST
    assert b"smuggled" not in received


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /healthz HTTP/1.1\r\nhost: x\r\nx: " + b"y" * 20_000 + b"\r\n\r\n", b"431"),
        (b"GET /healthz HTTP/1.1\r\nhost: x\r\nx: " + b"y" * 2_000_000 + b"\r\n\r\n", b"431"),
        (b"GET /" + b"y" * 20_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n", b"431"),
        (b"GET /healthz HTTP/1.1\r\nhost: x\r\n" + b"".join(b"x-%d: y\r\n" % n for n in range(120)) + b"\r\n", b"431"),
        (b"GET /healthz HTTP/1.1\r\nhost: x\r\n" + b"x: y\r\n" * 120 + b"\r\n", b"431"),
        (b"\r\n" * 20_000 + b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n", b"431"),
        (b"GET /healthz HTTP/1.1\r\nhost: x\r\nexpect: 200-ok\r\n\r\n", b"417"),
        (b"CONNECT x:80 HTTP/1.1\r\nhost: x\r\n\r\n", b"400"),
    ],
)
def test_a_request_beyond_a_bound_gets_its_status(strict_server: CcfsServer, head: bytes, status: bytes) -> None:
    assert send_raw(strict_server, head).split(b" ")[1] == status


@pytest.mark.parametrize("step", [1, 2, 3, 7, 50])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_request_is_the_same_however_it_is_cut(strict_server: CcfsServer, step: int, is_chunked: bool) -> None:
    coding, body = (
        (b"transfer-encoding: chunked", b"3;a=b\r\nabc\r\n0\r\nx: y\r\n\r\n")
        if is_chunked
        else (
            b"content-length: 3",
            b"abc",
        )
    )
    with strict_server.connect() as connection:
        form = b"POST /console/login HTTP/1.1\r\n" + HOST  # whose body is read before the request is rejected
        for whole in (form + coding + b"\r\n\r\n" + body, b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"):
            for at in range(0, len(whole), step):
                connection.sendall(whole[at : at + step])
            received = connection.recv(1 << 16)
            assert received.split(b" ")[1] == (b"403" if whole.startswith(b"POST") else b"200")


def test_many_pipelined_requests_are_answered_in_order(strict_server: CcfsServer) -> None:
    requests = b"".join(b"GET /number/%d HTTP/1.1\r\nhost: x\r\n\r\n" % number for number in range(3000))
    last = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    received = send_raw(strict_server, requests + last)
    paths = [int(part.split(b'"')[0]) for part in received.split(b'"path":"/number/')[1:]]
    assert paths == list(range(3000))


def test_an_upgrade_that_is_not_supported_is_ignored(strict_server: CcfsServer) -> None:
    upgrade = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"
    post = b"POST /healthz HTTP/1.1\r\nhost: x\r\n" + upgrade
    last = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    sized, chunked = b"content-length: 3\r\n\r\nabc", b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    assert send_raw(strict_server, post + sized + last).count(b"HTTP/1.1 ") == 2
    assert send_raw(strict_server, post + chunked).startswith(b"HTTP/1.1 405 ")


def test_a_client_of_http_1_0_gets_its_response_and_the_end(strict_server: CcfsServer) -> None:
    received = send_raw(strict_server, b"GET /healthz HTTP/1.0\r\n\r\n")
    assert received.endswith(b'{"status":"ok"}')
    assert b"\r\nconnection: close\r\n" in received
    kept = send_raw(strict_server, b"GET /healthz HTTP/1.0\r\nconnection: keep-alive\r\n\r\n" * 2)
    assert kept.count(b"\r\nconnection: keep-alive\r\n") == 2


def test_every_response_has_a_date(strict_server: CcfsServer) -> None:
    assert b"\r\ndate: " in send_raw(strict_server, b"GET /healthz HTTP/1.0\r\n\r\n")
    assert b"\r\ndate: " in send_raw(strict_server, b"nonsense\r\n\r\n")
