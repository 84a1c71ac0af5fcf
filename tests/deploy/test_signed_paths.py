"""Signed requests and signed URLs mean the same directly, behind nginx and behind HAProxy, however clients spell them."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from ccfs.protocol.operations import BASE_PATH
from tests.api.api_client import Reply, create_client, send_request
from tests.deploy.proxy_sites import WAYS, ProxySite, run_proxy_site
from tests.two_tenants import add_recording, make_a_law_wav

NAMES = [
    "a b.wav", "录音 1.wav", "a+b.wav", "a%2Fb.wav", "a%20b.wav", "100%.wav", "é~'()*!,;:@&=$.wav", "a#b?c.wav", "..wav", "a//b.wav",
    "x/../y.wav", "-_.~.wav", "\U0001f600.wav", "a\"b.wav",
]  # fmt: skip
PERIOD = {"beginTime": "2020-10-15 00:00:00", "endTime": "2020-10-15 23:59:59", "version": "2.0"}
FLAT = "downloadOiapRecord"
QUERIES = {
    "": True, "?": True, "?locationId=0": True, "?locationId=%30": True, "?%6cocationId=0": True, "?locationId=0&x=a+b": True,
    "?locationId=0&x=a%20b": True, "?locationId=0&x=%2F": True, "?locationId=0&x=/": True, "?locationId=0&x=%2f%2F": True,
    "?locationId=0&x=%E5%BD%95": True, "?locationId=0&x=%e5%bd%95": True, "?x=%2B&locationId=0": True, "?locationId=0&&": True,
    "?locationId=0&x": True, "?locationId=0&x=%25": True, "?locationId=0&x=a%2520b": True, "?locationId=0&x=?": True,
    "?locationId=0&x=;": True, "?locationId=0&x=*~'()!": True,
}  # fmt: skip
PATHS = [
    "%64ownloadRecord", "downloadRecor%64", "%44ownloadRecord", "download%52ecord", "/downloadRecord", "./downloadRecord",
    "downloadRecord/", "x/../downloadRecord", "downloadRecord;jsessionid=1", "downloadRecord%20", "DOWNLOADRECORD", "ivr%2FgetFileHash",
]  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxySite]:
    """The node and its proxies."""
    with run_proxy_site(tmp_path_factory.mktemp("signed"), lock_failures=0) as running:
        yield running


def comparable(reply: Reply) -> tuple[int, str, bytes]:
    """Return what must not depend on the way of a request."""
    body = b"" if reply.status in (401, 404) else reply.body  # which contains the time
    return reply.status, reply.headers.get("content-disposition", ""), body


@pytest.mark.parametrize("query", QUERIES)
def test_a_signed_query_is_accepted_in_every_spelling_by_every_way(site: ProxySite, query: str) -> None:
    acme = site.tenants.acme
    replies = []
    for way in WAYS:
        client = create_client(site.get_server(way), acme)
        body = client.build_body({"fileName": acme.oiap_names[0]})
        reply = client.post(f"{BASE_PATH}{FLAT}{query}", body)
        assert reply.status == 200
        assert reply.body.startswith(b"RIFF")
        replies.append(comparable(reply))
    assert replies == [replies[0]] * len(WAYS)


@pytest.mark.parametrize("path", PATHS)
def test_another_spelling_of_an_operation_is_not_found_by_any_way(site: ProxySite, path: str) -> None:
    for way in WAYS:
        client = create_client(site.get_server(way), site.tenants.acme)
        assert client.post(BASE_PATH + path, client.build_body({"callId": "none"})).status == 404


@pytest.mark.parametrize("prefix", ["/CCFS/resource/ccfs/", "/ccfs/resource/ccfs/", "/ccfs/"])
def test_every_alias_is_signed_as_sent(site: ProxySite, prefix: str) -> None:
    for way in WAYS:
        client = create_client(site.get_server(way), site.tenants.acme)
        body = client.build_body({"callId": "none"})
        assert client.post(f"{prefix}downloadRecord", body).result_code == "0300012"
        other = "/ccfs/" if prefix != "/ccfs/" else BASE_PATH
        headers = client.sign_headers(f"{other}downloadRecord", body)
        assert send_request(client.server, "POST", f"{prefix}downloadRecord", headers, body).status == 401


@pytest.mark.parametrize(("number", "name"), [*enumerate(NAMES)])
def test_odd_file_names_are_downloaded_by_every_way(site: ProxySite, number: int, name: str) -> None:
    audio, call_id = make_a_law_wav(100 + number), f"1602728619-7{number:02}"
    recording = add_recording(
        site.node.node, site.tenants.acme.app, audio, f"/0/1/{name}", f"Y:/4/0/{name}", call_id=call_id
    )
    for way in WAYS:
        client = create_client(site.get_server(way), site.tenants.acme)
        assert client.request("downloadRecordFile", {"fileName": recording.file_name}).body == audio
        assert client.request("downloadRecord", {"fileName": recording.original_file_name}).body == audio
        url = str(client.request("getRecordFileUrlFromObs", {"callId": call_id, **PERIOD}).json["resultData"]["url"])
        parts = urlsplit(url)
        assert parts.netloc == client.server.host
        target = f"{parts.path}?{parts.query}"
        assert send_request(client.server, "GET", target).body == audio


RESPELLED = [
    lambda path: path.replace("%20", "+"), lambda path: path.replace("%20", "%2520"), lambda path: path.replace("%E5", "%e5"),
    lambda path: path.replace("/0/1", "/0//1"), lambda path: path.replace("/0/1", "/0/./1"), lambda path: path.replace("/0/1", "/%30/1"),
    lambda path: path.replace("/0/1", "%2F0/1"), lambda path: path.replace("obs", "%6fbs"), lambda path: path + "/",
    lambda path: path.replace(".wav", "%2ewav"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(RESPELLED)))
def test_a_signed_url_is_valid_in_its_own_spelling_only(site: ProxySite, number: int) -> None:
    audio, call_id = make_a_law_wav(150 + number), f"1602728619-8{number:02}"
    name = f"录音 b {number}.wav"
    add_recording(site.node.node, site.tenants.acme.app, audio, f"/0/1/{name}", f"Y:/4/0/{name}", call_id=call_id)
    client = create_client(site.node, site.tenants.acme)
    url = str(client.request("getRecordFileUrlFromObs", {"callId": call_id, **PERIOD}).json["resultData"]["url"])
    parts = urlsplit(url)
    respelled = RESPELLED[number](parts.path)
    assert respelled != parts.path
    statuses = {send_request(site.get_server(way), "GET", f"{respelled}?{parts.query}").status for way in WAYS}
    assert len(statuses) == 1
    assert statuses <= {403, 404}
