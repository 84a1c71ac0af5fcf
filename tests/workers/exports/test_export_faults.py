"""Exports and callbacks while PostgreSQL restarts, a disk is full, or a clock is set back.

Servers and devices are real; only the clock is not.
"""

import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ccfs.blobs.disk import DiskLocation
from ccfs.db import schema
from ccfs.db.system.certificates.trusted_certificates import TrustStore
from ccfs.db.tenant import deliveries
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.server.node import utc_now
from ccfs.workers.callbacks import worker as callback_worker
from ccfs.workers.exports import worker as export_worker
from tests import servers
from tests.db.sample_rows import SECOND
from tests.receivers import FAIL, OK, run_receiver
from tests.waiting import wait_until
from tests.workers.callbacks.callback_node import open_callback_node
from tests.workers.exports.export_faults import (
    FullDeviceDisk,
    SettableClock,
    UndeletableDisk,
    add_export,
    add_recordings,
    assert_one_complete_file_each,
    create_worker,
    has_received,
    is_all_delivered,
    load_rows,
    run_workers,
)

HOUR = timedelta(hours=1)
NO_SPACE = "OSError: [Errno 28] No space left on device"


@pytest.fixture
def short_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases and delays of seconds, so that delayed work continues during the test."""
    monkeypatch.setattr(export_worker, "LEASE", 2 * SECOND)
    monkeypatch.setattr(export_worker, "LEASE_RENEWAL_SECONDS", 0.4)
    monkeypatch.setattr(export_worker, "FIRST_RETRY_SECONDS", 0.1)
    monkeypatch.setattr(export_worker, "MAX_RETRY_SECONDS", 0.2)
    monkeypatch.setattr(callback_worker, "LEASE", 3 * SECOND)


@pytest.mark.usefixtures("short_leases")
def test_a_restart_of_postgresql_loses_no_export_and_no_callback(tmp_path: Path) -> None:
    with (
        servers.run_postgres_cluster() as server,
        open_callback_node(tmp_path, server.url) as callback_node,
        run_receiver() as receiver,
    ):
        add_recordings(callback_node)
        callback_node.bind_prefix(receiver.prefix)
        requested = {add_export(callback_node, receiver.url).response_id for _ in range(40)}
        trusted = TrustStore(callback_node.node.database)
        certificates = trusted()
        with callback_node.run_callback_worker(attempts=50), run_workers(callback_node):
            for count, stop_signal in ((8, signal.SIGINT), (20, signal.SIGQUIT)):
                wait_until(partial(has_received, receiver, count))
                server.stop(stop_signal)
                time.sleep(0.5)
                assert trusted() == certificates  # so that no callback in progress fails
                server.start()
            started = time.monotonic()
            wait_until(lambda: is_all_delivered(callback_node, len(requested)))
        ids = [got.headers["webhook-id"] for got in receiver.received]
        print(
            f"all delivered {time.monotonic() - started:.1f} s later; {len(ids) - len(requested)} callbacks arrived twice"
        )
        assert set(ids) == requested
        assert all(got.headers["webhook-id"].encode() in got.body for got in receiver.received)
        assert_one_complete_file_each(callback_node)


@contextmanager
def mount_small_disk(folder: Path) -> Iterator[bool]:
    """Mount a tmpfs of 4 MB; give False where this process may not mount."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", str(folder)]
    is_mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield is_mounted
    finally:
        if is_mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill_disk(file: Path) -> None:
    """Fill the disk completely."""
    with suppress(OSError), file.open("ab", buffering=0) as filler:
        while True:
            filler.write(b"\1" * 4096)


@pytest.mark.usefixtures("short_leases")
@pytest.mark.parametrize("full", ["files", "files and database"])
def test_a_full_disk_delays_exports_and_loses_none(
    tmp_path: Path, full: str, record_property: Callable[[str, object], None]
) -> None:
    with mount_small_disk(tmp_path / "small") as is_mounted, run_receiver() as receiver:
        device = "a tmpfs" if is_mounted else "/dev/full, for files alone: nothing may be mounted here"
        record_property("device", device)
        print(f"the full device is {device}")
        small = tmp_path / "small"
        data = small if full == "files and database" and is_mounted else tmp_path / "large"
        with open_callback_node(data, f"sqlite:///{data / 'ccfs.db'}") as callback_node:
            disk = FullDeviceDisk("0", small / "files" if is_mounted else data / "files")
            callback_node.node.__dict__["disk"] = disk
            add_recordings(callback_node)
            callback_node.bind_prefix(receiver.prefix)
            requested = [add_export(callback_node, receiver.url).response_id for _ in range(5)]
            fill_disk(small / "filler") if is_mounted else setattr(disk, "is_full", True)
            with callback_node.run_callback_worker(attempts=50), run_workers(callback_node, disk):
                time.sleep(1)
                assert receiver.received == []
                wait_until(lambda: not any(path.is_file() for path in disk._root.rglob("*")))  # between two attempts
                if data != small:
                    wait_until(lambda: {row.error for row in load_rows(callback_node)} == {NO_SPACE})
                (small / "filler").unlink(missing_ok=True)
                disk.is_full = False
                wait_until(lambda: is_all_delivered(callback_node, len(requested)))
            assert sorted(got.headers["webhook-id"] for got in receiver.received) == sorted(requested)
            assert_one_complete_file_each(callback_node)


class TestClockSetBack:
    """A clock is set back by an hour while work is in progress."""

    def test_the_export_of_a_node_whose_clock_is_set_back_is_taken_over_and_has_one_file(
        self, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(export_worker, "LEASE_RENEWAL_SECONDS", 0.05)
        clock = SettableClock()
        with open_callback_node(tmp_path, database_url) as callback_node:
            add_recordings(callback_node)

            class SlowDisk(DiskLocation):
                def write(self, key: str, chunks: Iterable[bytes]) -> BlobRef:
                    blob = super().write(key, chunks)
                    clock.offset = -HOUR  # its lease is renewed until an hour ago
                    wait_until(lambda: load_rows(callback_node)[0].due_at < utc_now())
                    assert create_worker(callback_node).run_once()
                    return blob

            export = add_export(callback_node, "https://cb.example.com/x")
            assert create_worker(callback_node, clock, SlowDisk("0", callback_node.node.disk._root)).run_once()
            assert [row.state for row in load_rows(callback_node)] == ["ready"]
            with callback_node.node.database.read_transaction() as connection:
                assert [view.export for view in deliveries.list_recent(connection, callback_node.app)] == [
                    export.response_id
                ]
            assert_one_complete_file_each(callback_node)

    def test_due_exports_wait_for_a_clock_that_was_set_back_and_new_exports_do_not(
        self, database_url: str, tmp_path: Path
    ) -> None:
        clock = SettableClock()
        with open_callback_node(tmp_path, database_url) as callback_node:
            add_recordings(callback_node)
            worker = create_worker(callback_node, clock)
            before = add_export(callback_node, "https://cb.example.com/x", clock())
            clock.offset = -HOUR
            assert not worker.run_once()
            after = add_export(callback_node, "https://cb.example.com/x", clock())
            assert worker.run_once()
            assert {row.response_id: row.state for row in load_rows(callback_node)} == {
                before.response_id: "due",
                after.response_id: "ready",
            }
            clock.offset = timedelta()
            assert worker.run_once()
            assert_one_complete_file_each(callback_node)

    def test_a_callback_in_progress_when_the_clock_is_set_back_is_recorded_and_retried(
        self, database_url: str, tmp_path: Path
    ) -> None:
        clock = SettableClock()

        def set_clock_back(connection: Any, receiver: Any) -> bool:
            clock.offset = -HOUR
            return FAIL(connection, receiver)

        with (
            open_callback_node(tmp_path, database_url) as callback_node,
            run_receiver(FAIL, set_clock_back, OK) as receiver,
        ):
            callback_node.bind_prefix(receiver.prefix)
            (number,) = callback_node.add_deliveries(receiver.url)
            with callback_node.run_callback_worker(clock=clock, attempts=9) as worker:
                wait_until(
                    lambda: len(callback_node.list_failures(number)) == 2
                )  # the retry is due by the clock that was set back
                callback_node.wait_until_delivered(number)
                worker.wake()
            attempts = [outcome.attempted_at for outcome, _ in callback_node.get_delivery(number).attempts]
            assert attempts[1] < attempts[0] - HOUR / 2  # by the clock that was set back
            assert callback_node.list_failures(number) == ["status 500", "status 500", ""]
            assert len(receiver.received) == 3


def test_an_export_whose_location_is_unreachable_is_released_and_retried_soon(
    tmp_path: Path, database_url: str
) -> None:
    with open_callback_node(tmp_path, database_url) as callback_node:
        add_recordings(callback_node)
        requested = add_export(callback_node, "http://127.0.0.1:9/cb")
        disk = UndeletableDisk("0", tmp_path / "away")
        disk._root.joinpath(".tmp").rmdir()  # nor can it write
        assert create_worker(callback_node, disk=disk).run_once()
        [row] = load_rows(callback_node)
        assert (row.lease, row.error.partition(":")[0]) == ("", "FileNotFoundError")
        assert row.due_at < utc_now() + 10 * SECOND
        with callback_node.node.database.read_transaction() as connection:
            [orphan] = connection.execute(sa.select(schema.orphaned_blobs)).all()  # deleted later, if there are bytes
        assert requested.response_id in orphan.key
