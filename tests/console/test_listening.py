"""What the player and those who save recordings are given: playable sound, ranges of it, waveforms, other forms."""

import io
import json
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import av
import pytest
from av.audio.codeccontext import AudioCodecContext

from ccfs.model.recordings.recording import Recording
from tests.cast import path_of
from tests.console import tapes
from tests.console.conftest import Enter
from tests.console.floor import Floor, furnish
from tests.console.visitor import Visitor, text_of
from tests.web.serving import Server, serving

MADE_PLAYABLE = sorted({*tapes.MADE_PLAYABLE, "gsm", "speex", "unended"})
SEEKS_EXACTLY = ["float", "g722", "gsm", "ima", "ms"]


def door(what: str, place: str, recording: Recording, **more: str) -> str:
    return f"/console/{what}?" + urlencode({"in": place, "name": recording.file_name, **more})


def whole(visitor: Visitor, path: str) -> bytes:
    """The sound as a player fetches it, which asks on from where an answer ended."""
    data, size = b"", 1
    while len(data) < size:
        reply = visitor.get(path, range=f"bytes={len(data)}-")
        assert (reply.status, reply.headers["content-type"]) == (206, "audio/wav")
        begin, end, told = reply.headers["content-range"].removeprefix("bytes ").replace("/", "-").split("-")
        assert (int(begin), int(end)) == (len(data), len(data) + len(reply.body) - 1)
        data, size = data + reply.body, int(told)
    return data


def seconds_of(data: bytes, form: str = "wav") -> float:
    with av.open(io.BytesIO(data), "r", format=form) as container:
        stream = container.streams.audio[0]
        return sum(frame.samples / frame.sample_rate for frame in container.decode(stream))


def decoded(data: bytes, codec: str, rate: int) -> bytes:
    """The samples as FFmpeg gives them in one go."""
    decoder = av.CodecContext.create(codec, "r")
    assert isinstance(decoder, AudioCodecContext)
    decoder.sample_rate, decoder.layout = rate, "mono"
    return b"".join(bytes(one.planes[0])[: 2 * one.samples] for one in decoder.decode(av.Packet(data)))


@pytest.mark.parametrize("coding", MADE_PLAYABLE)
def test_what_browsers_do_not_play_is_made_a_wav_of_the_same_length(
    enter: Enter, floor: Floor, heard: dict[str, Recording], coding: str
) -> None:
    found = whole(enter("lucy"), door("audio", floor.place, heard[coding]))
    wanted = {"gsm": 4.48, "speex": 2.26}.get(coding, tapes.SECONDS)
    assert seconds_of(found) == pytest.approx(wanted, abs=0.15)
    assert max(found[-4000:-400]) > 0  # and it is no silence


def test_gsm_and_g722_are_heard_as_their_decoders_give_them(
    enter: Enter, floor: Floor, heard: dict[str, Recording]
) -> None:
    spoken = (tapes.HERE.parent / "switches" / "audio" / "order-number.gsm").read_bytes()[: 112 * 33]
    assert whole(enter("lucy"), door("audio", floor.place, heard["gsm"]))[44:] == decoded(spoken * 2, "gsm", 8000)
    stored = tapes.tape("g722")
    found = whole(enter("lucy"), door("audio", floor.place, heard["g722"]))[44:]
    assert found == decoded(stored[stored.index(b"data") + 8 :][: len(found) // 4], "adpcm_g722", 16000)


@pytest.mark.parametrize("coding", SEEKS_EXACTLY)
def test_a_range_is_the_same_bytes_wherever_one_begins(
    enter: Enter, floor: Floor, heard: dict[str, Recording], coding: str
) -> None:
    lucy, path = enter("lucy"), door("audio", floor.place, heard[coding])
    all_of_it = whole(lucy, path)
    for begin, end in ((0, 9), (10, 43), (30, 61), (20_001, 20_100), (len(all_of_it) // 2 + 1, len(all_of_it) - 1)):
        reply = lucy.get(path, range=f"bytes={begin}-{end}")
        assert (reply.status, reply.body == all_of_it[begin : end + 1]) == (206, True), (begin, end)
    assert lucy.get(path, range=f"bytes={len(all_of_it)}-").status == 416
    last = lucy.get(path, range="bytes=-100")
    assert last.body == all_of_it[-100:]


def test_any_place_of_an_hour_is_answered_at_once(enter: Enter, floor: Floor, heard: dict[str, Recording]) -> None:
    lucy, path = enter("lucy"), door("audio", floor.place, heard["hour"])
    took = []
    for place in (0, 57_000_000, 28_000_000, 123_456):
        began = time.perf_counter()
        assert lucy.get(path, range=f"bytes={place}-").status == 206
        took.append(time.perf_counter() - began)
    assert min(took) < 0.3
    assert max(took) < 3, "even on a machine that has much else to do"


@pytest.mark.parametrize(
    ("coding", "kind"),
    [
        ("alaw", "audio/wav"),
        ("pcm", "audio/wav"),
        ("stereo", "audio/wav"),
        ("mp3", "audio/mpeg"),
        ("opus", "audio/ogg"),
    ],
)
def test_what_browsers_play_is_given_as_it_is(
    enter: Enter, floor: Floor, heard: dict[str, Recording], console: Server, coding: str, kind: str
) -> None:
    reply = enter("lucy").get(door("audio", floor.place, heard[coding]))
    assert (reply.status, reply.headers["content-type"]) == (200, kind)
    assert reply.body == path_of(console.node, heard[coding].blob).read_bytes()


def test_who_asks_for_no_range_gets_all_of_it(enter: Enter, floor: Floor, heard: dict[str, Recording]) -> None:
    path = door("audio", floor.place, heard["gsm"])
    reply = enter("lucy").get(path)
    assert (reply.status, reply.headers["content-length"]) == (200, str(len(reply.body)))
    assert reply.body == whole(enter("lucy"), path)


@pytest.mark.parametrize("coding", ["stereo", "gsm", "mp3", "speex"])
@pytest.mark.parametrize(("form", "container"), [("wav", "wav"), ("mp3", "mp3"), ("opus", "ogg")])
def test_a_recording_is_saved_in_the_form_that_is_wanted_and_the_log_says_so(
    enter: Enter, floor: Floor, heard: dict[str, Recording], console: Server, coding: str, form: str, container: str
) -> None:
    reply = enter("emil").get(door("download", floor.place, heard[coding], **{"as": form}))
    assert reply.status == 200
    assert reply.headers["content-disposition"] == f'attachment; filename="{coding}.{form}"'
    assert ("content-length" in reply.headers) == (form == "wav")
    wanted = {"gsm": 4.48, "speex": 2.26}.get(coding, tapes.SECONDS)
    assert seconds_of(reply.body, container) == pytest.approx(wanted, abs=0.3)  # encoders pad
    with console.node.database.read_transaction() as connection:
        told = connection.exec_driver_sql(
            "SELECT target FROM audit_log WHERE action = 'recording_downloaded'"
        ).scalars()
        assert f"{heard[coding].file_name} as {form}" in list(told)


def test_a_waveform_tells_how_loud_each_channel_is_when(
    enter: Enter, floor: Floor, heard: dict[str, Recording]
) -> None:
    found = json.loads(enter("lucy").get(door("waveform", floor.place, heard["stereo"])).body)
    left, right = found["levels"]
    assert found["milliseconds"] == tapes.SECONDS * 1000
    assert (left[0] < 5, left[-1] > 150, right[0] > 150, right[-1] < 5) == (True,) * 4
    assert left == sorted(left)
    hour = json.loads(enter("lucy").get(door("waveform", floor.place, heard["hour"])).body)
    assert (len(hour["levels"]), len(hour["levels"][0]) <= 3000, hour["milliseconds"]) == (1, True, 3_599_680)


def test_a_waveform_is_drawn_once_and_goes_with_its_recording(
    enter: Enter, floor: Floor, heard: dict[str, Recording], console: Server
) -> None:
    path = door("waveform", floor.place, heard["alaw"])
    first = enter("lucy").get(path)
    gone = path_of(console.node, heard["alaw"].blob)
    hidden = gone.rename(gone.with_name("elsewhere"))
    try:
        assert enter("lucy").get(path).body == first.body
    finally:
        hidden.rename(gone)
    with console.node.database.read_transaction() as connection:
        row = "SELECT count(*) FROM waveforms WHERE recording LIKE '%/alaw'"
        assert connection.exec_driver_sql(row).scalar_one() == 1
        told = connection.exec_driver_sql(
            "SELECT actor FROM audit_log WHERE action = 'waveform_shown' AND target LIKE '%/alaw'"
        )
        assert list(told.scalars())[:2] == ["lucy", "lucy"]


def test_a_broken_file_has_no_waveform_and_no_other_form_and_its_page_stands(
    enter: Enter, floor: Floor, heard: dict[str, Recording]
) -> None:
    emil, broken = enter("emil"), heard["broken"]
    assert json.loads(emil.get(door("waveform", floor.place, broken)).body)["levels"] == []
    reply = emil.get(door("download", floor.place, broken, **{"as": "wav"}))
    assert (reply.status, "cannot be read" in text_of(reply)) == (400, True)
    assert emil.get(door("download", floor.place, broken)).status == 200
    assert emil.get(door("audio", floor.place, broken)).status == 200
    assert "tapes/broken" in emil.text("/console/call?" + urlencode({"in": floor.place, "id": tapes.CALL}))


def test_what_is_another_s_cannot_be_heard_drawn_marked_or_converted(
    enter: Enter, floor: Floor, heard: dict[str, Recording]
) -> None:
    mine, theirs = floor.place, f"{floor.bolt.ak}/bolt-account"
    absent = text_of(enter("lucy").get("/console/nothing"))
    for name in ("audio", "waveform"):
        for place, recording in ((mine, floor.foreign), (theirs, floor.foreign), (mine, floor.other)):
            reply = enter("lucy").get(door(name, place, recording), range="bytes=0-")
            assert (reply.status, text_of(reply)) == (404, absent), (name, place)
        assert enter("basil").get(door(name, mine, heard["gsm"])).status == 404
        assert enter("audrey").get(door(name, mine, heard["gsm"])).status == 404
    assert enter("lucy").get(door("download", mine, heard["gsm"], **{"as": "mp3"})).status == 404
    assert enter("emil").get(door("download", mine, heard["gsm"], **{"as": "exe"})).status == 404
    for visitor, recording in (("lucy", floor.foreign), ("lucy", floor.other), ("audrey", heard["gsm"])):
        assert enter(visitor).post(door("mark", mine, recording), at="0:01", text="mine").status == 404


def test_who_begins_in_the_midst_is_in_the_log_too_and_each_begin_is(
    enter: Enter, floor: Floor, heard: dict[str, Recording], console: Server
) -> None:
    path, query = door("audio", floor.place, heard["mp3"]), "action = 'recording_played' AND what LIKE '%/mp3'"
    told = []
    for piece in ("bytes=1-", "bytes=9-", "bytes=0-", "bytes=-5", "bytes=0-"):
        assert enter("lucy").get(path, range=piece).status == 206
        with console.node.database.read_transaction() as connection:
            told.append(connection.exec_driver_sql(f"SELECT count(*) FROM audit_log WHERE {query}").scalar_one())
    assert [one - told[0] for one in told] == [0, 0, 1, 1, 2]
    assert told[0] >= 1


def test_when_every_place_is_taken_one_is_told_so_and_who_leaves_lets_a_place_go(tmp_path: Path) -> None:
    with serving(tmp_path, lock_failures=0, transcode_workers=1) as server:
        floor = furnish(server.node)
        hour = tapes.keep(server.node, floor.acme, "acme-account", "hour", tapes.gsm(tapes.HOUR))
        emil = Visitor(server=server)
        emil.sign_in("emil")
        path = door("download", floor.place, hour, **{"as": "wav"})
        with closing(server.connect()) as slow:
            cookie = f"ccfs_session={emil.cookies['ccfs_session']}"
            slow.sendall(f"GET {path} HTTP/1.1\r\nhost: {server.host}\r\ncookie: {cookie}\r\n\r\n".encode())
            assert slow.recv(12) == b"HTTP/1.1 200"
            refused = emil.get(path)
            assert (refused.status, refused.headers["retry-after"]) == (503, "2")
            assert "Too many recordings" in text_of(refused)
            assert emil.get(door("audio", floor.place, hour), range="bytes=0-").status == 206  # listening goes on
        with closing(server.connect()) as next_one:
            next_one.sendall(f"GET {path} HTTP/1.1\r\nhost: {server.host}\r\ncookie: {cookie}\r\n\r\n".encode())
            assert next_one.recv(12) == b"HTTP/1.1 200"
