"""The four job queues with any number of due jobs, for tests of turns and of what a claim costs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.engine import Database
from ccfs.db.system.console import users
from ccfs.db.system.jobs import blob_moves, bulk_jobs, callback_jobs, export_jobs
from ccfs.db.tenant import bulk_downloads, deliveries, exports
from ccfs.model.blobs.orphan import BlobOwnerTable, OrphanedBlob
from ccfs.model.bulk.bulk_download import BulkDownload, BulkRequest
from ccfs.model.exports.delivery import Delivery
from ccfs.model.identity.tenancy import App
from tests.db.sample_rows import MINUTE, NOW, SECOND
from tests.db.tenant.test_bulk_downloads import SEARCH
from tests.db.tenant.test_exports import make_export

RECEIVER = "https://cb.example.com:443"
ORPHAN_BATCH = 20


def add_export(connection: Connection, app: App, number: int) -> None:
    exports.add(connection, app, make_export(number))


def add_bulk_download(connection: Connection, app: App, number: int) -> None:
    user = users.find_by_name(connection, "emil") or users.add(connection, "emil", "", NOW)
    request = BulkRequest(search=SEARCH)
    bulk_downloads.add(
        connection,
        app,
        BulkDownload(
            id=f"{number:032x}",
            user_id=user.id,
            requested_at=NOW,
            account_id="100",
            zone="Asia/Shanghai",
            request=request,
        ),
    )


def add_delivery(connection: Connection, app: App, number: int) -> None:
    exports.add(connection, app, make_export(number))
    delivery = Delivery(id=f"{number:032x}", app=app.id, ak=app.ak, url=f"{RECEIVER}/x", body=b"{}", created_at=NOW)
    deliveries.add(connection, app, delivery, make_export(number).response_id, RECEIVER, NOW)


def add_orphan(connection: Connection, app: App, number: int) -> None:
    orphan = OrphanedBlob(
        location_id="0", key=f"{number:032x}", owner_table=BlobOwnerTable.EXPORTS, owner_row="x", app=app.id
    )
    blob_moves.enqueue_orphan(connection, orphan, NOW)


def claim_export(connection: Connection, last_app: int, now: datetime) -> list[int]:
    claimed = export_jobs.claim(connection, now, "x", MINUTE, last_app)
    return [claimed.app.id] if claimed else []


def claim_bulk_download(connection: Connection, last_app: int, now: datetime) -> list[int]:
    claimed = bulk_jobs.claim(connection, now, "x", MINUTE, last_app)
    return [claimed.app.id] if claimed else []


def claim_deliveries(connection: Connection, _last_app: int, now: datetime) -> list[int]:
    """Claim as the worker does: one of each lane."""
    lanes = callback_jobs.list_due_lanes(connection, now)
    claims = [callback_jobs.claim(connection, lane, now, "x", MINUTE, 1) for lane in lanes]
    return [claimed.delivery.app for batch in claims for claimed in batch]


def claim_orphans(connection: Connection, _last_app: int, now: datetime) -> list[int]:
    return [orphan.app for orphan in blob_moves.claim_orphans(connection, now, "x", MINUTE, ORPHAN_BATCH)]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRows:
    """One queue: how to add a job to it, and how its worker claims the next ones."""

    table: sa.Table
    add: Callable[[Connection, App, int], None]
    claim: Callable[[Connection, int, datetime], list[int]]  # returns the apps of the claimed jobs
    keys: tuple[str, ...]  # columns that differ in every row

    def fill(self, database: Database, app: App, count: int) -> None:
        """Add so many due jobs of an app."""
        with database.write_transaction() as connection:
            self.add(connection, app, 0)
            copy_row(connection, self.table, dict.fromkeys(self.keys, "'copy ' || number"), count - 1)

    def claim_next(self, database: Database, last_app: int = 0) -> list[int]:
        """Claim the next jobs; return their apps."""
        with database.write_transaction() as connection:
            return self.claim(connection, last_app, NOW + SECOND)


QUEUES = {
    "exports": QueueRows(table=schema.exports, add=add_export, claim=claim_export, keys=("response_id", "file_name")),
    "bulk downloads": QueueRows(
        table=schema.bulk_downloads, add=add_bulk_download, claim=claim_bulk_download, keys=("id",)
    ),
    "deliveries": QueueRows(table=schema.deliveries, add=add_delivery, claim=claim_deliveries, keys=("id",)),
    "orphans": QueueRows(table=schema.orphaned_blobs, add=add_orphan, claim=claim_orphans, keys=("key",)),
}


def copy_row(connection: Connection, table: sa.Table, changes: Mapping[str, str], count: int) -> None:
    """Copy the only row of a table; `changes` are SQL expressions of the copy's `number`, by column."""
    series = (
        "with recursive series(number) as (select 1 union all select number + 1 from series where number < :count) "
        if connection.dialect.name == "sqlite"
        else "with series as (select generate_series(1, :count) as number) "
    )
    names = [f'"{column.name}"' for column in table.c]
    values = [f"({changes[column.name]})" if column.name in changes else f'"{column.name}"' for column in table.c]
    statement = (
        f"insert into {table.name} ({', '.join(names)}) {series} select {', '.join(values)} from {table.name}, series"
    )
    connection.execute(sa.text(statement), {"count": count})
