"""Scheduled reports of accounts. Workers claim them through db/system/jobs/report_jobs.py."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.row_limit import has_room
from ccfs.model.calls.reports.report import MAX_SCHEDULES, ReportFormat, ReportFrequency, ReportSchedule
from ccfs.model.identity.tenancy import App

_TABLE = schema.report_schedules


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportScheduleView:
    """A scheduled report as the console shows it."""

    schedule: ReportSchedule
    user_name: str
    last_run_at: datetime | None
    last_result: str  # "" before the first run; "sent", "written" with a file, or an error
    error: str  # of the attempt that will be repeated


def add(connection: Connection, app: App, schedule: ReportSchedule, now: datetime) -> bool:
    """Store a report. False if the account has MAX_SCHEDULES already."""
    own = _is_own(app, schedule.account_id)
    if not has_room(connection, app, _TABLE, own, MAX_SCHEDULES):
        return False
    connection.execute(
        sa.insert(_TABLE).values(
            id=schedule.id,
            app=app.id,
            account_id=schedule.account_id,
            user_id=schedule.user_id,
            frequency=schedule.frequency,
            format=schedule.format,
            queues=json.dumps(schedule.queues),
            recipients=json.dumps(schedule.recipients),
            texts=json.dumps(dict(schedule.texts)),
            created_at=now,
            state="due",
            due_at=schedule.planned_at,
            planned_at=schedule.planned_at,
            lease="",
            attempts=0,
            error="",
            last_result="",
        )
    )
    return True


def list_by_account(connection: Connection, app: App, account_id: str) -> list[ReportScheduleView]:
    """Return an account's reports, the oldest first."""
    users = schema.users
    query = (
        sa.select(_TABLE, users.c.name.label("user_name"))
        .join(users, users.c.id == _TABLE.c.user_id)
        .where(_is_own(app, account_id))
    )
    rows = connection.execute(query.order_by(_TABLE.c.created_at, _TABLE.c.id).limit(MAX_SCHEDULES))
    return [
        ReportScheduleView(
            schedule=build_schedule(row),
            user_name=row.user_name,
            last_run_at=row.last_run_at,
            last_result=row.last_result,
            error=row.error,
        )
        for row in rows
    ]


def delete(connection: Connection, app: App, account_id: str, schedule_id: str) -> bool:
    """Delete an account's report, which also ends any lease. False if it does not exist."""
    is_schedule = _is_own(app, account_id) & (_TABLE.c.id == schedule_id)
    return connection.execute(sa.delete(_TABLE).where(is_schedule)).rowcount == 1


def build_schedule(row: sa.Row[Any]) -> ReportSchedule:
    """Return the scheduled report in a row."""
    return ReportSchedule(
        id=row.id,
        account_id=row.account_id,
        user_id=row.user_id,
        frequency=ReportFrequency(row.frequency),
        format=ReportFormat(row.format),
        queues=tuple(json.loads(row.queues)),
        recipients=tuple(json.loads(row.recipients)),
        texts=json.loads(row.texts),
        planned_at=row.planned_at,
    )


def _is_own(app: App, account_id: str) -> sa.ColumnElement[bool]:
    return (_TABLE.c.app == app.id) & (_TABLE.c.account_id == account_id)
