"""Making exports: an export is claimed, its file streamed from the rows into its location, and then, in one transaction,
it is ready and its delivery is due. A worker that dies leaves it due again when its lease ends."""

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
from ccfs.db.system import blob_moves, tenants
from ccfs.db.tenant import deliveries, exports
from ccfs.db.tenant.exports import ClaimedExport
from ccfs.logs import get_logger
from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.blobs.orphan import BlobOwnerTable, OrphanedBlob
from ccfs.model.exports.callback_url import parse_callback_url
from ccfs.model.exports.delivery import Delivery
from ccfs.model.identity.tenancy import query_zone
from ccfs.protocol import callbacks
from ccfs.settings import Settings
from ccfs.workers.base import Worker, WorkerInterrupted
from ccfs.workers.exports.zip_writer import ExportTableRows, ExportZipLayout, iter_export_zip

LEASE = timedelta(seconds=60)
LEASE_RENEWAL_SECONDS = 15.0  # how often a lease is renewed
FIRST_RETRY_SECONDS, MAX_RETRY_SECONDS = 2.0, 600.0  # seconds between tries; doubled each time


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportDeps:
    """What making needs."""

    database: Database
    primary_location: Location
    settings: Settings
    now: Callable[[], datetime]
    on_ready: Callable[[], None]  # called when a delivery became due
    is_draining: Callable[[], bool] = lambda: False  # whether to begin no other


class ExportWorker(Worker):
    """Makes one export after the other for as long as it runs; several may run on one database."""

    THREAD_NAME = "make"
    IDLE_SECONDS = 0.3
    FAILURE_LOG = ("not claimed", "claim_failed")

    def __init__(self, workshop: ExportDeps) -> None:
        super().__init__(workshop.is_draining)
        self._deps = workshop
        self._last_app_id = 0

    def run_once(self) -> bool:
        """Make the export that is due; whether there was one."""
        shop = self._deps
        with shop.database.write_transaction() as connection:
            lease = f"{secrets.token_hex(8)}-{shop.primary_location.location_id}"
            claimed = exports.claim(connection, shop.now(), lease, LEASE, self._last_app_id)
        if claimed is None:
            return False
        self._last_app_id = claimed.app.id
        if claimed.attempts > shop.settings.export_max_attempts:
            _mark_failed(shop, claimed, f"claimed {claimed.attempts} times and never finished")
            return True
        try:
            self._process_claimed(claimed)
        except WorkerInterrupted:
            with suppress(OSError):  # away: whoever holds the export next removes it
                shop.primary_location.delete(_build_key(claimed, claimed.lease))  # nobody else's: the key has our lease
            _release(shop, claimed, shop.now(), "interrupted")
        except Exception as error:  # noqa: BLE001 - whatever stops one export must not stop the others
            _handle_failure(shop, claimed, error)
        return True

    def _process_claimed(self, claimed: ClaimedExport) -> None:
        shop, began = self._deps, self._deps.now()
        if claimed.dead_leases:
            with shop.database.write_transaction() as connection:
                _delete_files(shop, connection, claimed, *claimed.dead_leases)
        with _maintain_lease(shop, claimed) as still_held:
            kept = self._generate(claimed, still_held)
        _mark_ready(shop, claimed, kept)
        shop.on_ready()
        seconds = (shop.now() - began).total_seconds()
        get_logger().info(
            "made", action="export_ready", export=claimed.export.response_id, bytes=kept.size, seconds=seconds
        )

    def _generate(self, claimed: ClaimedExport, still_held: Callable[[], bool]) -> BlobRef:
        shop = self._deps

        def watched(chunks: Iterator[bytes]) -> Iterator[bytes]:
            for chunk in chunks:
                if self._stopped.is_set() or not still_held():
                    raise WorkerInterrupted
                yield chunk

        with shop.database.read_transaction() as connection:
            chunks = watched(_iter_zip(connection, claimed, shop.settings))
            return shop.primary_location.write(_build_key(claimed, claimed.lease), chunks)


def _build_key(claimed: ClaimedExport, lease: str) -> str:
    """Each try writes a file of its own: a worker that was thought dead cannot write into another one's."""
    export = claimed.export
    return f"{claimed.app.id}/exports/{export.requested_at:%Y%m%d}/{export.response_id}-{lease}.zip"


def _iter_zip(connection: Connection, claimed: ClaimedExport, settings: Settings) -> Iterator[bytes]:
    """The zip, as the rows come."""
    export, tail = claimed.export, settings.export_extra_call_columns
    accounts = tenants.get_accounts(connection, claimed.app)
    zones = {name: account.zoneinfo for name, account in accounts.items()}
    parts = [
        ExportTableRows(
            table=table,
            header=get_header(table, with_tail=tail),
            chunks=iter_csv_chunks(connection, claimed.app, table, export.window, export.filter, zones, with_tail=tail),
        )
        for table in export.tables
    ]
    layout = ExportZipLayout(
        max_rows=settings.export_rows_per_file,
        has_header=settings.export_header,
        has_bom=settings.export_bom,
        has_manifest=settings.export_manifest,
    )
    made_at = export.requested_at.astimezone(query_zone(accounts, export.filter.account_id))
    return iter_export_zip(parts, layout, made_at, int(export.response_id, 16) % 1000)


@contextmanager
def _maintain_lease(shop: ExportDeps, claimed: ClaimedExport) -> Iterator[Callable[[], bool]]:
    """Keeps the lease alive beside the making; gives whether it still is."""
    done, lost = threading.Event(), threading.Event()

    def beat() -> None:
        held_until = shop.now() + LEASE
        while not done.wait(LEASE_RENEWAL_SECONDS):
            try:
                with shop.database.write_transaction() as connection:
                    until = shop.now() + LEASE
                    is_held = exports.renew(connection, claimed, until)
                held_until = until
            except SQLAlchemyError:
                is_held = shop.now() < held_until
            if not is_held:
                lost.set()
                return

    thread = threading.Thread(target=beat, name="beat", daemon=True)
    thread.start()
    try:
        yield lambda: not lost.is_set()
    finally:
        done.set()
        thread.join()


def _mark_ready(shop: ExportDeps, claimed: ClaimedExport, kept: BlobRef) -> None:
    """Ready and due at one stroke: a file that is not announced, or an announcement without its file, cannot be."""
    export, now = claimed.export, shop.now()
    target = parse_callback_url(export.callback_url)
    with shop.database.write_transaction() as connection:
        if not exports.finish(connection, claimed, kept, now):
            raise WorkerInterrupted
        delivery = Delivery(
            id=export.response_id,
            app=claimed.app.id,
            ak=claimed.app.ak,
            url=export.callback_url,
            body=callbacks.build_body(export),
            created_at=now,
        )
        receiver = f"{target.scheme}://{target.host_port}" if target else export.callback_url
        deliveries.add(connection, claimed.app, delivery, export.response_id, receiver, now)


def _handle_failure(shop: ExportDeps, claimed: ClaimedExport, error: Exception) -> None:
    """Try again, later each time; put it aside when that was often enough."""
    reason = f"{type(error).__name__}: {error}"
    get_logger().exception(
        "not made", action="export_failed", export=claimed.export.response_id, attempts=claimed.attempts
    )
    if claimed.attempts < shop.settings.export_max_attempts:
        wait = min(FIRST_RETRY_SECONDS * 2 ** min(claimed.attempts - 1, 20), MAX_RETRY_SECONDS)
        _release(shop, claimed, shop.now() + timedelta(seconds=wait), reason)
    else:
        _mark_failed(shop, claimed, reason)


def _release(shop: ExportDeps, claimed: ClaimedExport, due_at: datetime, reason: str) -> None:
    with _best_effort_transaction(shop, claimed) as connection:
        if exports.release(connection, claimed, due_at, reason):
            _delete_files(shop, connection, claimed, claimed.lease, *claimed.dead_leases)


def _mark_failed(shop: ExportDeps, claimed: ClaimedExport, reason: str) -> None:
    with _best_effort_transaction(shop, claimed) as connection:
        if exports.mark_failed(connection, claimed, reason):
            _delete_files(shop, connection, claimed, claimed.lease, *claimed.dead_leases)


@contextmanager
def _best_effort_transaction(shop: ExportDeps, claimed: ClaimedExport) -> Iterator[Connection]:
    """A transaction that may fail: the lease ends anyway."""
    try:
        with shop.database.write_transaction() as connection:
            yield connection
    except Exception:  # noqa: BLE001 - of whatever kind: the worker goes on
        get_logger().exception("not let go", action="export_failed", export=claimed.export.response_id)


def _delete_files(shop: ExportDeps, connection: Connection, claimed: ClaimedExport, *leases: str) -> None:
    """What tries with these leases wrote. Only while the row is ours, and before it is let go: it could be ready after all,
    where the answer to a commit was lost; and once it is let go, nobody knows the leases any more. What a dead node wrote
    to its own disk is noted as a stray, which it removes itself if it ever comes back; so is what a location that is away
    may have: the export must not wait for that."""
    for lease in leases:
        key, location_id = _build_key(claimed, lease), lease.partition("-")[2] or shop.primary_location.location_id
        with suppress(OSError):
            if location_id == shop.primary_location.location_id:
                shop.primary_location.delete(key)
                continue
        stray = OrphanedBlob(
            location_id=location_id, key=key, owner_table=BlobOwnerTable.EXPORTS, owner_row=claimed.export.response_id
        )
        blob_moves.enqueue_orphan(connection, stray, shop.now())
