"""What somebody looks for among calls: a value, and nothing that finds. Every search is bounded by time, or names a call."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, auto
from typing import Final

from ccfs.model.calls.call import Direction
from ccfs.model.exports.time_window import TimeWindow

MAX_EXACT_COUNT: Final = 1000  # of more results only that they are more is told


class SearchOrder(StrEnum):
    """How results are sorted."""

    NEWEST = auto()
    OLDEST = auto()
    LONGEST = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchCursor:
    """The last result of the page before: where the next one goes on."""

    begin: datetime
    source_key: str  # the leg's line_key
    talk_seconds: int = 0  # seconds, where it is sorted by them


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSearch:
    """One search in one account. A leg that fits all that is given makes its call fit."""

    account_id: str
    window: TimeWindow  # of the leg's begin
    caller_no: str = ""
    callee_no: str = ""
    agent_id: str = ""
    queue: str = ""
    direction: Direction | None = None
    min_talk_seconds: int | None = None  # seconds of talk
    max_talk_seconds: int | None = None
    is_recorded: bool | None = None
    order: SearchOrder = SearchOrder.NEWEST
    cursor: SearchCursor | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchHit:
    """One call that fits, and where the next page would go on behind it."""

    call_id: str
    cursor: SearchCursor


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPage:
    """One page of a search."""

    hits: list[SearchHit]
    next_cursor: SearchCursor | None = None  # where the next page goes on; None: the search is at its end
    is_truncated: bool = False  # there may be more than these before that: the search had looked long enough


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchCount:
    """How many calls were counted, and whether they are all."""

    number: int
    is_complete: bool
