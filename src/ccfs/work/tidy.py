"""Tidying: expired tokens, old failure counts, deletions that were begun. Each step may be cut short and done again."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from ccfs.logs import log
from ccfs.store import lockouts, play_tokens, voice_files
from ccfs.store.db import Database
from ccfs.store.locations.port import Location

BATCH = 100  # deletions finished in one go


def tidy(database: Database, locations: Mapping[str, Location], now: datetime, lock_period: timedelta) -> None:
    """One round."""
    with database.writing() as connection:
        play_tokens.forget_expired(connection, now)
        lockouts.forget_old(connection, now, lock_period)
    finish_deletions(database, locations)


def finish_deletions(database: Database, locations: Mapping[str, Location]) -> int:
    """Remove the bytes of voice files that are marked deleted, then their rows; how many."""
    with database.reading() as connection:
        due = voice_files.deleted(connection, BATCH)
    done = 0
    for app, file in due:
        try:
            locations[file.kept.location_id].remove(file.kept.key)
        except (KeyError, OSError) as error:
            log().warning("bytes not removed", action="deletion_failed", app=app.ak, error=str(error))
            continue
        with database.writing() as connection:
            voice_files.forget(connection, app, file)
        done += 1
    return done
