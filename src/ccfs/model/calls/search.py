"""Call searches and their results. The search itself is in db/tenant/calls/call_search.py."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, auto
from typing import Final

from ccfs.model.calls.call import Direction
from ccfs.model.exports.time_window import TimeWindow

MAX_EXACT_COUNT: Final = 1000  # a larger number is shown as "more than"


class SearchOrder(StrEnum):
    """The order of results."""

    NEWEST = auto()
    OLDEST = auto()
    LONGEST = auto()  # by talk time
    SHORTEST = auto()
    WAITED_MOST = auto()  # by waiting time
    WAITED_LEAST = auto()

    @property
    def duration_column(self) -> str:
        """The column of the time by which calls are sorted; empty for orders by begin."""
        pair = next(index for index, pair in enumerate(_OPPOSITES) if self in pair)
        return ("", "talk_seconds", "wait_seconds")[pair]

    @property
    def opposite(self) -> "SearchOrder":
        """The same order from its other end."""
        return next(pair[1 - pair.index(self)] for pair in _OPPOSITES if self in pair)

    @property
    def is_falling(self) -> bool:
        """Whether the newest, longest or longest waiting call is first."""
        return any(self is falling for falling, _ in _OPPOSITES)


_OPPOSITES: Final = (
    (SearchOrder.NEWEST, SearchOrder.OLDEST),
    (SearchOrder.LONGEST, SearchOrder.SHORTEST),
    (SearchOrder.WAITED_MOST, SearchOrder.WAITED_LEAST),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchCursor:
    """The last result of a page; the next page continues after it."""

    begin: datetime
    source_key: str  # of the leg
    seconds: int = 0  # of the call, by which an order by a duration sorts


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSearch:
    """A search in one account. A call matches if one of its legs matches all filters.

    Texts are as a user enters them: one or several, separated by commas (model/calls/search_text.py).
    """

    account_id: str
    window: TimeWindow  # of the leg's begin
    any_text: str = ""  # a number, name, agent or queue
    caller_no: str = ""  # the caller's number, or a part of it; or name
    callee_no: str = ""
    agent_id: str = ""
    queue: str = ""
    direction: Direction | None = None
    min_talk_seconds: int | None = None  # of the call
    max_talk_seconds: int | None = None
    is_recorded: bool | None = None
    order: SearchOrder = SearchOrder.NEWEST
    cursor: SearchCursor | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchHit:
    """A matching call, and the cursor that continues after it."""

    call_id: str
    cursor: SearchCursor


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPage:
    """A page of search results."""

    hits: list[SearchHit]
    next_cursor: SearchCursor | None = None  # None: no further page
    is_truncated: bool = False  # the search reached its timeout before it filled the page


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchCount:
    """The number of matching calls, and whether all of them were counted."""

    number: int
    is_complete: bool
