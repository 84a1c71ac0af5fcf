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
from ccfs.blobs.interface import LocationUnreachable
from ccfs.db import schema
from ccfs.db.system.trusted_certificates import TrustStore
from ccfs.db.tenant import deliveries, exports, recordings
from ccfs.model.exports.export import Export
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.recordings.recording import BlobRef
from ccfs.server.node import utc_now
from ccfs.workers.callbacks import worker as callback_worker
from ccfs.workers.exports import worker as export_worker
from ccfs.workers.exports.worker import ExportDeps, ExportWorker
from tests import servers
from tests.receivers import FAILS, OK, Receiver, receiver
from tests.store.given import SECOND, account, recording
from tests.work.announcing import Stage, exported, stage, until

HOUR = timedelta(hours=1)
ROWS = 400
BEGIN = datetime.fromisoformat("2026-05-04T08:00:00+00:00")
NO_SPACE = "OSError: [Errno 28] No space left on device"


class Clock:
    """A clock that goes, and can be set."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self.ahead


class FullDevice(DiskLocation):
    """Where no file system may be mounted: /dev/full, which has no space left either, for as long as it is wanted."""

    is_full = False

    def write(self, key: str, chunks: Iterable[bytes]) -> BlobRef:
        if self.is_full:
            with open("/dev/full", "wb", buffering=0) as device:
                device.writelines(chunks)
        return super().write(key, chunks)


class AwayDisk(DiskLocation):
    """A location that removes nothing."""

    def delete(self, key: str) -> None:
        raise LocationUnreachable("away")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases and waits of seconds, so that what a fault held up goes on while the test lasts."""
    monkeypatch.setattr(export_worker, "LEASE", 2 * SECOND)
    monkeypatch.setattr(export_worker, "LEASE_RENEWAL_SECONDS", 0.4)
    monkeypatch.setattr(export_worker, "FIRST_RETRY_SECONDS", 0.1)
    monkeypatch.setattr(export_worker, "MAX_RETRY_SECONDS", 0.2)
    monkeypatch.setattr(callback_worker, "LEASE", 3 * SECOND)


def ask(on: Stage, url: str, at: datetime | None = None) -> Export:
    """One export more, due now, of all recordings."""
    window = TimeWindow(begin=BEGIN, end=BEGIN + HOUR)
    export = replace(exported(next(on.numbers), url), tables=("record",), window=window, requested_at=at or utc_now())
    with on.node.database.write_transaction() as connection:
        exports.add(connection, on.app, export)
    return export


def fill(on: Stage) -> None:
    """Recordings to export."""
    with on.node.database.write_transaction() as connection:
        account(connection, on.app, "100", 8)
        for number in range(ROWS):
            recordings.add(connection, on.app, recording(number, call_begin=BEGIN + number * SECOND), BEGIN)


def maker(on: Stage, clock: Callable[[], datetime] = utc_now, home: DiskLocation | None = None) -> ExportWorker:
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
def making(on: Stage, home: DiskLocation | None = None) -> Iterator[None]:
    """Two workers, as a node has them, until the block ends."""
    makers = [maker(on, home=home) for _ in range(2)]
    for one in makers:
        one.start()
    try:
        yield
    finally:
        for one in makers:
            one.stop()


def rows(on: Stage) -> list[Any]:
    with on.node.database.read_transaction() as connection:
        return list(connection.execute(sa.select(schema.exports)))


def has_heard(there: Receiver, count: int) -> bool:
    return len(there.received) >= count


def is_all_announced(on: Stage, count: int) -> bool:
    with suppress(sa.exc.SQLAlchemyError):
        return on.counts() == {"delivered": count}
    return False


def assert_whole(on: Stage) -> None:
    """Each export has one whole file, and no other lies about."""
    keys = {row.key for row in rows(on)}
    files = on.node.disk._root
    assert {str(path.relative_to(files)) for path in files.rglob("*") if path.is_file()} == keys
    for key in keys:
        with zipfile.ZipFile(files / key) as archive:
            assert archive.testzip() is None
            assert [archive.read(name).count(b"\n") for name in archive.namelist()] == [ROWS + 1]


@pytest.mark.usefixtures("quick")
def test_postgresql_that_stops_and_starts_again_loses_nothing(tmp_path: Path) -> None:
    with servers.cluster() as server, stage(tmp_path, server.url) as one, receiver() as there:
        fill(one)
        one.bind(there.prefix)
        asked = {ask(one, there.url).response_id for _ in range(40)}
        trusted = TrustStore(one.node.database)
        known = trusted()
        with one.announcing(attempts=50), making(one):
            for heard, how in ((8, signal.SIGINT), (20, signal.SIGQUIT)):
                until(partial(has_heard, there, heard))
                server.stop(how)
                time.sleep(0.5)
                assert trusted() == known  # a callback that is under way does not fail for want of it
                server.start()
            began = time.monotonic()
            until(lambda: is_all_announced(one, len(asked)))
        ids = [got.headers["webhook-id"] for got in there.received]
        print(f"all announced {time.monotonic() - began:.1f} s later; {len(ids) - len(asked)} callbacks came twice")
        assert set(ids) == asked
        assert all(got.headers["webhook-id"].encode() in got.body for got in there.received)
        assert_whole(one)


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """A tmpfs of 4 MB mounted there; False where this process may mount nothing."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", str(folder)]
    is_mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield is_mounted
    finally:
        if is_mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill_up(file: Path) -> None:
    """Until nothing more fits."""
    with suppress(OSError), file.open("ab", buffering=0) as filling:
        while True:
            filling.write(b"\1" * 4096)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("full", ["files", "files and database"])
def test_a_full_disk_holds_exports_up_and_loses_none(
    tmp_path: Path, full: str, record_property: Callable[[str, object], None]
) -> None:
    with small_disk(tmp_path / "small") as is_mounted, receiver() as there:
        device = "a tmpfs" if is_mounted else "/dev/full, for files alone: nothing may be mounted here"
        record_property("device", device)
        print(f"the full device is {device}")
        small = tmp_path / "small"
        data = small if full == "files and database" and is_mounted else tmp_path / "large"
        with stage(data, f"sqlite:///{data / 'ccfs.db'}") as one:
            home = FullDevice("0", small / "files" if is_mounted else data / "files")
            one.node.__dict__["disk"] = home
            fill(one)
            one.bind(there.prefix)
            asked = [ask(one, there.url).response_id for _ in range(5)]
            fill_up(small / "filler") if is_mounted else setattr(home, "is_full", True)
            with one.announcing(attempts=50), making(one, home):
                time.sleep(1)
                assert there.received == []
                until(lambda: not any(path.is_file() for path in home._root.rglob("*")))  # between two attempts
                if data != small:
                    until(lambda: {row.error for row in rows(one)} == {NO_SPACE})
                (small / "filler").unlink(missing_ok=True)
                home.is_full = False
                until(lambda: is_all_announced(one, len(asked)))
            assert sorted(got.headers["webhook-id"] for got in there.received) == sorted(asked)
            assert_whole(one)


class TestAClockThatIsSetBack:
    """By an hour, while something is under way."""

    def test_of_one_node_alone_the_other_takes_over_and_one_file_is_made(
        self, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(export_worker, "LEASE_RENEWAL_SECONDS", 0.05)
        clock = Clock()
        with stage(tmp_path, database_url) as one:
            fill(one)

            class Slow(DiskLocation):
                def write(self, key: str, chunks: Iterable[bytes]) -> BlobRef:
                    kept = super().write(key, chunks)
                    clock.ahead = -HOUR  # its lease is renewed until an hour ago
                    until(lambda: rows(one)[0].due_at < utc_now())
                    assert maker(one).run_once()
                    return kept

            export = ask(one, "https://cb.example.com/x")
            assert maker(one, clock, Slow("0", one.node.disk._root)).run_once()
            assert [row.state for row in rows(one)] == ["ready"]
            with one.node.database.read_transaction() as connection:
                assert [found.export for found in deliveries.list_recent(connection, one.app)] == [export.response_id]
            assert_whole(one)

    def test_what_was_due_waits_until_the_clock_is_there_again_and_what_is_asked_then_does_not(
        self, database_url: str, tmp_path: Path
    ) -> None:
        clock = Clock()
        with stage(tmp_path, database_url) as one:
            fill(one)
            worker = maker(one, clock)
            before = ask(one, "https://cb.example.com/x", clock())
            clock.ahead = -HOUR
            assert not worker.run_once()
            after = ask(one, "https://cb.example.com/x", clock())
            assert worker.run_once()
            assert {row.response_id: row.state for row in rows(one)} == {
                before.response_id: "due",
                after.response_id: "ready",
            }
            clock.ahead = timedelta()
            assert worker.run_once()
            assert_whole(one)

    def test_a_callback_under_way_is_recorded_and_its_repeat_waits_as_long(
        self, database_url: str, tmp_path: Path
    ) -> None:
        clock = Clock()

        def sets_back(connection: Any, there: Any) -> bool:
            clock.ahead = -HOUR
            return FAILS(connection, there)

        with stage(tmp_path, database_url) as one, receiver(FAILS, sets_back, OK) as there:
            one.bind(there.prefix)
            (number,) = one.announce(there.url)
            with one.announcing(clock=clock, attempts=9) as announcer:
                until(lambda: len(one.failures(number)) == 2)  # its repeat is due by the clock that was set back
                one.delivered(number)
                announcer.wake()
            attempts = [outcome.attempted_at for outcome, _ in one.shown(number).attempts]
            assert attempts[1] < attempts[0] - HOUR / 2  # as the clock was
            assert one.failures(number) == ["status 500", "status 500", ""]
            assert len(there.received) == 3


def test_an_export_whose_location_is_away_is_let_go_and_tried_again_soon(tmp_path: Path, database_url: str) -> None:
    with stage(tmp_path, database_url) as one:
        fill(one)
        asked = ask(one, "http://127.0.0.1:9/cb")
        (home := AwayDisk("0", tmp_path / "away"))._root.joinpath(".tmp").rmdir()  # nor can it keep any
        assert maker(one, home=home).run_once()
        [row] = rows(one)
        assert (row.lease, row.error.partition(":")[0]) == ("", "FileNotFoundError")
        assert row.due_at < utc_now() + 10 * SECOND
        with one.node.database.read_transaction() as connection:
            [stray] = connection.execute(
                sa.select(schema.orphaned_blobs)
            ).all()  # which is looked for later, if there are bytes
        assert asked.response_id in stray.key
