"""Rows of expected recordings, across the accounts of an app; ingest_state.py has those of one account."""

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.tenant.ingest_state import ExpectedRecording
from ccfs.model.identity.tenancy import App

_TABLE = schema.expected_recordings
_NAMES_PER_QUERY = 1000  # every database limits the parameters of a query


def list_accounts(connection: Connection, app: App, stems: Iterable[str]) -> set[tuple[str, str]]:
    """Return (account, stem) of those of these stems under which recordings are expected."""
    names, found = sorted(set(stems)), set[tuple[str, str]]()
    for start in range(0, len(names), _NAMES_PER_QUERY):
        is_named = _TABLE.c.stem.in_(names[start:][:_NAMES_PER_QUERY])
        query = sa.select(_TABLE.c.account_id, _TABLE.c.stem).where(_TABLE.c.app == app.id, is_named)
        found |= {(row.account_id, row.stem) for row in connection.execute(query)}
    return found


def delete(connection: Connection, app: App, expected: Iterable[ExpectedRecording]) -> None:
    """Delete expected recordings."""
    for row in expected:
        key = {"account_id": row.account_id, "path": row.path, "call_id": row.call_id}
        connection.execute(sa.delete(_TABLE).filter_by(app=app.id, **key))
