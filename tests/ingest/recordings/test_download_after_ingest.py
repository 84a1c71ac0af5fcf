"""A real server serves ingested recordings unchanged: by callId, by either name, and by play token."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ccfs.db import schema
from ccfs.model.recordings import wav
from tests.cli.command import run_ccfs
from tests.ingest.ingest_site import AK, SK, IngestSite, build_cdr_line, make_wav
from tests.server.ccfs_server import CcfsServer, run_server
from tests.switches.test_ccfs import RECORD_ROW

SAMPLES = bytes(range(256)) * 40


@contextmanager
def serve_site(site: IngestSite) -> Iterator[CcfsServer]:
    given: dict[str, Any] = {"database_url": site.url} if site.url else {}
    with run_server(site.folder / "data", lock_failures=0, **given) as server:
        yield server


def download(server: CcfsServer, site: IngestSite, operation: str, body: dict[str, Any] | None = None) -> bytes:
    """Return the file that an operation responds with."""
    target = site.folder / "fetched"
    options = ("--url", f"http://{server.host}", "--ak", AK, "--sk", SK, "-o", target)
    done = run_ccfs("call", operation, json.dumps(body or {}), *options)
    assert done.code == 0, done
    data = target.read_bytes()
    target.unlink()
    return data


def play_recording(server: CcfsServer, site: IngestSite, name: str) -> bytes:
    options = ("--url", f"http://{server.host}", "--ak", AK, "--sk", SK)
    token = run_ccfs("call", "requestPlayVoice", json.dumps({"fileName": name}), *options).json["resultData"]["token"]
    return download(server, site, f"playVoice?t=1&version=2.0&st={token}")


@pytest.fixture
def filled_site(each_ingest_site: IngestSite) -> IngestSite:
    """A call with a WAV, one with headerless samples, and what an export of CC-FS names."""
    each_ingest_site.write_recording("1705311042.118.wav", make_wav(1, 3))
    each_ingest_site.write_recording("1705311042.119.ulaw", SAMPLES)
    each_ingest_site.write_recording("X/17/0/20180903/15470/2043295.V3", make_wav(2))
    each_ingest_site.write_recording("Y/17/record/20201015/10233946082696733.wav", make_wav(3))
    lines = [build_cdr_line("1705311042.118"), build_cdr_line("1705311042.119", sequence=2, agent="1002")]
    assert (
        each_ingest_site.ingest_asterisk(each_ingest_site.write_file("Master.csv", "".join(lines)))["recordings"] == 2
    )
    index = each_ingest_site.write_file("record.csv", RECORD_ROW)
    assert each_ingest_site.ingest_export(index, "--recordings", each_ingest_site.recordings_folder)["voice_files"] == 1
    return each_ingest_site


def test_an_ingested_recording_is_downloaded_and_played_unchanged(filled_site: IngestSite) -> None:
    wrapped = wav.build_header(tag=wav.MU_LAW, rate=8000, channels=1, bits=8, data_size=len(SAMPLES)) + SAMPLES
    with serve_site(filled_site) as server:
        for call, data in (
            ("1705311042-118", make_wav(1, 3)),
            ("1705311042-119", wrapped),
            ("1535955869-67110003", make_wav(2)),
        ):
            assert download(server, filled_site, "downloadRecord", {"callId": call}) == data
        for row in filled_site.read_rows(schema.recordings):
            data = download(server, filled_site, "downloadRecordFile", {"fileName": row["file_name"]})
            assert hashlib.sha256(data).hexdigest() == row["sha256"]
            assert download(server, filled_site, "downloadRecord", {"fileName": row["original_file_name"]}) == data
        assert play_recording(server, filled_site, row["original_file_name"].replace("/", "\\")) == data
        message = {"fileName": "Y:/17/record/20201015/10233946082696733.wav"}
        assert download(server, filled_site, "downloadIVRRecordFile", message) == make_wav(3)
        filled_site.write_recording("1705311042.120.wav", make_wav(4))  # while the server runs
        filled_site.ingest_asterisk(filled_site.write_file("more.csv", build_cdr_line("1705311042.120")))
        assert download(server, filled_site, "downloadRecord", {"callId": "1705311042-120"}) == make_wav(4)
