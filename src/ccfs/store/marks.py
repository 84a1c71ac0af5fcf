"""Rows of marks. Whoever asks names the app first, and the account: what is another's is not found."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.model import month
from ccfs.model.mark import MOST, Mark
from ccfs.model.recording import Recording
from ccfs.model.tenancy import App
from ccfs.store import schema

_TABLE = schema.marks
_FIELDS = tuple(_TABLE.c[name] for name in ("id", "at_ms", "text", "who", "made_at"))


def add(connection: Connection, app: App, recording: Recording, at_ms: int, text: str, who: str, now: datetime) -> bool:
    """Keep a mark; False if the recording has MOST already."""
    mine = (_TABLE.c.app == app.id) & (_TABLE.c.recording == recording.file_name)
    if connection.execute(sa.select(sa.func.count()).where(mine)).scalar_one() >= MOST:
        return False
    named = {"account_id": recording.account_id, "recording": recording.file_name}
    values = {**named, "month": month.of_name(recording.file_name), "at_ms": at_ms, "text": text, "who": who}
    connection.execute(sa.insert(_TABLE).values(app=app.id, **values, made_at=now))
    return True


def of_recordings(connection: Connection, app: App, tapes: Sequence[Recording]) -> dict[str, list[Mark]]:
    """The marks of recordings by their index name, in order of time."""
    names = [one.file_name for one in tapes]
    mine = (_TABLE.c.app == app.id) & _TABLE.c.recording.in_(names)
    asked = sa.select(_TABLE.c.recording, *_FIELDS).where(mine).order_by(_TABLE.c.at_ms, _TABLE.c.id)
    found: dict[str, list[Mark]] = defaultdict(list)
    for name, *fields in connection.execute(asked):
        found[name].append(_mark(fields))
    return found


def remove(connection: Connection, app: App, recording: Recording, mark: int, who: str | None) -> Mark | None:
    """Let a recording's mark go, which was `who`'s, or with None anybody's; None if there is no such mark."""
    mine = (_TABLE.c.app == app.id) & (_TABLE.c.recording == recording.file_name) & (_TABLE.c.id == mark)
    if who is not None:
        mine &= _TABLE.c.who == who
    row = connection.execute(sa.delete(_TABLE).where(mine).returning(*_FIELDS)).first()
    return _mark(list(row)) if row else None


def forget_gone(connection: Connection) -> None:
    """Let go what was said and drawn of recordings that are no more."""
    tape = schema.recordings
    for table in (_TABLE, schema.waveforms):
        same = (tape.c.app == table.c.app, tape.c.file_name == table.c.recording, tape.c.month == table.c.month)
        connection.execute(sa.delete(table).where(~sa.exists().where(*same)))


def _mark(fields: Sequence[object]) -> Mark:
    return Mark(**dict(zip(("id", "at_ms", "text", "who", "made_at"), fields, strict=True)))  # type: ignore[arg-type]
