"""Rows of expected recordings: those that CDRs name and that have not arrived."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.statements import insert_or_ignore
from ccfs.db.tenant.ingest.account_stems import list_accounts_of_stems
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import App

_TABLE = schema.expected_recordings
_NAMES_PER_QUERY = 1000  # every database limits the parameters of a query


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedRecording:
    """A recording that a CDR names and that has not arrived."""

    account_id: str
    name: str  # base name of the file
    path: str  # as the CDR names it
    stem: str  # base name without audio extensions
    call_id: str
    since: datetime  # end of the call
    source_key: str = ""  # of the CDR line that names it; the line tells whose voice it is
    is_optional: bool = False  # it may never arrive: it is then not missing


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedPage:
    """A page of a list, the latest first: it begins before `until`, after `skip` rows."""

    is_missing: bool | None = None  # None: missing or awaited
    until: datetime | None = None
    skip: int = 0
    limit: int = 100


_COLUMNS = tuple(column.name for column in fields(ExpectedRecording))


def add(connection: Connection, app: App, expected: list[ExpectedRecording]) -> None:
    """Add recordings that CDRs of the app name."""
    if expected:
        values = [{"app": app.id, **{name: getattr(row, name) for name in _COLUMNS}} for row in expected]
        connection.execute(insert_or_ignore(connection, _TABLE), values)


def find(connection: Connection, app: App, account_id: str, stems: Iterable[str]) -> list[ExpectedRecording]:
    """Return the account's expected recordings with these stems."""
    columns = (_TABLE.c[name] for name in _COLUMNS)
    query = sa.select(*columns).filter_by(app=app.id, account_id=account_id)
    names, expected = sorted(set(stems)), list[ExpectedRecording]()
    for start in range(0, len(names), _NAMES_PER_QUERY):
        rows = connection.execute(query.where(_TABLE.c.stem.in_(names[start:][:_NAMES_PER_QUERY])))
        expected += [ExpectedRecording(**row._mapping) for row in rows]
    return expected


def mark_arrived(connection: Connection, app: App, account_id: str, stems: Iterable[str], call_id: str) -> None:
    """Delete the expectation of a call's recording that arrived under one of these stems."""
    is_own = (_TABLE.c.app == app.id) & (_TABLE.c.account_id == account_id) & (_TABLE.c.call_id == call_id)
    connection.execute(sa.delete(_TABLE).where(is_own, _TABLE.c.stem.in_(list(stems))))


def reassign_call(connection: Connection, app: App, account_id: str, old: str, new: str) -> None:
    """Move expected recordings from one call to another that turned out to contain it."""
    own = {"app": app.id, "account_id": account_id}
    known = sa.select(_TABLE.c.path).filter_by(**own, call_id=new)
    connection.execute(sa.delete(_TABLE).filter_by(**own, call_id=old).where(_TABLE.c.path.in_(known)))
    connection.execute(sa.update(_TABLE).filter_by(**own, call_id=old).values(call_id=new))


def mark_missing(connection: Connection, app: App, before: datetime, now: datetime) -> list[ExpectedRecording]:
    """Mark expected recordings of calls that ended by `before` as missing. Return newly marked ones."""
    is_due = (_TABLE.c.app == app.id) & (_TABLE.c.since <= before) & _TABLE.c.missing_at.is_(None)
    is_due &= _TABLE.c.is_optional == sa.false()
    columns = (_TABLE.c[name] for name in _COLUMNS)
    rows = connection.execute(sa.update(_TABLE).where(is_due).values(missing_at=now).returning(*columns))
    return [ExpectedRecording(**row._mapping) for row in rows]


def list_missing(connection: Connection, app: App, limit: int = 1000) -> list[ExpectedRecording]:
    """Return the app's missing recordings, the longest missing first."""
    query = sa.select(*(_TABLE.c[name] for name in _COLUMNS)).where(
        _TABLE.c.app == app.id, _TABLE.c.missing_at.is_not(None)
    )
    return [
        ExpectedRecording(**row._mapping) for row in connection.execute(query.order_by(_TABLE.c.since).limit(limit))
    ]


def list_of_account(
    connection: Connection, app: App, account_id: str, window: TimeWindow, page: ExpectedPage
) -> list[tuple[ExpectedRecording, datetime | None]]:
    """Return recordings that an account's calls of a period should have, the latest first; each with when it became missing."""
    columns = [*(_TABLE.c[name] for name in _COLUMNS), _TABLE.c.missing_at]
    own = (_TABLE.c.app == app.id) & (_TABLE.c.account_id == account_id) & (_TABLE.c.is_optional == sa.false())
    own &= (_TABLE.c.since >= window.begin) & (_TABLE.c.since < (page.until or window.end))
    if page.is_missing is not None:
        own &= _TABLE.c.missing_at.is_not(None) if page.is_missing else _TABLE.c.missing_at.is_(None)
    query = sa.select(*columns).where(own).order_by(_TABLE.c.since.desc(), _TABLE.c.path, _TABLE.c.call_id)
    found = []
    for row in connection.execute(query.offset(page.skip).limit(page.limit)):
        values = dict(row._mapping)
        missing_at = values.pop("missing_at")
        found.append((ExpectedRecording(**values), missing_at))
    return found


def list_accounts(connection: Connection, app: App, stems: Iterable[str]) -> set[tuple[str, str]]:
    """Return (account, stem) for each of these stems under which recordings are expected."""
    return list_accounts_of_stems(connection, app, _TABLE, stems)


def delete(connection: Connection, app: App, expected: Iterable[ExpectedRecording]) -> None:
    """Delete expected recordings."""
    for row in expected:
        key = {"account_id": row.account_id, "path": row.path, "call_id": row.call_id}
        connection.execute(sa.delete(_TABLE).filter_by(app=app.id, **key))
