"""Nodes behind nginx with the configuration of deploy/: responses equal those without nginx, with X-Accel and without."""

import base64
import http.client
import json
import ssl
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from ccfs.blobs.peer import PeerLocation
from ccfs.protocol.operations import BASE_PATH
from tests.api.api_client import ApiClient, Reply, create_client, send_raw, send_request
from tests.api.lookup_requests import build_lookup_requests, list_labels
from tests.deploy.conftest import NginxSite
from tests.server.ccfs_server import run_server
from tests.two_tenants import Tenant, add_recording, create_two_tenants, get_blob_path, make_a_law_wav
from tests.waiting import wait_until

VARYING_HEADERS = (
    "date",
    "server",
    "x-request-id",
    "connection",
    "keep-alive",
)  # from request to request, or from server to server
VARYING_REQUESTS = (
    "playback",
    "URL",
    "URLs",
    "upload",
    "upload by its alias",
    *(one for one in list_labels() if "asking" in one),
)
DAY_PERIOD = {"beginTime": "2020-10-15 00:00:00", "endTime": "2020-10-15 23:59:59", "version": "2.0"}
MB = 1 << 20


def create_direct_client(site: NginxSite) -> ApiClient:
    """A client of the first app without nginx, of a node that hands nothing over."""
    return create_client(site.nodes[0], site.tenants.acme)


@pytest.fixture
def plain_client(nginx_sites: dict[str, NginxSite]) -> ApiClient:
    """The client whose responses are the expected ones: of a node without nginx."""
    return create_direct_client(nginx_sites["plain"])


@pytest.mark.parametrize("label", [label for label in list_labels() if label != "deletion"])
def test_every_operation_responds_as_without_nginx(nginx_site: NginxSite, plain_client: ApiClient, label: str) -> None:
    operation, msg_body = build_lookup_requests(nginx_site.tenants.acme, there=True)[label]
    through, without = nginx_site.acme_client.request(operation, msg_body), plain_client.request(operation, msg_body)
    if label in VARYING_REQUESTS:  # responses differ from request to request
        assert (through.status, through.result_code, without.result_code) == (200, "0", "0")
    else:
        assert through.without_headers(*VARYING_HEADERS) == without.without_headers(*VARYING_HEADERS)


@pytest.mark.parametrize("label", list_labels())
def test_failures_behind_nginx_are_those_of_the_node(
    nginx_site: NginxSite, plain_client: ApiClient, label: str
) -> None:
    operation, msg_body = build_lookup_requests(nginx_site.tenants.acme, there=False)[label]
    assert nginx_site.acme_client.request(operation, msg_body).without_headers(
        *VARYING_HEADERS
    ) == plain_client.request(operation, msg_body).without_headers(*VARYING_HEADERS)


LARGE_BYTES = 3_200_058  # of the large recording
RANGES: list[dict[str, str]] = [
    {"range": "bytes=0-0"},
    {"range": "bytes=100-299"},
    {"range": "bytes=1000000-1065535"},
    {"range": "bytes=-100"},
    {"range": "bytes=3200000-"},
    {"range": "bytes=3200000-9999999"},
    {"range": f"bytes={LARGE_BYTES}-"},
    {"range": "bytes=0-0,5-9"},
    {"range": "bytes=9-0"},
    {"range": "bytes=abc"},
    {"range": "lines=1-2"},
    {"range": "bytes=100-299", "if_range": "the tag"},
    {"range": "bytes=100-299", "if_range": '"another"'},
    {"range": "bytes=100-299", "if_range": "Sun, 22 Nov 2026 12:00:00 GMT"},
    {"if_none_match": "the tag"},
    {"if_match": '"another"'},
    {"if_modified_since": "Sun, 22 Nov 2099 12:00:00 GMT"},
    {"if_unmodified_since": "Sun, 22 Nov 2009 12:00:00 GMT"},
]


@pytest.mark.parametrize("headers", RANGES, ids=str)
@pytest.mark.parametrize("way", ["signed", "token", "URL", "zip"])
def test_ranges_and_etags_are_those_of_the_node(
    nginx_site: NginxSite, plain_client: ApiClient, headers: dict[str, str], way: str
) -> None:
    through, without = (
        _request_large(one, nginx_site.tenants.acme, way, headers) for one in (nginx_site.acme_client, plain_client)
    )
    assert through.without_headers(*VARYING_HEADERS) == without.without_headers(*VARYING_HEADERS)


def _request_large(client: ApiClient, member: Tenant, way: str, headers: dict[str, str]) -> Reply:
    """Request the large recording, or a zip, in one of several ways."""
    tag = f'"{member.large_recording.blob.sha256[:32]}"'
    headers = {name: tag if value == "the tag" else value for name, value in headers.items()}
    if way == "zip":
        return client.request("downloadRecord", {"callId": member.call_recordings[0].call_id}, **headers)
    if way == "signed":
        return client.request("downloadRecordFile", {"fileName": member.large_recording.file_name}, **headers)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return send_request(client.server, "GET", _get_target(client, member, way), named)


def _get_target(client: ApiClient, member: Tenant, way: str) -> str:
    if way == "URL":
        reply = client.request("getRecordFileUrlFromObs", {"callId": member.large_recording.call_id, **DAY_PERIOD})
        return str(reply.json["resultData"]["url"]).removeprefix(f"http://{client.server.host}")
    reply = client.request("requestPlayVoice", {"fileName": member.large_recording.original_file_name})
    return f"{BASE_PATH}playVoice?t=1&version=2.0&st={reply.json['resultData']['token']}"


@pytest.mark.parametrize("way", ["token", "URL"])
def test_a_head_is_that_of_the_node(nginx_site: NginxSite, plain_client: ApiClient, way: str) -> None:
    one, other = (
        send_request(c.server, "HEAD", _get_target(c, nginx_site.tenants.acme, way))
        for c in (nginx_site.acme_client, plain_client)
    )
    assert one.without_headers(*VARYING_HEADERS, "content-disposition") == other.without_headers(
        *VARYING_HEADERS, "content-disposition"
    )


def test_no_header_is_repeated_and_none_discloses_files(nginx_sites: dict[str, NginxSite]) -> None:
    site = nginx_sites["x_accel"]
    target, body = (
        BASE_PATH + "downloadRecordFile",
        site.acme_client.build_body({"fileName": site.tenants.acme.only_recording.file_name}),
    )
    for more in ("", "range: bytes=0-9\r\n"):
        lines = [f"{name}: {value}\r\n" for name, value in site.acme_client.sign_headers(target, body).items()]
        head = f"POST {target} HTTP/1.1\r\n{''.join(lines)}{more}connection: close\r\n\r\n"
        head_lines = send_raw(site.nginx, head.encode() + body).partition(b"\r\n\r\n")[0].decode().lower()
        names = [line.partition(":")[0] for line in head_lines.splitlines()[1:]]
        assert len(set(names)) == len(names)
        assert "x-accel-redirect" not in names
        assert "last-modified" not in names
        assert names.count("accept-ranges") == 1


def send_as_nginx(site: NginxSite) -> Reply:
    """Return a node's response to nginx itself. Loopback is trusted, so that the test can act as nginx."""
    fields = {"fileName": site.tenants.acme.only_recording.file_name}
    return create_direct_client(site).request("downloadRecordFile", fields, x_forwarded_for="192.0.2.9")


def test_nginx_does_send_the_files(nginx_sites: dict[str, NginxSite]) -> None:
    handed = send_as_nginx(nginx_sites["x_accel"])
    assert (handed.status, handed.body) == (200, b"")
    assert handed.headers["x-accel-redirect"].startswith("/ccfs-files/0/")


def test_another_node_on_the_proxies_network_gets_the_bytes(nginx_sites: dict[str, NginxSite]) -> None:
    site = nginx_sites["x_accel"]
    recording = site.tenants.acme.only_recording
    peer = PeerLocation(
        recording.blob.location_id, lambda: f"http://127.0.0.1:{site.nodes[0].port}", site.nodes[0].node.peer_config
    )
    assert b"".join(peer.read(recording.blob.key)) == site.tenants.acme.audio_by_name[recording.file_name]
    assert (
        b"".join(peer.read(recording.blob.key, 10, 90)) == site.tenants.acme.audio_by_name[recording.file_name][10:90]
    )


def test_an_untrusted_proxy_gets_the_bytes(tmp_path: Path) -> None:
    with run_server(tmp_path, x_accel="/ccfs-files", trusted_proxies="192.0.2.1") as server:
        tenant_pair = create_two_tenants(server.node)
        reply = create_client(server, tenant_pair.acme).request(
            "downloadRecordFile", {"fileName": tenant_pair.acme.only_recording.file_name}
        )
        assert reply.body == tenant_pair.acme.audio_by_name[tenant_pair.acme.only_recording.file_name]


@pytest.mark.parametrize("form", ["{}", "/x/..{}", "//{}", "/%63cfs-files{0}", "{}%2e", "/CCFS/..{}", "{}?x=1"])
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_the_internal_file_paths_are_unreachable_from_outside(
    nginx_sites: dict[str, NginxSite], form: str, method: str
) -> None:
    site = nginx_sites["x_accel"]
    handed = send_as_nginx(site)
    path = handed.headers["x-accel-redirect"]
    target = form.format(path.removeprefix("/ccfs-files") if "%63" in form else path)
    for headers in ({}, {"X-Accel-Redirect": path}, {"X-Accel-Mapping": "x"}):
        reply = send_request(site.nginx, method, target, headers)
        assert reply.status in (403, 404)
        assert b"RIFF" not in reply.body


@pytest.mark.parametrize(
    "path", ["/ccfs-files/0/../ccfs.db", "/ccfs-files/0/..%2fnode.keys", "/ccfs-files/1/x", "/ccfs-files"]
)
def test_no_other_file_is_reachable_through_the_internal_paths(nginx_sites: dict[str, NginxSite], path: str) -> None:
    assert send_request(nginx_sites["x_accel"].nginx, "GET", path).status in (400, 404)


def test_a_damaged_file_fails_as_without_nginx(nginx_sites: dict[str, NginxSite]) -> None:
    site = nginx_sites["x_accel"]
    for number, breaking in enumerate(("gone", "short", "a link")):
        recording = add_recording(
            site.nodes[0].node,
            site.tenants.acme.app,
            make_a_law_wav(70 + number),
            f"/0/1/b/{number}.wav",
            f"Y:/4/0/b/{number}.V3",
        )
        path = get_blob_path(site.nodes[0].node, recording.blob)
        data = path.read_bytes()
        path.unlink()
        if breaking == "short":
            path.write_bytes(data[:-1])
        elif breaking == "a link":
            path.with_name("target").write_bytes(data)
            path.symlink_to(path.with_name("target"))
        assert (
            site.acme_client.request("downloadRecordFile", {"fileName": recording.file_name}).result_code == "0390005"
        )


def test_the_largest_upload_passes_and_a_larger_one_does_not(nginx_site: NginxSite) -> None:
    target = f"ivr/uploadFile?vdnId={nginx_site.tenants.acme.vdn}"
    largest = make_a_law_wav(8, 656)[: 5 * MB]
    assert len(largest) == 5 * MB
    wrapped = (
        base64.encodebytes(largest).decode().replace("\n", "\r\n")
    )  # with the line breaks of MIME: the longest encoding
    reply = nginx_site.acme_client.request(target, {"data": wrapped})
    assert reply.result_code == "0"
    name = reply.json["resultData"]["fileName"]
    assert nginx_site.acme_client.request("ivr/downloadFile", {"filePath": name}).body == largest
    assert (
        nginx_site.acme_client.request(target, {"data": base64.b64encode(largest + b"x").decode()}).result_code
        == "0390001"
    )
    assert nginx_site.acme_client.request("ivr/deleteFile", {"fileName": name}).result_code == "0"


def test_a_zip_is_whole(nginx_site: NginxSite) -> None:
    reply = nginx_site.acme_client.request(
        "downloadRecord", {"callId": nginx_site.tenants.acme.call_recordings[0].call_id}
    )
    with zipfile.ZipFile(BytesIO(reply.body)) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 2


def test_signatures_are_valid_over_tls_and_urls_begin_with_https(nginx_site: NginxSite) -> None:
    context = ssl.create_default_context(cadata=nginx_site.tls_identity.pem.decode())
    connection = http.client.HTTPSConnection("127.0.0.1", nginx_site.tls_port, timeout=20, context=context)
    client = replace(nginx_site.acme_client, server=replace(nginx_site.nginx, port=nginx_site.tls_port))
    target, body = (
        BASE_PATH + "getRecordFileUrlFromObs",
        json.dumps({"callId": nginx_site.tenants.acme.large_recording.call_id, **DAY_PERIOD}).encode(),
    )
    connection.request("POST", target, body, client.sign_headers(target, body))
    url = json.loads(connection.getresponse().read())["resultData"]["url"]
    base = f"https://127.0.0.1:{nginx_site.tls_port}"
    assert url.startswith(f"{base}/CCFS/")
    connection.request("GET", url.removeprefix(base))
    assert (
        connection.getresponse().read()
        == nginx_site.tenants.acme.audio_by_name[nginx_site.tenants.acme.large_recording.file_name]
    )
    connection.close()


def test_metrics_are_served_to_the_local_machine_only(nginx_site: NginxSite) -> None:
    with nginx_site.nginx.connect() as _:
        assert send_request(nginx_site.nginx, "GET", "/metrics").status == 200
    assert send_request(nginx_site.nginx, "GET", "/metrics", source="127.0.0.2").status == 403


def test_the_nginx_log_has_no_query(nginx_site: NginxSite) -> None:
    token = nginx_site.tenants.acme.play_token
    assert send_request(nginx_site.nginx, "GET", f"{BASE_PATH}playVoice?t=1&version=2.0&st={token}").status == 200
    log = nginx_site.nginx.log.with_name("ccfs.log")
    wait_until(lambda: f'"GET {BASE_PATH}playVoice" 200' in log.read_text())
    assert token not in log.read_text()
