"""Rows of used OIDC login states, which belong to no app: each state is valid for a single callback from the provider."""

import hashlib
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.statements import insert_or_ignore

_TABLE = schema.used_oidc_states


def consume(connection: Connection, state: str, expires_at: datetime) -> bool:
    """Mark a state as used. Return False if it was already used. After `expires_at`, it is invalid because of its age."""
    digest = hashlib.sha256(state.encode()).hexdigest()
    new_row = insert_or_ignore(connection, _TABLE).values(digest=digest, expires_at=expires_at)
    return connection.execute(new_row.returning(_TABLE.c.digest)).first() is not None


def delete_expired(connection: Connection, now: datetime) -> int:
    """Delete expired rows and return their number."""
    return connection.execute(sa.delete(_TABLE).where(_TABLE.c.expires_at <= now)).rowcount
