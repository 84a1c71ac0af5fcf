"""Scheduled reports: statistics of the last day, week or month of an account's clock, sent again and again. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum, auto
from typing import Final
from zoneinfo import ZoneInfo

from ccfs.model.exports.time_window import TimeWindow, to_local, to_utc

MAX_SCHEDULES: Final = 50  # of an account
MAX_RECIPIENTS: Final = 20
MAX_QUEUES: Final = 50
REPORT_HOUR: Final = timedelta(minutes=30)  # after midnight, when the last calls of the day have been ingested
_ADDRESS: Final = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,190}", re.ASCII)


class ReportFrequency(StrEnum):
    """How often a report is sent; its period is the day, week or month before."""

    DAILY = auto()
    WEEKLY = auto()
    MONTHLY = auto()


class ReportFormat(StrEnum):
    """The form of a report."""

    CSV = auto()
    HTML = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSchedule:
    """A report that is due again and again."""

    id: str
    account_id: str
    user_id: int
    frequency: ReportFrequency
    format: ReportFormat
    queues: tuple[str, ...] = ()  # empty: all
    recipients: tuple[str, ...] = ()  # empty: it is written into the folder of reports
    texts: Mapping[str, str] = field(default_factory=dict)  # English text -> in the language of the user
    planned_at: datetime  # when the next report is due


def get_next_run(frequency: ReportFrequency, zone: ZoneInfo, after: datetime) -> datetime:
    """Return the next instant after another at which a report is due."""
    day = to_local(after, zone).date()
    while True:
        run = to_utc(datetime.combine(day, time()) + REPORT_HOUR, zone)
        if run > after and _is_first_day(frequency, day):
            return run
        day += timedelta(days=1)


def get_report_days(frequency: ReportFrequency, zone: ZoneInfo, planned_at: datetime) -> tuple[date, date]:
    """Return the first and last day of the report that is due at an instant."""
    last = to_local(planned_at, zone).date() - timedelta(days=1)
    if frequency is ReportFrequency.DAILY:
        return last, last
    return (last - timedelta(days=6) if frequency is ReportFrequency.WEEKLY else last.replace(day=1)), last


def get_report_window(days: tuple[date, date], zone: ZoneInfo) -> TimeWindow:
    """Return the window of a report's days."""
    first, last = (datetime.combine(day, time()) for day in days)
    return TimeWindow(begin=to_utc(first, zone), end=to_utc(last + timedelta(days=1), zone))


def is_address(text: str) -> bool:
    """Return whether a text can be an e-mail address of a recipient."""
    return _ADDRESS.fullmatch(text) is not None


def _is_first_day(frequency: ReportFrequency, day: date) -> bool:
    if frequency is ReportFrequency.WEEKLY:
        return day.weekday() == 0
    return frequency is ReportFrequency.DAILY or day.day == 1
