"""The form of the call search: its parameters parsed to a CallSearch, and back to a query. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final, TypeVar
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

from ccfs.console.calls.search_dates import extract_day, extract_last_days, extract_named_period
from ccfs.model.calls.call import MAX_CALL_SECONDS, Direction
from ccfs.model.calls.search import CallSearch, SearchCursor, SearchOrder
from ccfs.model.exports.time_window import SECOND, InvalidTime, InvalidWindow, TimeWindow, build_window, to_local
from ccfs.model.formats.durations import parse_typed_duration

PERIOD_LABELS: Final = {"1": "Last 24 hours", "7": "Last 7 days", "30": "Last 30 days", "90": "Last 90 days"}  # by days
DAY_PERIODS: Final = (
    "today",
    "yesterday",
    "week",
    "last_week",
)  # begin at a midnight; labels.DAY_PERIODS has their labels
CUSTOM_PERIOD: Final = "custom"
DEFAULT_PERIOD: Final = "30"
MAX_SEARCH_DAYS: Final = 366
FORM_FIELDS: Final = (
    "q",
    "caller",
    "callee",
    "agent",
    "queue",
    "direction",
    "answered",
    "min_talk",
    "max_talk",
    "recorded",
    "sort",
    "period",
    "from",
    "to",
)
FILTER_FIELDS: Final = tuple(name for name in FORM_FIELDS if name not in ("sort", "period", "from", "to"))
MAX_QUERY_LENGTH: Final = 2000  # of a search that another page carries
E = TypeVar("E", bound=StrEnum)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CURSOR = re.compile(r"(\d{1,19})\.(\d{1,19})\.([0-9A-Za-z-]{1,64})", re.ASCII)
_CLOCK_SKEW = timedelta(minutes=5)  # of switches
_DAY = timedelta(days=1)


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
    _move_days(fields, to_local(now, zone).date())
    fields["period"] = CUSTOM_PERIOD if fields["from"] or fields["to"] else fields["period"] or DEFAULT_PERIOD
    order = _parse_choice(SearchOrder, fields["sort"]) or SearchOrder.NEWEST
    search = CallSearch(
        account_id=account_id,
        window=_parse_window(fields, zone, now),
        direction=_parse_choice(Direction, fields["direction"]),
        is_recorded={"yes": True, "no": False}.get(fields["recorded"]),
        order=order,
        any_text=fields["q"],
        caller_no=fields["caller"],
        callee_no=fields["callee"],
        agent_id=fields["agent"],
        queue=fields["queue"],
    )
    search = _limit_talk_time(search, fields)
    return SearchForm(search=replace(search, cursor=_parse_cursor(parameters.get("cursor", ""))), fields=fields)


def parse_carried_query(text: str) -> dict[str, str]:
    """Return the parameters of a search that another page carries in its URL: known fields, account and cursor only."""
    try:
        pairs = parse_qsl(text, max_num_fields=40) if len(text) <= MAX_QUERY_LENGTH else []
    except ValueError:
        pairs = []
    return {name: value for name, value in pairs if name in (*FORM_FIELDS, "account", "cursor")}


def format_cursor(cursor: SearchCursor) -> str:
    """Return a cursor as the value of a parameter."""
    return f"{(cursor.begin - _EPOCH) // timedelta(microseconds=1)}.{cursor.seconds}.{cursor.source_key}"


def _move_days(fields: dict[str, str], today: date) -> None:
    """Move days from the search field to the fields of the period. "Today" remains relative, for a search that is saved."""
    period, rest = extract_named_period(fields["q"])
    if period:
        fields |= {"q": rest, "period": period, "from": "", "to": ""}
        return
    first, rest = extract_last_days(fields["q"], today)
    last = today
    if first is None:
        first, rest = extract_day(fields["q"], today)
        last = first or today
    if first is not None:
        fields["q"] = rest
        fields["from"] = f"{first.isoformat()}T00:00"
        fields["to"] = f"{(last + _DAY).isoformat()}T00:00" if last < date.max else ""


def _parse_cursor(text: str) -> SearchCursor | None:
    match = _CURSOR.fullmatch(text)
    if match is None:
        return None
    begin = _EPOCH + timedelta(microseconds=min(int(match[1]), 2**57))
    return SearchCursor(begin=begin, source_key=match[3], seconds=min(int(match[2]), MAX_CALL_SECONDS))


def _limit_talk_time(search: CallSearch, fields: Mapping[str, str]) -> CallSearch:
    """Return the search with its limits of the talk time. Unanswered calls, which have none, are not among the shortest."""
    least, most = _parse_talk_time(fields["min_talk"]), _parse_talk_time(fields["max_talk"])
    if fields["answered"] == "no":
        return replace(search, max_talk_seconds=0)
    if fields["answered"] == "yes" or search.order is SearchOrder.SHORTEST or most:
        least = max(1, least or 0)
    return replace(search, min_talk_seconds=least, max_talk_seconds=most)


def _parse_window(fields: dict[str, str], zone: ZoneInfo, now: datetime) -> TimeWindow:
    today = to_local(now, zone)
    if fields["period"] in DAY_PERIODS:
        return _build_day_window(fields["period"], today.date(), zone, now)
    if fields["period"] != CUSTOM_PERIOD:
        days = fields["period"] if fields["period"] in PERIOD_LABELS else DEFAULT_PERIOD
        fields["period"] = days
        return TimeWindow(begin=now - timedelta(days=int(days)), end=now + _CLOCK_SKEW)
    begin, end = _parse_local_time(fields["from"]), _parse_local_time(fields["to"]) or today.replace(microsecond=0)
    if begin is None:  # the usual period before the end
        begin = end - min(timedelta(days=int(DEFAULT_PERIOD)), end - datetime.min)
        fields["from"] = begin.isoformat(timespec="minutes")
    try:
        return build_window(begin, end - SECOND if end > begin else end, zone, days=MAX_SEARCH_DAYS)
    except InvalidWindow:
        raise InvalidSearch("The end must not be before the start, and the period must not exceed 366 days.") from None
    except InvalidTime:  # in the first or the last day of the calendar
        raise InvalidSearch("Enter a date and time such as 2026-11-21 09:30.") from None


def _build_day_window(period: str, today: date, zone: ZoneInfo, now: datetime) -> TimeWindow:
    monday = today - today.weekday() * _DAY
    first, last = {
        "today": (today, None),
        "yesterday": (today - _DAY, today),
        "week": (monday, None),
        "last_week": (monday - 7 * _DAY, monday),
    }[period]
    begin = datetime.combine(first, time())
    if last:
        return build_window(begin, datetime.combine(last, time()) - SECOND, zone, days=MAX_SEARCH_DAYS)
    return TimeWindow(begin=build_window(begin, begin, zone, days=1).begin, end=now + _CLOCK_SKEW)


def _parse_local_time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None, microsecond=0) if text else None
    except ValueError:
        raise InvalidSearch("Enter a date and time such as 2026-11-21 09:30.") from None


def _parse_talk_time(text: str) -> int | None:
    if not text:
        return None
    seconds = parse_typed_duration(text)
    if seconds is None:
        raise InvalidSearch("Enter a duration such as 5 (minutes), 3 min, 180s, 5:30 or 1:05:30.")
    return min(seconds, MAX_CALL_SECONDS)


def _parse_choice(kind: type[E], text: str) -> E | None:
    return next((choice for choice in kind if choice == text), None)
