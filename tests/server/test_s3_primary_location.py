"""A server whose primary location is a bucket. It works as on a disk. When the service fails, clients get an error in bounded
time, or an aborted response once it has begun, but never wrong bytes."""

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
from ccfs.db.system.storage import locations
from ccfs.model.recordings.recording import Recording
from ccfs.protocol.operations import BASE_PATH
from ccfs.server.node import Node
from tests.api.api_client import Reply, send_request
from tests.api.callback_client import NEW_YORK_FILE, CallbackClient, extract_names, run_callback_client
from tests.blobs import s3_locations
from tests.proxies import Proxy, ProxyMode, run_proxy
from tests.servers import S3_KEYS
from tests.two_tenants import add_recording, make_a_law_wav

MAX_SECONDS = 25.0  # until a failure is reported: attempts of one second each, within two, on a busy machine
FAILURES = [ProxyMode.REFUSE, ProxyMode.SILENT, ProxyMode.BUSY]
LARGE_BYTES = 12 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Server:
    """A server whose primary location is a bucket, and the proxy between the two."""

    callback_client: CallbackClient
    s3_proxy: Proxy
    large_recording: Recording

    def request(self, operation: str, fields: dict[str, Any], **headers: str) -> Reply:
        """Call an operation as the first app."""
        return self.callback_client.client.request(operation, fields, **headers)


@pytest.fixture(scope="module")
def s3_server(tmp_path_factory: pytest.TempPathFactory, s3_url: str) -> Iterator[S3Server]:
    """The server, with short timeouts."""
    data = tmp_path_factory.mktemp("bucket")
    keys = dict(zip(("s3_access_key", "s3_secret_key"), S3_KEYS, strict=True))
    options = {"primary_location": "1", "s3_timeout_seconds": 1, "s3_retries": 2, "s3_cooldown_seconds": 0, **keys}
    with run_proxy(s3_url) as between:
        node = Node(settings.load_settings({}, data=data))
        with node.database.write_transaction() as connection:
            locations.add(connection, s3_locations.make_location_config(between.url))
        with run_callback_client(data, **options) as callback_client:
            sound = hashlib.shake_128(b"big").digest(LARGE_BYTES)
            names = ("/0/1/record/big/1.V3", "Y:/4/0/20201015/512/big.V3")
            big = add_recording(
                callback_client.client.server.node, callback_client.tenants.acme.app, sound, *names, call_id="big-1"
            )
            yield S3Server(callback_client=callback_client, s3_proxy=between, large_recording=big)


@pytest.fixture
def set_proxy_mode(s3_server: S3Server) -> Iterator[Callable[[ProxyMode], None]]:
    """A function that sets what happens to connections to the service until the test ends."""

    def choose(chosen: ProxyMode) -> None:
        s3_server.s3_proxy.mode = chosen

    yield choose
    s3_server.s3_proxy.mode = ProxyMode.PASS


def test_no_bytes_are_stored_on_the_disk(s3_server: S3Server) -> None:
    folder = Path(s3_server.callback_client.client.server.node.settings.data) / "files"
    assert [path for path in folder.rglob("*") if path.is_file()] == []


def test_recordings_of_any_size_are_downloaded_whole_and_in_ranges(s3_server: S3Server) -> None:
    acme = s3_server.callback_client.tenants.acme
    for recording in (acme.only_recording, acme.large_recording):
        data, fields = acme.audio_by_name[recording.file_name], {"fileName": recording.file_name}
        assert s3_server.request("downloadRecordFile", fields).body == data
        for start, end in ((0, 1), (7, 2000), (len(data) - 3, len(data)), (1, len(data))):
            reply = s3_server.request("downloadRecordFile", fields, range=f"bytes={start}-{end - 1}")
            assert (reply.status, reply.body) == (206, data[start:end])


def test_a_token_plays_from_the_bucket(s3_server: S3Server) -> None:
    acme, server = s3_server.callback_client.tenants.acme, s3_server.callback_client.client.server
    reply = send_request(server, "GET", f"{BASE_PATH}playVoice?st={acme.play_token}", {"range": "bytes=10-19"})
    assert (reply.status, reply.body) == (206, acme.audio_by_name[acme.only_recording.file_name][10:20])
    head = send_request(server, "HEAD", f"{BASE_PATH}playVoice?st={acme.play_token}")
    assert int(head.headers["content-length"]) == len(acme.audio_by_name[acme.only_recording.file_name])


def test_a_zip_of_several_recordings_is_read_from_the_bucket(s3_server: S3Server) -> None:
    acme = s3_server.callback_client.tenants.acme
    reply = s3_server.request("downloadRecord", {"callId": acme.call_recordings[0].call_id})
    with zipfile.ZipFile(io.BytesIO(reply.body)) as archive:
        assert archive.testzip() is None
        assert {archive.read(name) for name in archive.namelist()} == {
            acme.audio_by_name[recording.file_name] for recording in acme.call_recordings
        }


def test_an_upload_reports_its_location_and_is_read_hashed_and_deleted_there(s3_server: S3Server) -> None:
    data, vdn = make_a_law_wav(77), s3_server.callback_client.tenants.acme.vdn
    uploaded = s3_server.request(f"ivr/uploadFile?vdnId={vdn}", {"data": base64.b64encode(data).decode()}).json[
        "resultData"
    ]
    assert uploaded["locationId"] == ["1"]
    assert s3_server.request("ivr/downloadFile", {"filePath": uploaded["fileName"]}).body == data
    known = {"fileName": uploaded["fileName"], "locationId": "1"}
    assert s3_server.request("ivr/getFileHash", known).json["resultData"]["hash"] == hashlib.sha256(data).hexdigest()
    assert s3_server.request("ivr/getFileHash", {**known, "locationId": "0"}).result_code != "0"
    assert s3_server.request("ivr/deleteFile", known).result_code == "0"
    assert s3_server.request("ivr/getFileHash", known).result_code != "0"


def test_an_export_is_written_to_the_bucket_and_downloaded(s3_server: S3Server) -> None:
    assert NEW_YORK_FILE in extract_names(
        s3_server.callback_client.export_lines(endTime="2020-10-17 23:59:59")["record"]
    )


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("headers", [{}, {"range": "bytes=0-99"}], ids=["whole", "range"])
def test_a_failing_service_is_reported_before_the_first_byte(
    s3_server: S3Server, set_proxy_mode: Callable[[ProxyMode], None], failure: ProxyMode, headers: dict[str, str]
) -> None:
    acme, began = s3_server.callback_client.tenants.acme, time.monotonic()
    set_proxy_mode(failure)
    with ThreadPoolExecutor(2) as pool:
        names = [{"fileName": recording.file_name} for recording in (acme.only_recording, acme.large_recording)]
        replies = list(pool.map(lambda name: s3_server.request("downloadRecordFile", name, **headers), names))
    assert [(reply.status, reply.result_code) for reply in replies] == [(200, "0390005")] * 2
    assert time.monotonic() - began < MAX_SECONDS
    set_proxy_mode(ProxyMode.PASS)
    assert (
        s3_server.request("downloadRecordFile", {"fileName": acme.only_recording.file_name}).body
        == acme.audio_by_name[acme.only_recording.file_name]
    )


@pytest.mark.parametrize("failure", FAILURES)
def test_an_upload_that_cannot_be_stored_is_rejected(
    s3_server: S3Server, set_proxy_mode: Callable[[ProxyMode], None], failure: ProxyMode
) -> None:
    vdn, began = s3_server.callback_client.tenants.acme.vdn, time.monotonic()
    set_proxy_mode(failure)
    reply = s3_server.request(f"ivr/uploadFile?vdnId={vdn}", {"data": base64.b64encode(make_a_law_wav(78)).decode()})
    assert (reply.status, reply.result_code) == (200, "0390005")
    assert time.monotonic() - began < MAX_SECONDS


def test_a_response_interrupted_by_the_service_is_resumed(
    s3_server: S3Server, set_proxy_mode: Callable[[ProxyMode], None]
) -> None:
    s3_server.s3_proxy.mode_after_cut = ProxyMode.PASS
    set_proxy_mode(ProxyMode.CUT)
    reply = s3_server.request("downloadRecordFile", {"fileName": s3_server.large_recording.file_name})
    assert hashlib.sha256(reply.body).hexdigest() == s3_server.large_recording.blob.sha256


@pytest.mark.parametrize("failure", FAILURES)
def test_a_response_that_cannot_be_resumed_is_aborted_and_never_wrong(
    s3_server: S3Server, set_proxy_mode: Callable[[ProxyMode], None], failure: ProxyMode
) -> None:
    s3_server.s3_proxy.mode_after_cut, began = failure, time.monotonic()
    set_proxy_mode(ProxyMode.CUT)
    with pytest.raises((http.client.IncompleteRead, ConnectionError)) as caught:
        s3_server.request("downloadRecordFile", {"fileName": s3_server.large_recording.file_name})
    if isinstance(caught.value, http.client.IncompleteRead):
        part = caught.value.partial
        assert part == hashlib.shake_128(b"big").digest(len(part))
    assert time.monotonic() - began < 2 * MAX_SECONDS


def test_a_service_that_hangs_blocks_no_other_request(
    s3_server: S3Server, set_proxy_mode: Callable[[ProxyMode], None]
) -> None:
    acme, server = s3_server.callback_client.tenants.acme, s3_server.callback_client.client.server
    set_proxy_mode(ProxyMode.SILENT)
    with ExitStack() as stack:
        waiting = [stack.enter_context(server.connect()) for _ in range(40)]
        for connection in waiting:
            connection.sendall(f"GET {BASE_PATH}playVoice?st={acme.play_token} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        time.sleep(0.2)  # all requests are under way now
        assert (
            s3_server.request("requestPlayVoice", {"fileName": acme.only_recording.file_name}).result_code == "0"
        )  # this writes a row
        assert len(select.select(waiting, [], [], 0)[0]) < len(waiting) // 2
