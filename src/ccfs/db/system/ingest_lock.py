"""The lock of ingest runs for many apps. Each of their transactions locks several apps, in any order."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db.tenant.ingest.ingest_state import LOCK_CLASS


def lock_apps_of_switches(connection: Connection) -> None:
    """Wait for other transactions that ingest for many apps; later ones wait for the end of this one."""
    if connection.dialect.name == "postgresql":  # SQLite has one writer
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:class, 0)"), {"class": LOCK_CLASS})
