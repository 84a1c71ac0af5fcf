"""Tidying: expired tokens, old failure counts, deletions that were begun. Each step may be cut short and done again.

Bytes on another node's disk are that node's to remove.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from ccfs.logs import log
from ccfs.model.tenancy import App
from ccfs.model.voice_file import VoiceFile
from ccfs.store import exports, lockouts, play_tokens, users, voice_files
from ccfs.store.db import Database
from ccfs.store.locations.port import Location

BATCH = 100  # deletions finished in one go


def tidy(
    database: Database,
    locations: Mapping[str, Location],
    now: datetime,
    lock_period: timedelta,
    keep: timedelta,
    far: Collection[str] = (),
) -> None:
    """One round. `keep` is how long files of exports stay; `far` are locations that other nodes look after."""
    with database.writing() as connection:
        play_tokens.forget_expired(connection, now)
        lockouts.forget_old(connection, now, lock_period)
        users.forget_links(connection, now)
    finish_deletions(database, locations, now, far)
    expire_exports(database, locations, now - keep, far)


def expire_exports(
    database: Database, locations: Mapping[str, Location], before: datetime, far: Collection[str] = ()
) -> int:
    """Let the files of exports go that became ready before an instant; how many. A file that stays is tried again."""
    with database.reading() as connection:
        due = exports.old_files(connection, before, BATCH, far)
    for app, response_id, kept in due:
        locations[kept.location_id].remove(kept.key)
        with database.writing() as connection:
            exports.expire(connection, app, response_id, kept)
    return len(due)


def finish_deletions(
    database: Database, locations: Mapping[str, Location], now: datetime, far: Collection[str] = ()
) -> int:
    """Remove the bytes of voice files that are marked deleted, then their rows; how many. What fails goes last next time."""
    with database.reading() as connection:
        due = voice_files.deleted(connection, BATCH, far)
    return sum(_finish(database, locations, app, file, now) for app, file in due)


def _finish(database: Database, locations: Mapping[str, Location], app: App, file: VoiceFile, now: datetime) -> bool:
    try:
        locations[file.kept.location_id].remove(file.kept.key)
    except Exception as error:  # noqa: BLE001  of whatever kind: the deletions behind this one must not wait for it
        log().warning("bytes not removed", action="deletion_failed", app=app.ak, error=repr(error))
        with database.writing() as connection:
            voice_files.put_off(connection, app, file, now)
        return False
    with database.writing() as connection:
        voice_files.forget(connection, app, file)
    return True
