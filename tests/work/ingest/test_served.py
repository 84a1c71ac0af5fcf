"""What was ingested comes out of a real server as it went in: by callId, by either name, and played by token."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ccfs.db import schema
from ccfs.model.recordings import wav
from tests.cli.command import ccfs
from tests.switches.test_ccfs import RECORD_ROW
from tests.web.serving import Server, serving
from tests.work.ingest.given import AK, SK, Place, line, sound

SAMPLES = bytes(range(256)) * 40


@contextmanager
def served(place: Place) -> Iterator[Server]:
    given: dict[str, Any] = {"database_url": place.url} if place.url else {}
    with serving(place.folder / "data", lock_failures=0, **given) as server:
        yield server


def fetched(server: Server, place: Place, operation: str, ask: dict[str, Any] | None = None) -> bytes:
    """The file that an operation gives."""
    target = place.folder / "fetched"
    where = ("--url", f"http://{server.host}", "--ak", AK, "--sk", SK, "-o", target)
    done = ccfs("call", operation, json.dumps(ask or {}), *where)
    assert done.code == 0, done
    data = target.read_bytes()
    target.unlink()
    return data


def played(server: Server, place: Place, name: str) -> bytes:
    where = ("--url", f"http://{server.host}", "--ak", AK, "--sk", SK)
    token = ccfs("call", "requestPlayVoice", json.dumps({"fileName": name}), *where).json["resultData"]["token"]
    return fetched(server, place, f"playVoice?t=1&version=2.0&st={token}")


@pytest.fixture
def filled(each_place: Place) -> Place:
    """A call with a WAV, one with headerless samples, and what an export of CC-FS names."""
    each_place.record("1705311042.118.wav", sound(1, 3))
    each_place.record("1705311042.119.ulaw", SAMPLES)
    each_place.record("X/17/0/20180903/15470/2043295.V3", sound(2))
    each_place.record("Y/17/record/20201015/10233946082696733.wav", sound(3))
    lines = [line("1705311042.118"), line("1705311042.119", sequence=2, agent="1002")]
    assert each_place.asterisk(each_place.leave("Master.csv", "".join(lines)))["recordings"] == 2
    index = each_place.leave("record.csv", RECORD_ROW)
    assert each_place.export(index, "--recordings", each_place.recordings)["voice_files"] == 1
    return each_place


def test_what_went_in_comes_out(filled: Place) -> None:
    wrapped = wav.build_header(tag=wav.MU_LAW, rate=8000, channels=1, bits=8, data_size=len(SAMPLES)) + SAMPLES
    with served(filled) as server:
        for call, data in (
            ("1705311042-118", sound(1, 3)),
            ("1705311042-119", wrapped),
            ("1535955869-67110003", sound(2)),
        ):
            assert fetched(server, filled, "downloadRecord", {"callId": call}) == data
        for row in filled.rows(schema.recordings):
            data = fetched(server, filled, "downloadRecordFile", {"fileName": row["file_name"]})
            assert hashlib.sha256(data).hexdigest() == row["sha256"]
            assert fetched(server, filled, "downloadRecord", {"fileName": row["original_file_name"]}) == data
        assert played(server, filled, row["original_file_name"].replace("/", "\\")) == data
        message = {"fileName": "Y:/17/record/20201015/10233946082696733.wav"}
        assert fetched(server, filled, "downloadIVRRecordFile", message) == sound(3)
        filled.record("1705311042.120.wav", sound(4))  # while the server runs
        filled.asterisk(filled.leave("more.csv", line("1705311042.120")))
        assert fetched(server, filled, "downloadRecord", {"callId": "1705311042-120"}) == sound(4)
