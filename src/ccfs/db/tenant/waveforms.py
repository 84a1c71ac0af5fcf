"""Rows of waveforms. They are computed once and deleted with their recording; each app keeps the latest MAX_PER_APP."""

from collections.abc import Sequence
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
MAX_PER_APP: Final = 5000  # at most 6 KB each; the oldest is deleted first


def get(connection: Connection, app: App, recording: Recording) -> tuple[int, int, bytes] | None:
    """Return milliseconds, channels, and the peaks of each channel in turn; None if they have not been computed yet."""
    is_same = (_TABLE.c.app == app.id) & (_TABLE.c.recording == recording.file_name)
    query = sa.select(_TABLE.c.milliseconds, _TABLE.c.channels, _TABLE.c.peaks).where(is_same)
    row = connection.execute(query).first()
    return (row.milliseconds, row.channels, row.peaks) if row else None


def list_lengths(connection: Connection, app: App, recordings: Sequence[Recording]) -> dict[str, int]:
    """Return the milliseconds of audio by index name, for recordings whose waveforms have been computed."""
    names = [recording.file_name for recording in recordings]
    query = sa.select(_TABLE.c.recording, _TABLE.c.milliseconds).where(_TABLE.c.app == app.id)
    return {row.recording: row.milliseconds for row in connection.execute(query.where(_TABLE.c.recording.in_(names)))}


def save(
    connection: Connection, app: App, recording: Recording, waveform: tuple[int, int, bytes], now: datetime
) -> None:
    """Add a waveform in the format that `get` returns, and delete the app's oldest ones beyond MAX_PER_APP."""
    milliseconds, channels, peaks = waveform
    values = {
        "app": app.id,
        "recording": recording.file_name,
        "month": partition_month.parse_month_key(recording.file_name),
        "milliseconds": milliseconds,
        "channels": channels,
        "peaks": peaks,
        "created_at": now,
    }
    connection.execute(insert_or_ignore(connection, _TABLE).values(**values))
    is_own = _TABLE.c.app == app.id
    oldest = (
        sa.select(_TABLE.c.created_at)
        .where(is_own)
        .order_by(_TABLE.c.created_at.desc())
        .offset(MAX_PER_APP - 1)
        .limit(1)
    )
    connection.execute(sa.delete(_TABLE).where(is_own, _TABLE.c.created_at < oldest.scalar_subquery()))
