"""Rows of marks. Whoever asks names the app first, and the account: what is another's is not found."""

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


def add(connection: Connection, app: App, recording: Recording, at_ms: int, text: str, who: str, now: datetime) -> bool:
    """Keep a mark; False if the recording has MOST already."""
    mine = (_TABLE.c.app == app.id) & (_TABLE.c.recording == recording.file_name)
    if connection.execute(sa.select(sa.func.count()).where(mine)).scalar_one() >= MAX_PER_RECORDING:
        return False
    named = {"account_id": recording.account_id, "recording": recording.file_name}
    values = {
        **named,
        "month": partition_month.parse_month_key(recording.file_name),
        "offset_ms": at_ms,
        "text": text,
        "author": who,
    }
    connection.execute(sa.insert(_TABLE).values(app=app.id, **values, created_at=now))
    return True


def list_by_recordings(connection: Connection, app: App, tapes: Sequence[Recording]) -> dict[str, list[Annotation]]:
    """The marks of recordings by their index name, in order of time."""
    names = [one.file_name for one in tapes]
    mine = (_TABLE.c.app == app.id) & _TABLE.c.recording.in_(names)
    asked = sa.select(_TABLE.c.recording, *_FIELDS).where(mine).order_by(_TABLE.c.offset_ms, _TABLE.c.id)
    found: dict[str, list[Annotation]] = defaultdict(list)
    for name, *fields in connection.execute(asked):
        found[name].append(_build_annotation(fields))
    return found


def delete(connection: Connection, app: App, recording: Recording, mark: int, who: str | None) -> Annotation | None:
    """Let a recording's mark go, which was `who`'s, or with None anybody's; None if there is no such mark."""
    mine = (_TABLE.c.app == app.id) & (_TABLE.c.recording == recording.file_name) & (_TABLE.c.id == mark)
    if who is not None:
        mine &= _TABLE.c.author == who
    row = connection.execute(sa.delete(_TABLE).where(mine).returning(*_FIELDS)).first()
    return _build_annotation(list(row)) if row else None


def delete_without_recording(connection: Connection) -> None:
    """Let go what was said and drawn of recordings that are no more."""
    tape = schema.recordings
    for table in (_TABLE, schema.waveforms):
        same = (tape.c.app == table.c.app, tape.c.file_name == table.c.recording, tape.c.month == table.c.month)
        connection.execute(sa.delete(table).where(~sa.exists().where(*same)))


def _build_annotation(fields: Sequence[object]) -> Annotation:
    return Annotation(**dict(zip(("id", "offset_ms", "text", "author", "created_at"), fields, strict=True)))  # type: ignore[arg-type]
