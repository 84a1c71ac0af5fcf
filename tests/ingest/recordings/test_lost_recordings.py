"""Stored files of recordings that are lost are noticed by readers or by `ccfs ingest verify`, and ingested again."""

import json
import os
from pathlib import Path
from typing import Any

import obstore
import pytest

from ccfs.blobs.s3 import _create_store
from ccfs.db import schema
from ccfs.db.system.storage import locations, lost_blobs
from ccfs.ingest.recordings.restore import restore_lost_recordings
from ccfs.ingest.recordings.store_audio import store_audio_file
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.blobs.errors import LocationUnreachable
from ccfs.model.blobs.location_config import LocationConfig
from ccfs.server.lost_blobs import LostBlobReporter
from ccfs.server.node import utc_now
from tests.api.api_client import send_request
from tests.blobs import s3_locations
from tests.cli.command import run_ccfs
from tests.ingest.ingest_site import AK, SK, IngestSite, build_cdr_line, make_wav
from tests.ingest.passes import Passes
from tests.ingest.recordings.test_download_after_ingest import serve_site
from tests.proxies import ProxyMode, run_proxy
from tests.server.ccfs_server import CcfsServer
from tests.servers import S3_KEYS
from tests.switches.test_ccfs import RECORD_ROW

CALL = "1705311042.118"
LINES = build_cdr_line(CALL) + build_cdr_line("1705311042.119", sequence=2)


def ingest_two(site: IngestSite) -> list[dict[str, Any]]:
    """Ingest two calls with a recording each, and return the rows of the recordings."""
    site.write_recording(f"{CALL}.wav", make_wav(1, 3))
    site.write_recording("1705311042.119.ulaw", bytes(range(256)) * 40)
    assert repeat_ingest(site)["recordings"] == 2
    return site.read_rows(schema.recordings)


def repeat_ingest(site: IngestSite) -> Any:
    return site.ingest_asterisk(site.write_file("Master.csv", LINES))


def verify(site: IngestSite, *options: str) -> tuple[int, Any, str]:
    """Return the exit code, the result and the log of `ccfs ingest verify`."""
    done = run_ccfs("ingest", "verify", "--app", AK, "--json", *options, settings=site.environment)
    return done.code, json.loads(done.out), done.err


def use_bucket(site: IngestSite, url: str) -> LocationConfig:
    """Have the site store new files in an empty bucket, and return it."""
    bucket = s3_locations.make_location_config(url)
    with site.node.database.write_transaction() as connection:
        locations.add(connection, bucket)
    keys = zip(("CCFS_S3_ACCESS_KEY", "CCFS_S3_SECRET_KEY"), S3_KEYS, strict=True)
    site.settings.update(keys, CCFS_S3_TIMEOUT_SECONDS="30", CCFS_S3_RETRIES="1", CCFS_PRIMARY_LOCATION="1")
    return bucket


def get_path(site: IngestSite, row: dict[str, Any]) -> Path:
    return site.folder / "data" / "files" / str(row["key"])


def try_download(server: CcfsServer, site: IngestSite, name: str) -> bool:
    """Return whether the server sends the recording."""
    options = ("--url", f"http://{server.host}", "--ak", AK, "--sk", SK, "-o", site.folder / "fetched")
    return run_ccfs("call", "downloadRecord", json.dumps({"fileName": name}), *options).code == 0


def read_lost_metric(server: CcfsServer) -> str:
    text = send_request(server, "GET", "/metrics").body.decode()
    return next(line.rpartition(" ")[2] for line in text.splitlines() if line.startswith("ccfs_lost_recordings "))


def test_a_lost_file_is_noticed_when_it_is_read_and_ingested_again(each_ingest_site: IngestSite) -> None:
    site = each_ingest_site
    rows, before = ingest_two(site), site.read_everything()
    name = str(rows[0]["file_name"])
    with serve_site(site) as server:
        get_path(site, rows[0]).unlink()
        assert not try_download(server, site, name)
        [line] = server.read_log_lines("blob_lost")
        assert (line["level"], line["key"]) == ("error", rows[0]["key"])
        assert not try_download(server, site, name)
        assert len(server.read_log_lines("blob_lost")) == 1
        assert read_lost_metric(server) == "1.0"
        added = repeat_ingest(site)
        assert (added["recordings"], added["refused"], len(added["warnings"])) == (0, [], 1)
        assert "stored again" in added["warnings"][0]
        assert try_download(server, site, name)
        assert read_lost_metric(server) == "0.0"
    after = site.read_everything()
    assert after[0]["recordings"] == before[0]["recordings"]
    assert after[0]["lost_blobs"] == []
    assert after[1] == before[1]
    assert repeat_ingest(site)["warnings"] == []


def test_verify_finds_lost_and_truncated_files_that_nobody_has_read(ingest_site: IngestSite) -> None:
    rows, before = ingest_two(ingest_site), ingest_site.read_files()
    assert verify(ingest_site)[:2] == (0, {"checked": 2, "unreachable": 0, "lost_count": 0, "lost": []})
    get_path(ingest_site, rows[0]).unlink()
    path = get_path(ingest_site, rows[1])
    path.write_bytes(path.read_bytes()[:-1])
    code, result, log = verify(ingest_site)
    assert (code, log.count("blob_lost")) == (1, 2)
    assert result["lost"] == sorted(str(row["file_name"]) for row in rows)
    assert verify(ingest_site)[2].count("blob_lost") == 0
    repeat_ingest(ingest_site)
    assert ingest_site.read_files() == before
    assert verify(ingest_site)[0] == 0


def flip_bit(path: Path) -> None:
    """Damage a byte in the middle of a file; its size stays."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x40
    path.write_bytes(data)


def test_a_full_verify_finds_damaged_bytes_and_ingest_restores_them(each_ingest_site: IngestSite) -> None:
    site = each_ingest_site
    rows, before = ingest_two(site), site.read_files()
    for row in rows:
        flip_bit(get_path(site, row))
    assert verify(site)[:2] == (0, {"checked": 2, "unreachable": 0, "lost_count": 0, "lost": []})
    code, result, log = verify(site, "--full")
    assert (code, result["lost_count"], log.count("blob_lost")) == (1, 2, 2)
    repeat_ingest(site)
    assert site.read_files() == before
    assert site.read_rows(schema.recordings) == rows
    assert verify(site, "--full")[0] == 0


def test_damaged_bytes_without_their_source_stay_lost(ingest_site: IngestSite) -> None:
    rows = ingest_two(ingest_site)
    flip_bit(get_path(ingest_site, rows[0]))
    for source in ingest_site.recordings_folder.iterdir():
        source.unlink()
    ingest_site.write_recording("another.wav", make_wav(7))
    assert verify(ingest_site, "--full")[1]["lost"] == [rows[0]["file_name"]]
    repeat_ingest(ingest_site)
    assert ingest_site.read_rows(schema.lost_blobs, "recording") == [rows[0]["file_name"]]


def test_a_damaged_object_of_a_bucket_is_restored(ingest_site: IngestSite, s3_url: str) -> None:
    bucket = use_bucket(ingest_site, s3_url)
    ingest_two(ingest_site)
    key, *_ = s3_locations.list_keys(bucket)
    store = _create_store(bucket, s3_locations.make_s3_config())
    data = obstore.get(store, key).bytes().to_bytes()
    obstore.put(store, key, data[:-1] + bytes([data[-1] ^ 1]))
    assert verify(ingest_site)[0] == 0
    assert verify(ingest_site, "--full")[1]["lost_count"] == 1
    repeat_ingest(ingest_site)
    assert obstore.get(store, key).bytes().to_bytes() == data
    assert verify(ingest_site, "--full")[0] == 0


def test_a_file_without_its_source_stays_lost_and_one_that_came_back_does_not(ingest_site: IngestSite) -> None:
    rows = ingest_two(ingest_site)
    data = [get_path(ingest_site, row).read_bytes() for row in rows]
    for row in rows:
        get_path(ingest_site, row).unlink()
    for source in ingest_site.recordings_folder.iterdir():
        source.unlink()
    ingest_site.write_recording("another.wav", make_wav(7))
    assert verify(ingest_site)[1]["lost_count"] == 2
    assert repeat_ingest(ingest_site)["warnings"] == []
    assert len(ingest_site.read_rows(schema.lost_blobs)) == 2
    get_path(ingest_site, rows[0]).write_bytes(data[0])
    repeat_ingest(ingest_site)
    assert ingest_site.read_rows(schema.lost_blobs, "recording") == [rows[1]["file_name"]]
    assert ingest_site.read_rows(schema.recordings) == rows


def test_other_audio_under_the_sources_name_restores_nothing(ingest_site: IngestSite) -> None:
    rows = ingest_two(ingest_site)
    for row in rows:
        get_path(ingest_site, row).unlink()
    ingest_site.write_recording(f"{CALL}.wav", make_wav(2, 1), modified=1_705_500_000)
    assert verify(ingest_site)[1]["lost_count"] == 2
    repeat_ingest(ingest_site)
    assert ingest_site.read_rows(schema.lost_blobs, "recording") == [rows[0]["file_name"]]
    stored = [row for row in ingest_site.read_rows(schema.recordings) if row not in rows]
    assert set(ingest_site.read_files()) == {row["key"] for row in (*stored, rows[1])}


def test_restoring_keeps_the_bytes_of_another_recording_that_came_from_the_path(ingest_site: IngestSite) -> None:
    rows = ingest_two(ingest_site)
    get_path(ingest_site, rows[0]).unlink()
    changed = ingest_site.write_recording(f"{CALL}.wav", make_wav(2, 1), modified=1_705_500_000)
    passes = Passes(ingest_site, is_watching=False)
    location, prefix = ingest_site.node.primary_location, f"{passes.owner.app.id}/recordings"
    other = store_audio_file(location, prefix, changed).blob  # as the other recording has it
    assert verify(ingest_site)[1]["lost_count"] == 1
    restore_lost_recordings(passes.run, passes.owner.app)
    assert location.get_size(other.key) == other.size
    assert ingest_site.read_rows(schema.lost_blobs, "recording") == [rows[0]["file_name"]]


def test_a_pipe_in_place_of_the_source_restores_nothing(ingest_site: IngestSite) -> None:
    rows = ingest_two(ingest_site)
    get_path(ingest_site, rows[0]).unlink()
    source = ingest_site.recordings_folder / f"{CALL}.wav"
    source.unlink()
    os.mkfifo(source)
    assert verify(ingest_site)[1]["lost_count"] == 1
    passes = Passes(ingest_site, is_watching=False)
    restore_lost_recordings(passes.run, passes.owner.app)  # it does not wait for a writer
    assert ingest_site.read_rows(schema.lost_blobs, "recording") == [rows[0]["file_name"]]


def test_a_lost_recording_of_an_index_is_restored_from_the_tree(ingest_site: IngestSite) -> None:
    ingest_site.write_recording("X/17/0/20180903/15470/2043295.V3", make_wav(2))
    index = ingest_site.write_file("record.csv", RECORD_ROW)
    command = (index, "--recordings", ingest_site.recordings_folder)
    assert ingest_site.ingest_export(*command)["recordings"] == 1
    before, [row] = ingest_site.read_files(), ingest_site.read_rows(schema.recordings)
    get_path(ingest_site, row).unlink()
    assert verify(ingest_site)[1]["lost"] == [row["file_name"]]
    ingest_site.ingest_export(*command)
    assert ingest_site.read_files() == before
    assert ingest_site.read_rows(schema.lost_blobs) == []


def test_a_lost_object_of_a_bucket_is_restored_and_an_outage_loses_nothing(
    ingest_site: IngestSite, s3_url: str
) -> None:
    with run_proxy(s3_url) as between:
        bucket = use_bucket(ingest_site, between.url)
        rows = ingest_two(ingest_site)
        between.mode = ProxyMode.BUSY
        code, result, _ = verify(ingest_site)
        assert (code, result["unreachable"], result["lost_count"]) == (1, 2, 0)
        between.mode = ProxyMode.PASS
        keys = s3_locations.list_keys(bucket)
        obstore.delete(_create_store(bucket, s3_locations.make_s3_config()), min(keys))
        assert verify(ingest_site)[1]["lost_count"] == 1
        repeat_ingest(ingest_site)
        assert s3_locations.list_keys(bucket) == keys
        assert verify(ingest_site)[0] == 0
        assert ingest_site.read_rows(schema.recordings) == rows


def test_recordings_of_another_primary_location_are_restored_there(ingest_site: IngestSite, s3_url: str) -> None:
    rows = ingest_two(ingest_site)
    get_path(ingest_site, rows[0]).unlink()
    bucket = use_bucket(ingest_site, s3_url)
    assert verify(ingest_site)[1]["lost_count"] == 1
    repeat_ingest(ingest_site)
    assert ingest_site.read_rows(schema.recordings, "location_id") == ["1", "0"]
    assert verify(ingest_site)[0] == 0
    assert [key.rpartition("/")[2] for key in s3_locations.list_keys(bucket)] == [rows[0]["key"].rpartition("/")[2]]


def test_a_blob_is_looked_up_by_its_key_near_its_day_and_elsewhere(each_ingest_site: IngestSite) -> None:
    site = each_ingest_site
    rows = ingest_two(site)
    moved = f"1/recordings/20010101/{rows[1]['key'].rpartition('/')[2]}"
    get_path(site, rows[0]).unlink()
    with site.node.database.write_transaction() as connection:
        is_second = schema.recordings.c.key == rows[1]["key"]
        connection.execute(schema.recordings.update().where(is_second).values(key=moved))
        for key in (rows[0]["key"], moved, "1/recordings/20240115/nobodys.wav", "1/voice/x/y.wav"):
            blob = BlobRef(location_id="0", key=str(key), size=1, sha256="", crc32=0)
            assert lost_blobs.add(connection, blob, "", utc_now()) == ("voice" not in blob.key)
    repeat_ingest(site)
    assert site.read_rows(schema.lost_blobs) == []
    assert verify(site)[0] == 0


def test_a_blob_is_reported_once_and_a_database_that_fails_stops_no_reader(ingest_site: IngestSite) -> None:
    blob = BlobRef(location_id="0", key="1/recordings/20240115/a.wav", size=1, sha256="", crc32=0)
    reporter = LostBlobReporter(lambda: ingest_site.node.database, utc_now)
    reporter(blob)
    [first] = ingest_site.read_rows(schema.lost_blobs)
    reporter(blob)
    LostBlobReporter(lambda: ingest_site.node.database, utc_now)(blob)
    assert ingest_site.read_rows(schema.lost_blobs) == [first]
    with ingest_site.node.database.write_transaction() as connection:
        schema.lost_blobs.drop(connection)
    LostBlobReporter(lambda: ingest_site.node.database, utc_now)(blob)


def test_a_location_that_cannot_tell_loses_nothing(ingest_site: IngestSite) -> None:
    blob = BlobRef(location_id="77", key="1/recordings/20240115/a.wav", size=1, sha256="0" * 64, crc32=0)
    assert ingest_site.node.replicas.find(blob) is None
    assert ingest_site.read_rows(schema.lost_blobs) == []
    with pytest.raises(LocationUnreachable, match="77"):
        ingest_site.node.replicas.is_lost(blob)
