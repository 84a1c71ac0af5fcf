"""Rows of annotations: comments on moments and passages of a recording."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, auto
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.row_limit import has_room
from ccfs.model.calls import partition_month
from ccfs.model.identity.tenancy import App
from ccfs.model.recordings.annotation import MAX_PER_RECORDING, Annotation, AnnotationDraft
from ccfs.model.recordings.recording import Recording

MAX_SEARCHED: Final = 20_000  # annotations of a period that a search reads, the newest first
REPEATED_WITHIN: Final = timedelta(seconds=30)  # a form that is sent twice adds one annotation
_TABLE, _RECORDINGS = schema.annotations, schema.recordings
_FIELD_NAMES = ("id", "offset_ms", "end_ms", "text", "tags", "author", "created_at", "changed_at")
_FIELDS = tuple(_TABLE.c[name] for name in _FIELD_NAMES)


class AddResult(StrEnum):
    """The result of adding an annotation."""

    ADDED = auto()
    REPEATED = auto()  # the author added the same a moment ago
    FULL = auto()  # the recording has MAX_PER_RECORDING


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotationSearch:
    """Which annotations of an account to find; empty texts match all."""

    account_id: str
    begin: datetime  # when they were added
    end: datetime
    text: str = ""  # a part of the comment; case does not matter
    tag: str = ""
    author: str = ""
    cursor: tuple[datetime, int] | None = None  # created_at and id of the last one on the page before


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundAnnotation:
    """An annotation with its recording's index name and its call."""

    annotation: Annotation
    recording: str
    call_id: str
    call_begin: datetime  # the recording's begin
    agent_id: str


def add(
    connection: Connection, app: App, recording: Recording, draft: AnnotationDraft, author: str, now: datetime
) -> tuple[AddResult, int]:
    """Add an annotation. Return what became of it and its id, 0 if the recording has too many."""
    of_recording = (_TABLE.c.app == app.id) & (_TABLE.c.recording == recording.file_name)
    values = _build_values(draft)
    is_same = [_TABLE.c[name].is_not_distinct_from(value) for name, value in values.items()]
    is_recent = (_TABLE.c.author == author) & (_TABLE.c.created_at > now - REPEATED_WITHIN)
    repeated = connection.execute(sa.select(_TABLE.c.id).where(of_recording, is_recent, *is_same)).scalar()
    if repeated is not None:
        return AddResult.REPEATED, repeated
    if not has_room(connection, app, _TABLE, of_recording, MAX_PER_RECORDING):
        return AddResult.FULL, 0
    values |= {
        "app": app.id,
        "account_id": recording.account_id,
        "recording": recording.file_name,
        "month": partition_month.parse_month_key(recording.file_name),
        "author": author,
        "created_at": now,
    }
    added = connection.execute(sa.insert(_TABLE).values(**values).returning(_TABLE.c.id)).scalar_one()
    return AddResult.ADDED, added


def list_by_recordings(
    connection: Connection, app: App, recordings: Sequence[Recording]
) -> dict[str, list[Annotation]]:
    """Return the annotations of each recording by its index name, ordered by offset."""
    names = [recording.file_name for recording in recordings]
    query = sa.select(_TABLE.c.recording, *_FIELDS).where(_TABLE.c.app == app.id, _TABLE.c.recording.in_(names))
    annotations: dict[str, list[Annotation]] = defaultdict(list)
    for name, *fields in connection.execute(query.order_by(_TABLE.c.offset_ms, _TABLE.c.id)):
        annotations[name].append(_build_annotation(fields))
    return annotations


def change(
    connection: Connection,
    app: App,
    recording: Recording,
    annotation_id: int,
    author: str | None,
    draft: AnnotationDraft,
    now: datetime,
) -> Annotation | None:
    """Change an annotation of a recording and return it; None if there is no such annotation.

    It must be by this author; None allows any author.
    """
    statement = sa.update(_TABLE).where(_is_annotation(app, recording, annotation_id, author))
    row = connection.execute(statement.values(**_build_values(draft), changed_at=now).returning(*_FIELDS)).first()
    return _build_annotation(list(row)) if row else None


def delete(
    connection: Connection, app: App, recording: Recording, annotation_id: int, author: str | None
) -> Annotation | None:
    """Delete an annotation of a recording and return it; None if there is no such annotation.

    It must be by this author; None allows any author.
    """
    statement = sa.delete(_TABLE).where(_is_annotation(app, recording, annotation_id, author))
    row = connection.execute(statement.returning(*_FIELDS)).first()
    return _build_annotation(list(row)) if row else None


def search(connection: Connection, app: App, query: AnnotationSearch, limit: int) -> list[FoundAnnotation]:
    """Return up to `limit` annotations, the newest first, of the MAX_SEARCHED newest ones of the period."""
    columns = _TABLE.c
    statement = sa.select(*_FIELDS, columns.recording, columns.month).where(
        columns.app == app.id,
        columns.account_id == query.account_id,
        columns.created_at.between(query.begin, query.end),
    )
    if query.cursor is not None:
        created_at, last_id = query.cursor
        is_behind = (columns.created_at < created_at) | ((columns.created_at == created_at) & (columns.id < last_id))
        statement = statement.where(columns.created_at <= created_at, is_behind)
    newest = statement.order_by(columns.created_at.desc(), columns.id.desc()).limit(MAX_SEARCHED).subquery()
    found = sa.select(newest).order_by(newest.c.created_at.desc(), newest.c.id.desc())
    if query.author:
        found = found.where(newest.c.author == query.author)
    if query.tag:
        found = found.where(newest.c.tags.contains(_join_tags((query.tag,)), autoescape=True))
    part, rows = query.text.casefold(), []
    for row in connection.execute(found):
        if part in row.text.casefold():
            rows.append(row)
        if len(rows) >= limit:
            break
    return _with_calls(connection, app, rows)


def _with_calls(connection: Connection, app: App, rows: Sequence[Any]) -> list[FoundAnnotation]:
    columns = _RECORDINGS.c
    names, months = {row.recording for row in rows}, {row.month for row in rows}
    query = sa.select(columns.file_name, columns.call_id, columns.call_begin, columns.agent_id).where(
        columns.app == app.id, columns.file_name.in_(names), columns.month.in_(months)
    )
    calls = {row.file_name: row for row in connection.execute(query)} if rows else {}
    return [
        FoundAnnotation(
            annotation=_build_annotation(row[: len(_FIELDS)]),
            recording=row.recording,
            call_id=calls[row.recording].call_id,
            call_begin=calls[row.recording].call_begin,
            agent_id=calls[row.recording].agent_id,
        )
        for row in rows
        if row.recording in calls
    ]


def _is_annotation(app: App, recording: Recording, annotation_id: int, author: str | None) -> sa.ColumnElement[bool]:
    condition = (_TABLE.c.app == app.id) & (_TABLE.c.recording == recording.file_name)
    condition &= _TABLE.c.id == annotation_id
    return condition if author is None else condition & (_TABLE.c.author == author)


def _build_values(draft: AnnotationDraft) -> dict[str, Any]:
    return {
        "offset_ms": draft.offset_ms,
        "end_ms": draft.end_ms,
        "text": draft.text,
        "tags": _join_tags(draft.tags),
    }


def _join_tags(tags: Sequence[str]) -> str:
    return "\t".join(("", *tags, "")) if tags else ""


def _build_annotation(fields: Sequence[Any]) -> Annotation:
    values = dict(zip(_FIELD_NAMES, fields, strict=True))
    values["tags"] = tuple(filter(None, values["tags"].split("\t")))
    return Annotation(**values)
