"""What somebody looks for among calls: a value, and nothing that finds. Every search is bounded by time, or names a call."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, auto
from typing import Final

from ccfs.model.call import Direction
from ccfs.model.window import Window

COUNTED_TO: Final = 1000  # of more results only that they are more is told


class Order(StrEnum):
    """How results are sorted."""

    NEWEST = auto()
    OLDEST = auto()
    LONGEST = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class After:
    """The last result of the page before: where the next one goes on."""

    begin: datetime
    line: str  # the leg's line_key
    talk: int = 0  # seconds, where it is sorted by them


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """One search in one account. A leg that fits all that is given makes its call fit."""

    account_id: str
    window: Window  # of the leg's begin
    caller_no: str = ""
    callee_no: str = ""
    agent_id: str = ""
    queue: str = ""
    direction: Direction | None = None
    at_least: int | None = None  # seconds of talk
    at_most: int | None = None
    is_recorded: bool | None = None
    order: Order = Order.NEWEST
    after: After | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One call that fits, and where the next page would go on behind it."""

    call_id: str
    after: After


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One page of a search."""

    hits: list[Hit]
    after: After | None = None  # where the next page goes on; None: the search is at its end
    is_cut: bool = False  # there may be more than these before that: the search had looked long enough


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many calls were counted, and whether they are all."""

    number: int
    is_whole: bool
