"""A search as the address of its page says it, and back. Pure: text in, model/call_search.py's values out."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Final, TypeVar
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from ccfs.model.call import LONGEST_TALK, Direction
from ccfs.model.call_search import After, Order, Search
from ccfs.model.window import SECOND, Window, WindowRefused, local, window

PERIODS: Final = {"1": "Last 24 hours", "7": "Last 7 days", "30": "Last 30 days", "90": "Last 90 days"}  # days
OTHER: Final = "other"
USUAL: Final = "30"
WIDEST: Final = 366  # days of one search
FIELDS: Final = (
    "caller",
    "callee",
    "agent",
    "queue",
    "direction",
    "least",
    "most",
    "recorded",
    "sort",
    "when",
    "from",
    "to",
)
E = TypeVar("E", bound=StrEnum)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_AFTER = re.compile(r"(\d{1,19})\.(\d{1,19})\.([0-9A-Za-z-]{1,64})", re.ASCII)


class Unclear(ValueError):
    """What was asked for cannot be understood; the text says why, in English, to be translated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A search and the words in which it was asked for."""

    search: Search
    words: Mapping[str, str]  # of FIELDS, as the form shows them

    def query(self, **other: str) -> str:
        """The search as a query, with other words in the place of its own."""
        return urlencode({name: value for name, value in (dict(self.words) | other).items() if value})


def read(asked: Mapping[str, str], account_id: str, zone: ZoneInfo, now: datetime) -> Asked:
    """The search that a page's parameters ask for; raises Unclear."""
    words = {name: asked.get(name, "").strip() for name in FIELDS}
    words["when"] = OTHER if words["from"] or words["to"] else words["when"] or USUAL
    found = Search(
        account_id=account_id,
        window=_window(words, zone, now),
        direction=_one_of(Direction, words["direction"]),
        at_least=_minutes(words["least"]),
        at_most=_minutes(words["most"]),
        is_recorded={"yes": True, "no": False}.get(words["recorded"]),
        order=_one_of(Order, words["sort"]) or Order.NEWEST,
        caller_no=number_of(words["caller"]),
        callee_no=number_of(words["callee"]),
        agent_id=words["agent"],
        queue=words["queue"],
    )
    return Asked(search=replace(found, after=_after(asked.get("after", ""))), words=words)


def number_of(text: str) -> str:
    """A telephone number without what people put between its digits."""
    return "".join(one for one in text if one not in " -()/.")


def after_text(after: After) -> str:
    """Where a next page goes on, as its address says it."""
    return f"{(after.begin - _EPOCH) // timedelta(microseconds=1)}.{after.talk}.{after.line}"


def _after(text: str) -> After | None:
    found = _AFTER.fullmatch(text)
    if found is None:
        return None
    begins = _EPOCH + timedelta(microseconds=min(int(found[1]), 2**57))
    return After(begin=begins, line=found[3], talk=min(int(found[2]), LONGEST_TALK))


def _window(words: dict[str, str], zone: ZoneInfo, now: datetime) -> Window:
    if words["when"] != OTHER:
        days = words["when"] if words["when"] in PERIODS else USUAL
        words["when"] = days
        return Window(begin=now - timedelta(days=int(days)), end=now + timedelta(minutes=5))  # switches' clocks differ
    today = local(now, zone)
    begin = _wall_clock(words["from"]) or datetime.combine(today.date(), time())
    end = _wall_clock(words["to"]) or today.replace(microsecond=0)
    try:
        return window(begin, end - SECOND if end > begin else end, zone, days=WIDEST)
    except WindowRefused:
        raise Unclear("The end lies before the begin, or more than 366 days after it.") from None


def _wall_clock(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None, microsecond=0) if text else None
    except ValueError:
        raise Unclear("A time looks like 2026-11-21 09:30.") from None


def _minutes(text: str) -> int | None:
    """Seconds that ``m``, ``m:ss`` or ``h:mm:ss`` says; a plain number means minutes."""
    if not text:
        return None
    parts = text.split(":")
    if not all(part.isascii() and part.isdecimal() and len(part) < 6 for part in parts) or len(parts) > 3:
        raise Unclear("A length looks like 5 (minutes), 5:30 or 1:05:30.")
    numbers = [int(part) for part in parts]
    if len(numbers) == 1:
        return numbers[0] * 60
    hours, minutes, seconds = ([0] * (3 - len(numbers)) + numbers)[-3:]
    return hours * 3600 + minutes * 60 + seconds


def _one_of(kind: type[E], text: str) -> E | None:
    return next((one for one in kind if one == text), None)
