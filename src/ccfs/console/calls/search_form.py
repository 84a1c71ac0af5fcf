"""The form of the call search: its parameters parsed to a CallSearch, and back to a query. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Final, TypeVar
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from ccfs.model.calls.call import MAX_TALK_SECONDS, Direction
from ccfs.model.calls.search import CallSearch, SearchCursor, SearchOrder
from ccfs.model.exports.time_window import SECOND, InvalidTime, InvalidWindow, TimeWindow, build_window, to_local
from ccfs.model.formats.durations import parse_duration

PERIOD_LABELS: Final = {"1": "Last 24 hours", "7": "Last 7 days", "30": "Last 30 days", "90": "Last 90 days"}  # by days
CUSTOM_PERIOD: Final = "custom"
DEFAULT_PERIOD: Final = "30"
MAX_SEARCH_DAYS: Final = 366
FORM_FIELDS: Final = (
    "caller",
    "callee",
    "agent",
    "queue",
    "direction",
    "min_talk",
    "max_talk",
    "recorded",
    "sort",
    "period",
    "from",
    "to",
)
E = TypeVar("E", bound=StrEnum)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CURSOR = re.compile(r"(\d{1,19})\.(\d{1,19})\.([0-9A-Za-z-]{1,64})", re.ASCII)


class InvalidSearch(ValueError):
    """A parameter cannot be parsed; the message is a text of the catalogue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchForm:
    """A search and the fields that describe it."""

    search: CallSearch
    fields: Mapping[str, str]  # by FORM_FIELDS, as the form shows them

    def build_query(self, **overrides: str) -> str:
        """Return the fields as a query, with overrides."""
        return urlencode({name: value for name, value in (dict(self.fields) | overrides).items() if value})


def parse_search(parameters: Mapping[str, str], account_id: str, zone: ZoneInfo, now: datetime) -> SearchForm:
    """Return the search that parameters describe. Raise InvalidSearch."""
    fields = {name: parameters.get(name, "").strip() for name in FORM_FIELDS}
    fields["period"] = CUSTOM_PERIOD if fields["from"] or fields["to"] else fields["period"] or DEFAULT_PERIOD
    search = CallSearch(
        account_id=account_id,
        window=_parse_window(fields, zone, now),
        direction=_parse_choice(Direction, fields["direction"]),
        min_talk_seconds=_parse_talk_time(fields["min_talk"]),
        max_talk_seconds=_parse_talk_time(fields["max_talk"]),
        is_recorded={"yes": True, "no": False}.get(fields["recorded"]),
        order=_parse_choice(SearchOrder, fields["sort"]) or SearchOrder.NEWEST,
        caller_no=clean_number(fields["caller"]),
        callee_no=clean_number(fields["callee"]),
        agent_id=fields["agent"],
        queue=fields["queue"],
    )
    return SearchForm(search=replace(search, cursor=_parse_cursor(parameters.get("cursor", ""))), fields=fields)


def clean_number(text: str) -> str:
    """Return a telephone number without the separators between its digits."""
    return "".join(character for character in text if character not in " -()/.")


def format_cursor(cursor: SearchCursor) -> str:
    """Return a cursor as the value of a parameter."""
    return f"{(cursor.begin - _EPOCH) // timedelta(microseconds=1)}.{cursor.talk_seconds}.{cursor.source_key}"


def _parse_cursor(text: str) -> SearchCursor | None:
    match = _CURSOR.fullmatch(text)
    if match is None:
        return None
    begin = _EPOCH + timedelta(microseconds=min(int(match[1]), 2**57))
    return SearchCursor(begin=begin, source_key=match[3], talk_seconds=min(int(match[2]), MAX_TALK_SECONDS))


def _parse_window(fields: dict[str, str], zone: ZoneInfo, now: datetime) -> TimeWindow:
    if fields["period"] != CUSTOM_PERIOD:
        days = fields["period"] if fields["period"] in PERIOD_LABELS else DEFAULT_PERIOD
        fields["period"] = days
        clock_skew = timedelta(minutes=5)  # of switches
        return TimeWindow(begin=now - timedelta(days=int(days)), end=now + clock_skew)
    today = to_local(now, zone)
    begin = _parse_local_time(fields["from"]) or datetime.combine(today.date(), time())
    end = _parse_local_time(fields["to"]) or today.replace(microsecond=0)
    try:
        return build_window(begin, end - SECOND if end > begin else end, zone, days=MAX_SEARCH_DAYS)
    except InvalidWindow:
        raise InvalidSearch("The end must not be before the start, and the period must not exceed 366 days.") from None
    except InvalidTime:  # in the first or the last day of the calendar
        raise InvalidSearch("Enter a date and time such as 2026-11-21 09:30.") from None


def _parse_local_time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None, microsecond=0) if text else None
    except ValueError:
        raise InvalidSearch("Enter a date and time such as 2026-11-21 09:30.") from None


def _parse_talk_time(text: str) -> int | None:
    """Return the seconds of ``m``, ``m:ss`` or ``h:mm:ss``; a plain number means minutes."""
    if not text:
        return None
    seconds = parse_duration(text)
    if seconds is None:
        raise InvalidSearch("Enter a duration such as 5 (minutes), 5:30 or 1:05:30.")
    return seconds if ":" in text else seconds * 60


def _parse_choice(kind: type[E], text: str) -> E | None:
    return next((choice for choice in kind if choice == text), None)
