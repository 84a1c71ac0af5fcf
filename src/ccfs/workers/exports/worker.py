"""Export jobs: a worker streams the rows of an export into a zip at the primary location.

A single transaction then makes the export ready and its callback due. If a worker dies, its export becomes due when the
lease expires.
"""

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from ccfs.blobs.interface import Location
from ccfs.db.engine import Database
from ccfs.db.export_csv import get_header, iter_csv_chunks
from ccfs.db.job_queue import EXPORTS
from ccfs.db.system import tenants
from ccfs.db.system.jobs import blob_moves, export_jobs
from ccfs.db.system.jobs.export_jobs import ClaimedExport
from ccfs.db.tenant import deliveries
from ccfs.logs import get_logger
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.blobs.orphan import BlobOwnerTable, OrphanedBlob
from ccfs.model.exports.callback_url import parse_callback_url
from ccfs.model.exports.delivery import Delivery
from ccfs.model.identity.tenancy import query_zone
from ccfs.protocol import callbacks
from ccfs.settings import Settings
from ccfs.workers.base import Job, JobWorker, WorkerInterrupted
from ccfs.workers.exports.zip_writer import ExportTableRows, ExportZipLayout, iter_export_zip

LEASE = timedelta(seconds=60)
LEASE_RENEWAL_SECONDS = 15.0  # between two renewals
FIRST_RETRY_SECONDS, MAX_RETRY_SECONDS = 2.0, 600.0  # delay of the first retry; it doubles up to the maximum


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportDeps:
    """Dependencies of export workers."""

    database: Database
    primary_location: Location
    settings: Settings
    now: Callable[[], datetime]
    on_ready: Callable[[], None]  # called when a delivery became due
    is_draining: Callable[[], bool] = lambda: False  # whether to start no further export


class ExportWorker(JobWorker):
    """Generates exports one after another."""

    THREAD_NAME = "export"
    IDLE_SECONDS = 0.3

    def __init__(self, deps: ExportDeps) -> None:
        super().__init__(deps.is_draining, deps.settings.export_max_attempts)
        self._deps = deps
        self._last_app_id = 0

    def claim(self) -> "ExportJob | None":
        """Claim the next due export, from a different app than last time if one is waiting."""
        deps = self._deps
        if not self._has_due_job(deps.database, EXPORTS, deps.now()):
            return None
        with deps.database.write_transaction() as connection:
            lease = f"{secrets.token_hex(8)}-{deps.primary_location.location_id}"
            claimed = export_jobs.claim(connection, deps.now(), lease, LEASE, self._last_app_id)
        if claimed is None:
            return None
        self._last_app_id = claimed.app.id
        return ExportJob(deps, claimed, self._stopped.is_set)


class ExportJob(Job):
    """A claimed export."""

    QUEUE = EXPORTS
    KIND = "export"

    def __init__(self, deps: ExportDeps, claimed: ClaimedExport, is_stopped: Callable[[], bool]) -> None:
        super().__init__(deps.database, claimed)
        self._deps, self._claimed, self._export, self._is_stopped = deps, claimed, claimed.export, is_stopped

    def run(self) -> None:
        """Generate the file, then make the export ready and its callback due."""
        started_at = self._deps.now()
        if self._claimed.dead_leases:
            with self._deps.database.write_transaction() as connection:
                self._delete_files(connection, *self._claimed.dead_leases)
        with self._keep_lease() as is_leased:
            blob = self._write_file(is_leased)
        self._mark_ready(blob)
        self._deps.on_ready()
        get_logger().info(
            "export ready",
            action="export_ready",
            export=self._export.response_id,
            bytes=blob.size,
            seconds=(self._deps.now() - started_at).total_seconds(),
        )

    def handle_interrupt(self) -> None:
        """Delete the file and make the export due immediately."""
        with suppress(OSError):  # unreachable: the next worker deletes the file
            self._deps.primary_location.delete(build_key(self._claimed, self._claimed.lease))  # named by our lease
        self.release(self._deps.now(), "interrupted")

    def handle_failure(self, error: Exception) -> None:
        """Retry with an increasing delay, or mark the export as failed after the last attempt."""
        reason = f"{type(error).__name__}: {error}"
        get_logger().exception(
            "export failed", action="export_failed", export=self._export.response_id, attempts=self.attempts
        )
        if self.attempts < self._deps.settings.export_max_attempts:
            delay = min(FIRST_RETRY_SECONDS * 2 ** min(self.attempts - 1, 20), MAX_RETRY_SECONDS)
            self.release(self._deps.now() + timedelta(seconds=delay), reason)
        else:
            self.mark_failed(reason)

    def _write_file(self, is_leased: Callable[[], bool]) -> BlobRef:
        def interruptible(chunks: Iterator[bytes]) -> Iterator[bytes]:
            for chunk in chunks:
                if self._is_stopped() or not is_leased():
                    raise WorkerInterrupted
                yield chunk

        with self._deps.database.read_transaction() as connection:
            chunks = interruptible(self._iter_zip(connection))
            return self._deps.primary_location.write(build_key(self._claimed, self._claimed.lease), chunks)

    def _iter_zip(self, connection: Connection) -> Iterator[bytes]:
        """Stream the zip while its rows are read."""
        export, settings = self._export, self._deps.settings
        with_tail = settings.export_extra_call_columns
        accounts = tenants.get_accounts(connection, self._claimed.app)
        zones = {name: account.zoneinfo for name, account in accounts.items()}
        tables = [
            ExportTableRows(
                table=table,
                header=get_header(table, with_tail=with_tail),
                chunks=iter_csv_chunks(
                    connection, self._claimed.app, table, export.window, export.filter, zones, with_tail=with_tail
                ),
            )
            for table in export.tables
        ]
        layout = ExportZipLayout(
            max_rows=settings.export_rows_per_file,
            has_header=settings.export_header,
            has_bom=settings.export_bom,
            has_manifest=settings.export_manifest,
        )
        created_at = export.requested_at.astimezone(query_zone(accounts, export.filter.account_id))
        return iter_export_zip(tables, layout, created_at, int(export.response_id, 16) % 1000)

    @contextmanager
    def _keep_lease(self) -> Iterator[Callable[[], bool]]:
        """Renew the lease in a thread; yield a function that returns whether the lease is still ours."""
        done, lost = threading.Event(), threading.Event()

        def renew() -> None:
            leased_until = self._deps.now() + LEASE
            while not done.wait(LEASE_RENEWAL_SECONDS):
                try:
                    with self._deps.database.write_transaction() as connection:
                        until = self._deps.now() + LEASE
                        is_leased = EXPORTS.renew(connection, self._claimed, until)
                    leased_until = until
                except SQLAlchemyError:
                    is_leased = self._deps.now() < leased_until
                if not is_leased:
                    lost.set()
                    return

        thread = threading.Thread(target=renew, name="renew-lease", daemon=True)
        thread.start()
        try:
            yield lambda: not lost.is_set()
        finally:
            done.set()
            thread.join()

    def _mark_ready(self, blob: BlobRef) -> None:
        """Store both in a single transaction: there is no file without its callback, and no callback without its file."""
        export, app, now = self._export, self._claimed.app, self._deps.now()
        target = parse_callback_url(export.callback_url)
        with self._deps.database.write_transaction() as connection:
            if not export_jobs.finish(connection, self._claimed, blob, now):
                raise WorkerInterrupted
            delivery = Delivery(
                id=export.response_id,
                app=app.id,
                ak=app.ak,
                url=export.callback_url,
                body=callbacks.build_body(export),
                created_at=now,
            )
            receiver = f"{target.scheme}://{target.host_port}" if target else export.callback_url
            deliveries.add(connection, app, delivery, export.response_id, receiver, now)

    def _clean_up(self, connection: Connection) -> None:
        self._delete_files(connection, self._claimed.lease, *self._claimed.dead_leases)

    def _delete_files(self, connection: Connection, *leases: str) -> None:
        """Delete the files that attempts under these leases wrote.

        This is done only while the row is ours, because if the response to a commit was lost, the export could be ready
        after all. It is done before the lease ends, because after that the row no longer lists the files. Files on the
        disk of a dead node, or in an unreachable location, are queued as orphans, because the export must not wait for
        them.
        """
        home = self._deps.primary_location
        for lease in leases:
            key, location_id = build_key(self._claimed, lease), lease.partition("-")[2] or home.location_id
            with suppress(OSError):
                if location_id == home.location_id:
                    home.delete(key)
                    continue
            orphan = OrphanedBlob(
                location_id=location_id,
                key=key,
                owner_table=BlobOwnerTable.EXPORTS,
                owner_row=self._export.response_id,
                app=self._claimed.app.id,
            )
            blob_moves.enqueue_orphan(connection, orphan, self._deps.now())


def build_key(claimed: ClaimedExport, lease: str) -> str:
    """Return the key of the file written by an attempt.

    A worker that is wrongly considered dead therefore writes to a key of its own.
    """
    export = claimed.export
    return f"{claimed.app.id}/exports/{export.requested_at:%Y%m%d}/{export.response_id}-{lease}.zip"
