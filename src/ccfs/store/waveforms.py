"""Rows of waveforms: drawn once, kept beside the recording, gone with it; of each app only the latest so many."""

from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.model import month
from ccfs.model.recording import Recording
from ccfs.model.tenancy import App
from ccfs.store import schema
from ccfs.store.tenancy import insert_or_ignore

_TABLE = schema.waveforms
KEPT: Final = 5000  # of an app, at most 6 KB each: the one that was drawn first goes first


def found(connection: Connection, app: App, recording: Recording) -> tuple[int, int, bytes] | None:
    """Milliseconds, channels, and their levels one after the other; None if it is not drawn yet."""
    mine = (_TABLE.c.app == app.id) & (_TABLE.c.recording == recording.file_name)
    row = connection.execute(sa.select(_TABLE.c.milliseconds, _TABLE.c.channels, _TABLE.c.levels).where(mine)).first()
    return (row.milliseconds, row.channels, row.levels) if row else None


def keep(connection: Connection, app: App, recording: Recording, drawn: tuple[int, int, bytes], now: datetime) -> None:
    """Keep what `found` gives from now on, and let go what is too much."""
    milliseconds, channels, levels = drawn
    named = {"app": app.id, "recording": recording.file_name, "month": month.of_name(recording.file_name)}
    values = {**named, "milliseconds": milliseconds, "channels": channels, "levels": levels, "made_at": now}
    connection.execute(insert_or_ignore(connection, _TABLE).values(**values))
    mine = _TABLE.c.app == app.id
    eldest = sa.select(_TABLE.c.made_at).where(mine).order_by(_TABLE.c.made_at.desc()).offset(KEPT - 1).limit(1)
    connection.execute(sa.delete(_TABLE).where(mine, _TABLE.c.made_at < eldest.scalar_subquery()))
