"""A flipped bit of a stored file: whatever is sent whole is what was stored, or fails, is logged and counted."""

import http.client
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa

from ccfs.db import schema
from ccfs.model.identity.tenancy import App
from ccfs.model.recordings.recording import Recording
from ccfs.protocol.operations import BASE_PATH
from tests.api.api_client import ApiClient, send_request
from tests.server.ccfs_server import run_server
from tests.two_tenants import add_app, add_play_token, add_recording, get_blob_path, make_a_law_wav

SK = "the-secret-of-flipped-bytes-0000"
SMALL, MEDIUM = make_a_law_wav(9), make_a_law_wav(9, 400)  # 8 KB and 3.2 MB
HUGE = make_a_law_wav(9, 5000)  # 40 MB: sent while it is read
SIZES = {"small": SMALL, "medium": MEDIUM}
_numbers = count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flipped:
    """An app with recordings of which a test flips a bit."""

    app: App
    client: ApiClient

    def add(self, data: bytes, call: str = "") -> Recording:
        """Add a recording of a call of its own, or of this one."""
        number, server = next(_numbers), self.client.server
        name = f"/0/1/record/{self.client.ak}/flipped-account/20201015/1/{number}.V3"
        blob = server.node.disk.write(f"{self.app.id}/recordings/20201015/{number}.wav", [data])  # as ingest does
        return add_recording(
            server.node, self.app, blob, name, f"Y:/5/0/20201015/1/{number}.V3", call_id=call or f"1-{number}"
        )

    def flip(self, recording: Recording, where: float) -> Path:
        """Flip a bit at this part of the file."""
        path = get_blob_path(self.client.server.node, recording.blob)
        data = bytearray(path.read_bytes())
        data[min(int(len(data) * where), len(data) - 1)] ^= 0x40
        path.write_bytes(data)
        return path

    def is_reported(self, recording: Recording) -> bool:
        """Return whether the next ingest will try to restore the recording's file."""
        with self.client.server.node.database.read_transaction() as connection:
            keys = connection.execute(sa.select(schema.lost_blobs.c.key).where(schema.lost_blobs.c.app == self.app.id))
            return recording.blob.key in keys.scalars().all()

    def count_failures(self, cause: str) -> float:
        """Return the metric of a cause."""
        text = send_request(self.client.server, "GET", "/metrics").body.decode()
        found = re.findall(rf'ccfs_read_failures_total{{cause="{cause}",location="0"}} ([0-9.]+)', text)
        return float(found[0]) if found else 0


@pytest.fixture(scope="module")
def flipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flipped]:
    """The app, on a server of these tests: its log has no other failures."""
    with run_server(tmp_path_factory.mktemp("flipped"), lock_failures=0) as server:
        app = add_app(server.node, "flipped", SK, 5)
        yield Flipped(app=app, client=ApiClient(server=server, ak=app.ak, sk=SK))


@pytest.mark.parametrize("where", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("size", SIZES)
def test_a_flipped_bit_is_never_sent_under_the_good_tag(flipped: Flipped, size: str, where: float) -> None:
    recording = flipped.add(SIZES[size])
    flipped.flip(recording, where)
    before = flipped.count_failures("damaged")
    for operation in (
        ("downloadRecordFile", {"fileName": recording.file_name}),
        ("downloadRecord", {"callId": recording.call_id}),
    ):
        reply = flipped.client.request(*operation)
        assert reply.result_code == "0390005"
        assert "etag" not in reply.headers
    whole = flipped.client.request("downloadRecordFile", {"fileName": recording.file_name}, range="bytes=0-")
    assert whole.result_code == "0390005"
    assert flipped.count_failures("damaged") == before + 3
    assert flipped.is_reported(recording)


@pytest.mark.parametrize("size", SIZES)
def test_a_flipped_bit_is_not_played(flipped: Flipped, size: str) -> None:
    recording = flipped.add(SIZES[size])
    server = flipped.client.server
    token = add_play_token(server.node, flipped.app, recording, recording.call_end - recording.call_begin)
    path = f"{BASE_PATH}playVoice?st={token}"
    assert send_request(server, "GET", path).body == SIZES[size]
    flipped.flip(recording, 0.5)
    assert send_request(server, "GET", path).result_code == "0390005"


def test_a_file_that_was_right_is_checked_again_when_it_has_changed(flipped: Flipped) -> None:
    recording = flipped.add(MEDIUM)
    for _ in range(2):
        reply = flipped.client.request("downloadRecordFile", {"fileName": recording.file_name})
        assert reply.body == MEDIUM
    flipped.flip(recording, 0.3)
    reply = flipped.client.request("downloadRecordFile", {"fileName": recording.file_name})
    assert reply.result_code == "0390005"


@pytest.mark.parametrize("where", [0.0, 0.99])
def test_a_huge_file_with_a_flipped_bit_is_cut_before_its_end(flipped: Flipped, where: float) -> None:
    recording = flipped.add(HUGE)
    request = ("downloadRecordFile", {"fileName": recording.file_name})
    assert flipped.client.request(*request).body == HUGE
    flipped.flip(recording, where)
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        flipped.client.request(*request)
    assert flipped.client.server.wait_for_log_line("response_aborted")["reason"].startswith("BlobDamaged")
    assert flipped.is_reported(recording)


@pytest.mark.parametrize("size", SIZES)
def test_a_zip_of_a_call_with_a_flipped_bit_does_not_end_well(flipped: Flipped, size: str) -> None:
    call = f"2-{next(_numbers)}"
    recordings = [flipped.add(SIZES[size], call) for _ in range(2)]
    flipped.flip(recordings[1], 0.5)
    try:
        assert flipped.client.request("downloadRecord", {"callId": call}).result_code == "0390005"
    except (http.client.IncompleteRead, ConnectionError):
        assert size == "medium"  # which is sent while it is read


def test_causes_are_logged_with_location_and_key_and_rarely(flipped: Flipped) -> None:
    recordings = [flipped.add(SMALL) for _ in range(20)]
    before = flipped.count_failures("missing")
    for recording in recordings:
        get_blob_path(flipped.client.server.node, recording.blob).unlink()
        flipped.client.request("downloadRecordFile", {"fileName": recording.file_name})
    assert flipped.count_failures("missing") == before + 20
    line = flipped.client.server.wait_for_log_line("read_failed", cause="missing", location="0")
    assert (line["location"], line["node"], line["level"]) == ("0", "local", "error")
    assert line["key"]
    assert "FileNotFoundError" in line["reason"]
    lines = flipped.client.server.read_log_lines("read_failed")
    assert len([one for one in lines if one["cause"] == "missing"]) < 10


def test_a_file_of_another_size_has_a_cause_of_its_own(flipped: Flipped) -> None:
    recording = flipped.add(SMALL)
    path = get_blob_path(flipped.client.server.node, recording.blob)
    path.write_bytes(SMALL[:-1])
    flipped.client.request("downloadRecordFile", {"fileName": recording.file_name})
    assert flipped.client.server.wait_for_log_line("read_failed", cause="size")["key"] == recording.blob.key
