"""Rows of departures to the sign-in service from which somebody came back: each is good for one return. System-wide."""

import hashlib
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.statements import insert_or_ignore

_TABLE = schema.used_oidc_states


def consume(connection: Connection, state: str, expires_at: datetime) -> bool:
    """Use a departure up; False if it was, already. `expires_at` is when it would be refused for its age anyway."""
    digest = hashlib.sha256(state.encode()).hexdigest()
    fresh = insert_or_ignore(connection, _TABLE).values(digest=digest, expires_at=expires_at)
    return connection.execute(fresh.returning(_TABLE.c.digest)).first() is not None


def delete_expired(connection: Connection, now: datetime) -> int:
    """Drop rows that no longer matter; how many."""
    return connection.execute(sa.delete(_TABLE).where(_TABLE.c.expires_at <= now)).rowcount
