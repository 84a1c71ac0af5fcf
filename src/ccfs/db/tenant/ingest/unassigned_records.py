"""Rows of unassigned records: parsed lines of a switch that do not, or not yet, belong to an account of the app.

`source` identifies the switch: records of different switches never mix.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.statements import insert_or_ignore
from ccfs.model.identity.tenancy import App

_TABLE, _ERRORS, _EXPECTED = schema.unassigned_records, schema.ingest_errors, schema.expected_recordings
_RAW_BYTES = 1024  # as in a rejection
_ID_LENGTH = 200  # characters; an index entry has a limit
_KEYS_PER_QUERY = 1000  # every database limits the parameters of a query


@dataclass(frozen=True, slots=True, kw_only=True)
class UnassignedRecord:
    """One parsed line."""

    source_key: str
    kind: str
    call_id: str  # as the switch has it; "" if the line is of no call
    leg_id: str
    domain: str = ""  # of the call, in lower case
    file: str
    line: int
    raw: bytes = b""  # the line, as a rejection shows it
    reason: str
    record: str  # JSON


_COLUMNS = tuple(_TABLE.c[field.name] for field in fields(UnassignedRecord))
_SELECT = sa.select(*_COLUMNS)


def add(
    connection: Connection, app: App, source: str, records: Sequence[UnassignedRecord], rules: str, now: datetime
) -> None:
    """Add records that the tenant rules with this digest do not assign. For known ones, update only the digest."""
    if not records:
        return
    shared = {"app": app.id, "source": source, "rules": rules, "is_listed": False, "seen_at": now}
    values = [{**_get_values(record), **shared} for record in records]
    connection.execute(insert_or_ignore(connection, _TABLE), values)
    for keys in _split([record.source_key for record in records]):
        is_known = _is_of(app, source) & _TABLE.c.source_key.in_(keys) & (_TABLE.c.rules != rules)
        connection.execute(sa.update(_TABLE).where(is_known).values(rules=rules))


def _get_values(record: UnassignedRecord) -> dict[str, object]:
    values = {field.name: getattr(record, field.name) for field in fields(UnassignedRecord)}
    cut = {"call_id": record.call_id[:_ID_LENGTH], "leg_id": record.leg_id[:_ID_LENGTH]}
    return values | cut | {"raw": record.raw[:_RAW_BYTES]}


def exists(connection: Connection, app: App, source: str) -> bool:
    """Return whether any record of the switch is unassigned."""
    return connection.execute(sa.select(sa.literal(1)).where(_is_of(app, source)).limit(1)).first() is not None


def find_by_ids(connection: Connection, app: App, source: str, ids: Iterable[str]) -> list[UnassignedRecord]:
    """Return the records of these calls and of these legs."""
    found: dict[str, UnassignedRecord] = {}
    for keys in _split(sorted({name[:_ID_LENGTH] for name in ids if name})):
        for column in (_TABLE.c.call_id, _TABLE.c.leg_id):
            rows = connection.execute(_SELECT.where(_is_of(app, source), column.in_(keys)))
            found |= {row.source_key: UnassignedRecord(**row._mapping) for row in rows}
    return list(found.values())


def list_outdated(connection: Connection, app: App, source: str, rules: str, limit: int) -> list[UnassignedRecord]:
    """Return records that were last tried with other rules."""
    is_outdated = (_TABLE.c.rules < rules) | (_TABLE.c.rules > rules)  # unlike !=, it uses the index
    rows = connection.execute(_SELECT.where(_is_of(app, source), is_outdated).limit(limit))
    return [UnassignedRecord(**row._mapping) for row in rows]


def list_by_domains(
    connection: Connection, app: App, source: str, domains: Collection[str], limit: int
) -> list[UnassignedRecord]:
    """Return records of these domains."""
    rows = connection.execute(_SELECT.where(_is_of(app, source), _TABLE.c.domain.in_(list(domains))).limit(limit))
    return [UnassignedRecord(**row._mapping) for row in rows]


def list_domains(connection: Connection, app: App, source: str) -> set[str]:
    """Return the domains of the switch's records."""
    query = sa.select(_TABLE.c.domain).where(_is_of(app, source)).distinct()
    return set(connection.execute(query).scalars()) - {""}


def list_unlisted(connection: Connection, app: App, source: str, limit: int) -> list[UnassignedRecord]:
    """Return records that are not yet among the rejections."""
    is_unlisted = _TABLE.c.is_listed == sa.false()
    rows = connection.execute(_SELECT.where(_is_of(app, source), is_unlisted).limit(limit))
    return [UnassignedRecord(**row._mapping) for row in rows]


def mark_listed(connection: Connection, app: App, source: str, keys: Sequence[str]) -> None:
    """Mark records as being among the rejections."""
    for some in _split(keys):
        is_chosen = _is_of(app, source) & _TABLE.c.source_key.in_(some)
        connection.execute(sa.update(_TABLE).where(is_chosen).values(is_listed=True))


def delete(connection: Connection, app: App, source: str, keys: Iterable[str]) -> list[UnassignedRecord]:
    """Delete records with these source_keys, and rejections that only they had. Return what was deleted."""
    deleted: list[UnassignedRecord] = []
    for some in _split(sorted(set(keys))):
        is_chosen = _is_of(app, source) & _TABLE.c.source_key.in_(some)
        rows = [UnassignedRecord(**row._mapping) for row in connection.execute(_SELECT.where(is_chosen))]
        if not rows:
            continue
        deleted += rows
        connection.execute(sa.delete(_TABLE).where(is_chosen))
        # After a rotation, two lines may have one number and one reason: the text tells them apart.
        texts = {(row.file, row.line, row.reason, row.raw) for row in rows}
        is_same_line = sa.tuple_(_TABLE.c.file, _TABLE.c.line).in_(sorted({text[:2] for text in texts}))
        columns = (_TABLE.c.file, _TABLE.c.line, _TABLE.c.reason, _TABLE.c.raw)
        left = connection.execute(sa.select(*columns).where(_TABLE.c.app == app.id, is_same_line))
        texts -= {tuple(row) for row in left}
        rejection = sa.tuple_(_ERRORS.c.file, _ERRORS.c.line, _ERRORS.c.reason, _ERRORS.c.raw)
        connection.execute(sa.delete(_ERRORS).where(_ERRORS.c.app == app.id, rejection.in_(sorted(texts))))
    return deleted


def delete_before(connection: Connection, app: App, before: datetime) -> None:
    """Delete records that were read before this instant, and their rejections."""
    is_old = (_TABLE.c.app == app.id) & (_TABLE.c.seen_at < before)
    for source in connection.execute(sa.select(_TABLE.c.source).where(is_old).distinct()).scalars().all():
        keys = connection.execute(sa.select(_TABLE.c.source_key).where(is_old, _TABLE.c.source == source)).scalars()
        delete(connection, app, source, keys.all())
    is_expected = (_EXPECTED.c.app == app.id) & (_EXPECTED.c.account_id == "") & (_EXPECTED.c.since < before)
    connection.execute(sa.delete(_EXPECTED).where(is_expected))


def unlist_files(connection: Connection, app: App, files: Sequence[str]) -> None:
    """Mark the records of these files as unlisted, because their rejections were deleted."""
    for some in _split(files):
        is_chosen = (_TABLE.c.app == app.id) & _TABLE.c.file.in_(some)
        connection.execute(sa.update(_TABLE).where(is_chosen).values(is_listed=False))


def _is_of(app: App, source: str) -> sa.ColumnElement[bool]:
    return (_TABLE.c.app == app.id) & (_TABLE.c.source == source)


def _split(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), _KEYS_PER_QUERY):
        yield keys[start:][:_KEYS_PER_QUERY]
