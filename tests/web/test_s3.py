"""A server whose home is a bucket: everything works as on a disk; and when the service fails, callers are told so in bounded
time, or cut off once an answer has begun: never wrong bytes."""

import base64
import hashlib
import http.client
import io
import select
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ccfs import settings
from ccfs.db.system import locations
from ccfs.model.recordings.recording import Recording
from ccfs.protocol.operations import BASE_PATH
from ccfs.server.node import Node
from tests.cast import a_law, keep_recording
from tests.proxies import Proxy, Way, proxy
from tests.servers import S3_KEYS
from tests.store import buckets
from tests.web.callers import Reply, send
from tests.web.office import FAR, Office, an_office, names_in

LONGEST = 25.0  # seconds until a failure is told: tries of a second each, within two, on a machine that is busy
FAILURES = [Way.REFUSE, Way.SILENT, Way.BUSY]
BIG = 12 << 20  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Away:
    """A server with its home in a bucket, and what lies between the two."""

    office: Office
    between: Proxy
    big: Recording

    def ask(self, operation: str, fields: dict[str, Any], **headers: str) -> Reply:
        """As the first app."""
        return self.office.caller.ask(operation, fields, **headers)


@pytest.fixture(scope="module")
def away(tmp_path_factory: pytest.TempPathFactory, s3_url: str) -> Iterator[Away]:
    """The server, with impatient settings."""
    data = tmp_path_factory.mktemp("bucket")
    keys = dict(zip(("s3_access_key", "s3_secret_key"), S3_KEYS, strict=True))
    given = {"primary_location": "1", "s3_timeout_seconds": 1, "s3_retries": 2, "s3_cooldown_seconds": 0, **keys}
    with proxy(s3_url) as between:
        node = Node(settings.load_settings({}, data=data))
        with node.database.write_transaction() as connection:
            locations.add(connection, buckets.place(between.url))
        with an_office(data, **given) as office:
            sound = hashlib.shake_128(b"big").digest(BIG)
            names = ("/0/1/record/big/1.V3", "Y:/4/0/20201015/512/big.V3")
            big = keep_recording(office.caller.server.node, office.cast.acme.app, sound, *names, call_id="big-1")
            yield Away(office=office, between=between, big=big)


@pytest.fixture
def way(away: Away) -> Iterator[Callable[[Way], None]]:
    """Chooses what becomes of connections to the service; all is well again after the test."""

    def choose(chosen: Way) -> None:
        away.between.way = chosen

    yield choose
    away.between.way = Way.PASS


def test_nothing_lies_on_the_disk(away: Away) -> None:
    folder = Path(away.office.caller.server.node.settings.data) / "files"
    assert [path for path in folder.rglob("*") if path.is_file()] == []


def test_recordings_of_any_size_are_downloaded_whole_and_in_ranges(away: Away) -> None:
    acme = away.office.cast.acme
    for recording in (acme.one, acme.large):
        data, ask = acme.audio[recording.file_name], {"fileName": recording.file_name}
        assert away.ask("downloadRecordFile", ask).body == data
        for start, end in ((0, 1), (7, 2000), (len(data) - 3, len(data)), (1, len(data))):
            reply = away.ask("downloadRecordFile", ask, range=f"bytes={start}-{end - 1}")
            assert (reply.status, reply.body) == (206, data[start:end])


def test_a_token_plays_from_the_bucket(away: Away) -> None:
    acme, server = away.office.cast.acme, away.office.caller.server
    reply = send(server, "GET", f"{BASE_PATH}playVoice?st={acme.token}", {"range": "bytes=10-19"})
    assert (reply.status, reply.body) == (206, acme.audio[acme.one.file_name][10:20])
    head = send(server, "HEAD", f"{BASE_PATH}playVoice?st={acme.token}")
    assert int(head.headers["content-length"]) == len(acme.audio[acme.one.file_name])


def test_a_zip_of_several_comes_from_the_bucket(away: Away) -> None:
    acme = away.office.cast.acme
    reply = away.ask("downloadRecord", {"callId": acme.two[0].call_id})
    with zipfile.ZipFile(io.BytesIO(reply.body)) as archive:
        assert archive.testzip() is None
        assert {archive.read(name) for name in archive.namelist()} == {acme.audio[one.file_name] for one in acme.two}


def test_an_upload_tells_its_location_and_is_read_hashed_and_deleted_there(away: Away) -> None:
    data, vdn = a_law(77), away.office.cast.acme.vdn
    told = away.ask(f"ivr/uploadFile?vdnId={vdn}", {"data": base64.b64encode(data).decode()}).json["resultData"]
    assert told["locationId"] == ["1"]
    assert away.ask("ivr/downloadFile", {"filePath": told["fileName"]}).body == data
    known = {"fileName": told["fileName"], "locationId": "1"}
    assert away.ask("ivr/getFileHash", known).json["resultData"]["hash"] == hashlib.sha256(data).hexdigest()
    assert away.ask("ivr/getFileHash", {**known, "locationId": "0"}).code != "0"
    assert away.ask("ivr/deleteFile", known).code == "0"
    assert away.ask("ivr/getFileHash", known).code != "0"


def test_an_export_is_made_into_the_bucket_and_fetched(away: Away) -> None:
    assert FAR in names_in(away.office.rows(endTime="2020-10-17 23:59:59")["record"])


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("headers", [{}, {"range": "bytes=0-99"}], ids=["whole", "range"])
def test_a_service_that_fails_is_told_before_the_first_byte(
    away: Away, way: Callable[[Way], None], failure: Way, headers: dict[str, str]
) -> None:
    acme, began = away.office.cast.acme, time.monotonic()
    way(failure)
    with ThreadPoolExecutor(2) as pool:
        names = [{"fileName": recording.file_name} for recording in (acme.one, acme.large)]
        replies = list(pool.map(lambda name: away.ask("downloadRecordFile", name, **headers), names))
    assert [(reply.status, reply.code) for reply in replies] == [(200, "0390005")] * 2
    assert time.monotonic() - began < LONGEST
    way(Way.PASS)
    assert away.ask("downloadRecordFile", {"fileName": acme.one.file_name}).body == acme.audio[acme.one.file_name]


@pytest.mark.parametrize("failure", FAILURES)
def test_an_upload_that_cannot_be_kept_is_refused(away: Away, way: Callable[[Way], None], failure: Way) -> None:
    vdn, began = away.office.cast.acme.vdn, time.monotonic()
    way(failure)
    reply = away.ask(f"ivr/uploadFile?vdnId={vdn}", {"data": base64.b64encode(a_law(78)).decode()})
    assert (reply.status, reply.code) == (200, "0390005")
    assert time.monotonic() - began < LONGEST


def test_an_answer_that_is_broken_off_by_the_service_is_resumed(away: Away, way: Callable[[Way], None]) -> None:
    away.between.after_cut = Way.PASS
    way(Way.CUT)
    reply = away.ask("downloadRecordFile", {"fileName": away.big.file_name})
    assert hashlib.sha256(reply.body).hexdigest() == away.big.blob.sha256


@pytest.mark.parametrize("failure", FAILURES)
def test_an_answer_that_cannot_go_on_is_cut_and_never_wrong(
    away: Away, way: Callable[[Way], None], failure: Way
) -> None:
    away.between.after_cut, began = failure, time.monotonic()
    way(Way.CUT)
    with pytest.raises((http.client.IncompleteRead, ConnectionError)) as caught:
        away.ask("downloadRecordFile", {"fileName": away.big.file_name})
    if isinstance(caught.value, http.client.IncompleteRead):
        part = caught.value.partial
        assert part == hashlib.shake_128(b"big").digest(len(part))
    assert time.monotonic() - began < 2 * LONGEST


def test_a_service_that_is_silent_holds_up_nobody_else(away: Away, way: Callable[[Way], None]) -> None:
    acme, server = away.office.cast.acme, away.office.caller.server
    way(Way.SILENT)
    with ExitStack() as stack:
        waiting = [stack.enter_context(server.connect()) for _ in range(40)]
        for one in waiting:
            one.sendall(f"GET {BASE_PATH}playVoice?st={acme.token} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        time.sleep(0.2)  # they are all in now
        assert away.ask("requestPlayVoice", {"fileName": acme.one.file_name}).code == "0"  # which writes a row
        assert len(select.select(waiting, [], [], 0)[0]) < len(waiting) // 2
