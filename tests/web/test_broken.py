"""Files whose bytes are gone or cut on the disk, and readers that are slow or leave: never a partial success."""

import hashlib
import os
import socket
import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from ccfs.model.identity.tenancy import App
from ccfs.model.recordings.recording import BlobRef, Recording
from ccfs.protocol.operations import BASE_PATH
from tests.cast import a_law, add_app, keep_recording, keep_token, keep_voice_file, path_of
from tests.web.callers import Caller, Reply, send
from tests.web.serving import Server

SK = "the-secret-of-the-wreck-00000000"
DAMAGES = ["gone", "cut", "longer", "a link", "a folder"]
SHORT, LONG = a_law(9), a_law(9, 150)  # 8 KB, and 1.2 MB: more than the web process reads by itself
ENORMOUS = bytes(20 << 20)
PARTS = 8  # of an enormous zip
_numbers = count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wreck:
    """An app whose files are damaged by these tests."""

    app: App
    caller: Caller

    def recording(self, call: str, data: bytes | BlobRef = SHORT) -> Recording:
        """A further recording of the call."""
        name = f"{next(_numbers)}.V3"
        index, original = f"/0/1/record/{self.app.ak}/wreck-account/20201015/1/{name}", f"Y:/5/0/20201015/1/{name}"
        return keep_recording(self.caller.server.node, self.app, data, index, original, call_id=call)

    def path(self, recording: Recording) -> Path:
        """Where its bytes are."""
        return path_of(self.caller.server.node, recording.blob)


@pytest.fixture(scope="module")
def wreck(server: Server) -> Wreck:
    """The app, on the server that all share."""
    app = add_app(server.node, "wreck", SK, 5)
    return Wreck(app=app, caller=Caller(server=server, ak=app.ak, sk=SK))


def damage(path: Path, how: str) -> None:
    """Do it to the file."""
    data = path.read_bytes()
    path.unlink()
    match how:
        case "cut":
            path.write_bytes(data[:-1])
        case "longer":
            path.write_bytes(data + b"x")
        case "a link":
            path.symlink_to("/etc/hostname")
        case "a folder":
            path.mkdir()


def assert_unavailable(reply: Reply) -> None:
    """The failure that invites to try again: JSON, with nothing of a file's headers."""
    assert (reply.status, reply.code) == (200, "0390005")
    assert {"etag", "content-range", "accept-ranges", "content-disposition"}.isdisjoint(reply.headers)


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("data", [SHORT, LONG], ids=["short", "long"])
def test_a_damaged_recording_is_not_sent_in_part(wreck: Wreck, how: str, data: bytes) -> None:
    recording = wreck.recording(f"one-{how}-{len(data)}", data)
    damage(wreck.path(recording), how)
    for target in (
        ("downloadRecordFile", {"fileName": recording.file_name}),
        ("downloadRecord", {"callId": recording.call_id}),
    ):
        for reply in (wreck.caller.ask(*target), wreck.caller.ask(*target, range="bytes=0-9")):
            assert_unavailable(reply)
            assert reply.headers["content-type"] == "application/json;charset=UTF-8"
            assert reply.json["response"]["resultCode"] == "0390005"


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_recording_is_not_played_in_part(wreck: Wreck, how: str) -> None:
    recording = wreck.recording(f"play-{how}")
    server = wreck.caller.server
    token = keep_token(server.node, wreck.app, recording, recording.call_end - recording.call_begin)
    damage(wreck.path(recording), how)
    for headers in ({}, {"range": "bytes=0-9"}):
        reply = send(server, "GET", f"{BASE_PATH}playVoice?st={token}", headers)
        assert_unavailable(reply)
        assert reply.headers["content-type"] == "application/octet-stream;charset=UTF-8"
    head = send(server, "HEAD", f"{BASE_PATH}playVoice?st={token}")
    assert {"etag", "accept-ranges"}.isdisjoint(head.headers)  # nor does HEAD promise it


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("damaged", [0, 1, 2])
@pytest.mark.parametrize("data", [SHORT, LONG], ids=["short", "long"])
def test_a_zip_with_a_damaged_member_fails_before_its_first_byte(
    wreck: Wreck, how: str, damaged: int, data: bytes
) -> None:
    call = f"zip-{how[:4]}-{damaged}-{len(data)}"
    recordings = [wreck.recording(call, data) for _ in range(3)]
    size = len(wreck.caller.ask("downloadRecord", {"callId": call}).body)
    damage(wreck.path(recordings[damaged]), how)
    assert_unavailable(wreck.caller.ask("downloadRecord", {"callId": call}))
    assert_unavailable(wreck.caller.ask("downloadRecord", {"callId": call}, range=f"bytes=5-{size - 100}"))


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_voice_file_is_not_sent_in_part(wreck: Wreck, how: str) -> None:
    names = [f"Y:/5/record/20201015/{how[:4]}.wav", f"Y:/voice/5/IVRrecordFile/{how[:4]}/1.wav"]
    for name in names:
        file = keep_voice_file(wreck.caller.server.node, wreck.app, a_law(3), 5, name)
        damage(path_of(wreck.caller.server.node, file.blob), how)
    for reply in (
        wreck.caller.ask("downloadIVRRecordFile", {"fileName": names[0]}),
        wreck.caller.ask("ivr/downloadFile", {"filePath": names[1]}),
        wreck.caller.ask("ivr/downloadFile", {"filePath": names[1].rpartition("/")[0], "mode": 1}),
    ):
        assert_unavailable(reply)
        assert "response" not in reply.json


def test_an_upload_whose_bytes_are_gone_can_be_deleted_and_its_hash_is_known(wreck: Wreck) -> None:
    name = "Y:/3rdfile/5/thirdvoicebotfile/gone.wav"
    file = keep_voice_file(wreck.caller.server.node, wreck.app, a_law(4), 5, name)
    path_of(wreck.caller.server.node, file.blob).unlink()
    hashed = wreck.caller.ask("ivr/getFileHash", {"fileName": name})
    assert hashed.json["resultData"]["hash"] == hashlib.sha256(a_law(4)).hexdigest()
    assert wreck.caller.ask("ivr/deleteFile", {"fileName": name}).code == "0"
    assert wreck.caller.ask("ivr/deleteFile", {"fileName": name}).code == "0300011"


def enormous(wreck: Wreck, call: str) -> list[Recording]:
    """A call whose zip has 160 MB: the same 20 again and again, for the disk's sake."""
    first = wreck.recording(call, ENORMOUS)
    return [first, *(wreck.recording(call, first.blob) for _ in range(PARTS - 1))]


def slowly(caller: Caller, call: str) -> socket.socket:
    """A connection that asked for the call and reads nothing yet."""
    path, body = BASE_PATH + "downloadRecord", caller.body({"callId": call})
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    connection.settimeout(20)
    connection.connect(("127.0.0.1", caller.server.port))
    headers = {**caller.signed(path, body), "connection": "close"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    connection.sendall(f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body)
    return connection


def await_first_byte(connection: socket.socket) -> None:
    """The answer has begun: more of it than buffers hold is still to be sent."""
    assert connection.recv(1, socket.MSG_PEEK)


def received(connection: socket.socket) -> tuple[int, int]:
    """How many bytes of the body were promised, and how many came."""
    head, _, body = connection.recv(1 << 16).partition(b"\r\n\r\n")
    promised = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    size = len(body)
    while piece := connection.recv(1 << 20):
        size += len(piece)
    return promised, size


def memory(server: Server) -> int:
    """Megabytes that the server's processes have in memory."""
    main = server.process.pid
    below = Path(f"/proc/{main}/task/{main}/children").read_text().split()
    statuses = [Path(f"/proc/{process}/status").read_text() for process in (main, *below)]
    return sum(int(status.partition("VmRSS:")[2].split()[0]) for status in statuses) >> 10


def test_a_large_zip_for_a_slow_reader_is_not_held_in_memory(wreck: Wreck) -> None:
    enormous(wreck, "slow")
    before = memory(wreck.caller.server)
    with slowly(wreck.caller, "slow") as connection:
        await_first_byte(connection)
        time.sleep(0.7)  # enough to read all of it from the disk
        assert memory(wreck.caller.server) - before < 40
        promised, size = received(connection)
    assert promised == size > PARTS * len(ENORMOUS)


def test_a_member_that_goes_while_it_is_sent_cuts_the_answer_short(wreck: Wreck) -> None:
    recordings = enormous(wreck, "cut")
    with slowly(wreck.caller, "cut") as connection:
        await_first_byte(connection)
        os.truncate(wreck.path(recordings[-1]), 100)
        promised, size = received(connection)
    assert size < promised  # so that the reader knows
    assert wreck.caller.server.logged("answer_cut")
    assert wreck.caller.ask("downloadRecord", {"callId": "none"}).code == "0300012"


def test_who_leaves_in_the_middle_of_a_zip_is_no_error_of_ours(wreck: Wreck) -> None:
    enormous(wreck, "left")
    with slowly(wreck.caller, "left") as connection:
        promised = connection.recv(1000)
    assert promised
    request = promised.partition(b"x-request-id: ")[2][:16].decode()
    wreck.caller.server.logged("request_answered", request=request, status=499)
    assert "Traceback" not in wreck.caller.server.log_text()
