"""A search as the address of its page says it, and back. Pure: text in, model/call_search.py's values out."""

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
from ccfs.model.exports.time_window import SECOND, InvalidWindow, TimeWindow, build_window, to_local
from ccfs.model.formats.durations import parse_duration

PERIOD_LABELS: Final = {"1": "Last 24 hours", "7": "Last 7 days", "30": "Last 30 days", "90": "Last 90 days"}  # days
CUSTOM_PERIOD: Final = "other"
DEFAULT_PERIOD: Final = "30"
MAX_SEARCH_DAYS: Final = 366  # days of one search
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
    """What was asked for cannot be understood; the text says why, in English, to be translated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchForm:
    """A search and the words in which it was asked for."""

    search: CallSearch
    fields: Mapping[str, str]  # of FIELDS, as the form shows them

    def build_query(self, **other: str) -> str:
        """The search as a query, with other words in the place of its own."""
        return urlencode({name: value for name, value in (dict(self.fields) | other).items() if value})


def parse_search(asked: Mapping[str, str], account_id: str, zone: ZoneInfo, now: datetime) -> SearchForm:
    """The search that a page's parameters ask for; raises Unclear."""
    words = {name: asked.get(name, "").strip() for name in FORM_FIELDS}
    words["period"] = CUSTOM_PERIOD if words["from"] or words["to"] else words["period"] or DEFAULT_PERIOD
    found = CallSearch(
        account_id=account_id,
        window=_parse_window(words, zone, now),
        direction=_parse_choice(Direction, words["direction"]),
        min_talk_seconds=_parse_talk_time(words["min_talk"]),
        max_talk_seconds=_parse_talk_time(words["max_talk"]),
        is_recorded={"yes": True, "no": False}.get(words["recorded"]),
        order=_parse_choice(SearchOrder, words["sort"]) or SearchOrder.NEWEST,
        caller_no=clean_number(words["caller"]),
        callee_no=clean_number(words["callee"]),
        agent_id=words["agent"],
        queue=words["queue"],
    )
    return SearchForm(search=replace(found, cursor=_parse_cursor(asked.get("cursor", ""))), fields=words)


def clean_number(text: str) -> str:
    """A telephone number without what people put between its digits."""
    return "".join(one for one in text if one not in " -()/.")


def format_cursor(after: SearchCursor) -> str:
    """Where a next page goes on, as its address says it."""
    return f"{(after.begin - _EPOCH) // timedelta(microseconds=1)}.{after.talk_seconds}.{after.source_key}"


def _parse_cursor(text: str) -> SearchCursor | None:
    found = _CURSOR.fullmatch(text)
    if found is None:
        return None
    begins = _EPOCH + timedelta(microseconds=min(int(found[1]), 2**57))
    return SearchCursor(begin=begins, source_key=found[3], talk_seconds=min(int(found[2]), MAX_TALK_SECONDS))


def _parse_window(words: dict[str, str], zone: ZoneInfo, now: datetime) -> TimeWindow:
    if words["period"] != CUSTOM_PERIOD:
        days = words["period"] if words["period"] in PERIOD_LABELS else DEFAULT_PERIOD
        words["period"] = days
        return TimeWindow(
            begin=now - timedelta(days=int(days)), end=now + timedelta(minutes=5)
        )  # switches' clocks differ
    today = to_local(now, zone)
    begin = _parse_local_time(words["from"]) or datetime.combine(today.date(), time())
    end = _parse_local_time(words["to"]) or today.replace(microsecond=0)
    try:
        return build_window(begin, end - SECOND if end > begin else end, zone, days=MAX_SEARCH_DAYS)
    except InvalidWindow:
        raise InvalidSearch("The end lies before the begin, or more than 366 days after it.") from None


def _parse_local_time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None, microsecond=0) if text else None
    except ValueError:
        raise InvalidSearch("A time looks like 2026-11-21 09:30.") from None


def _parse_talk_time(text: str) -> int | None:
    """Return the seconds of ``m``, ``m:ss`` or ``h:mm:ss``; a plain number means minutes."""
    if not text:
        return None
    seconds = parse_duration(text)
    if seconds is None:
        raise InvalidSearch("A length looks like 5 (minutes), 5:30 or 1:05:30.")
    return seconds if ":" in text else seconds * 60


def _parse_choice(kind: type[E], text: str) -> E | None:
    return next((one for one in kind if one == text), None)
