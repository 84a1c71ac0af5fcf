"""Cleanup of expired tokens, old failure counts, expired exports and pending deletions.

Each step can be interrupted and repeated. A node deletes no files from the disks of other nodes. Callers pass a time only while
the clocks agree. Files of exports are marked a day before they are deleted.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from ccfs.blobs.interface import Location
from ccfs.db.engine import Database
from ccfs.db.system import impossible_times, lockouts, maintenance, play_tokens
from ccfs.db.system.console import audit, link_tokens, notes, oidc_states, users
from ccfs.db.system.jobs import bulk_jobs, export_jobs
from ccfs.db.tenant import exports, voice_files
from ccfs.logs import get_logger
from ccfs.model.identity.tenancy import App
from ccfs.model.recordings.voice_file import VoiceFile
from ccfs.workers.maintenance.clock_guard import ClockGuard

STRANGERS_RETENTION = timedelta(days=90)  # of audit entries of failed sign-ins
LINKS_RETENTION = timedelta(days=90)  # of links that have ended
EXPORT_MARK_PERIOD = timedelta(days=1)  # between the mark of an export and the deletion of its file
BATCH_SIZE = 100  # files deleted in one round


def run_cleanup(
    database: Database,
    locations: Mapping[str, Location],
    now: datetime,
    lock_period: timedelta,
    export_retention: timedelta,
    remote_locations: Collection[str] = (),
) -> None:
    """Run all steps once. `remote_locations` are the disks of other nodes."""
    with database.write_transaction() as connection:
        play_tokens.delete_expired(connection, now)
        lockouts.delete_expired(connection, now, lock_period)
        users.delete_expired_setup_links(connection, now)
        oidc_states.delete_expired(connection, now)
        notes.delete_expired(connection, now)
        audit.delete_of_strangers(connection, now - STRANGERS_RETENTION, BATCH_SIZE)
        link_tokens.delete_ended(connection, now - LINKS_RETENTION, BATCH_SIZE)
    finish_voice_file_deletions(database, locations, now, remote_locations)
    expire_exports(database, locations, now, export_retention, remote_locations)


def expire_exports(
    database: Database,
    locations: Mapping[str, Location],
    now: datetime,
    export_retention: timedelta,
    remote_locations: Collection[str] = (),
) -> int:
    """Delete the files of exports that are older than the retention, and return their number. Failures are retried.

    Each has been marked for a day, which is the last one of its retention.
    """
    with database.write_transaction() as connection:
        export_jobs.update_expiry_marks(connection, now - export_retention + EXPORT_MARK_PERIOD, now)
    before, marked_before = now - export_retention, now - EXPORT_MARK_PERIOD
    with database.read_transaction() as connection:
        due = export_jobs.list_expirable(connection, before, marked_before, BATCH_SIZE, remote_locations)
    for app, response_id, blob in due:
        locations[blob.location_id].delete(blob.key)
        with database.write_transaction() as connection:
            exports.expire(connection, app, response_id, blob)
    return len(due)


def repair_times(database: Database, now: datetime, clocks: ClockGuard) -> None:
    """Make jobs due whose due time is impossibly late because a clock was ahead; orphans only while the clocks agree."""
    safe_now = clocks.get_safe_now()
    with database.write_transaction() as connection:
        counts = impossible_times.make_due(connection, now)
        if safe_now is not None and (orphans := impossible_times.make_orphans_due(connection, safe_now)):
            counts["orphaned_blobs"] = orphans
    if counts:
        get_logger().warning("jobs of a clock that was ahead are due now", action="times_repaired", **counts)


def delete_old_bulk_downloads(database: Database, before: datetime) -> None:
    """Delete bulk downloads requested before a given time, one at a time because they may have many items."""
    deleted = 1
    while deleted:
        with database.write_transaction() as connection:
            deleted = bulk_jobs.delete_before(connection, before, 1)


def finish_voice_file_deletions(
    database: Database, locations: Mapping[str, Location], now: datetime, remote_locations: Collection[str] = ()
) -> int:
    """Delete the files and then the rows of voice files that are marked as deleted, and return their number.

    If a deletion fails, it is moved behind the others.
    """
    with database.read_transaction() as connection:
        due = maintenance.list_deleted_voice_files(connection, BATCH_SIZE, remote_locations)
    return sum(_finish_deletion(database, locations, app, file, now) for app, file in due)


def _finish_deletion(
    database: Database, locations: Mapping[str, Location], app: App, file: VoiceFile, now: datetime
) -> bool:
    try:
        locations[file.blob.location_id].delete(file.blob.key)
    except Exception as error:  # noqa: BLE001  of whatever kind: the deletions behind this one must not wait for it
        get_logger().warning(
            "could not delete voice file", action="voice_file_delete_failed", app=app.ak, error=repr(error)
        )
        with database.write_transaction() as connection:
            voice_files.defer_deletion(connection, app, file, now)
        return False
    with database.write_transaction() as connection:
        voice_files.delete_row(connection, app, file)
    return True
