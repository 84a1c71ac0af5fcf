"""Exports and callbacks while what they stand on fails: PostgreSQL stopped and started again, a full disk, a clock that is
set back. Real servers and devices; the clock alone is given."""

import signal
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ccfs.blobs.disk import DiskLocation
from ccfs.db import schema
from ccfs.db.system.trusted_certificates import TrustStore
from ccfs.db.tenant import deliveries, exports, recordings
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.blobs.errors import LocationUnreachable
from ccfs.model.exports.export import Export
from ccfs.model.exports.time_window import TimeWindow
from ccfs.server.node import utc_now
from ccfs.workers.callbacks import worker as callback_worker
from ccfs.workers.exports import worker as export_worker
from ccfs.workers.exports.worker import ExportDeps, ExportWorker
from tests import servers
from tests.db.sample_rows import SECOND, add_account, make_recording
from tests.receivers import FAIL, OK, CallbackReceiver, run_receiver
from tests.workers.callbacks.callback_node import CallbackNode, make_export, open_callback_node, wait_until

HOUR = timedelta(hours=1)
ROWS = 400
BEGIN = datetime.fromisoformat("2026-05-04T08:00:00+00:00")
NO_SPACE = "OSError: [Errno 28] No space left on device"


class SettableClock:
    """A clock that goes, and can be set."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self.ahead


class FullDeviceDisk(DiskLocation):
    """Where no file system may be mounted: /dev/full, which has no space left either, for as long as it is wanted."""

    is_full = False

    def write(self, key: str, chunks: Iterable[bytes]) -> BlobRef:
        if self.is_full:
            with open("/dev/full", "wb", buffering=0) as device:
                device.writelines(chunks)
        return super().write(key, chunks)


class UndeletableDisk(DiskLocation):
    """A location that removes nothing."""

    def delete(self, key: str) -> None:
        raise LocationUnreachable("away")


@pytest.fixture
def short_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases and waits of seconds, so that what a fault held up goes on while the test lasts."""
    monkeypatch.setattr(export_worker, "LEASE", 2 * SECOND)
    monkeypatch.setattr(export_worker, "LEASE_RENEWAL_SECONDS", 0.4)
    monkeypatch.setattr(export_worker, "FIRST_RETRY_SECONDS", 0.1)
    monkeypatch.setattr(export_worker, "MAX_RETRY_SECONDS", 0.2)
    monkeypatch.setattr(callback_worker, "LEASE", 3 * SECOND)


def add_export(on: CallbackNode, url: str, at: datetime | None = None) -> Export:
    """One export more, due now, of all recordings."""
    window = TimeWindow(begin=BEGIN, end=BEGIN + HOUR)
    export = replace(
        make_export(next(on.numbers), url), tables=("record",), window=window, requested_at=at or utc_now()
    )
    with on.node.database.write_transaction() as connection:
        exports.add(connection, on.app, export)
    return export


def add_recordings(on: CallbackNode) -> None:
    """Recordings to export."""
    with on.node.database.write_transaction() as connection:
        add_account(connection, on.app, "100", 8)
        for number in range(ROWS):
            recordings.add(connection, on.app, make_recording(number, call_begin=BEGIN + number * SECOND), BEGIN)


def create_worker(
    on: CallbackNode, clock: Callable[[], datetime] = utc_now, home: DiskLocation | None = None
) -> ExportWorker:
    """A worker of the stage's node; not started."""
    node = on.node
    shop = ExportDeps(
        database=node.database,
        primary_location=home or node.disk,
        settings=node.settings,
        now=clock,
        on_ready=lambda: None,
    )
    return ExportWorker(shop)


@contextmanager
def run_workers(on: CallbackNode, home: DiskLocation | None = None) -> Iterator[None]:
    """Two workers, as a node has them, until the block ends."""
    makers = [create_worker(on, home=home) for _ in range(2)]
    for one in makers:
        one.start()
    try:
        yield
    finally:
        for one in makers:
            one.stop()


def load_rows(on: CallbackNode) -> list[Any]:
    with on.node.database.read_transaction() as connection:
        return list(connection.execute(sa.select(schema.exports)))


def has_received(there: CallbackReceiver, count: int) -> bool:
    return len(there.received) >= count


def is_all_delivered(on: CallbackNode, count: int) -> bool:
    with suppress(sa.exc.SQLAlchemyError):
        return on.count_by_state() == {"delivered": count}
    return False


def assert_one_complete_file_each(on: CallbackNode) -> None:
    """Each export has one whole file, and no other lies about."""
    keys = {row.key for row in load_rows(on)}
    files = on.node.disk._root
    assert {str(path.relative_to(files)) for path in files.rglob("*") if path.is_file()} == keys
    for key in keys:
        with zipfile.ZipFile(files / key) as archive:
            assert archive.testzip() is None
            assert [archive.read(name).count(b"\n") for name in archive.namelist()] == [ROWS + 1]


@pytest.mark.usefixtures("short_leases")
def test_postgresql_that_stops_and_starts_again_loses_nothing(tmp_path: Path) -> None:
    with (
        servers.run_postgres_cluster() as server,
        open_callback_node(tmp_path, server.url) as one,
        run_receiver() as there,
    ):
        add_recordings(one)
        one.bind_prefix(there.prefix)
        asked = {add_export(one, there.url).response_id for _ in range(40)}
        trusted = TrustStore(one.node.database)
        known = trusted()
        with one.run_callback_worker(attempts=50), run_workers(one):
            for heard, how in ((8, signal.SIGINT), (20, signal.SIGQUIT)):
                wait_until(partial(has_received, there, heard))
                server.stop(how)
                time.sleep(0.5)
                assert trusted() == known  # a callback that is under way does not fail for want of it
                server.start()
            began = time.monotonic()
            wait_until(lambda: is_all_delivered(one, len(asked)))
        ids = [got.headers["webhook-id"] for got in there.received]
        print(f"all announced {time.monotonic() - began:.1f} s later; {len(ids) - len(asked)} callbacks came twice")
        assert set(ids) == asked
        assert all(got.headers["webhook-id"].encode() in got.body for got in there.received)
        assert_one_complete_file_each(one)


@contextmanager
def mount_small_disk(folder: Path) -> Iterator[bool]:
    """A tmpfs of 4 MB mounted there; False where this process may mount nothing."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", str(folder)]
    is_mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield is_mounted
    finally:
        if is_mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill_disk(file: Path) -> None:
    """Until nothing more fits."""
    with suppress(OSError), file.open("ab", buffering=0) as filling:
        while True:
            filling.write(b"\1" * 4096)


@pytest.mark.usefixtures("short_leases")
@pytest.mark.parametrize("full", ["files", "files and database"])
def test_a_full_disk_holds_exports_up_and_loses_none(
    tmp_path: Path, full: str, record_property: Callable[[str, object], None]
) -> None:
    with mount_small_disk(tmp_path / "small") as is_mounted, run_receiver() as there:
        device = "a tmpfs" if is_mounted else "/dev/full, for files alone: nothing may be mounted here"
        record_property("device", device)
        print(f"the full device is {device}")
        small = tmp_path / "small"
        data = small if full == "files and database" and is_mounted else tmp_path / "large"
        with open_callback_node(data, f"sqlite:///{data / 'ccfs.db'}") as one:
            home = FullDeviceDisk("0", small / "files" if is_mounted else data / "files")
            one.node.__dict__["disk"] = home
            add_recordings(one)
            one.bind_prefix(there.prefix)
            asked = [add_export(one, there.url).response_id for _ in range(5)]
            fill_disk(small / "filler") if is_mounted else setattr(home, "is_full", True)
            with one.run_callback_worker(attempts=50), run_workers(one, home):
                time.sleep(1)
                assert there.received == []
                wait_until(lambda: not any(path.is_file() for path in home._root.rglob("*")))  # between two attempts
                if data != small:
                    wait_until(lambda: {row.error for row in load_rows(one)} == {NO_SPACE})
                (small / "filler").unlink(missing_ok=True)
                home.is_full = False
                wait_until(lambda: is_all_delivered(one, len(asked)))
            assert sorted(got.headers["webhook-id"] for got in there.received) == sorted(asked)
            assert_one_complete_file_each(one)


class TestAClockThatIsSetBack:
    """By an hour, while something is under way."""

    def test_a_node_whose_clock_is_set_back_is_taken_over_and_one_file_is_made(
        self, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(export_worker, "LEASE_RENEWAL_SECONDS", 0.05)
        clock = SettableClock()
        with open_callback_node(tmp_path, database_url) as one:
            add_recordings(one)

            class Slow(DiskLocation):
                def write(self, key: str, chunks: Iterable[bytes]) -> BlobRef:
                    kept = super().write(key, chunks)
                    clock.ahead = -HOUR  # its lease is renewed until an hour ago
                    wait_until(lambda: load_rows(one)[0].due_at < utc_now())
                    assert create_worker(one).run_once()
                    return kept

            export = add_export(one, "https://cb.example.com/x")
            assert create_worker(one, clock, Slow("0", one.node.disk._root)).run_once()
            assert [row.state for row in load_rows(one)] == ["ready"]
            with one.node.database.read_transaction() as connection:
                assert [found.export for found in deliveries.list_recent(connection, one.app)] == [export.response_id]
            assert_one_complete_file_each(one)

    def test_due_exports_wait_until_a_clock_that_was_set_back_is_there_again_and_new_ones_do_not(
        self, database_url: str, tmp_path: Path
    ) -> None:
        clock = SettableClock()
        with open_callback_node(tmp_path, database_url) as one:
            add_recordings(one)
            worker = create_worker(one, clock)
            before = add_export(one, "https://cb.example.com/x", clock())
            clock.ahead = -HOUR
            assert not worker.run_once()
            after = add_export(one, "https://cb.example.com/x", clock())
            assert worker.run_once()
            assert {row.response_id: row.state for row in load_rows(one)} == {
                before.response_id: "due",
                after.response_id: "ready",
            }
            clock.ahead = timedelta()
            assert worker.run_once()
            assert_one_complete_file_each(one)

    def test_a_callback_under_way_when_the_clock_is_set_back_is_recorded_and_its_retry_waits_as_long(
        self, database_url: str, tmp_path: Path
    ) -> None:
        clock = SettableClock()

        def sets_back(connection: Any, there: Any) -> bool:
            clock.ahead = -HOUR
            return FAIL(connection, there)

        with open_callback_node(tmp_path, database_url) as one, run_receiver(FAIL, sets_back, OK) as there:
            one.bind_prefix(there.prefix)
            (number,) = one.add_deliveries(there.url)
            with one.run_callback_worker(clock=clock, attempts=9) as announcer:
                wait_until(
                    lambda: len(one.list_failures(number)) == 2
                )  # its repeat is due by the clock that was set back
                one.wait_until_delivered(number)
                announcer.wake()
            attempts = [outcome.attempted_at for outcome, _ in one.get_delivery(number).attempts]
            assert attempts[1] < attempts[0] - HOUR / 2  # as the clock was
            assert one.list_failures(number) == ["status 500", "status 500", ""]
            assert len(there.received) == 3


def test_an_export_whose_location_is_away_is_let_go_and_tried_again_soon(tmp_path: Path, database_url: str) -> None:
    with open_callback_node(tmp_path, database_url) as one:
        add_recordings(one)
        asked = add_export(one, "http://127.0.0.1:9/cb")
        (home := UndeletableDisk("0", tmp_path / "away"))._root.joinpath(".tmp").rmdir()  # nor can it keep any
        assert create_worker(one, home=home).run_once()
        [row] = load_rows(one)
        assert (row.lease, row.error.partition(":")[0]) == ("", "FileNotFoundError")
        assert row.due_at < utc_now() + 10 * SECOND
        with one.node.database.read_transaction() as connection:
            [stray] = connection.execute(
                sa.select(schema.orphaned_blobs)
            ).all()  # which is looked for later, if there are bytes
        assert asked.response_id in stray.key
