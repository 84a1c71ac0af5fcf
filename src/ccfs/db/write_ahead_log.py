"""SQLite's write-ahead log: commits go there first, and move to the database file at a checkpoint.

A checkpoint cannot move what a reader's snapshot still precedes, so that the log grows beside long readers. SQLite reuses it
afterwards, but shrinks it only if a later checkpoint finds no reader.
"""

import os

import sqlalchemy as sa

from ccfs.db.engine import WAL_LIMIT_BYTES, Database

_PATIENCE_MS = 1000  # for readers that are about to end


def get_size(database: Database) -> int:
    """Return the size of the log in bytes; 0 if there is none."""
    try:
        return os.stat(f"{database.engine.url.database}-wal").st_size
    except OSError:
        return 0


def shrink_write_ahead_log(database: Database) -> int:
    """Empty the log if it is larger than its limit and no reader needs it. Return its size then; 0 on PostgreSQL."""
    if not database.is_sqlite or get_size(database) <= WAL_LIMIT_BYTES:
        return get_size(database) if database.is_sqlite else 0
    with database.engine.connect().execution_options(ccfs_begin="") as connection:
        previous = connection.execute(sa.text("PRAGMA busy_timeout")).scalar_one()
        connection.execute(sa.text(f"PRAGMA busy_timeout = {_PATIENCE_MS}"))
        try:
            connection.execute(sa.text("PRAGMA wal_checkpoint(TRUNCATE)")).all()
        finally:
            connection.execute(sa.text(f"PRAGMA busy_timeout = {int(previous)}"))
    return get_size(database)
