"""Rows of waveforms: drawn once, kept beside the recording, gone with it; of each app only the latest so many."""

from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.statements import insert_or_ignore
from ccfs.model.calls import partition_month
from ccfs.model.identity.tenancy import App
from ccfs.model.recordings.recording import Recording

_TABLE = schema.waveforms
MAX_PER_APP: Final = 5000  # of an app, at most 6 KB each: the one that was drawn first goes first


def get(connection: Connection, app: App, recording: Recording) -> tuple[int, int, bytes] | None:
    """Milliseconds, channels, and their levels one after the other; None if it is not drawn yet."""
    mine = (_TABLE.c.app == app.id) & (_TABLE.c.recording == recording.file_name)
    row = connection.execute(sa.select(_TABLE.c.milliseconds, _TABLE.c.channels, _TABLE.c.peaks).where(mine)).first()
    return (row.milliseconds, row.channels, row.peaks) if row else None


def save(connection: Connection, app: App, recording: Recording, drawn: tuple[int, int, bytes], now: datetime) -> None:
    """Keep what `found` gives from now on, and let go what is too much."""
    milliseconds, channels, levels = drawn
    named = {
        "app": app.id,
        "recording": recording.file_name,
        "month": partition_month.parse_month_key(recording.file_name),
    }
    values = {**named, "milliseconds": milliseconds, "channels": channels, "peaks": levels, "created_at": now}
    connection.execute(insert_or_ignore(connection, _TABLE).values(**values))
    mine = _TABLE.c.app == app.id
    eldest = (
        sa.select(_TABLE.c.created_at).where(mine).order_by(_TABLE.c.created_at.desc()).offset(MAX_PER_APP - 1).limit(1)
    )
    connection.execute(sa.delete(_TABLE).where(mine, _TABLE.c.created_at < eldest.scalar_subquery()))
