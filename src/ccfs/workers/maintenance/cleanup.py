"""Tidying: expired tokens, old failure counts, deletions that were begun. Each step may be cut short and done again.

Bytes on another node's disk are that node's to remove.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from ccfs.blobs.interface import Location
from ccfs.db.engine import Database
from ccfs.db.system import lockouts, maintenance, oidc_states, play_tokens, users
from ccfs.db.tenant import bulk_downloads, exports, voice_files
from ccfs.logs import get_logger
from ccfs.model.identity.tenancy import App
from ccfs.model.recordings.voice_file import VoiceFile

BATCH_SIZE = 100  # deletions finished in one go


def run_cleanup(
    database: Database,
    locations: Mapping[str, Location],
    now: datetime,
    lock_period: timedelta,
    keep: timedelta,
    far: Collection[str] = (),
) -> None:
    """One round. `keep` is how long files of exports stay; `far` are locations that other nodes look after."""
    with database.write_transaction() as connection:
        play_tokens.delete_expired(connection, now)
        lockouts.delete_expired(connection, now, lock_period)
        users.delete_expired_setup_links(connection, now)
        oidc_states.delete_expired(connection, now)
    finish_voice_file_deletions(database, locations, now, far)
    expire_exports(database, locations, now - keep, far)


def expire_exports(
    database: Database, locations: Mapping[str, Location], before: datetime, far: Collection[str] = ()
) -> int:
    """Let the files of exports go that became ready before an instant; how many. A file that stays is tried again."""
    with database.read_transaction() as connection:
        due = exports.list_expirable(connection, before, BATCH_SIZE, far)
    for app, response_id, kept in due:
        locations[kept.location_id].delete(kept.key)
        with database.write_transaction() as connection:
            exports.expire(connection, app, response_id, kept)
    return len(due)


def delete_old_bulk_downloads(database: Database, before: datetime) -> None:
    """Let the lists of selections go that were asked for before an instant, one at a time: they may be long."""
    count = 1
    while count:
        with database.write_transaction() as connection:
            count = bulk_downloads.delete_before(connection, before, 1)


def finish_voice_file_deletions(
    database: Database, locations: Mapping[str, Location], now: datetime, far: Collection[str] = ()
) -> int:
    """Remove the bytes of voice files that are marked deleted, then their rows; how many. What fails goes last next time."""
    with database.read_transaction() as connection:
        due = maintenance.list_deleted_voice_files(connection, BATCH_SIZE, far)
    return sum(_finish_deletion(database, locations, app, file, now) for app, file in due)


def _finish_deletion(
    database: Database, locations: Mapping[str, Location], app: App, file: VoiceFile, now: datetime
) -> bool:
    try:
        locations[file.blob.location_id].delete(file.blob.key)
    except Exception as error:  # noqa: BLE001  of whatever kind: the deletions behind this one must not wait for it
        get_logger().warning("bytes not removed", action="deletion_failed", app=app.ak, error=repr(error))
        with database.write_transaction() as connection:
            voice_files.defer_deletion(connection, app, file, now)
        return False
    with database.write_transaction() as connection:
        voice_files.delete_row(connection, app, file)
    return True
