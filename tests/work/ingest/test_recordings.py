"""Recordings of every kind are found, tied to their calls, named as the interface names them, and kept byte by byte."""

import hashlib
import struct

import pytest

from ccfs.db import schema
from ccfs.model.recordings import wav
from tests.switches.test_audio import G722, MP3, OPUS, SPEECH_GSM, SPEECH_PCM_SHA256, encoded
from tests.work.ingest.given import ACCOUNT, AK, FREESWITCH, OLD, Place, Prepare, line, sound

MP3_FILE, OGG_FILE = encoded(MP3, 0.5), encoded(OPUS, 0.5)
LATE = "2024-01-15 09:40:00"
SAMPLES = bytes(range(256)) * 10
WAV49 = struct.pack(
    "<4sI4s4sIHHIIHHHH4sI", b"RIFF", 48 + 650, b"WAVE", b"fmt ", 20, 0x31, 1, 8000, 1625, 65, 0, 2, 320, b"data", 650
)
WAV49 += bytes(650)
LINEAR = wav.build_header(tag=wav.PCM, rate=8000, channels=1, bits=16, data_size=len(SAMPLES)) + SAMPLES


def kept(place: Place) -> list[tuple[str, bytes]]:
    """Extension and bytes of every recording, in order of their begin."""
    files = place.files()
    rows = place.rows(schema.recordings, "file_name", "key", order="call_begin")
    return [(name.rpartition(".")[2], files[key]) for name, key in rows]


def wrapped(tag: int) -> bytes:
    return wav.build_header(tag=tag, rate=8000, channels=1, bits=8, data_size=len(SAMPLES)) + SAMPLES


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("extension", "source", "stored"),
    [
        ("wav", sound(1), sound(1)),
        ("wav", LINEAR, LINEAR),
        ("WAV", WAV49, WAV49),
        ("alaw", SAMPLES, wrapped(wav.A_LAW)),
        ("ulaw", SAMPLES, wrapped(wav.MU_LAW)),
        ("sln", SAMPLES, LINEAR),
        ("gsm", SPEECH_GSM, None),
        ("g722", encoded(G722, 0.5), None),
        ("mp3", MP3_FILE, MP3_FILE),
        ("ogg", OGG_FILE, OGG_FILE),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_kind_of_file_is_kept_without_loss_beside_the_hash_of_its_source(
    extension: str, source: bytes, stored: bytes | None, place: Place
) -> None:
    place.record(f"2024/01/15/q-600-02079460123-20240115-093042-1705311042.118.{extension}", source)
    assert place.asterisk(place.leave("Master.csv", line()))["recordings"] == 1
    [(suffix, data)] = kept(place)
    assert suffix == (extension if extension in ("mp3", "ogg") else "wav")
    assert data == stored or (stored is None and data.startswith(b"RIFF"))
    if extension == "gsm":
        assert sha256(data[44:]) == SPEECH_PCM_SHA256
    [row] = place.rows(schema.recordings)
    assert (row["source_sha256"], row["sha256"], row["size"]) == (sha256(source), sha256(data), len(data))
    assert row["source_name"].endswith(f"1705311042.118.{extension}")


def test_a_recording_is_found_by_the_uniqueid_of_its_call_or_leg_or_by_the_name_in_its_cdr(place: Place) -> None:
    lines = [
        line("1705311042.118", sequence=1),
        line("1705311100.120", sequence=2, leg="1705311101.121", start="2024-01-15 09:31:40"),
        line(
            "1705311200.130",
            sequence=3,
            start="2024-01-15 09:33:20",
            end=LATE,
            userfield="audio:/var/spool/mix/Tuesday.wav",
        ),
        line("1705311300.140", sequence=4, start="2024-01-15 09:35:00", end=LATE, agent="1009"),
    ]
    place.record("1705311042.118.wav", sound(1))
    place.record("2024/01/15/out-1001-1705311101.121.wav", sound(2))
    place.record("somewhere/else/Tuesday.wav", sound(3))
    place.record("2024/pbx1-1705311300-140-in.wav", sound(4))
    added = place.asterisk(place.leave("Master.csv", "".join(lines)))
    assert (added["recordings"], added["refused"], added["missing"]) == (4, [], [])
    assert [data for _, data in kept(place)] == [sound(number) for number in (1, 2, 3, 4)]
    told = place.rows(schema.recordings, "call_id", "agent_id", "call_type", order="call_begin")
    calls = ["1705311042-118", "1705311100-120", "1705311200-130", "1705311300-140"]
    assert told == [(call, agent, 0) for call, agent in zip(calls, ["1001", "1001", "1001", "1009"], strict=True)]


def test_names_follow_the_interface_and_are_unique_even_in_the_same_tenth_of_a_second(each_place: Place) -> None:
    lines = [line(f"170531104{number}.118", sequence=number, caller=f"0207946000{number}") for number in range(2)]
    for number in range(2):
        each_place.record(f"170531104{number}.118.wav", sound(number))
        each_place.record(f"second/170531104{number}.118.mp3", encoded(MP3, 0.2 + number / 10))
    assert each_place.asterisk(each_place.leave("Master.csv", "".join(lines)))["recordings"] == 4
    names = each_place.rows(schema.recordings, "file_name", "original_file_name", "vdn_id")
    assert sorted(names) == [
        (
            f"/0/1/record/{AK}/{ACCOUNT}/20240115/1001/093050{digit}.{extension}",
            f"Y:/17/0/20240115/1001/093050{digit}.{original}",
            "17",
        )
        for digit, extension, original in ((0, "mp3", "mp3"), (0, "wav", "V3"), (1, "mp3", "mp3"), (1, "wav", "V3"))
    ]


def test_more_recordings_than_a_digit_tells_apart_get_longer_names(place: Place) -> None:
    lines = [line(f"1705311042.{number}", sequence=number) for number in range(21)]
    for number in range(21):
        place.record(f"1705311042.{number}.wav", sound(number))
    assert place.asterisk(place.leave("Master.csv", "".join(lines)))["recordings"] == 21
    names = place.rows(schema.recordings, "original_file_name")
    assert len(set(names)) == 21
    assert {f"Y:/17/0/20240115/1001/{main}.V3" for main in ("0930500", "0930509", "093050001", "093050002")} <= set(
        names
    )


def test_the_same_recording_under_two_names_is_kept_once(place: Place) -> None:
    for name in ("1705311042.118.wav", "copy/q-1705311042.118.wav"):
        place.record(name, sound(1))
    assert place.asterisk(place.leave("Master.csv", line()))["recordings"] == 1
    assert len(place.files()) == 1


def test_the_time_of_day_in_a_name_is_the_accounts(prepare: Prepare) -> None:
    place = prepare(zone="Asia/Shanghai")
    place.record("1705311042.118.wav", sound(1))
    place.asterisk(place.leave("Master.csv", line()))
    assert place.rows(schema.recordings, "original_file_name") == ["Y:/17/0/20240115/1001/1730500.V3"]


def test_a_recording_whose_cdr_comes_later_is_refused_for_now_and_taken_in_then(each_place: Place) -> None:
    each_place.record("1705311042.118.wav", sound(1))
    cdr = each_place.leave("Master.csv", line("1705311999.1"))
    [refused] = each_place.asterisk(cdr)["refused"]
    assert refused["file"].endswith("1705311042.118.wav")
    assert "no CDR" in refused["reason"]
    before = each_place.whole()
    assert each_place.asterisk(cdr)["refused"] == []
    assert each_place.whole() == before
    cdr.write_text(cdr.read_text() + line())
    assert each_place.asterisk(cdr, CCFS_SETTLE_SECONDS="0")["recordings"] == 1


def test_a_recording_that_a_cdr_names_and_that_does_not_come_is_listed_as_missing_once(each_place: Place) -> None:
    cdr = each_place.leave("Master.csv", line(userfield="audio:late.wav"))
    assert each_place.asterisk(cdr)["missing"] == [{"callId": "1705311042-118", "file": "late.wav"}]
    assert each_place.asterisk(cdr)["missing"] == []
    each_place.record("late.wav", sound(1))
    assert each_place.asterisk(cdr)["recordings"] == 1
    assert each_place.rows(schema.expected_recordings, order="name") == []


def test_a_recording_that_came_with_one_leg_is_not_missing_when_a_later_leg_names_it(place: Place) -> None:
    place.record("q-1705311042.118.wav", sound(1))
    assert place.asterisk(place.leave("a.csv", line(sequence=1)))["recordings"] == 1
    later = line(sequence=2, agent="1002", userfield="audio:q-1705311042.118.wav")
    added = place.asterisk(place.leave("b.csv", later))
    assert (added["cdrs"], added["missing"]) == (1, [])


def test_freeswitchs_recordings_are_found_by_uuid(place: Place) -> None:
    place.record("2025/b4a3d6a2-7d0e-4c0b-9a55-0b4c6f1d2e01.wav", sound(1), OLD + 1)
    place.record("c7d1b0f4-51c8-4e7e-8a39-55d0c1b7aa02_1001.wav", sound(2))
    for name in ("queue-answered.member.json", "queue-answered.agent.json"):
        place.leave(f"cdr/{name}", (FREESWITCH / name).read_bytes())
    assert place.freeswitch(place.switch / "cdr")["recordings"] == 2
    assert len(set(place.rows(schema.recordings, "call_id"))) == 1
    assert {data for _, data in kept(place)} == {sound(1), sound(2)}


def test_a_recording_is_told_by_the_line_that_names_it(place: Place) -> None:
    """After a transfer both legs talk, and each has its own file under the call's one uniqueid."""
    place.record("first.wav", sound(1))
    place.record("second.wav", sound(2))
    legs = line(userfield="audio:first.wav") + line(sequence=2, agent="1002", userfield="audio:second.wav")
    place.asterisk(place.leave("Master.csv", legs))
    assert place.rows(schema.recordings, "source_name", "agent_id", order="source_name") == [
        ("first.wav", "1001"),
        ("second.wav", "1002"),
    ]
