"""Orphaned blobs as a job queue, on both engines: leases, excluded locations, and the cost of a claim."""

from datetime import datetime

import sqlalchemy as sa

from ccfs.db import schema
from ccfs.db.engine import Database
from ccfs.db.system.jobs import blob_moves
from ccfs.model.blobs.orphan import BlobOwnerTable, OrphanedBlob
from tests.db.query_plans import explain_action
from tests.db.sample_rows import MINUTE, NOW, SECOND


def make_orphan(number: int, location_id: str = "0", app: int = 1) -> OrphanedBlob:
    return OrphanedBlob(
        location_id=location_id,
        key=f"{app}/x/{number}",
        owner_table=BlobOwnerTable.EXPORTS,
        owner_row=f"{number:032x}",
        app=app,
    )


def enqueue_orphans(database: Database, *orphans: OrphanedBlob) -> None:
    """Queue orphans; each is due a second after the one before."""
    with database.write_transaction() as connection:
        for number, orphan in enumerate(orphans):
            blob_moves.enqueue_orphan(connection, orphan, NOW + number * SECOND)


def claim_orphans(
    database: Database,
    lease: str = "first",
    now: datetime = NOW + MINUTE,
    limit: int = 9,
    excluded: tuple[str, ...] = (),
) -> set[OrphanedBlob]:
    with database.write_transaction() as connection:
        return set(blob_moves.claim_orphans(connection, now, lease, MINUTE, limit, excluded))


def test_due_orphans_are_leased_by_one_worker_the_longest_due_first(database: Database) -> None:
    orphans = [make_orphan(number) for number in range(3)]
    enqueue_orphans(database, *orphans)
    assert claim_orphans(database, limit=2) == set(orphans[:2])
    assert claim_orphans(database, "second") == {orphans[2]}
    assert claim_orphans(database, "third") == set()
    assert claim_orphans(database, "third", NOW + 2 * MINUTE) == set(orphans)


def test_orphans_that_are_not_due_or_in_an_excluded_location_are_not_claimed(database: Database) -> None:
    here, remote = make_orphan(1), make_orphan(1, "7")
    enqueue_orphans(database, here, remote)
    assert claim_orphans(database, now=NOW - SECOND) == set()
    assert claim_orphans(database, excluded=("7", "8")) == {here}
    assert claim_orphans(database) == {remote}


def test_an_orphan_is_deleted_from_the_queue_by_its_lease_alone(database: Database) -> None:
    orphan = make_orphan(1)
    enqueue_orphans(database, orphan)
    claim_orphans(database, "late")
    claim_orphans(database, "winner", NOW + 2 * MINUTE)
    for lease, count in (("late", 1), ("winner", 0)):
        with database.write_transaction() as connection:
            blob_moves.delete_orphan(connection, orphan, lease)
            statement = sa.select(sa.func.count()).select_from(schema.orphaned_blobs)
            assert connection.execute(statement).scalar() == count


def test_claiming_orphans_reads_an_index(database: Database) -> None:
    enqueue_orphans(database, *(make_orphan(number) for number in range(3000)))
    plans = explain_action(
        database, lambda connection: blob_moves.claim_orphans(connection, NOW, "x", MINUTE, 9, ["7"])
    )
    for plan in plans:
        assert "SCAN orphaned_blobs" not in plan, plan
        assert "Seq Scan on orphaned_blobs" not in plan, plan
