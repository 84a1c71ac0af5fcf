"""Nodes behind nginx, by the configuration of deploy/: everything is as it is without nginx, with X-Accel and without."""

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
from tests.cast import Member, a_law, fill, keep_recording, path_of
from tests.deploy.conftest import Site
from tests.web.callers import Caller, Reply, caller, raw, send
from tests.web.doors import doors, labels
from tests.web.serving import serving

DIFFERENT = ("date", "server", "x-request-id", "connection", "keep-alive")  # from request to request, or by who speaks
FRESH = ("playback", "URL", "URLs", "upload", "upload by its alias", *(one for one in labels() if "asking" in one))
DAY = {"beginTime": "2020-10-15 00:00:00", "endTime": "2020-10-15 23:59:59", "version": "2.0"}
MB = 1 << 20


def direct(site: Site) -> Caller:
    """A client of the first app that nginx does not see; the node is one that hands nothing over."""
    return caller(site.nodes[0], site.cast.acme)


@pytest.fixture
def plain(sites: dict[str, Site]) -> Caller:
    """What answers must be like: those of a node without nginx."""
    return direct(sites["plain"])


@pytest.mark.parametrize("label", [label for label in labels() if label != "deletion"])
def test_every_operation_answers_as_without_nginx(site: Site, plain: Caller, label: str) -> None:
    operation, msg_body = doors(site.cast.acme, there=True)[label]
    through, without = site.acme.ask(operation, msg_body), plain.ask(operation, msg_body)
    if label in FRESH:  # each answer is another one
        assert (through.status, through.code, without.code) == (200, "0", "0")
    else:
        assert through.without(*DIFFERENT) == without.without(*DIFFERENT)


@pytest.mark.parametrize("label", labels())
def test_refusals_are_those_of_the_node(site: Site, plain: Caller, label: str) -> None:
    operation, msg_body = doors(site.cast.acme, there=False)[label]
    assert site.acme.ask(operation, msg_body).without(*DIFFERENT) == plain.ask(operation, msg_body).without(*DIFFERENT)


SIZE = 3_200_058  # bytes of the large recording
RANGES: list[dict[str, str]] = [
    {"range": "bytes=0-0"},
    {"range": "bytes=100-299"},
    {"range": "bytes=1000000-1065535"},
    {"range": "bytes=-100"},
    {"range": "bytes=3200000-"},
    {"range": "bytes=3200000-9999999"},
    {"range": f"bytes={SIZE}-"},
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
def test_ranges_and_tags_are_those_of_the_node(site: Site, plain: Caller, headers: dict[str, str], way: str) -> None:
    through, without = (_asked(one, site.cast.acme, way, headers) for one in (site.acme, plain))
    assert through.without(*DIFFERENT) == without.without(*DIFFERENT)


def _asked(client: Caller, member: Member, way: str, headers: dict[str, str]) -> Reply:
    """The large recording, or a zip, by one of the ways that lead to it."""
    tag = f'"{member.large.blob.sha256[:32]}"'
    headers = {name: tag if value == "the tag" else value for name, value in headers.items()}
    if way == "zip":
        return client.ask("downloadRecord", {"callId": member.two[0].call_id}, **headers)
    if way == "signed":
        return client.ask("downloadRecordFile", {"fileName": member.large.file_name}, **headers)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return send(client.server, "GET", _target(client, member, way), named)


def _target(client: Caller, member: Member, way: str) -> str:
    if way == "URL":
        reply = client.ask("getRecordFileUrlFromObs", {"callId": member.large.call_id, **DAY})
        return str(reply.json["resultData"]["url"]).removeprefix(f"http://{client.server.host}")
    reply = client.ask("requestPlayVoice", {"fileName": member.large.original_file_name})
    return f"{BASE_PATH}playVoice?t=1&version=2.0&st={reply.json['resultData']['token']}"


@pytest.mark.parametrize("way", ["token", "URL"])
def test_a_head_is_that_of_the_node(site: Site, plain: Caller, way: str) -> None:
    one, other = (send(c.server, "HEAD", _target(c, site.cast.acme, way)) for c in (site.acme, plain))
    assert one.without(*DIFFERENT, "content-disposition") == other.without(*DIFFERENT, "content-disposition")


def test_no_header_comes_twice_and_none_tells_of_files(sites: dict[str, Site]) -> None:
    site = sites["x_accel"]
    target, body = BASE_PATH + "downloadRecordFile", site.acme.body({"fileName": site.cast.acme.one.file_name})
    for more in ("", "range: bytes=0-9\r\n"):
        lines = [f"{name}: {value}\r\n" for name, value in site.acme.signed(target, body).items()]
        head = f"POST {target} HTTP/1.1\r\n{''.join(lines)}{more}connection: close\r\n\r\n"
        answer = raw(site.front, head.encode() + body).partition(b"\r\n\r\n")[0].decode().lower()
        names = [line.partition(":")[0] for line in answer.splitlines()[1:]]
        assert len(set(names)) == len(names)
        assert "x-accel-redirect" not in names
        assert "last-modified" not in names
        assert names.count("accept-ranges") == 1


def as_nginx(site: Site) -> Reply:
    """What a node answers to nginx itself: loopback is trusted, so the test can stand where nginx is."""
    asked = {"fileName": site.cast.acme.one.file_name}
    return direct(site).ask("downloadRecordFile", asked, x_forwarded_for="192.0.2.9")


def test_nginx_does_send_the_files(sites: dict[str, Site]) -> None:
    handed = as_nginx(sites["x_accel"])
    assert (handed.status, handed.body) == (200, b"")
    assert handed.headers["x-accel-redirect"].startswith("/ccfs-files/0/")


def test_another_node_gets_the_bytes_though_it_be_on_the_proxies_network(sites: dict[str, Site]) -> None:
    site = sites["x_accel"]
    recording = site.cast.acme.one
    peer = PeerLocation(
        recording.blob.location_id, lambda: f"http://127.0.0.1:{site.nodes[0].port}", site.nodes[0].node.peer_config
    )
    assert b"".join(peer.read(recording.blob.key)) == site.cast.acme.audio[recording.file_name]
    assert b"".join(peer.read(recording.blob.key, 10, 90)) == site.cast.acme.audio[recording.file_name][10:90]


def test_who_is_no_trusted_proxy_gets_the_bytes(tmp_path: Path) -> None:
    with serving(tmp_path, x_accel="/ccfs-files", trusted_proxies="192.0.2.1") as server:
        cast = fill(server.node)
        reply = caller(server, cast.acme).ask("downloadRecordFile", {"fileName": cast.acme.one.file_name})
        assert reply.body == cast.acme.audio[cast.acme.one.file_name]


@pytest.mark.parametrize("form", ["{}", "/x/..{}", "//{}", "/%63cfs-files{0}", "{}%2e", "/CCFS/..{}", "{}?x=1"])
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_nobody_reaches_the_files_from_outside(sites: dict[str, Site], form: str, method: str) -> None:
    site = sites["x_accel"]
    handed = as_nginx(site)
    place = handed.headers["x-accel-redirect"]
    target = form.format(place.removeprefix("/ccfs-files") if "%63" in form else place)
    for headers in ({}, {"X-Accel-Redirect": place}, {"X-Accel-Mapping": "x"}):
        reply = send(site.front, method, target, headers)
        assert reply.status in (403, 404)
        assert b"RIFF" not in reply.body


@pytest.mark.parametrize(
    "place", ["/ccfs-files/0/../ccfs.db", "/ccfs-files/0/..%2fnode.keys", "/ccfs-files/1/x", "/ccfs-files"]
)
def test_nothing_beside_the_files_is_there(sites: dict[str, Site], place: str) -> None:
    assert send(sites["x_accel"].front, "GET", place).status in (400, 404)


def test_a_file_that_is_not_whole_is_refused_as_without_nginx(sites: dict[str, Site]) -> None:
    site = sites["x_accel"]
    for number, breaking in enumerate(("gone", "short", "a link")):
        recording = keep_recording(
            site.nodes[0].node, site.cast.acme.app, a_law(70 + number), f"/0/1/b/{number}.wav", f"Y:/4/0/b/{number}.V3"
        )
        path = path_of(site.nodes[0].node, recording.blob)
        data = path.read_bytes()
        path.unlink()
        if breaking == "short":
            path.write_bytes(data[:-1])
        elif breaking == "a link":
            path.with_name("elsewhere").write_bytes(data)
            path.symlink_to(path.with_name("elsewhere"))
        assert site.acme.ask("downloadRecordFile", {"fileName": recording.file_name}).code == "0390005"


def test_the_largest_upload_passes_and_a_larger_one_does_not(site: Site) -> None:
    target = f"ivr/uploadFile?vdnId={site.cast.acme.vdn}"
    largest = a_law(8, 656)[: 5 * MB]
    assert len(largest) == 5 * MB
    wrapped = (
        base64.encodebytes(largest).decode().replace("\n", "\r\n")
    )  # as MIME breaks it: the longest way to write it
    reply = site.acme.ask(target, {"data": wrapped})
    assert reply.code == "0"
    name = reply.json["resultData"]["fileName"]
    assert site.acme.ask("ivr/downloadFile", {"filePath": name}).body == largest
    assert site.acme.ask(target, {"data": base64.b64encode(largest + b"x").decode()}).code == "0390001"
    assert site.acme.ask("ivr/deleteFile", {"fileName": name}).code == "0"


def test_a_zip_is_whole(site: Site) -> None:
    reply = site.acme.ask("downloadRecord", {"callId": site.cast.acme.two[0].call_id})
    with zipfile.ZipFile(BytesIO(reply.body)) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 2


def test_over_tls_the_signature_holds_and_urls_begin_with_https(site: Site) -> None:
    context = ssl.create_default_context(cadata=site.tls.pem.decode())
    connection = http.client.HTTPSConnection("127.0.0.1", site.tls_port, timeout=20, context=context)
    client = replace(site.acme, server=replace(site.front, port=site.tls_port))
    target, body = (
        BASE_PATH + "getRecordFileUrlFromObs",
        json.dumps({"callId": site.cast.acme.large.call_id, **DAY}).encode(),
    )
    connection.request("POST", target, body, client.signed(target, body))
    url = json.loads(connection.getresponse().read())["resultData"]["url"]
    base = f"https://127.0.0.1:{site.tls_port}"
    assert url.startswith(f"{base}/CCFS/")
    connection.request("GET", url.removeprefix(base))
    assert connection.getresponse().read() == site.cast.acme.audio[site.cast.acme.large.file_name]
    connection.close()


def test_metrics_are_for_the_machine_itself(site: Site) -> None:
    with site.front.connect() as _:
        assert send(site.front, "GET", "/metrics").status == 200
    assert send(site.front, "GET", "/metrics", source="127.0.0.2").status == 403


def test_the_log_has_no_query(site: Site) -> None:
    token = site.cast.acme.token
    assert send(site.front, "GET", f"{BASE_PATH}playVoice?t=1&version=2.0&st={token}").status == 200
    text = site.front.log.with_name("ccfs.log").read_text()
    assert f'"GET {BASE_PATH}playVoice" 200' in text
    assert token not in text
