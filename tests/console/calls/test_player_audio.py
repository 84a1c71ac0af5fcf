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
from tests.console.call_centre_data import CallCentreData, create_call_centre
from tests.console.conftest import SignIn
from tests.console.console_client import ConsoleClient, extract_text
from tests.media import audio_samples
from tests.server.ccfs_server import CcfsServer, run_server
from tests.two_tenants import get_blob_path

TRANSCODED = sorted({*audio_samples.TRANSCODED_CODINGS, "gsm", "speex", "unended"})
EXACT_SEEK_CODINGS = ["float", "g722", "gsm", "ima", "ms"]


def build_path(what: str, place: str, recording: Recording, **more: str) -> str:
    return f"/console/{what}?" + urlencode({"account": place, "name": recording.file_name, **more})


def download_whole(visitor: ConsoleClient, path: str) -> bytes:
    """The sound as a player fetches it, which asks on from where an answer ended."""
    data, size = b"", 1
    while len(data) < size:
        reply = visitor.get(path, range=f"bytes={len(data)}-")
        assert (reply.status, reply.headers["content-type"]) == (206, "audio/wav")
        begin, end, told = reply.headers["content-range"].removeprefix("bytes ").replace("/", "-").split("-")
        assert (int(begin), int(end)) == (len(data), len(data) + len(reply.body) - 1)
        data, size = data + reply.body, int(told)
    return data


def measure_seconds(data: bytes, form: str = "wav") -> float:
    with av.open(io.BytesIO(data), "r", format=form) as container:
        stream = container.streams.audio[0]
        return sum(frame.samples / frame.sample_rate for frame in container.decode(stream))


def decode_with_ffmpeg(data: bytes, codec: str, rate: int) -> bytes:
    """The samples as FFmpeg gives them in one go."""
    decoder = av.CodecContext.create(codec, "r")
    assert isinstance(decoder, AudioCodecContext)
    decoder.sample_rate, decoder.layout = rate, "mono"
    return b"".join(bytes(one.planes[0])[: 2 * one.samples] for one in decoder.decode(av.Packet(data)))


@pytest.mark.parametrize("coding", TRANSCODED)
def test_what_browsers_do_not_play_is_made_a_wav_of_the_same_length(
    signed_in: SignIn, call_centre: CallCentreData, audio_recordings: dict[str, Recording], coding: str
) -> None:
    found = download_whole(signed_in("lucy"), build_path("audio", call_centre.account_param, audio_recordings[coding]))
    wanted = {"gsm": 4.48, "speex": 2.26}.get(coding, audio_samples.SAMPLE_SECONDS)
    assert measure_seconds(found) == pytest.approx(wanted, abs=0.15)
    assert max(found[-4000:-400]) > 0  # and it is no silence


def test_gsm_and_g722_are_heard_as_their_decoders_give_them(
    signed_in: SignIn, call_centre: CallCentreData, audio_recordings: dict[str, Recording]
) -> None:
    spoken = (audio_samples.FOLDER.parent / "media" / "audio" / "order-number.gsm").read_bytes()[: 112 * 33]
    assert download_whole(signed_in("lucy"), build_path("audio", call_centre.account_param, audio_recordings["gsm"]))[
        44:
    ] == decode_with_ffmpeg(spoken * 2, "gsm", 8000)
    stored = audio_samples.encode_tone("g722")
    found = download_whole(signed_in("lucy"), build_path("audio", call_centre.account_param, audio_recordings["g722"]))[
        44:
    ]
    assert found == decode_with_ffmpeg(stored[stored.index(b"data") + 8 :][: len(found) // 4], "adpcm_g722", 16000)


@pytest.mark.parametrize("coding", EXACT_SEEK_CODINGS)
def test_a_range_is_the_same_bytes_wherever_one_begins(
    signed_in: SignIn, call_centre: CallCentreData, audio_recordings: dict[str, Recording], coding: str
) -> None:
    lucy, path = signed_in("lucy"), build_path("audio", call_centre.account_param, audio_recordings[coding])
    all_of_it = download_whole(lucy, path)
    for begin, end in ((0, 9), (10, 43), (30, 61), (20_001, 20_100), (len(all_of_it) // 2 + 1, len(all_of_it) - 1)):
        reply = lucy.get(path, range=f"bytes={begin}-{end}")
        assert (reply.status, reply.body == all_of_it[begin : end + 1]) == (206, True), (begin, end)
    assert lucy.get(path, range=f"bytes={len(all_of_it)}-").status == 416
    last = lucy.get(path, range="bytes=-100")
    assert last.body == all_of_it[-100:]


def test_any_place_of_an_hour_is_answered_at_once(
    signed_in: SignIn, call_centre: CallCentreData, audio_recordings: dict[str, Recording]
) -> None:
    lucy, path = signed_in("lucy"), build_path("audio", call_centre.account_param, audio_recordings["hour"])
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
    signed_in: SignIn,
    call_centre: CallCentreData,
    audio_recordings: dict[str, Recording],
    console_server: CcfsServer,
    coding: str,
    kind: str,
) -> None:
    reply = signed_in("lucy").get(build_path("audio", call_centre.account_param, audio_recordings[coding]))
    assert (reply.status, reply.headers["content-type"]) == (200, kind)
    assert reply.body == get_blob_path(console_server.node, audio_recordings[coding].blob).read_bytes()


def test_who_asks_for_no_range_gets_all_of_it(
    signed_in: SignIn, call_centre: CallCentreData, audio_recordings: dict[str, Recording]
) -> None:
    path = build_path("audio", call_centre.account_param, audio_recordings["gsm"])
    reply = signed_in("lucy").get(path)
    assert (reply.status, reply.headers["content-length"]) == (200, str(len(reply.body)))
    assert reply.body == download_whole(signed_in("lucy"), path)


@pytest.mark.parametrize("coding", ["stereo", "gsm", "mp3", "speex"])
@pytest.mark.parametrize(("form", "container"), [("wav", "wav"), ("mp3", "mp3"), ("opus", "ogg")])
def test_a_recording_is_saved_in_the_form_that_is_wanted_and_the_log_says_so(
    signed_in: SignIn,
    call_centre: CallCentreData,
    audio_recordings: dict[str, Recording],
    console_server: CcfsServer,
    coding: str,
    form: str,
    container: str,
) -> None:
    reply = signed_in("emil").get(
        build_path("download", call_centre.account_param, audio_recordings[coding], format=form)
    )
    assert reply.status == 200
    assert reply.headers["content-disposition"] == f'attachment; filename="{coding}.{form}"'
    assert ("content-length" in reply.headers) == (form == "wav")
    wanted = {"gsm": 4.48, "speex": 2.26}.get(coding, audio_samples.SAMPLE_SECONDS)
    assert measure_seconds(reply.body, container) == pytest.approx(wanted, abs=0.3)  # encoders pad
    with console_server.node.database.read_transaction() as connection:
        told = connection.exec_driver_sql(
            "SELECT target FROM audit_log WHERE action = 'recording_downloaded'"
        ).scalars()
        assert f"{audio_recordings[coding].file_name} as {form}" in list(told)


def test_a_waveform_tells_how_loud_each_channel_is_when(
    signed_in: SignIn, call_centre: CallCentreData, audio_recordings: dict[str, Recording]
) -> None:
    found = json.loads(
        signed_in("lucy").get(build_path("waveform", call_centre.account_param, audio_recordings["stereo"])).body
    )
    left, right = found["levels"]
    assert found["milliseconds"] == audio_samples.SAMPLE_SECONDS * 1000
    assert (left[0] < 5, left[-1] > 150, right[0] > 150, right[-1] < 5) == (True,) * 4
    assert left == sorted(left)
    hour = json.loads(
        signed_in("lucy").get(build_path("waveform", call_centre.account_param, audio_recordings["hour"])).body
    )
    assert (len(hour["levels"]), len(hour["levels"][0]) <= 3000, hour["milliseconds"]) == (1, True, 3_599_680)


def test_a_waveform_is_drawn_once_and_goes_with_its_recording(
    signed_in: SignIn, call_centre: CallCentreData, audio_recordings: dict[str, Recording], console_server: CcfsServer
) -> None:
    path = build_path("waveform", call_centre.account_param, audio_recordings["alaw"])
    first = signed_in("lucy").get(path)
    gone = get_blob_path(console_server.node, audio_recordings["alaw"].blob)
    hidden = gone.rename(gone.with_name("elsewhere"))
    try:
        assert signed_in("lucy").get(path).body == first.body
    finally:
        hidden.rename(gone)
    with console_server.node.database.read_transaction() as connection:
        row = "SELECT count(*) FROM waveforms WHERE recording LIKE '%/alaw'"
        assert connection.exec_driver_sql(row).scalar_one() == 1
        told = connection.exec_driver_sql(
            "SELECT actor FROM audit_log WHERE action = 'waveform_viewed' AND target LIKE '%/alaw'"
        )
        assert list(told.scalars())[:2] == ["lucy", "lucy"]


def test_a_broken_file_has_no_waveform_and_no_other_form_and_its_page_stands(
    signed_in: SignIn, call_centre: CallCentreData, audio_recordings: dict[str, Recording]
) -> None:
    emil, broken = signed_in("emil"), audio_recordings["broken"]
    assert json.loads(emil.get(build_path("waveform", call_centre.account_param, broken)).body)["levels"] == []
    reply = emil.get(build_path("download", call_centre.account_param, broken, format="wav"))
    assert (reply.status, "cannot be read" in extract_text(reply)) == (400, True)
    assert emil.get(build_path("download", call_centre.account_param, broken)).status == 200
    assert emil.get(build_path("audio", call_centre.account_param, broken)).status == 200
    assert "tapes/broken" in emil.get_text(
        "/console/call?" + urlencode({"account": call_centre.account_param, "id": audio_samples.CALL_ID})
    )


def test_what_is_another_s_cannot_be_heard_drawn_marked_or_converted(
    signed_in: SignIn, call_centre: CallCentreData, audio_recordings: dict[str, Recording]
) -> None:
    mine, theirs = call_centre.account_param, f"{call_centre.bolt.ak}/bolt-account"
    absent = extract_text(signed_in("lucy").get("/console/nothing"))
    for name in ("audio", "waveform"):
        for place, recording in (
            (mine, call_centre.other_app_recording),
            (theirs, call_centre.other_app_recording),
            (mine, call_centre.other_account_recording),
        ):
            reply = signed_in("lucy").get(build_path(name, place, recording), range="bytes=0-")
            assert (reply.status, extract_text(reply)) == (404, absent), (name, place)
        assert signed_in("basil").get(build_path(name, mine, audio_recordings["gsm"])).status == 404
        assert signed_in("audrey").get(build_path(name, mine, audio_recordings["gsm"])).status == 404
    assert signed_in("lucy").get(build_path("download", mine, audio_recordings["gsm"], format="mp3")).status == 404
    assert signed_in("emil").get(build_path("download", mine, audio_recordings["gsm"], format="exe")).status == 404
    for visitor, recording in (
        ("lucy", call_centre.other_app_recording),
        ("lucy", call_centre.other_account_recording),
        ("audrey", audio_recordings["gsm"]),
    ):
        assert (
            signed_in(visitor).post(build_path("annotation", mine, recording), offset="0:01", text="mine").status == 404
        )


def test_who_begins_in_the_midst_is_in_the_log_too_and_each_begin_is(
    signed_in: SignIn, call_centre: CallCentreData, audio_recordings: dict[str, Recording], console_server: CcfsServer
) -> None:
    path, query = (
        build_path("audio", call_centre.account_param, audio_recordings["mp3"]),
        "action = 'recording_played' AND target LIKE '%/mp3'",
    )
    told = []
    for piece in ("bytes=1-", "bytes=9-", "bytes=0-", "bytes=-5", "bytes=0-"):
        assert signed_in("lucy").get(path, range=piece).status == 206
        with console_server.node.database.read_transaction() as connection:
            told.append(connection.exec_driver_sql(f"SELECT count(*) FROM audit_log WHERE {query}").scalar_one())
    assert [one - told[0] for one in told] == [0, 0, 1, 1, 2]
    assert told[0] >= 1


def test_when_every_place_is_taken_one_is_told_so_and_who_leaves_lets_a_place_go(tmp_path: Path) -> None:
    with run_server(tmp_path, lock_failures=0, transcode_workers=1) as server:
        floor = create_call_centre(server.node)
        hour = audio_samples.add_audio_recording(
            server.node, floor.acme, "acme-account", "hour", audio_samples.make_gsm_wav(audio_samples.HOUR_REPEATS)
        )
        emil = ConsoleClient(server=server)
        emil.sign_in("emil")
        path = build_path("download", floor.account_param, hour, format="wav")
        with closing(server.connect()) as slow:
            cookie = f"ccfs_session={emil.cookies['ccfs_session']}"
            slow.sendall(f"GET {path} HTTP/1.1\r\nhost: {server.host}\r\ncookie: {cookie}\r\n\r\n".encode())
            assert slow.recv(12) == b"HTTP/1.1 200"
            refused = emil.get(path)
            assert (refused.status, refused.headers["retry-after"]) == (503, "2")
            assert "Too many recordings" in extract_text(refused)
            assert (
                emil.get(build_path("audio", floor.account_param, hour), range="bytes=0-").status == 206
            )  # listening goes on
        with closing(server.connect()) as next_one:
            next_one.sendall(f"GET {path} HTTP/1.1\r\nhost: {server.host}\r\ncookie: {cookie}\r\n\r\n".encode())
            assert next_one.recv(12) == b"HTTP/1.1 200"
