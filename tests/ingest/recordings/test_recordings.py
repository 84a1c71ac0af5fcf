"""Recordings of every kind are matched to their calls, named as the interface does, and stored without loss."""

import hashlib
import struct

import pytest

from ccfs.db import schema
from ccfs.model.recordings import wav
from tests.ingest.ingest_site import (
    ACCOUNT_ID,
    AK,
    FREESWITCH_SAMPLES,
    OLD_TIMESTAMP,
    CreateSite,
    IngestSite,
    build_cdr_line,
    make_wav,
)
from tests.media.test_convert import G722_ENCODER, MP3_ENCODER, OPUS_ENCODER, SPEECH_GSM, SPEECH_PCM_SHA256, encode_tone

MP3_FILE, OGG_FILE = encode_tone(MP3_ENCODER, 0.5), encode_tone(OPUS_ENCODER, 0.5)
LATE_TIME = "2024-01-15 09:40:00"
SAMPLES = bytes(range(256)) * 10
WAV49 = struct.pack(
    "<4sI4s4sIHHIIHHHH4sI", b"RIFF", 48 + 650, b"WAVE", b"fmt ", 20, 0x31, 1, 8000, 1625, 65, 0, 2, 320, b"data", 650
)
WAV49 += bytes(650)
LINEAR = wav.build_header(tag=wav.PCM, rate=8000, channels=1, bits=16, data_size=len(SAMPLES)) + SAMPLES


def list_recordings(site: IngestSite) -> list[tuple[str, bytes]]:
    """Return extension and bytes of every recording, in order of their begin."""
    files = site.read_files()
    rows = site.read_rows(schema.recordings, "file_name", "key", order="call_begin")
    return [(name.rpartition(".")[2], files[key]) for name, key in rows]


def wrap_in_wav(tag: int) -> bytes:
    return wav.build_header(tag=tag, rate=8000, channels=1, bits=8, data_size=len(SAMPLES)) + SAMPLES


def compute_sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("extension", "source", "stored"),
    [
        ("wav", make_wav(1), make_wav(1)),
        ("wav", LINEAR, LINEAR),
        ("WAV", WAV49, WAV49),
        ("alaw", SAMPLES, wrap_in_wav(wav.A_LAW)),
        ("ulaw", SAMPLES, wrap_in_wav(wav.MU_LAW)),
        ("sln", SAMPLES, LINEAR),
        ("gsm", SPEECH_GSM, None),
        ("g722", encode_tone(G722_ENCODER, 0.5), None),
        ("mp3", MP3_FILE, MP3_FILE),
        ("ogg", OGG_FILE, OGG_FILE),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_kind_of_recording_is_stored_without_loss_with_the_hash_of_its_source(
    extension: str, source: bytes, stored: bytes | None, ingest_site: IngestSite
) -> None:
    ingest_site.write_recording(f"2024/01/15/q-600-02079460123-20240115-093042-1705311042.118.{extension}", source)
    assert ingest_site.ingest_asterisk(ingest_site.write_file("Master.csv", build_cdr_line()))["recordings"] == 1
    [(suffix, data)] = list_recordings(ingest_site)
    assert suffix == (extension if extension in ("mp3", "ogg") else "wav")
    assert data == stored or (stored is None and data.startswith(b"RIFF"))
    if extension == "gsm":
        assert compute_sha256(data[44:]) == SPEECH_PCM_SHA256
    [row] = ingest_site.read_rows(schema.recordings)
    assert (row["source_sha256"], row["sha256"], row["size"]) == (
        compute_sha256(source),
        compute_sha256(data),
        len(data),
    )
    assert row["source_name"].endswith(f"1705311042.118.{extension}")


def test_a_recording_is_matched_by_the_uniqueid_of_its_call_or_leg_or_by_the_name_in_its_cdr(
    ingest_site: IngestSite,
) -> None:
    lines = [
        build_cdr_line("1705311042.118", sequence=1),
        build_cdr_line("1705311100.120", sequence=2, leg="1705311101.121", start="2024-01-15 09:31:40"),
        build_cdr_line(
            "1705311200.130",
            sequence=3,
            start="2024-01-15 09:33:20",
            end=LATE_TIME,
            userfield="audio:/var/spool/mix/Tuesday.wav",
        ),
        build_cdr_line("1705311300.140", sequence=4, start="2024-01-15 09:35:00", end=LATE_TIME, agent="1009"),
    ]
    ingest_site.write_recording("1705311042.118.wav", make_wav(1))
    ingest_site.write_recording("2024/01/15/out-1001-1705311101.121.wav", make_wav(2))
    ingest_site.write_recording("somewhere/else/Tuesday.wav", make_wav(3))
    ingest_site.write_recording("2024/pbx1-1705311300-140-in.wav", make_wav(4))
    added = ingest_site.ingest_asterisk(ingest_site.write_file("Master.csv", "".join(lines)))
    assert (added["recordings"], added["refused"], added["missing"]) == (4, [], [])
    assert [data for _, data in list_recordings(ingest_site)] == [make_wav(number) for number in (1, 2, 3, 4)]
    rows = ingest_site.read_rows(schema.recordings, "call_id", "agent_id", "call_type", order="call_begin")
    calls = ["1705311042-118", "1705311100-120", "1705311200-130", "1705311300-140"]
    assert rows == [(call, agent, 0) for call, agent in zip(calls, ["1001", "1001", "1001", "1009"], strict=True)]


def test_names_of_recordings_follow_the_interface_and_are_unique_even_in_one_tenth_of_a_second(
    each_ingest_site: IngestSite,
) -> None:
    lines = [
        build_cdr_line(f"170531104{number}.118", sequence=number, caller=f"0207946000{number}") for number in range(2)
    ]
    for number in range(2):
        each_ingest_site.write_recording(f"170531104{number}.118.wav", make_wav(number))
        each_ingest_site.write_recording(
            f"second/170531104{number}.118.mp3", encode_tone(MP3_ENCODER, 0.2 + number / 10)
        )
    assert (
        each_ingest_site.ingest_asterisk(each_ingest_site.write_file("Master.csv", "".join(lines)))["recordings"] == 4
    )
    names = each_ingest_site.read_rows(schema.recordings, "file_name", "original_file_name", "vdn_id")
    assert sorted(names) == [
        (
            f"/0/1/record/{AK}/{ACCOUNT_ID}/20240115/1001/093050{digit}.{extension}",
            f"Y:/17/0/20240115/1001/093050{digit}.{original}",
            "17",
        )
        for digit, extension, original in ((0, "mp3", "mp3"), (0, "wav", "V3"), (1, "mp3", "mp3"), (1, "wav", "V3"))
    ]


def test_more_recordings_than_one_digit_can_number_get_longer_names(ingest_site: IngestSite) -> None:
    lines = [build_cdr_line(f"1705311042.{number}", sequence=number) for number in range(21)]
    for number in range(21):
        ingest_site.write_recording(f"1705311042.{number}.wav", make_wav(number))
    assert ingest_site.ingest_asterisk(ingest_site.write_file("Master.csv", "".join(lines)))["recordings"] == 21
    names = ingest_site.read_rows(schema.recordings, "original_file_name")
    assert len(set(names)) == 21
    assert {f"Y:/17/0/20240115/1001/{stem}.V3" for stem in ("0930500", "0930509", "093050001", "093050002")} <= set(
        names
    )


def test_one_recording_under_two_names_is_stored_once(ingest_site: IngestSite) -> None:
    for name in ("1705311042.118.wav", "copy/q-1705311042.118.wav"):
        ingest_site.write_recording(name, make_wav(1))
    assert ingest_site.ingest_asterisk(ingest_site.write_file("Master.csv", build_cdr_line()))["recordings"] == 1
    assert len(ingest_site.read_files()) == 1


def test_the_time_in_a_recordings_name_is_in_the_accounts_zone(create_site: CreateSite) -> None:
    site = create_site(zone="Asia/Shanghai")
    site.write_recording("1705311042.118.wav", make_wav(1))
    site.ingest_asterisk(site.write_file("Master.csv", build_cdr_line()))
    assert site.read_rows(schema.recordings, "original_file_name") == ["Y:/17/0/20240115/1001/1730500.V3"]


def test_a_recording_whose_cdr_arrives_later_is_rejected_first_and_ingested_then(each_ingest_site: IngestSite) -> None:
    each_ingest_site.write_recording("1705311042.118.wav", make_wav(1))
    cdr = each_ingest_site.write_file("Master.csv", build_cdr_line("1705311999.1"))
    [rejection] = each_ingest_site.ingest_asterisk(cdr)["refused"]
    assert rejection["file"].endswith("1705311042.118.wav")
    assert "no CDR" in rejection["reason"]
    before = each_ingest_site.read_everything()
    assert each_ingest_site.ingest_asterisk(cdr)["refused"] == []
    assert each_ingest_site.read_everything() == before
    cdr.write_text(cdr.read_text() + build_cdr_line())
    assert each_ingest_site.ingest_asterisk(cdr, CCFS_SETTLE_SECONDS="0")["recordings"] == 1


def test_a_recording_that_a_cdr_names_and_that_does_not_arrive_is_reported_as_missing_once(
    each_ingest_site: IngestSite,
) -> None:
    cdr = each_ingest_site.write_file("Master.csv", build_cdr_line(userfield="audio:late.wav"))
    assert each_ingest_site.ingest_asterisk(cdr)["missing"] == [{"callId": "1705311042-118", "file": "late.wav"}]
    assert each_ingest_site.ingest_asterisk(cdr)["missing"] == []
    each_ingest_site.write_recording("late.wav", make_wav(1))
    assert each_ingest_site.ingest_asterisk(cdr)["recordings"] == 1
    assert each_ingest_site.read_rows(schema.expected_recordings, order="name") == []


def test_a_recording_that_arrived_with_one_leg_is_not_missing_when_a_later_leg_names_it(
    ingest_site: IngestSite,
) -> None:
    ingest_site.write_recording("q-1705311042.118.wav", make_wav(1))
    assert ingest_site.ingest_asterisk(ingest_site.write_file("a.csv", build_cdr_line(sequence=1)))["recordings"] == 1
    later = build_cdr_line(sequence=2, agent="1002", userfield="audio:q-1705311042.118.wav")
    added = ingest_site.ingest_asterisk(ingest_site.write_file("b.csv", later))
    assert (added["cdrs"], added["missing"]) == (1, [])


def test_freeswitchs_recordings_are_matched_by_uuid(ingest_site: IngestSite) -> None:
    ingest_site.write_recording("2025/b4a3d6a2-7d0e-4c0b-9a55-0b4c6f1d2e01.wav", make_wav(1), OLD_TIMESTAMP + 1)
    ingest_site.write_recording("c7d1b0f4-51c8-4e7e-8a39-55d0c1b7aa02_1001.wav", make_wav(2))
    for name in ("queue-answered.member.json", "queue-answered.agent.json"):
        ingest_site.write_file(f"cdr/{name}", (FREESWITCH_SAMPLES / name).read_bytes())
    assert ingest_site.ingest_freeswitch(ingest_site.switch_folder / "cdr")["recordings"] == 2
    assert len(set(ingest_site.read_rows(schema.recordings, "call_id"))) == 1
    assert {data for _, data in list_recordings(ingest_site)} == {make_wav(1), make_wav(2)}


def test_a_recording_belongs_to_the_agent_of_the_line_that_names_it(ingest_site: IngestSite) -> None:
    """After a transfer both legs talk, and each has its own file under the call's one uniqueid."""
    ingest_site.write_recording("first.wav", make_wav(1))
    ingest_site.write_recording("second.wav", make_wav(2))
    legs = build_cdr_line(userfield="audio:first.wav") + build_cdr_line(
        sequence=2, agent="1002", userfield="audio:second.wav"
    )
    ingest_site.ingest_asterisk(ingest_site.write_file("Master.csv", legs))
    assert ingest_site.read_rows(schema.recordings, "source_name", "agent_id", order="source_name") == [
        ("first.wav", "1001"),
        ("second.wav", "1002"),
    ]
