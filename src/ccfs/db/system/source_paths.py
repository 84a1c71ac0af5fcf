"""Paths of source files that any app or account reads."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema

_PATH = schema.source_cursors.c.path


def is_read(connection: Connection, path: str) -> bool:
    """Return whether the source of this absolute path has a cursor in any app or account."""
    query = sa.select(_PATH).where(_PATH.endswith(f":{path}", autoescape=True)).limit(1)
    return connection.execute(query).first() is not None
