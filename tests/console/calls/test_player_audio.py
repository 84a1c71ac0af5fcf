"""Audio for the player and for downloads: conversion, ranges, waveforms, formats."""

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


def build_path(what: str, account: str, recording: Recording, **more: str) -> str:
    return f"/console/{what}?" + urlencode({"account": account, "name": recording.file_name, **more})


def download_whole(client: ConsoleClient, path: str) -> bytes:
    """Return the audio as a player fetches it: range after range."""
    data, size = b"", 1
    while len(data) < size:
        reply = client.get(path, range=f"bytes={len(data)}-")
        assert (reply.status, reply.headers["content-type"]) == (206, "audio/wav")
        begin, end, total = reply.headers["content-range"].removeprefix("bytes ").replace("/", "-").split("-")
        assert (int(begin), int(end)) == (len(data), len(data) + len(reply.body) - 1)
        data, size = data + reply.body, int(total)
    return data


def measure_seconds(data: bytes, form: str = "wav") -> float:
    with av.open(io.BytesIO(data), "r", format=form) as container:
        stream = container.streams.audio[0]
        return sum(frame.samples / frame.sample_rate for frame in container.decode(stream))


def decode_with_ffmpeg(data: bytes, codec: str, rate: int) -> bytes:
    """Return the samples as FFmpeg decodes them."""
    decoder = av.CodecContext.create(codec, "r")
    assert isinstance(decoder, AudioCodecContext)
    decoder.sample_rate, decoder.layout = rate, "mono"
    return b"".join(bytes(frame.planes[0])[: 2 * frame.samples] for frame in decoder.decode(av.Packet(data)))


@pytest.mark.parametrize("coding", TRANSCODED)
def test_a_codec_that_browsers_do_not_play_is_converted_to_a_wav_of_the_same_duration(
    signed_in: SignIn, call_centre: CallCentreData, audio_recordings: dict[str, Recording], coding: str
) -> None:
    found = download_whole(signed_in("lucy"), build_path("audio", call_centre.account_param, audio_recordings[coding]))
    expected = {"gsm": 4.48, "speex": 2.26}.get(coding, audio_samples.SAMPLE_SECONDS)
    assert measure_seconds(found) == pytest.approx(expected, abs=0.15)
    assert max(found[-4000:-400]) > 0  # and it is no silence


def test_gsm_and_g722_are_converted_as_ffmpeg_decodes_them(
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
def test_a_range_of_converted_audio_has_the_same_bytes_from_any_start(
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


def test_any_range_of_an_hour_is_answered_at_once(
    signed_in: SignIn, call_centre: CallCentreData, audio_recordings: dict[str, Recording]
) -> None:
    lucy, path = signed_in("lucy"), build_path("audio", call_centre.account_param, audio_recordings["hour"])
    took = []
    for offset in (0, 57_000_000, 28_000_000, 123_456):
        began = time.perf_counter()
        assert lucy.get(path, range=f"bytes={offset}-").status == 206
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
def test_a_codec_that_browsers_play_is_sent_as_stored(
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


def test_a_request_without_a_range_gets_the_whole_recording(
    signed_in: SignIn, call_centre: CallCentreData, audio_recordings: dict[str, Recording]
) -> None:
    path = build_path("audio", call_centre.account_param, audio_recordings["gsm"])
    reply = signed_in("lucy").get(path)
    assert (reply.status, reply.headers["content-length"]) == (200, str(len(reply.body)))
    assert reply.body == download_whole(signed_in("lucy"), path)


@pytest.mark.parametrize("coding", ["stereo", "gsm", "mp3", "speex"])
@pytest.mark.parametrize(("form", "container"), [("wav", "wav"), ("mp3", "mp3"), ("opus", "ogg")])
def test_a_recording_is_downloaded_in_the_requested_format_and_audited(
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
    expected = {"gsm": 4.48, "speex": 2.26}.get(coding, audio_samples.SAMPLE_SECONDS)
    assert measure_seconds(reply.body, container) == pytest.approx(expected, abs=0.3)  # encoders pad
    with console_server.node.database.read_transaction() as connection:
        entries = connection.exec_driver_sql(
            "SELECT target FROM audit_log WHERE action = 'recording_downloaded'"
        ).scalars()
        assert f"{audio_recordings[coding].file_name} as {form}" in list(entries)


def test_a_waveform_has_the_levels_of_each_channel(
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


def test_a_waveform_is_computed_once_and_deleted_with_its_recording(
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
        entries = connection.exec_driver_sql(
            "SELECT actor FROM audit_log WHERE action = 'waveform_viewed' AND target LIKE '%/alaw'"
        )
        assert list(entries.scalars())[:2] == ["lucy", "lucy"]


def test_a_broken_recording_has_no_waveform_and_no_other_format_but_a_page(
    signed_in: SignIn, call_centre: CallCentreData, audio_recordings: dict[str, Recording]
) -> None:
    emil, broken = signed_in("emil"), audio_recordings["broken"]
    assert json.loads(emil.get(build_path("waveform", call_centre.account_param, broken)).body)["levels"] == []
    reply = emil.get(build_path("download", call_centre.account_param, broken, format="wav"))
    assert (reply.status, "cannot be converted" in extract_text(reply)) == (400, True)
    assert emil.get(build_path("download", call_centre.account_param, broken)).status == 200
    assert emil.get(build_path("audio", call_centre.account_param, broken)).status == 200
    assert "samples/broken" in emil.get_text(
        "/console/call?" + urlencode({"account": call_centre.account_param, "id": audio_samples.CALL_ID})
    )


def test_a_recording_of_another_account_is_not_played_drawn_annotated_or_converted(
    signed_in: SignIn, call_centre: CallCentreData, audio_recordings: dict[str, Recording]
) -> None:
    mine, theirs = call_centre.account_param, f"{call_centre.bolt.ak}/bolt-account"
    absent = extract_text(signed_in("lucy").get("/console/nothing"))
    for name in ("audio", "waveform"):
        for account, recording in (
            (mine, call_centre.other_app_recording),
            (theirs, call_centre.other_app_recording),
            (mine, call_centre.other_account_recording),
        ):
            reply = signed_in("lucy").get(build_path(name, account, recording), range="bytes=0-")
            assert (reply.status, extract_text(reply)) == (404, absent), (name, account)
        assert signed_in("basil").get(build_path(name, mine, audio_recordings["gsm"])).status == 404
        assert signed_in("audrey").get(build_path(name, mine, audio_recordings["gsm"])).status == 404
    assert signed_in("lucy").get(build_path("download", mine, audio_recordings["gsm"], format="mp3")).status == 404
    assert signed_in("emil").get(build_path("download", mine, audio_recordings["gsm"], format="exe")).status == 404
    for client, recording in (
        ("lucy", call_centre.other_app_recording),
        ("lucy", call_centre.other_account_recording),
        ("audrey", audio_recordings["gsm"]),
    ):
        assert (
            signed_in(client).post(build_path("annotation", mine, recording), offset="0:01", text="mine").status == 404
        )


def test_playback_from_the_middle_is_audited_once_and_from_the_start_each_time(
    signed_in: SignIn, call_centre: CallCentreData, audio_recordings: dict[str, Recording], console_server: CcfsServer
) -> None:
    path, query = (
        build_path("audio", call_centre.account_param, audio_recordings["mp3"]),
        "action = 'recording_played' AND target LIKE '%/mp3'",
    )
    counts = []
    for piece in ("bytes=1-", "bytes=9-", "bytes=0-", "bytes=-5", "bytes=0-"):
        assert signed_in("lucy").get(path, range=piece).status == 206
        with console_server.node.database.read_transaction() as connection:
            counts.append(connection.exec_driver_sql(f"SELECT count(*) FROM audit_log WHERE {query}").scalar_one())
    assert [count - counts[0] for count in counts] == [0, 0, 1, 1, 2]
    assert counts[0] >= 1


def test_a_full_transcode_pool_answers_503_until_a_client_disconnects(tmp_path: Path) -> None:
    with run_server(tmp_path, lock_failures=0, transcode_workers=1) as server:
        call_centre = create_call_centre(server.node)
        hour = audio_samples.add_audio_recording(
            server.node,
            call_centre.acme,
            "acme-account",
            "hour",
            audio_samples.make_gsm_wav(audio_samples.HOUR_REPEATS),
        )
        emil = ConsoleClient(server=server)
        emil.sign_in("emil")
        path = build_path("download", call_centre.account_param, hour, format="wav")
        with closing(server.connect()) as slow:
            cookie = f"ccfs_session={emil.cookies['ccfs_session']}"
            slow.sendall(f"GET {path} HTTP/1.1\r\nhost: {server.host}\r\ncookie: {cookie}\r\n\r\n".encode())
            assert slow.recv(12) == b"HTTP/1.1 200"
            refused = emil.get(path)
            assert (refused.status, refused.headers["retry-after"]) == (503, "2")
            assert "Too many recordings" in extract_text(refused)
            assert (
                emil.get(build_path("audio", call_centre.account_param, hour), range="bytes=0-").status == 206
            )  # listening goes on
        with closing(server.connect()) as next_one:
            next_one.sendall(f"GET {path} HTTP/1.1\r\nhost: {server.host}\r\ncookie: {cookie}\r\n\r\n".encode())
            assert next_one.recv(12) == b"HTTP/1.1 200"
