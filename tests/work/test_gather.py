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
from ccfs.model.bulk.bulk_download import BulkDownloadState, MissingReason
from ccfs.model.recordings.recording import BlobRef
from ccfs.workers.bulk import worker
from tests.store import given
from tests.store.child import ROOT
from tests.store.given import MINUTE, NOW
from tests.work.gathering import Room

CHILD = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from ccfs.settings import read
from ccfs.store.db import open_database
from ccfs.store.locations.disk import Disk
from ccfs.work import gather
gather.KEPT_SECONDS = 0.0
class Slow(Disk):
    def read(self, key, start=0, end=None):
        import time
        time.sleep(0.01)
        return super().read(key, start, end)
now = datetime.fromisoformat(sys.argv[3])
settings = read({}, data=Path(sys.argv[2]))
desk = gather.Desk(database=open_database(sys.argv[1]), locations={"0": Slow("0", Path(sys.argv[2]))}, settings=settings, now=lambda: now)
print("begun", flush=True)
gather.Gatherer(desk).do_one()
"""


@pytest.fixture
def room(database_url: str, tmp_path: Path) -> Iterator[Room]:
    database = open_database(database_url)
    upgrade(database)
    with database.write_transaction() as connection:
        app = given.app(connection)
        user = users.add(connection, "emil", "", NOW).id
    yield Room(database, tmp_path / "files", app, user)
    database.close()


def done(room: Room, number: str) -> BulkDownloadView:
    """The selection, which is ready."""
    found = room.shown(number)
    assert found.state is BulkDownloadState.READY
    return found


def test_everything_that_a_search_finds_is_listed_in_its_order(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "CALL_BATCH_SIZE", 20)
    room.tape(*range(1, 61))
    room.tape(61, account_id="other")
    asked = room.ask()
    assert room.gatherer().run_once()
    progress = done(room, asked).progress
    assert (progress.listed, progress.checked, progress.missing) == (60, 60, 0)
    assert [one.file_name for one in room.list(asked)] == [given.recording(n).file_name for n in range(1, 61)]
    assert not room.gatherer().run_once()


def test_what_cannot_be_taken_is_named_with_the_reason(room: Room) -> None:
    room.tape(*range(1, 6))
    room.disk.delete("r/2")
    room.disk.write("r/3", [b"short"])
    with room.database.write_transaction() as connection:
        wrong = schema.recordings.update().where(schema.recordings.c.key == "r/4")
        connection.execute(wrong.values(crc32=schema.recordings.c.crc32 + 1))
    asked = room.ask()
    room.gatherer().run_once()
    assert [one.missing_reason for one in room.list(asked)] == [
        None,
        MissingReason.GONE,
        MissingReason.DIFFERS,
        MissingReason.DIFFERS,
        None,
    ]
    assert done(room, asked).progress.missing == 3


@pytest.mark.parametrize("most", [3, 5])
def test_no_more_is_listed_than_the_settings_allow(room: Room, most: int) -> None:
    room.tape(*range(1, 6))
    asked = room.ask()
    room.gatherer(bulk_download_max_files=most).run_once()
    assert (done(room, asked).progress.listed, done(room, asked).progress.is_truncated) == (most, most < 5)


def test_no_more_bytes_are_listed_than_the_settings_allow(room: Room) -> None:
    room.tape(*range(1, 4))
    with room.database.write_transaction() as connection:
        connection.execute(schema.recordings.update().values(size=400 << 20))
    asked = room.ask()
    room.gatherer(bulk_download_max_gb=1).run_once()
    assert (room.shown(asked).progress.listed, room.shown(asked).progress.is_truncated) == (2, True)


def test_a_location_that_is_away_is_waited_for_and_then_named(room: Room) -> None:
    room.tape(1, 2)
    asked = room.ask()
    for _ in range(worker.MAX_UNAVAILABLE_CLAIMS - 1):
        assert room.gatherer(locations={}).run_once()
        assert not room.gatherer(locations={}).run_once()  # not at once
        assert room.shown(asked).state is BulkDownloadState.DUE
        room.now += MINUTE
    assert room.gatherer(locations={}).run_once()
    assert [one.missing_reason for one in room.list(asked)] == [MissingReason.UNREACHABLE, MissingReason.UNREACHABLE]
    done(room, asked)


def test_a_location_that_comes_back_is_as_if_it_had_never_been_away(room: Room) -> None:
    room.tape(1)
    asked = room.ask()
    room.gatherer(locations={}).run_once()
    room.now += MINUTE
    room.gatherer().run_once()
    assert done(room, asked).progress.missing == 0


def test_a_copy_elsewhere_is_as_good(room: Room) -> None:
    room.tape(1, 2)
    other = DiskLocation("1", room.folder / "other")
    other.write("r/1", room.disk.read("r/1"))
    for number in (1, 2):
        room.disk.delete(f"r/{number}")
    asked = room.ask()

    def copy(kept: BlobRef) -> BlobRef | None:
        return replace(kept, location_id="1") if kept.key == "r/1" else None

    room.gatherer(locations={"0": room.disk, "1": other}, elsewhere=copy).run_once()
    assert [one.missing_reason for one in room.list(asked)] == [None, MissingReason.GONE]


def test_a_large_one_leaves_small_ones_their_turn(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "TURN_SECONDS", 0.0)
    room.tape(*range(1, 31))
    large = room.ask()
    room.gatherer().run_once()
    room.now += timedelta(seconds=1)
    small = room.ask("1700000003-1")
    turns = 0
    while room.shown(small).state is BulkDownloadState.DUE:
        room.now += timedelta(seconds=1)
        assert room.gatherer().run_once()
        turns += 1
        assert turns < 10
    assert room.shown(large).state is BulkDownloadState.DUE
    while room.shown(large).state is BulkDownloadState.DUE:
        room.now += timedelta(seconds=1)
        room.gatherer().run_once()
        turns += 1
        assert turns < 100
    assert [one.number for one in room.list(large)] == list(range(1, 31))


def test_a_killed_worker_s_part_is_kept_and_the_zip_is_the_same(room: Room) -> None:
    room.tape(*range(1, 101))
    undisturbed = room.ask()
    room.gatherer().run_once()
    asked, kills = room.ask(), []
    for _ in range(3):
        kills.append(killed_while_gathering(room, asked))
        room.now += 2 * MINUTE  # its lease ends
    assert 0 < kills[0] < kills[1] < kills[2] < 100
    room.gatherer().run_once()
    ends = [room.shown(one).progress for one in (undisturbed, asked)]
    assert ends[0] == ends[1]
    assert room.list(undisturbed) == room.list(asked)
    assert done(room, asked).zip_summary is not None


def killed_while_gathering(room: Room, asked: str) -> int:
    """A worker that is killed when it has come forward; how far."""
    url = room.database.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", CHILD, url, str(room.folder), room.now.isoformat()]
    before, give_up = room.shown(asked).progress.checked, time.monotonic() + 60
    with subprocess.Popen(command, env={"PYTHONPATH": f"{ROOT / 'src'}"}, stdout=subprocess.DEVNULL) as child:
        while room.shown(asked).progress.checked < before + 3:
            assert child.poll() is None
            assert time.monotonic() < give_up
            time.sleep(0.01)
        os.kill(child.pid, signal.SIGKILL)
    return room.shown(asked).progress.checked


def test_a_worker_that_is_told_to_stop_hands_it_back(room: Room) -> None:
    room.tape(*range(1, 201))
    asked = room.ask()

    class Slow(DiskLocation):
        def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
            time.sleep(0.01)
            return super().read(key, start, end)

    worker = room.gatherer(locations={"0": Slow("0", room.folder)})
    stopper = threading.Timer(0.5, worker.stop)
    worker.start()
    stopper.start()
    stopper.join(20)
    with room.database.read_transaction() as connection:
        row = connection.execute(sa.select(schema.bulk_downloads.c.lease, schema.bulk_downloads.c.due_at)).one()
    assert row.lease == ""
    assert room.gatherer().run_once()
    done(room, asked)


def test_one_that_is_dropped_meanwhile_is_let_go_and_costs_the_next_nothing(room: Room) -> None:
    room.tape(1, 2, 3)
    dropped, asked = room.ask(), room.ask()

    class Dropping(DiskLocation):
        def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
            with room.database.write_transaction() as connection:
                bulk_downloads.delete(connection, room.app, room.user, dropped)
            return super().read(key, start, end)

    worker = room.gatherer(locations={"0": Dropping("0", room.folder)})
    with structlog.testing.capture_logs() as lines:
        while worker.run_once():
            pass
    assert [line for line in lines if line["log_level"] in ("warning", "error")] == []
    with room.database.read_transaction() as connection:
        assert bulk_downloads.find(connection, room.app, room.user, dropped) is None
    assert done(room, asked).progress.checked == 3


def test_what_fails_again_and_again_is_put_aside(room: Room) -> None:
    room.tape(1)
    asked = room.ask()

    class Broken(DiskLocation):
        def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
            raise RuntimeError("nobody thought of this")

    worker = room.gatherer(locations={"0": Broken("0", room.folder)}, export_max_attempts=3)
    for _ in range(3):
        assert worker.run_once()
        room.now += timedelta(hours=1)
    assert room.shown(asked).state is BulkDownloadState.FAILED
    assert not worker.run_once()


def test_a_selection_of_nothing_is_ready_and_empty(room: Room) -> None:
    asked = room.ask("1700000000-99")
    room.gatherer().run_once()
    made = done(room, asked).zip_summary
    assert made is not None
    assert made.size > 0
