"""HTTP/2 with clients, if it is added to the proxies' files: pseudo headers pass nothing that is blocked.

The requests are written by hand: a client library would refuse to send them.
"""

import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import pytest

from tests.deploy.proxy_sites import PROXIES, ProxySite, run_proxy_site
from tests.waiting import wait_until

METRIC = b"ccfs_requests_total"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, HEADERS, DATA = 4, 1, 0
END_STREAM, END_HEADERS = 1, 4
NORMAL = ((":method", "GET"), (":scheme", "https"), (":authority", "x"), (":path", "/metrics"))
ODD_REQUESTS: list[tuple[tuple[str, str], ...]] = [
    NORMAL,
    *((*NORMAL[:3], (":path", path)) for path in (
        "/%6detrics", "//metrics", "/./metrics", "/x/../metrics", "/metrics;x", "/metrics/", "/METRICS", "/metrics\x00", "\\metrics",
        "metrics", "*", "", "https://x/metrics", "http://x/metrics", "/metrics HTTP/1.1\r\nhost: y\r\n\r\nGET /metrics",
        "/healthz HTTP/1.1\r\nhost: x\r\n\r\nGET /metrics HTTP/1.1\r\nhost: x\r\n\r\n", "/metrics\t", " /metrics", "/metrics#", "/metrics?",
    )),
    (*NORMAL, (":path", "/healthz")),
    (*NORMAL[:3], (":path", "/healthz"), (":path", "/metrics")),
    (NORMAL[1], NORMAL[2], NORMAL[3]),
    ((":method", "GET /metrics HTTP/1.1\r\nhost: x\r\n\r\nGET"), *NORMAL[1:3], (":path", "/healthz")),
    ((":method", "CONNECT"), (":authority", "127.0.0.1:80")),
    ((":method", "CONNECT"), (":protocol", "websocket"), *NORMAL[1:]),
    (NORMAL[0], (":scheme", "http://x/metrics?"), *NORMAL[2:]),
    (NORMAL[0], NORMAL[1], (":authority", "x/metrics?"), (":path", "/healthz")),
    (NORMAL[0], NORMAL[1], (":authority", "x\r\nx-forwarded-for: 127.0.0.1"), NORMAL[3]),
    (*NORMAL, ("x-forwarded-for", "127.0.0.1")),
    (*NORMAL, ("x-forwarded-for", "127.0.0.1"), ("x-forwarded-for", "127.0.0.1")),
    (*NORMAL, ("host", "y"), ("x-original-url", "/metrics")),
    (*NORMAL, ("connection", "x-forwarded-for")),
    (*NORMAL, ("transfer-encoding", "chunked")),
    (*NORMAL[:3], (":path", "/healthz"), ("x", "y\r\n\r\nGET /metrics HTTP/1.1\r\nhost: x\r\n\r\n")),
    (*NORMAL[:3], (":path", "/healthz"), ("x: y\r\n\r\nGET /metrics HTTP/1.1\r\nhost: x\r\n\r\n", "z")),
    (*NORMAL[:3], ("x", "y"), (":path", "/metrics")),
    (*NORMAL[:3], (":PATH", "/metrics")),
]  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxySite]:
    """The node and its proxies, which also speak HTTP/2."""
    changes = {"server_tokens off;": "server_tokens off; http2 on;"}, {"ssl-min-ver": "alpn h2,http/1.1 ssl-min-ver"}
    with run_proxy_site(tmp_path_factory.mktemp("http2"), *changes, lock_failures=0) as running:
        for way in PROXIES:
            wait_until(lambda way=way: b'{"status":"ok"}' in running.send_tls(way, build_request(HEALTHY), "h2"))  # type: ignore[misc]
        yield running


HEALTHY = (*NORMAL[:3], (":path", "/healthz"))


def build_frame(kind: int, flags: int, payload: bytes, stream: int = 0) -> bytes:
    """Return a frame."""
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload


def build_request(headers: tuple[tuple[str, str], ...], stream: int = 1) -> bytes:
    """Return a connection's first bytes, with one request."""
    block = b"".join(b"\x00" + encode_text(name) + encode_text(value) for name, value in headers)
    return PREFACE + build_frame(SETTINGS, 0, b"") + build_frame(HEADERS, END_STREAM | END_HEADERS, block, stream)


def encode_text(text: str) -> bytes:
    """Return a string literal of HPACK of up to 126 bytes, not compressed."""
    data = text.encode("latin-1")
    assert len(data) < 127
    return bytes((len(data),)) + data


@pytest.fixture(scope="module")
def responses(site: ProxySite) -> dict[tuple[str, int], bytes]:
    """What arrives after each odd request. They are sent together, because each waits for a pause."""
    cases = list(product(PROXIES, range(len(ODD_REQUESTS))))
    with ThreadPoolExecutor(16) as pool:
        received = pool.map(lambda case: site.send_tls(case[0], build_request(ODD_REQUESTS[case[1]]), "h2"), cases)
        return dict(zip(cases, received, strict=True))


@pytest.mark.parametrize("way", PROXIES)
@pytest.mark.parametrize("number", range(len(ODD_REQUESTS)))
def test_no_pseudo_header_opens_metrics(responses: dict[tuple[str, int], bytes], way: str, number: int) -> None:
    assert METRIC not in responses[way, number]


@pytest.mark.parametrize("way", PROXIES)
def test_the_connection_after_odd_requests_serves_others(site: ProxySite, way: str) -> None:
    assert b'{"status":"ok"}' in site.send_tls(way, build_request(HEALTHY), "h2")
    assert METRIC in site.send(way, b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", "127.0.0.1")
