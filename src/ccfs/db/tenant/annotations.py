"""Rows of annotations: comments at a position in a recording."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.model.calls import partition_month
from ccfs.model.identity.tenancy import App
from ccfs.model.recordings.annotation import MAX_PER_RECORDING, Annotation
from ccfs.model.recordings.recording import Recording

_TABLE = schema.annotations
_FIELDS = tuple(_TABLE.c[name] for name in ("id", "offset_ms", "text", "author", "created_at"))


def add(
    connection: Connection, app: App, recording: Recording, offset_ms: int, text: str, author: str, now: datetime
) -> bool:
    """Add an annotation; False if the recording already has MAX_PER_RECORDING of them."""
    is_same = (_TABLE.c.app == app.id) & (_TABLE.c.recording == recording.file_name)
    if connection.execute(sa.select(sa.func.count()).where(is_same)).scalar_one() >= MAX_PER_RECORDING:
        return False
    values = {
        "account_id": recording.account_id,
        "recording": recording.file_name,
        "month": partition_month.parse_month_key(recording.file_name),
        "offset_ms": offset_ms,
        "text": text,
        "author": author,
    }
    connection.execute(sa.insert(_TABLE).values(app=app.id, **values, created_at=now))
    return True


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


def delete(
    connection: Connection, app: App, recording: Recording, annotation_id: int, author: str | None
) -> Annotation | None:
    """Delete an annotation of a recording and return it; None if there is no such annotation.

    It must be by this author; None allows any author.
    """
    condition = _TABLE.c.app == app.id
    condition &= (_TABLE.c.recording == recording.file_name) & (_TABLE.c.id == annotation_id)
    if author is not None:
        condition &= _TABLE.c.author == author
    row = connection.execute(sa.delete(_TABLE).where(condition).returning(*_FIELDS)).first()
    return _build_annotation(list(row)) if row else None


def _build_annotation(fields: Sequence[object]) -> Annotation:
    return Annotation(**dict(zip(("id", "offset_ms", "text", "author", "created_at"), fields, strict=True)))  # type: ignore[arg-type]
