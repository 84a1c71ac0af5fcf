"""Files in S3 that nginx fetches by the configuration of deploy/: answers are those of a node that hands nothing over, and
whatever the service answers instead of bytes, the client hears of it from the node."""

import http.client
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ccfs.model.recordings.recording import Recording
from ccfs.protocol.operations import BASE_PATH
from tests.cast import a_law, keep_recording
from tests.certificates import identity
from tests.deploy.balancing import write_pem
from tests.deploy.s3_site import Bucket, bucket_site
from tests.deploy.test_nginx import DAY, DIFFERENT, FRESH, RANGES
from tests.proxies import Way
from tests.web.callers import Caller, Reply, caller, raw, send
from tests.web.doors import doors, labels

FILES = (
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
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    """One site for all tests."""
    with bucket_site(tmp_path_factory.mktemp("bucket")) as made:
        yield made


@pytest.fixture
def way(site: Bucket) -> Iterator[Bucket]:
    """The site, whose line between nginx and the service is whole again after the test."""
    yield site
    site.between.way = Way.PASS


def handed(site: Bucket, operation: str, fields: dict[str, Any], **headers: str) -> Reply:
    """What the node answers to nginx itself: loopback is trusted, so the test can stand where nginx is."""
    return caller(site.node, site.cast.acme).ask(operation, fields, x_forwarded_for="192.0.2.9", **headers)


@pytest.mark.parametrize("label", [label for label in labels() if label != "deletion"])
def test_every_operation_answers_as_without_nginx(site: Bucket, label: str) -> None:
    operation, msg_body = doors(site.cast.acme, there=True)[label]
    through, without = site.acme.ask(operation, msg_body), site.direct.ask(operation, msg_body)
    if label in FRESH:  # each answer is another one
        assert (through.status, through.code, without.code) == (200, "0", "0")
    else:
        assert through.without(*DIFFERENT) == without.without(*DIFFERENT)


@pytest.mark.parametrize("label", FILES)
def test_every_file_goes_that_way(site: Bucket, label: str) -> None:
    operation, msg_body = doors(site.cast.acme, there=True)[label]
    reply = handed(site, operation, msg_body)
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["x-accel-redirect"].startswith("/ccfs-s3/1/calls/")


@pytest.mark.parametrize("headers", RANGES, ids=str)
@pytest.mark.parametrize("path", ["signed", "token"])
def test_ranges_and_tags_are_those_of_the_node(site: Bucket, headers: dict[str, str], path: str) -> None:
    through, without = (_asked(one, site, path, headers) for one in (site.acme, site.direct))
    assert through.without(*DIFFERENT) == without.without(*DIFFERENT)


def _asked(client: Caller, site: Bucket, path: str, headers: dict[str, str]) -> Reply:
    large = site.cast.acme.large
    tag = f'"{large.blob.sha256[:32]}"'
    headers = {name: tag if value == "the tag" else value for name, value in headers.items()}
    if path == "signed":
        return client.ask("downloadRecordFile", {"fileName": large.file_name}, **headers)
    token = client.ask("requestPlayVoice", {"fileName": large.original_file_name}).json["resultData"]["token"]
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return send(client.server, "GET", f"{BASE_PATH}playVoice?t=1&version=2.0&st={token}", named)


def test_a_head_is_that_of_the_node(site: Bucket) -> None:
    target = f"{BASE_PATH}playVoice?t=1&version=2.0&st={site.cast.acme.token}"
    one, other = (send(server, "HEAD", target) for server in (site.front, site.plain))
    assert one.without(*DIFFERENT) == other.without(*DIFFERENT)


def test_no_header_comes_twice_and_none_tells_of_the_service(site: Bucket) -> None:
    target, body = BASE_PATH + "downloadRecordFile", site.acme.body({"fileName": site.cast.acme.one.file_name})
    for more in ("", "range: bytes=0-9\r\n"):
        lines = [f"{name}: {value}\r\n" for name, value in site.acme.signed(target, body).items()]
        head = f"POST {target} HTTP/1.1\r\n{''.join(lines)}{more}connection: close\r\n\r\n"
        answer = raw(site.front, head.encode() + body).partition(b"\r\n\r\n")[0].decode().lower()
        names = [line.partition(":")[0] for line in answer.splitlines()[1:]]
        assert len(set(names)) == len(names)
        assert not [name for name in names if name.startswith(("x-a", "x-ccfs", "last-mod"))]
        assert not [word for word in ("x-amz", "signature", "credential", "seaweed") if word in answer]


def test_urls_of_recordings_lead_to_the_service_itself(site: Bucket) -> None:
    reply = site.acme.ask("getRecordFileUrlFromObs", {"callId": site.cast.acme.large.call_id, **DAY})
    assert reply.json["resultData"]["url"].startswith("https://localhost:")


@pytest.mark.parametrize("form", ["{}", "/x/..{}", "//{}", "/%63cfs-s3{0}", "{}&x=1", "/CCFS/..{}"])
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_nobody_reaches_the_service_from_outside(site: Bucket, form: str, method: str) -> None:
    before = site.fetched()
    place = handed(site, "downloadRecordFile", {"fileName": site.cast.acme.one.file_name}).headers["x-accel-redirect"]
    target = form.format(place.removeprefix("/ccfs-s3") if "%63" in form else place)
    for headers in ({}, {"X-Accel-Redirect": place}, {"X-Ccfs-Itself": "1"}):
        reply = send(site.front, method, target, headers)
        assert reply.status == 404
        assert b"RIFF" not in reply.body
    assert site.fetched() == before


def test_only_a_trusted_proxy_is_told(site: Bucket) -> None:
    fields = {"fileName": site.cast.acme.one.file_name}
    reply = caller(site.node, site.cast.acme).ask("downloadRecordFile", fields)  # as a peer on its network
    assert reply.body == site.cast.acme.audio[site.cast.acme.one.file_name]
    through = handed(site, "downloadRecordFile", fields, x_ccfs_itself="1")
    assert through.body == reply.body


def test_a_client_cannot_say_that_nginx_failed(site: Bucket) -> None:
    known = len(site.node.log_lines("handover_failed"))
    reply = site.acme.ask("downloadRecordFile", {"fileName": site.cast.acme.one.file_name}, x_ccfs_itself="1")
    assert reply.body == site.cast.acme.audio[site.cast.acme.one.file_name]
    assert len(site.node.log_lines("handover_failed")) == known


@pytest.mark.parametrize("failure", [Way.REFUSE, Way.SILENT, Way.BUSY])
@pytest.mark.parametrize("headers", [{}, {"range": "bytes=100-299"}], ids=["whole", "range"])
def test_the_node_sends_what_nginx_cannot_fetch(way: Bucket, failure: Way, headers: dict[str, str]) -> None:
    way.between.way = failure
    for operation, fields in (doors(way.cast.acme, there=True)[label] for label in ("index name", "voice file")):
        through, without = (one.ask(operation, fields, **headers) for one in (way.acme, way.direct))
        assert through.status in (200, 206)
        assert through.without(*DIFFERENT) == without.without(*DIFFERENT)


@pytest.mark.parametrize(
    ("wrong", "status"),
    [({"host": "localhost:1"}, "403"), ({"authority": "another"}, "502"), ({"location_id": "9"}, "-")],
)
def test_a_mistake_in_nginx_costs_no_file_and_is_told(
    site: Bucket, tmp_path: Path, wrong: dict[str, Any], status: str
) -> None:
    """Each signature fails; or the service's certificate does; or nothing is said of the location."""
    if "authority" in wrong:
        wrong = {"authority": write_pem(tmp_path, identity("localhost"))[0]}
    fields = {"fileName": site.cast.acme.one.file_name}
    known = len(site.node.log_lines("handover_failed"))
    with site.another_front(tmp_path, **wrong) as client:
        through, without = (one.ask("downloadRecordFile", fields) for one in (client, site.direct))
        assert through.without(*DIFFERENT) == without.without(*DIFFERENT)
        last = client.server.log.with_name("ccfs.log").read_text().splitlines()[-1]
        assert f"200 : {status} : 200" in last or (status == "-" and "200 : 200" in last)
        assert "Signature" not in last
    assert len(site.node.log_lines("handover_failed")) == known + 1


@pytest.mark.parametrize("breaking", ["gone", "short", "long"])
def test_a_file_that_is_not_whole_is_refused_as_without_nginx(site: Bucket, breaking: str) -> None:
    recording = recorded(site, breaking)
    location = site.node.node.locations["1"]
    data = b"".join(location.read(recording.blob.key))
    location.delete(recording.blob.key)
    if breaking != "gone":
        location.write(recording.blob.key, [data[:-1] if breaking == "short" else data + b"x"])
    fields = {"fileName": recording.file_name}
    through, without = (one.ask("downloadRecordFile", fields) for one in (site.acme, site.direct))
    assert through.code == "0390005"
    assert through.without(*DIFFERENT) == without.without(*DIFFERENT)


def test_a_file_that_is_lost_after_it_was_handed_over_is_refused_by_the_node(way: Bucket) -> None:
    recording = recorded(way, "lost")
    fields = {"fileName": recording.file_name}
    way.between.way = Way.SILENT
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(way.acme.ask, "downloadRecordFile", fields)
        time.sleep(0.5)  # nginx waits for the service now, for another half second
        way.node.node.locations["1"].delete(recording.blob.key)
        through = asked.result()
    assert through.code == "0390005"
    assert through.without(*DIFFERENT) == way.direct.ask("downloadRecordFile", fields).without(*DIFFERENT)


def test_what_breaks_in_its_middle_is_cut_and_the_rest_may_be_asked_for(way: Bucket) -> None:
    large = way.cast.acme.large
    fields, sound = {"fileName": large.file_name}, way.cast.acme.audio[large.file_name]
    way.between.cut_after, way.between.after_cut, way.between.way = 1 << 20, Way.PASS, Way.CUT
    with pytest.raises(http.client.IncompleteRead) as caught:
        way.acme.ask("downloadRecordFile", fields)
    part = caught.value.partial
    assert part == sound[: len(part)]
    rest = way.acme.ask("downloadRecordFile", fields, range=f"bytes={len(part)}-")
    assert (rest.status, part + rest.body) == (206, sound)


def recorded(site: Bucket, name: str) -> Recording:
    """A recording of its own for a test that breaks it."""
    node = site.node.node
    sound = a_law(70 + len(name)) + name.encode()
    return keep_recording(node, site.cast.acme.app, sound, f"/0/1/b/{name}.wav", f"Y:/4/0/b/{name}.V3")
