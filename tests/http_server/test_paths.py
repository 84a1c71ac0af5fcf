"""Paths: decided once, on the target as sent. A path that a proxy does not block is none that the server would serve."""

import pytest

from ccfs.protocol.operations import BASE_PATH
from tests.api.api_client import ApiClient, send_raw, send_request
from tests.server.ccfs_server import CcfsServer

SPELLINGS = [
    "/%6detrics", "/%6Detrics", "/metrics%20", "/metrics/", "//metrics", "/./metrics", "/x/../metrics", "/x/%2e%2e/metrics",
    "/metrics;x", "/METRICS", "/%2fmetrics", "/metrics%00", "/metrics%2f", "/;/metrics", "/\\metrics", "/.//metrics",
    "/%25%36detrics", "http://x//metrics", "http://x/%6detrics",
]  # fmt: skip


@pytest.mark.parametrize("target", SPELLINGS)
def test_another_spelling_of_metrics_is_not_metrics(strict_server: CcfsServer, target: str) -> None:
    received = send_raw(strict_server, f"GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
    assert received.split(b" ")[1] in (b"404", b"400")


@pytest.mark.parametrize("prefix", ["//ccfs", "/./peer", "/%70eer", "/x/../peer", "/CCFS/%6febug"])
def test_another_spelling_of_a_blocked_folder_is_not_found(strict_server: CcfsServer, prefix: str) -> None:
    assert send_request(strict_server, "GET", f"{prefix}/0/1/x").status == 404


def test_the_absolute_form_of_a_target_is_its_path(strict_server: CcfsServer) -> None:
    for target in ("http://x/healthz", "HTTP://x:80/healthz?a=b", "https://x/healthz"):
        received = send_raw(strict_server, f"GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
        assert received.split(b" ")[1] == b"200"


def test_a_signature_covers_the_path_as_sent(client: ApiClient) -> None:
    body = client.build_body({"callId": "none"})
    assert client.post(f"{BASE_PATH}downloadRecord", body).result_code == "0300012"
    for spelling in ("%64ownloadRecord", "downloadRecord/", "./downloadRecord", "/downloadRecord"):
        assert client.post(BASE_PATH + spelling, body).status == 404
