"""Files that are missing or damaged on the disk, and clients that are slow or disconnect: never a partial success."""

import hashlib
import os
import socket
import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.identity.tenancy import App
from ccfs.model.recordings.recording import Recording
from ccfs.protocol.operations import BASE_PATH
from tests.api.api_client import ApiClient, Reply, send_request
from tests.server.ccfs_server import CcfsServer
from tests.two_tenants import add_app, add_play_token, add_recording, add_voice_file, get_blob_path, make_a_law_wav

SK = "the-secret-of-damaged-files-0000"
DAMAGES = ["missing", "truncated", "longer", "a link", "a folder"]
SHORT, LONG = make_a_law_wav(9), make_a_law_wav(9, 150)  # 8 KB, and 1.2 MB: more than the web process reads itself
ENORMOUS = bytes(20 << 20)
PARTS = 8  # of an enormous zip
_numbers = count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class DamagedFiles:
    """An app whose files are damaged by these tests."""

    app: App
    client: ApiClient

    def add_call_recording(self, call: str, data: bytes | BlobRef = SHORT) -> Recording:
        """Add a recording to the call."""
        name = f"{next(_numbers)}.V3"
        index, original = f"/0/1/record/{self.app.ak}/damaged-account/20201015/1/{name}", f"Y:/5/0/20201015/1/{name}"
        return add_recording(self.client.server.node, self.app, data, index, original, call_id=call)

    def get_path(self, recording: Recording) -> Path:
        """Return the path of its file."""
        return get_blob_path(self.client.server.node, recording.blob)


@pytest.fixture(scope="module")
def damaged_files(server: CcfsServer) -> DamagedFiles:
    """The app, on the shared server."""
    app = add_app(server.node, "damaged", SK, 5)
    return DamagedFiles(app=app, client=ApiClient(server=server, ak=app.ak, sk=SK))


def damage_file(path: Path, how: str) -> None:
    """Damage the file in one of the ways of DAMAGES."""
    data = path.read_bytes()
    path.unlink()
    match how:
        case "truncated":
            path.write_bytes(data[:-1])
        case "longer":
            path.write_bytes(data + b"x")
        case "a link":
            path.symlink_to("/etc/hostname")
        case "a folder":
            path.mkdir()


def assert_unavailable(reply: Reply) -> None:
    """Assert the retryable failure: JSON, without the headers of a file."""
    assert (reply.status, reply.result_code) == (200, "0390005")
    assert {"etag", "content-range", "accept-ranges", "content-disposition"}.isdisjoint(reply.headers)


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("data", [SHORT, LONG], ids=["short", "long"])
def test_a_damaged_recording_is_not_sent_in_part(damaged_files: DamagedFiles, how: str, data: bytes) -> None:
    recording = damaged_files.add_call_recording(f"file-{how}-{len(data)}", data)
    damage_file(damaged_files.get_path(recording), how)
    for target in (
        ("downloadRecordFile", {"fileName": recording.file_name}),
        ("downloadRecord", {"callId": recording.call_id}),
    ):
        for reply in (damaged_files.client.request(*target), damaged_files.client.request(*target, range="bytes=0-9")):
            assert_unavailable(reply)
            assert reply.headers["content-type"] == "application/json;charset=UTF-8"
            assert reply.json["response"]["resultCode"] == "0390005"


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_recording_is_not_played_in_part(damaged_files: DamagedFiles, how: str) -> None:
    recording = damaged_files.add_call_recording(f"play-{how}")
    server = damaged_files.client.server
    token = add_play_token(server.node, damaged_files.app, recording, recording.call_end - recording.call_begin)
    damage_file(damaged_files.get_path(recording), how)
    for headers in ({}, {"range": "bytes=0-9"}):
        reply = send_request(server, "GET", f"{BASE_PATH}playVoice?st={token}", headers)
        assert_unavailable(reply)
        assert reply.headers["content-type"] == "application/octet-stream;charset=UTF-8"
    head = send_request(server, "HEAD", f"{BASE_PATH}playVoice?st={token}")
    assert {"etag", "accept-ranges"}.isdisjoint(head.headers)  # HEAD must not promise it either


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("damaged", [0, 1, 2])
@pytest.mark.parametrize("data", [SHORT, LONG], ids=["short", "long"])
def test_a_zip_with_a_damaged_member_fails_before_its_first_byte(
    damaged_files: DamagedFiles, how: str, damaged: int, data: bytes
) -> None:
    call = f"zip-{how[:4]}-{damaged}-{len(data)}"
    recordings = [damaged_files.add_call_recording(call, data) for _ in range(3)]
    size = len(damaged_files.client.request("downloadRecord", {"callId": call}).body)
    damage_file(damaged_files.get_path(recordings[damaged]), how)
    assert_unavailable(damaged_files.client.request("downloadRecord", {"callId": call}))
    assert_unavailable(damaged_files.client.request("downloadRecord", {"callId": call}, range=f"bytes=5-{size - 100}"))


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_voice_file_is_not_sent_in_part(damaged_files: DamagedFiles, how: str) -> None:
    names = [f"Y:/5/record/20201015/{how[:4]}.wav", f"Y:/voice/5/IVRrecordFile/{how[:4]}/1.wav"]
    for name in names:
        file = add_voice_file(damaged_files.client.server.node, damaged_files.app, make_a_law_wav(3), 5, name)
        damage_file(get_blob_path(damaged_files.client.server.node, file.blob), how)
    for reply in (
        damaged_files.client.request("downloadIVRRecordFile", {"fileName": names[0]}),
        damaged_files.client.request("ivr/downloadFile", {"filePath": names[1]}),
        damaged_files.client.request("ivr/downloadFile", {"filePath": names[1].rpartition("/")[0], "mode": 1}),
    ):
        assert_unavailable(reply)
        assert "response" not in reply.json


def test_an_upload_whose_bytes_are_missing_is_deleted_and_hashed(damaged_files: DamagedFiles) -> None:
    name = "Y:/3rdfile/5/thirdvoicebotfile/gone.wav"
    file = add_voice_file(damaged_files.client.server.node, damaged_files.app, make_a_law_wav(4), 5, name)
    get_blob_path(damaged_files.client.server.node, file.blob).unlink()
    hashed = damaged_files.client.request("ivr/getFileHash", {"fileName": name})
    assert hashed.json["resultData"]["hash"] == hashlib.sha256(make_a_law_wav(4)).hexdigest()
    assert damaged_files.client.request("ivr/deleteFile", {"fileName": name}).result_code == "0"
    assert damaged_files.client.request("ivr/deleteFile", {"fileName": name}).result_code == "0300011"


def add_enormous_call(damaged_files: DamagedFiles, call: str) -> list[Recording]:
    """Add a call whose zip has 160 MB: one file of 20 MB eight times, to save disk space."""
    first = damaged_files.add_call_recording(call, ENORMOUS)
    return [first, *(damaged_files.add_call_recording(call, first.blob) for _ in range(PARTS - 1))]


def connect_slow_client(client: ApiClient, call: str) -> socket.socket:
    """Return a connection that has requested the call and has read nothing yet."""
    path, body = BASE_PATH + "downloadRecord", client.build_body({"callId": call})
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    connection.settimeout(20)
    connection.connect(("127.0.0.1", client.server.port))
    headers = {**client.sign_headers(path, body), "connection": "close"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    connection.sendall(f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body)
    return connection


def wait_for_first_byte(connection: socket.socket) -> None:
    """Wait until the response begins. Buffers are smaller than the rest of it."""
    assert connection.recv(1, socket.MSG_PEEK)


def count_received_bytes(connection: socket.socket) -> tuple[int, int]:
    """Return the announced and the received size of the body."""
    head, _, body = connection.recv(1 << 16).partition(b"\r\n\r\n")
    announced = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    size = len(body)
    while piece := connection.recv(1 << 20):
        size += len(piece)
    return announced, size


def measure_memory_mb(server: CcfsServer) -> int:
    """Return the resident memory of the server's processes in megabytes."""
    main = server.process.pid
    below = Path(f"/proc/{main}/task/{main}/children").read_text().split()
    statuses = [Path(f"/proc/{process}/status").read_text() for process in (main, *below)]
    return sum(int(status.partition("VmRSS:")[2].split()[0]) for status in statuses) >> 10


def test_a_large_zip_for_a_slow_client_is_not_buffered_in_memory(damaged_files: DamagedFiles) -> None:
    add_enormous_call(damaged_files, "slow")
    before = measure_memory_mb(damaged_files.client.server)
    with connect_slow_client(damaged_files.client, "slow") as connection:
        wait_for_first_byte(connection)
        time.sleep(0.7)  # enough to read all of it from the disk
        assert measure_memory_mb(damaged_files.client.server) - before < 40
        announced, size = count_received_bytes(connection)
    assert announced == size > PARTS * len(ENORMOUS)


def test_a_zip_member_that_disappears_during_transfer_aborts_the_response(damaged_files: DamagedFiles) -> None:
    recordings = add_enormous_call(damaged_files, "cut")
    with connect_slow_client(damaged_files.client, "cut") as connection:
        wait_for_first_byte(connection)
        os.truncate(damaged_files.get_path(recordings[-1]), 100)
        announced, size = count_received_bytes(connection)
    assert size < announced  # so that the client notices
    assert damaged_files.client.server.wait_for_log_line("response_aborted")
    assert damaged_files.client.request("downloadRecord", {"callId": "none"}).result_code == "0300012"


def test_a_client_that_disconnects_during_a_zip_is_logged_as_no_error(damaged_files: DamagedFiles) -> None:
    add_enormous_call(damaged_files, "left")
    with connect_slow_client(damaged_files.client, "left") as connection:
        promised = connection.recv(1000)
    assert promised
    request = promised.partition(b"x-request-id: ")[2][:16].decode()
    damaged_files.client.server.wait_for_log_line("request_completed", request=request, status=499)
    assert "Traceback" not in damaged_files.client.server.read_log()
