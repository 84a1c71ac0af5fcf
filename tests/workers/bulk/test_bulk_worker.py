"""Gathering selections on both engines: what is listed, what is left out and why, and that a killed worker's part is not lost."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
import structlog

from ccfs.blobs.disk import DiskLocation
from ccfs.db import schema
from ccfs.db.engine import open_database
from ccfs.db.migrations.runner import upgrade
from ccfs.db.system import users
from ccfs.db.tenant import bulk_downloads
from ccfs.db.tenant.bulk_downloads import BulkDownloadView
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.bulk.bulk_download import BulkDownloadState, MissingReason
from ccfs.workers.bulk import worker
from tests.db import sample_rows
from tests.db.child_processes import ROOT
from tests.db.sample_rows import MINUTE, NOW
from tests.workers.bulk.bulk_download_setup import BulkDownloadSetup

WORKER_PROGRAM = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from ccfs.settings import load_settings
from ccfs.db.engine import open_database
from ccfs.blobs.disk import DiskLocation
from ccfs.workers.bulk import worker
worker.SAVE_INTERVAL_SECONDS = 0.0
class SlowDisk(DiskLocation):
    def read(self, key, start=0, end=None):
        import time
        time.sleep(0.01)
        return super().read(key, start, end)
now = datetime.fromisoformat(sys.argv[3])
settings = load_settings({}, data=Path(sys.argv[2]))
deps = worker.BulkWorkerDeps(database=open_database(sys.argv[1]), locations={"0": SlowDisk("0", Path(sys.argv[2]))}, settings=settings, now=lambda: now)
print("begun", flush=True)
worker.BulkDownloadWorker(deps).run_once()
"""


@pytest.fixture
def bulk_setup(database_url: str, tmp_path: Path) -> Iterator[BulkDownloadSetup]:
    database = open_database(database_url)
    upgrade(database)
    with database.write_transaction() as connection:
        app = sample_rows.add_app(connection)
        user = users.add(connection, "emil", "", NOW).id
    yield BulkDownloadSetup(database, tmp_path / "files", app, user)
    database.close()


def get_ready_download(room: BulkDownloadSetup, number: str) -> BulkDownloadView:
    """The selection, which is ready."""
    found = room.get_bulk_download(number)
    assert found.state is BulkDownloadState.READY
    return found


def test_everything_that_a_search_finds_is_listed_in_its_order(
    bulk_setup: BulkDownloadSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "CALL_BATCH_SIZE", 20)
    bulk_setup.add_recordings(*range(1, 61))
    bulk_setup.add_recordings(61, account_id="other")
    asked = bulk_setup.request_bulk_download()
    assert bulk_setup.create_worker().run_once()
    progress = get_ready_download(bulk_setup, asked).progress
    assert (progress.listed, progress.checked, progress.missing) == (60, 60, 0)
    assert [one.file_name for one in bulk_setup.list_items(asked)] == [
        sample_rows.make_recording(n).file_name for n in range(1, 61)
    ]
    assert not bulk_setup.create_worker().run_once()


def test_what_cannot_be_taken_is_named_with_the_reason(bulk_setup: BulkDownloadSetup) -> None:
    bulk_setup.add_recordings(*range(1, 6))
    bulk_setup.disk.delete("r/2")
    bulk_setup.disk.write("r/3", [b"short"])
    with bulk_setup.database.write_transaction() as connection:
        wrong = schema.recordings.update().where(schema.recordings.c.key == "r/4")
        connection.execute(wrong.values(crc32=schema.recordings.c.crc32 + 1))
    asked = bulk_setup.request_bulk_download()
    bulk_setup.create_worker().run_once()
    assert [one.missing_reason for one in bulk_setup.list_items(asked)] == [
        None,
        MissingReason.GONE,
        MissingReason.DIFFERS,
        MissingReason.DIFFERS,
        None,
    ]
    assert get_ready_download(bulk_setup, asked).progress.missing == 3


@pytest.mark.parametrize("most", [3, 5])
def test_no_more_is_listed_than_the_settings_allow(bulk_setup: BulkDownloadSetup, most: int) -> None:
    bulk_setup.add_recordings(*range(1, 6))
    asked = bulk_setup.request_bulk_download()
    bulk_setup.create_worker(bulk_download_max_files=most).run_once()
    assert (
        get_ready_download(bulk_setup, asked).progress.listed,
        get_ready_download(bulk_setup, asked).progress.is_truncated,
    ) == (most, most < 5)


def test_no_more_bytes_are_listed_than_the_settings_allow(bulk_setup: BulkDownloadSetup) -> None:
    bulk_setup.add_recordings(*range(1, 4))
    with bulk_setup.database.write_transaction() as connection:
        connection.execute(schema.recordings.update().values(size=400 << 20))
    asked = bulk_setup.request_bulk_download()
    bulk_setup.create_worker(bulk_download_max_gb=1).run_once()
    assert (
        bulk_setup.get_bulk_download(asked).progress.listed,
        bulk_setup.get_bulk_download(asked).progress.is_truncated,
    ) == (2, True)


def test_a_location_that_is_away_is_waited_for_and_then_named(bulk_setup: BulkDownloadSetup) -> None:
    bulk_setup.add_recordings(1, 2)
    asked = bulk_setup.request_bulk_download()
    for _ in range(worker.MAX_UNAVAILABLE_CLAIMS - 1):
        assert bulk_setup.create_worker(locations={}).run_once()
        assert not bulk_setup.create_worker(locations={}).run_once()  # not at once
        assert bulk_setup.get_bulk_download(asked).state is BulkDownloadState.DUE
        bulk_setup.now += MINUTE
    assert bulk_setup.create_worker(locations={}).run_once()
    assert [one.missing_reason for one in bulk_setup.list_items(asked)] == [
        MissingReason.UNREACHABLE,
        MissingReason.UNREACHABLE,
    ]
    get_ready_download(bulk_setup, asked)


def test_a_location_that_comes_back_is_as_if_it_had_never_been_away(bulk_setup: BulkDownloadSetup) -> None:
    bulk_setup.add_recordings(1)
    asked = bulk_setup.request_bulk_download()
    bulk_setup.create_worker(locations={}).run_once()
    bulk_setup.now += MINUTE
    bulk_setup.create_worker().run_once()
    assert get_ready_download(bulk_setup, asked).progress.missing == 0


def test_a_copy_elsewhere_is_as_good(bulk_setup: BulkDownloadSetup) -> None:
    bulk_setup.add_recordings(1, 2)
    other = DiskLocation("1", bulk_setup.folder / "other")
    other.write("r/1", bulk_setup.disk.read("r/1"))
    for number in (1, 2):
        bulk_setup.disk.delete(f"r/{number}")
    asked = bulk_setup.request_bulk_download()

    def copy(kept: BlobRef) -> BlobRef | None:
        return replace(kept, location_id="1") if kept.key == "r/1" else None

    bulk_setup.create_worker(locations={"0": bulk_setup.disk, "1": other}, elsewhere=copy).run_once()
    assert [one.missing_reason for one in bulk_setup.list_items(asked)] == [None, MissingReason.GONE]


def test_a_large_one_leaves_small_ones_their_turn(
    bulk_setup: BulkDownloadSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "TURN_SECONDS", 0.0)
    bulk_setup.add_recordings(*range(1, 31))
    large = bulk_setup.request_bulk_download()
    bulk_setup.create_worker().run_once()
    bulk_setup.now += timedelta(seconds=1)
    small = bulk_setup.request_bulk_download("1700000003-1")
    turns = 0
    while bulk_setup.get_bulk_download(small).state is BulkDownloadState.DUE:
        bulk_setup.now += timedelta(seconds=1)
        assert bulk_setup.create_worker().run_once()
        turns += 1
        assert turns < 10
    assert bulk_setup.get_bulk_download(large).state is BulkDownloadState.DUE
    while bulk_setup.get_bulk_download(large).state is BulkDownloadState.DUE:
        bulk_setup.now += timedelta(seconds=1)
        bulk_setup.create_worker().run_once()
        turns += 1
        assert turns < 100
    assert [one.number for one in bulk_setup.list_items(large)] == list(range(1, 31))


def test_a_killed_worker_s_part_is_kept_and_the_zip_is_the_same(bulk_setup: BulkDownloadSetup) -> None:
    bulk_setup.add_recordings(*range(1, 101))
    undisturbed = bulk_setup.request_bulk_download()
    bulk_setup.create_worker().run_once()
    asked, kills = bulk_setup.request_bulk_download(), []
    for _ in range(3):
        kills.append(kill_worker_midway(bulk_setup, asked))
        bulk_setup.now += 2 * MINUTE  # its lease ends
    assert 0 < kills[0] < kills[1] < kills[2] < 100
    bulk_setup.create_worker().run_once()
    ends = [bulk_setup.get_bulk_download(one).progress for one in (undisturbed, asked)]
    assert ends[0] == ends[1]
    assert bulk_setup.list_items(undisturbed) == bulk_setup.list_items(asked)
    assert get_ready_download(bulk_setup, asked).zip_summary is not None


def kill_worker_midway(room: BulkDownloadSetup, asked: str) -> int:
    """A worker that is killed when it has come forward; how far."""
    url = room.database.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", WORKER_PROGRAM, url, str(room.folder), room.now.isoformat()]
    before, give_up = room.get_bulk_download(asked).progress.checked, time.monotonic() + 60
    with subprocess.Popen(command, env={"PYTHONPATH": f"{ROOT / 'src'}"}, stdout=subprocess.DEVNULL) as child:
        while room.get_bulk_download(asked).progress.checked < before + 3:
            assert child.poll() is None
            assert time.monotonic() < give_up
            time.sleep(0.01)
        os.kill(child.pid, signal.SIGKILL)
    return room.get_bulk_download(asked).progress.checked


def test_a_worker_that_is_told_to_stop_hands_it_back(bulk_setup: BulkDownloadSetup) -> None:
    bulk_setup.add_recordings(*range(1, 201))
    asked = bulk_setup.request_bulk_download()

    class Slow(DiskLocation):
        def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
            time.sleep(0.01)
            return super().read(key, start, end)

    worker = bulk_setup.create_worker(locations={"0": Slow("0", bulk_setup.folder)})
    stopper = threading.Timer(0.5, worker.stop)
    worker.start()
    stopper.start()
    stopper.join(20)
    with bulk_setup.database.read_transaction() as connection:
        row = connection.execute(sa.select(schema.bulk_downloads.c.lease, schema.bulk_downloads.c.due_at)).one()
    assert row.lease == ""
    assert bulk_setup.create_worker().run_once()
    get_ready_download(bulk_setup, asked)


def test_one_that_is_dropped_meanwhile_is_let_go_and_costs_the_next_nothing(bulk_setup: BulkDownloadSetup) -> None:
    bulk_setup.add_recordings(1, 2, 3)
    dropped, asked = bulk_setup.request_bulk_download(), bulk_setup.request_bulk_download()

    class Dropping(DiskLocation):
        def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
            with bulk_setup.database.write_transaction() as connection:
                bulk_downloads.delete(connection, bulk_setup.app, bulk_setup.user, dropped)
            return super().read(key, start, end)

    worker = bulk_setup.create_worker(locations={"0": Dropping("0", bulk_setup.folder)})
    with structlog.testing.capture_logs() as lines:
        while worker.run_once():
            pass
    assert [line for line in lines if line["log_level"] in ("warning", "error")] == []
    with bulk_setup.database.read_transaction() as connection:
        assert bulk_downloads.find(connection, bulk_setup.app, bulk_setup.user, dropped) is None
    assert get_ready_download(bulk_setup, asked).progress.checked == 3


def test_what_fails_again_and_again_is_put_aside(bulk_setup: BulkDownloadSetup) -> None:
    bulk_setup.add_recordings(1)
    asked = bulk_setup.request_bulk_download()

    class Broken(DiskLocation):
        def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
            raise RuntimeError("nobody thought of this")

    worker = bulk_setup.create_worker(locations={"0": Broken("0", bulk_setup.folder)}, export_max_attempts=3)
    for _ in range(3):
        assert worker.run_once()
        bulk_setup.now += timedelta(hours=1)
    assert bulk_setup.get_bulk_download(asked).state is BulkDownloadState.FAILED
    assert not worker.run_once()


def test_a_selection_of_nothing_is_ready_and_empty(bulk_setup: BulkDownloadSetup) -> None:
    asked = bulk_setup.request_bulk_download("1700000000-99")
    bulk_setup.create_worker().run_once()
    made = get_ready_download(bulk_setup, asked).zip_summary
    assert made is not None
    assert made.size > 0
