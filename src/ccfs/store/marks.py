"""Rows of marks. Whoever asks names the app first, and the account: what is another's is not found."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.model.mark import MOST, Mark
from ccfs.model.recording import Recording
from ccfs.model.tenancy import App
from ccfs.store import recordings, schema

_TABLE = schema.marks
_FIELDS = tuple(_TABLE.c[name] for name in ("id", "at_ms", "text", "who", "made_at"))


def add(connection: Connection, app: App, recording: Recording, at_ms: int, text: str, who: str, now: datetime) -> bool:
    """Keep a mark; False if the recording has MOST already."""
    number = recordings.number_of(connection, app, recording)
    mine = (_TABLE.c.app == app.id) & (_TABLE.c.recording == number)
    if connection.execute(sa.select(sa.func.count()).where(mine)).scalar_one() >= MOST:
        return False
    values = {"account_id": recording.account_id, "recording": number, "at_ms": at_ms, "text": text, "who": who}
    connection.execute(sa.insert(_TABLE).values(app=app.id, **values, made_at=now))
    return True


def of_recordings(connection: Connection, app: App, tapes: Sequence[Recording]) -> dict[str, list[Mark]]:
    """The marks of recordings by their index name, in order of time."""
    tape = schema.recordings
    joined = sa.join(_TABLE, tape, _TABLE.c.recording == tape.c.id)
    mine = (_TABLE.c.app == app.id) & (tape.c.app == app.id) & tape.c.file_name.in_([one.file_name for one in tapes])
    asked = sa.select(tape.c.file_name, *_FIELDS).select_from(joined).where(mine).order_by(_TABLE.c.at_ms, _TABLE.c.id)
    found: dict[str, list[Mark]] = defaultdict(list)
    for name, *fields in connection.execute(asked):
        found[name].append(_mark(fields))
    return found


def remove(connection: Connection, app: App, recording: Recording, mark: int, who: str | None) -> Mark | None:
    """Let a recording's mark go, which was `who`'s, or with None anybody's; None if there is no such mark."""
    number = recordings.number_of(connection, app, recording)
    mine = (_TABLE.c.app == app.id) & (_TABLE.c.recording == number) & (_TABLE.c.id == mark)
    if who is not None:
        mine &= _TABLE.c.who == who
    row = connection.execute(sa.delete(_TABLE).where(mine).returning(*_FIELDS)).first()
    return _mark(list(row)) if row else None


def _mark(fields: Sequence[object]) -> Mark:
    return Mark(**dict(zip(("id", "at_ms", "text", "who", "made_at"), fields, strict=True)))  # type: ignore[arg-type]
