"""Files in S3 that nginx fetches with the configuration of deploy/: responses equal those of a node that hands nothing over. If
the service responds with anything but the bytes, the node responds to the client."""

import http.client
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ccfs.model.recordings.recording import Recording
from ccfs.protocol.operations import BASE_PATH
from tests.api.api_client import ApiClient, Reply, create_client, send_raw, send_request
from tests.api.lookup_requests import build_lookup_requests, list_labels
from tests.certificates import create_identity
from tests.deploy.nginx_balancer import write_pem
from tests.deploy.nginx_s3_site import S3Site, run_s3_site
from tests.deploy.test_nginx import DAY_PERIOD, RANGES, VARYING_HEADERS, VARYING_REQUESTS
from tests.proxies import ProxyMode
from tests.two_tenants import add_recording, make_a_law_wav
from tests.waiting import wait_until

FILE_REQUESTS = (
    "index name",
    "original name",
    "large file",
    "call",
    "message",
    "oiap 0",
    "voice file",
    "file of downloadBillFile",
)


@pytest.fixture(scope="module")
def s3_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Site]:
    """One site for all tests of this file."""
    with run_s3_site(tmp_path_factory.mktemp("bucket")) as site:
        yield site


@pytest.fixture
def proxied_site(s3_site: S3Site) -> Iterator[S3Site]:
    """The site; the proxy between nginx and the service is repaired after the test."""
    yield s3_site
    s3_site.s3_proxy.mode = ProxyMode.PASS


def send_as_nginx(site: S3Site, operation: str, fields: dict[str, Any], **headers: str) -> Reply:
    """Return the node's response to nginx itself. Loopback is trusted, so that the test can act as nginx."""
    return create_client(site.node, site.tenants.acme).request(
        operation, fields, x_forwarded_for="192.0.2.9", **headers
    )


@pytest.mark.parametrize("label", [label for label in list_labels() if label != "deletion"])
def test_every_operation_responds_as_without_nginx(s3_site: S3Site, label: str) -> None:
    operation, msg_body = build_lookup_requests(s3_site.tenants.acme, there=True)[label]
    through, without = (
        s3_site.acme_client.request(operation, msg_body),
        s3_site.direct_client.request(operation, msg_body),
    )
    if label in VARYING_REQUESTS:  # responses differ from request to request
        assert (through.status, through.result_code, without.result_code) == (200, "0", "0")
    else:
        assert through.without_headers(*VARYING_HEADERS) == without.without_headers(*VARYING_HEADERS)


@pytest.mark.parametrize("label", FILE_REQUESTS)
def test_every_file_is_fetched_by_nginx(s3_site: S3Site, label: str) -> None:
    operation, msg_body = build_lookup_requests(s3_site.tenants.acme, there=True)[label]
    reply = send_as_nginx(s3_site, operation, msg_body)
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["x-accel-redirect"].startswith("/ccfs-s3/1/calls/")


@pytest.mark.parametrize("headers", RANGES, ids=str)
@pytest.mark.parametrize("path", ["signed", "token"])
def test_ranges_and_etags_are_those_of_the_node(s3_site: S3Site, headers: dict[str, str], path: str) -> None:
    through, without = (
        _request(client, s3_site, path, headers) for client in (s3_site.acme_client, s3_site.direct_client)
    )
    assert through.without_headers(*VARYING_HEADERS) == without.without_headers(*VARYING_HEADERS)


def _request(client: ApiClient, site: S3Site, path: str, headers: dict[str, str]) -> Reply:
    large = site.tenants.acme.large_recording
    tag = f'"{large.blob.sha256[:32]}"'
    headers = {name: tag if value == "the tag" else value for name, value in headers.items()}
    if path == "signed":
        return client.request("downloadRecordFile", {"fileName": large.file_name}, **headers)
    token = client.request("requestPlayVoice", {"fileName": large.original_file_name}).json["resultData"]["token"]
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return send_request(client.server, "GET", f"{BASE_PATH}playVoice?t=1&version=2.0&st={token}", named)


def test_a_head_is_that_of_the_node(s3_site: S3Site) -> None:
    target = f"{BASE_PATH}playVoice?t=1&version=2.0&st={s3_site.tenants.acme.play_token}"
    through, direct = (send_request(server, "HEAD", target) for server in (s3_site.nginx, s3_site.direct_node))
    assert through.without_headers(*VARYING_HEADERS) == direct.without_headers(*VARYING_HEADERS)


def test_no_header_is_repeated_and_none_discloses_the_service(s3_site: S3Site) -> None:
    target, body = (
        BASE_PATH + "downloadRecordFile",
        s3_site.acme_client.build_body({"fileName": s3_site.tenants.acme.only_recording.file_name}),
    )
    for more in ("", "range: bytes=0-9\r\n"):
        lines = [f"{name}: {value}\r\n" for name, value in s3_site.acme_client.sign_headers(target, body).items()]
        head = f"POST {target} HTTP/1.1\r\n{''.join(lines)}{more}connection: close\r\n\r\n"
        head_lines = send_raw(s3_site.nginx, head.encode() + body).partition(b"\r\n\r\n")[0].decode().lower()
        names = [line.partition(":")[0] for line in head_lines.splitlines()[1:]]
        assert len(set(names)) == len(names)
        assert not [name for name in names if name.startswith(("x-a", "x-ccfs", "last-mod"))]
        assert not [word for word in ("x-amz", "signature", "credential", "seaweed") if word in head_lines]


def test_recording_urls_lead_to_the_service_itself(s3_site: S3Site) -> None:
    reply = s3_site.acme_client.request(
        "getRecordFileUrlFromObs", {"callId": s3_site.tenants.acme.large_recording.call_id, **DAY_PERIOD}
    )
    assert reply.json["resultData"]["url"].startswith("https://localhost:")


@pytest.mark.parametrize("form", ["{}", "/x/..{}", "//{}", "/%63cfs-s3{0}", "{}&x=1", "/CCFS/..{}"])
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_the_service_is_unreachable_from_outside(s3_site: S3Site, form: str, method: str) -> None:
    before = s3_site.count_connections()
    path = send_as_nginx(
        s3_site, "downloadRecordFile", {"fileName": s3_site.tenants.acme.only_recording.file_name}
    ).headers["x-accel-redirect"]
    target = form.format(path.removeprefix("/ccfs-s3") if "%63" in form else path)
    for headers in ({}, {"X-Accel-Redirect": path}, {"X-Ccfs-Itself": "1"}):
        reply = send_request(s3_site.nginx, method, target, headers)
        assert reply.status == 404
        assert b"RIFF" not in reply.body
    assert s3_site.count_connections() == before


def test_only_a_trusted_proxy_gets_a_redirect(s3_site: S3Site) -> None:
    fields = {"fileName": s3_site.tenants.acme.only_recording.file_name}
    reply = create_client(s3_site.node, s3_site.tenants.acme).request(
        "downloadRecordFile", fields
    )  # as a peer on the proxy's network
    assert reply.body == s3_site.tenants.acme.audio_by_name[s3_site.tenants.acme.only_recording.file_name]
    through = send_as_nginx(s3_site, "downloadRecordFile", fields, x_ccfs_itself="1")
    assert through.body == reply.body


def test_a_client_cannot_claim_that_nginx_failed(s3_site: S3Site) -> None:
    known = len(s3_site.node.read_log_lines("handover_failed"))
    reply = s3_site.acme_client.request(
        "downloadRecordFile", {"fileName": s3_site.tenants.acme.only_recording.file_name}, x_ccfs_itself="1"
    )
    assert reply.body == s3_site.tenants.acme.audio_by_name[s3_site.tenants.acme.only_recording.file_name]
    assert len(s3_site.node.read_log_lines("handover_failed")) == known


@pytest.mark.parametrize("failure", [ProxyMode.REFUSE, ProxyMode.SILENT, ProxyMode.BUSY])
@pytest.mark.parametrize("headers", [{}, {"range": "bytes=100-299"}], ids=["whole", "range"])
def test_the_node_sends_what_nginx_cannot_fetch(
    proxied_site: S3Site, failure: ProxyMode, headers: dict[str, str]
) -> None:
    proxied_site.s3_proxy.mode = failure
    for operation, fields in (
        build_lookup_requests(proxied_site.tenants.acme, there=True)[label] for label in ("index name", "voice file")
    ):
        through, without = (
            client.request(operation, fields, **headers)
            for client in (proxied_site.acme_client, proxied_site.direct_client)
        )
        assert through.status in (200, 206)
        assert through.without_headers(*VARYING_HEADERS) == without.without_headers(*VARYING_HEADERS)


@pytest.mark.parametrize(
    ("wrong", "status"),
    [({"host": "localhost:1"}, "403"), ({"authority": "another"}, "502"), ({"location_id": "9"}, "-")],
)
def test_a_wrong_nginx_configuration_costs_no_download_and_is_logged(
    s3_site: S3Site, tmp_path: Path, wrong: dict[str, Any], status: str
) -> None:
    """Every signature is invalid, the service's certificate is not trusted, or the location is not configured."""
    if "authority" in wrong:
        wrong = {"authority": write_pem(tmp_path, create_identity("localhost"))[0]}
    fields = {"fileName": s3_site.tenants.acme.only_recording.file_name}
    known = len(s3_site.node.read_log_lines("handover_failed"))
    with s3_site.run_another_nginx(tmp_path, **wrong) as misled:
        through, without = (client.request("downloadRecordFile", fields) for client in (misled, s3_site.direct_client))
        assert through.without_headers(*VARYING_HEADERS) == without.without_headers(*VARYING_HEADERS)
        log = misled.server.log.with_name("ccfs.log")
        wait_until(log.read_text)  # nginx logs a request after it has sent the last byte
        last = log.read_text().splitlines()[-1]
        assert f"200 : {status} : 200" in last or (status == "-" and "200 : 200" in last)
        assert "Signature" not in last
    assert len(s3_site.node.read_log_lines("handover_failed")) == known + 1


@pytest.mark.parametrize("breaking", ["gone", "short", "long"])
def test_a_damaged_file_fails_as_without_nginx(s3_site: S3Site, breaking: str) -> None:
    recording = add_own_recording(s3_site, breaking)
    location = s3_site.node.node.locations["1"]
    data = b"".join(location.read(recording.blob.key))
    location.delete(recording.blob.key)
    if breaking != "gone":
        location.write(recording.blob.key, [data[:-1] if breaking == "short" else data + b"x"])
    fields = {"fileName": recording.file_name}
    through, without = (
        client.request("downloadRecordFile", fields) for client in (s3_site.acme_client, s3_site.direct_client)
    )
    assert through.result_code == "0390005"
    assert through.without_headers(*VARYING_HEADERS) == without.without_headers(*VARYING_HEADERS)


def test_a_file_lost_after_handover_fails_by_the_node(proxied_site: S3Site) -> None:
    recording = add_own_recording(proxied_site, "lost")
    fields = {"fileName": recording.file_name}
    proxied_site.s3_proxy.mode = ProxyMode.SILENT
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(proxied_site.acme_client.request, "downloadRecordFile", fields)
        time.sleep(0.5)  # nginx now waits for the service for another half second
        proxied_site.node.node.locations["1"].delete(recording.blob.key)
        through = pending.result()
    assert through.result_code == "0390005"
    assert through.without_headers(*VARYING_HEADERS) == proxied_site.direct_client.request(
        "downloadRecordFile", fields
    ).without_headers(*VARYING_HEADERS)


def test_an_interrupted_response_is_aborted_and_can_be_resumed(proxied_site: S3Site) -> None:
    large = proxied_site.tenants.acme.large_recording
    fields, sound = {"fileName": large.file_name}, proxied_site.tenants.acme.audio_by_name[large.file_name]
    proxied_site.s3_proxy.cut_after, proxied_site.s3_proxy.mode_after_cut, proxied_site.s3_proxy.mode = (
        1 << 20,
        ProxyMode.PASS,
        ProxyMode.CUT,
    )
    with pytest.raises(http.client.IncompleteRead) as caught:
        proxied_site.acme_client.request("downloadRecordFile", fields)
    part = caught.value.partial
    assert part == sound[: len(part)]
    rest = proxied_site.acme_client.request("downloadRecordFile", fields, range=f"bytes={len(part)}-")
    assert (rest.status, part + rest.body) == (206, sound)


def add_own_recording(site: S3Site, name: str) -> Recording:
    """Add a recording for a test that damages it."""
    node = site.node.node
    sound = make_a_law_wav(70 + len(name)) + name.encode()
    return add_recording(node, site.tenants.acme.app, sound, f"/0/1/b/{name}.wav", f"Y:/4/0/b/{name}.V3")
