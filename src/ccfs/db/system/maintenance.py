"""Rows of all apps that maintenance workers process: statistics to compute, voice files to delete, rows without a recording."""

from collections.abc import Collection
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.tenant.calls.statistics.call_statistics import IS_DIRTY, MAX_BATCH_SPAN, DirtyStatistics
from ccfs.db.tenant.calls.statistics.daily_statistics import IS_STALE, StaleDay
from ccfs.db.tenant.voice_files import COLUMNS, build_voice_file
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import DEFAULT_AFTER_CALL_SECONDS, App
from ccfs.model.recordings.voice_file import VoiceFile

_APPS, _STATISTICS, _VOICE_FILES = schema.apps, schema.call_statistics, schema.voice_files


def find_dirty_statistics(connection: Connection) -> DirtyStatistics | None:
    """Return the newest quarter hour to compute, with the account's other dirty quarters of the same hours; None: nothing."""
    columns = _STATISTICS.c
    newest = (
        sa.select(columns.app, columns.account_id, columns.begin, _APPS.c.ak, _APPS.c.name)
        .join(_APPS, _APPS.c.id == columns.app)
        .where(IS_DIRTY)
        .order_by(columns.begin.desc())
        .limit(1)
    )
    first = connection.execute(newest).first()
    if first is None:
        return None
    is_near = columns.begin.between(first.begin - MAX_BATCH_SPAN, first.begin)
    is_same_account = (columns.app == first.app) & (columns.account_id == first.account_id)
    rows = connection.execute(sa.select(columns.begin, columns.version).where(is_same_account, is_near, IS_DIRTY))
    app = App(id=first.app, ak=first.ak, name=first.name)
    return DirtyStatistics(app=app, account_id=first.account_id, versions={row.begin: row.version for row in rows})


def find_stale_day(connection: Connection, now: datetime) -> StaleDay | None:
    """Return the newest day that has ended and must be added up; None: there is none."""
    days, accounts = schema.daily_statistics.c, schema.accounts.c
    is_account = (accounts.app == days.app) & (accounts.account_id == days.account_id)
    newest = (
        sa.select(days.app, days.account_id, days.begin, days.end, days.version, _APPS.c.ak, _APPS.c.name)
        .add_columns(accounts.after_call_seconds)
        .join(_APPS, _APPS.c.id == days.app)
        .join(schema.accounts, is_account, isouter=True)
        .where(IS_STALE, days.end <= now)
        .order_by(days.end.desc())
        .limit(1)
    )
    row = connection.execute(newest).first()
    if row is None:
        return None
    seconds = DEFAULT_AFTER_CALL_SECONDS if row.after_call_seconds is None else row.after_call_seconds
    return StaleDay(
        app=App(id=row.app, ak=row.ak, name=row.name),
        account_id=row.account_id,
        window=TimeWindow(begin=row.begin, end=row.end),
        version=row.version,
        after_call_limit=timedelta(seconds=seconds),
    )


def list_deleted_voice_files(
    connection: Connection, limit: int, skipped_locations: Collection[str] = ()
) -> list[tuple[App, VoiceFile]]:
    """Return files that are marked as deleted and still have bytes or a row, the longest waiting first.

    None in `skipped_locations`, which other nodes serve.
    """
    statement = (
        sa.select(*(_VOICE_FILES.c[name] for name in COLUMNS), _APPS.c.id, _APPS.c.ak, _APPS.c.name)
        .join(_APPS, _APPS.c.id == _VOICE_FILES.c.app)
        .where(_VOICE_FILES.c.deleted_at.is_not(None), _VOICE_FILES.c.location_id.not_in(skipped_locations))
        .order_by(_VOICE_FILES.c.deleted_at, _VOICE_FILES.c.id)
        .limit(limit)
    )
    return [(App(id=row[-3], ak=row[-2], name=row[-1]), build_voice_file(row)) for row in connection.execute(statement)]


def delete_rows_without_recording(connection: Connection) -> None:
    """Delete annotations, links, waveforms, speech activity and names of source files whose recording is deleted."""
    recordings = schema.recordings.c
    tables = (
        schema.annotations,
        schema.guest_links,
        schema.waveforms,
        schema.speech_activity,
        schema.recording_sources,
    )
    for table in tables:
        recording = (
            recordings.app == table.c.app,
            recordings.file_name == table.c.recording,
            recordings.month == table.c.month,
        )
        connection.execute(sa.delete(table).where(~sa.exists().where(*recording)))


def delete_evaluations_without_call(connection: Connection, before: datetime) -> None:
    """Delete evaluations, drawn calls and calibrations of calls before an instant of which no CDR and no recording is left."""
    for table in (schema.evaluations, schema.sampled_calls, schema.calibrations):
        is_gone = [
            ~sa.exists().where(other.c.app == table.c.app, other.c.call_id == table.c.call_id)
            for other in (schema.cdrs, schema.recordings)
        ]
        connection.execute(sa.delete(table).where(table.c.call_begin < before, *is_gone))
