"""What the proxies' files block stays blocked, however it is spelled; nodes serve only what is spelled right."""

from collections.abc import Iterator

import pytest

from tests.deploy.proxy_sites import PROXIES, WAYS, ProxySite, run_proxy_site
from tests.waiting import wait_until

METRIC = b"ccfs_requests_total"
NAME = "metrics"
LETTERS = [f"/{NAME[:at]}%{ord(letter):x}{NAME[at + 1 :]}" for at, letter in enumerate(NAME)]
ALL_ENCODED = "/" + "".join(f"%{ord(letter):02X}" for letter in NAME)
TARGETS = [
    "/metrics", "/metrics?", "/metrics?x=1", "/metrics?/healthz", *LETTERS, ALL_ENCODED, "/%4Detrics", "/%256detrics",
    "/%2e/metrics", "/%25%36detrics", "//metrics", "///metrics", "/./metrics", "/x/../metrics", "/x/%2e%2e/metrics",
    "/x/..%2fmetrics", "/%2fmetrics", "/%5cmetrics", "/metrics/", "/metrics//", "/metrics/.", "/metrics/x/..", "/metrics;x",
    "/metrics;x=1", "/;/metrics", "/metrics%3bx", "/metrics%00", "/metrics%20", "/metrics%09", "/metrics%0a", "/metrics%23",
    "/metrics%3f", "/METRICS", "/Metrics", "/\\metrics", "\\metrics", "/x\\..\\metrics", "/metrics\\", "/metrics#", "/#/metrics",
    "http://x/metrics", "HTTP://x/metrics", "https://x/metrics", "http://x//metrics", "http://x/%6detrics", "http://x:80/metrics",
    "http://x?/metrics", "http://user@x/metrics", "ftp://x/metrics", "http:/metrics", "//x/metrics", "http:///metrics",
    "metrics", "*/metrics", "?/metrics", "/healthz/../metrics", "/healthz%3f/../metrics",
    "/CCFS/resource/ccfs/../../../metrics", "/%c0%afmetrics", "/%u006detrics", "/m\u00e9trics", "/metrics\xa0", "/metric%73%",
    "/metrics%", "/metrics%zz", "/.%2f/metrics", "/metrics,", "/metrics:80", "/metrics&", "/metrics=",
]  # fmt: skip
PEER_TARGETS = [
    "/peer/0/x", "/peer/", "//peer/0/x", "/./peer/0/x", "/%70eer/0/x", "/p%65er/0/x", "/peer%2f0/x", "/x/../peer/0/x",
    "/PEER/0/x", "/peer/../peer/0/x", "http://x/peer/0/x", "/peer//0/x", "/peer;x/0/x", "/%2570eer/0/x", "/peer/%2e%2e/peer/0/x",
]  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxySite]:
    """The node and its proxies."""
    with run_proxy_site(tmp_path_factory.mktemp("blocked"), lock_failures=0) as running:
        wait_until(
            lambda: get_status(running.send("haproxy", build_get("/healthz"))) == 200
        )  # HAProxy has checked the node
        yield running


def build_get(target: str, method: str = "GET", version: str = "1.1", headers: str = "") -> bytes:
    """Return a request without a body."""
    head = f"{method} {target} HTTP/{version}\r\nhost: x\r\nconnection: close\r\n{headers}\r\n"
    return head.encode("latin-1")


def get_status(received: bytes) -> int:
    """Return the status of the first response; 0 if there is none."""
    return int(received[9:12]) if received.startswith(b"HTTP/1.") else 0


@pytest.mark.parametrize("way", PROXIES)
@pytest.mark.parametrize("target", TARGETS)
def test_no_spelling_of_metrics_passes_a_proxy(site: ProxySite, way: str, target: str) -> None:
    for request in (build_get(target), build_get(target, "HEAD"), build_get(target, version="1.0")):
        received = site.send(way, request)
        assert METRIC not in received
        assert get_status(received) in (0, 301, 400, 403, 404, 405)


def test_the_proxies_do_forward_other_paths_and_metrics_to_their_own_machine(site: ProxySite) -> None:
    for way in PROXIES:
        assert get_status(site.send(way, build_get("/healthz"))) == 200
        assert METRIC in site.send(way, build_get("/metrics"), source="127.0.0.1")


@pytest.mark.parametrize("target", [target for target in TARGETS if target.removesuffix("?") != "/metrics"])
def test_the_node_serves_no_other_spelling_itself(site: ProxySite, target: str) -> None:
    is_same_path = target.partition("?")[0] == "/metrics" or target.lower() in ABSOLUTE_FORMS
    received = site.send("direct", build_get(target))
    assert (METRIC in received) == is_same_path
    assert (get_status(received) == 200) == is_same_path


ABSOLUTE_FORMS = ("http://x/metrics", "https://x/metrics", "http://x:80/metrics")


@pytest.mark.parametrize("way", PROXIES)
@pytest.mark.parametrize("target", PEER_TARGETS)
def test_no_spelling_of_another_nodes_files_passes_a_proxy(site: ProxySite, way: str, target: str) -> None:
    assert get_status(site.send("direct", build_get("/peer/0/x"))) == 401  # which the node itself says of it
    for method in ("GET", "HEAD", "POST"):
        assert get_status(site.send(way, build_get(target, method))) in (301, 400, 403, 404, 405)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("method", ["OPTIONS", "GET", "HEAD", "TRACE", "CONNECT", "PRI", "PUT"])
@pytest.mark.parametrize("target", ["*", "/metrics", "x:80", "/"])
def test_odd_methods_reach_nothing(site: ProxySite, way: str, method: str, target: str) -> None:
    if (way, method, target) == ("direct", "GET", "/metrics"):
        assert get_status(site.send(way, build_get(target, method))) == 200
        return
    received = site.send(way, build_get(target, method))
    assert METRIC not in received
    assert get_status(received) != 200 or (method, target) == ("HEAD", "/metrics")


HEADERS = [
    "X-Original-URL: /metrics", "X-Rewrite-URL: /metrics", "X-Forwarded-Path: /metrics", "X-Forwarded-Prefix: /metrics",
    "X-Forwarded-For: 127.0.0.1", "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-For: 127.0.0.1", "X-Real-IP: 127.0.0.1",
    "Forwarded: for=127.0.0.1", "X-Client-IP: 127.0.0.1", "True-Client-IP: 127.0.0.1", "X-Accel-Redirect: /metrics",
    "X-Accel-Redirect: /ccfs-files/0/x", "X-Sendfile: /etc/passwd", "X-Ccfs-Itself: 1", "X-Forwarded-Host: metrics",
    "Host: localhost", "X-HTTP-Method-Override: GET", "Connection: X-Forwarded-For", "Connection: host, x-forwarded-for",
    "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nConnection: Upgrade, HTTP2-Settings", "Proxy: http://127.0.0.1/metrics",
]  # fmt: skip


@pytest.mark.parametrize("way", PROXIES)
@pytest.mark.parametrize("header", HEADERS)
def test_no_header_of_a_client_opens_metrics(site: ProxySite, way: str, header: str) -> None:
    blocked = site.send(way, build_get("/metrics", headers=f"{header}\r\n"))
    assert METRIC not in blocked
    assert get_status(blocked) in (400, 403)
    assert METRIC not in site.send(way, build_get("/healthz", headers=f"{header}\r\n"))


HIDDEN = "GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n"
CHUNKED_END = "0\r\n\r\n"
SMUGGLED = [
    f"Content-Length: {len(CHUNKED_END + HIDDEN)}\r\nTransfer-Encoding: chunked\r\n\r\n{CHUNKED_END}{HIDDEN}",
    f"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n{CHUNKED_END}{HIDDEN}",
    f"Content-Length: 0\r\nContent-Length: {len(HIDDEN)}\r\n\r\n{HIDDEN}",
    f"Content-Length: 0, {len(HIDDEN)}\r\n\r\n{HIDDEN}",
    f"Content-Length: +{len(HIDDEN)}\r\n\r\n{HIDDEN}",
    f"Content-Length: {len(HIDDEN)}x\r\n\r\n{HIDDEN}",
    f"Content-Length : {len(HIDDEN)}\r\n\r\n{HIDDEN}",
    f"Transfer-Encoding: xchunked\r\n\r\n{CHUNKED_END}{HIDDEN}",
    f"Transfer-Encoding : chunked\r\n\r\n{CHUNKED_END}{HIDDEN}",
    f"Transfer-Encoding: chunked, identity\r\n\r\n{CHUNKED_END}{HIDDEN}",
    f"Transfer-Encoding: identity\r\nContent-Length: {len(HIDDEN)}\r\n\r\n{HIDDEN}",
    f"Transfer-Encoding:\x0bchunked\r\nContent-Length: {len(HIDDEN)}\r\n\r\n{HIDDEN}",
    f"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\nContent-Length: {len(HIDDEN)}\r\n\r\n{CHUNKED_END}{HIDDEN}",
    f"Transfer_Encoding: chunked\r\nContent-Length: {len(HIDDEN)}\r\n\r\n{HIDDEN}",
    f"X: y\nTransfer-Encoding: chunked\r\nContent-Length: {len(HIDDEN)}\r\n\r\n{HIDDEN}",
    f"X: y\r\n Transfer-Encoding: chunked\r\nContent-Length: {len(HIDDEN)}\r\n\r\n{HIDDEN}",
    f"Transfer-Encoding: chunked\r\n\r\n{len(HIDDEN):x}\n{HIDDEN}\r\n{CHUNKED_END}",
    f"Transfer-Encoding: chunked\r\n\r\n0x5\r\n{HIDDEN}{CHUNKED_END}",
    f"Transfer-Encoding: chunked\r\n\r\n-1\r\n{HIDDEN}{CHUNKED_END}",
    f"Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n{HIDDEN}{CHUNKED_END}",
    f"Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: {len(HIDDEN)}\r\n\r\n{HIDDEN}",
    f"Expect: 100-continue\r\nContent-Length: {len(HIDDEN)}\r\n\r\n{HIDDEN}",
    f"Connection: Content-Length\r\nContent-Length: {len(HIDDEN)}\r\n\r\n{HIDDEN}",
]


@pytest.mark.parametrize("way", PROXIES)
@pytest.mark.parametrize("rest", SMUGGLED)
def test_no_second_request_is_smuggled_past_a_proxy(site: ProxySite, way: str, rest: str) -> None:
    request = f"POST /healthz HTTP/1.1\r\nhost: x\r\n{rest}".encode("latin-1")
    received = site.send(way, request + build_get("/healthz"))
    assert METRIC not in received
    for _ in range(3):  # later requests, on the proxy's own connections, get their own responses
        assert site.send(way, build_get("/healthz")).endswith(b'{"status":"ok"}')
