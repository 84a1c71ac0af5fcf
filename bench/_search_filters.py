"""The console's search by one filter at a time: milliseconds of the first response, in a day, a month and the year."""

import random
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from statistics import quantiles
from typing import Any, Final

from _call_database import APP, FIRST_DAY
from sqlalchemy.engine import Connection

from ccfs.db.engine import Database
from ccfs.db.tenant.calls import call_search as calls
from ccfs.model.calls.call import Direction
from ccfs.model.calls.search import CallSearch, SearchOrder
from ccfs.model.exports.time_window import TimeWindow

DAYS: Final = 365
WINDOW_DAYS: Final = (1, 30, DAYS)
PAGE_LIMIT: Final = 50


def _number() -> str:
    return f"7{random.randrange(200_000)}"


def _agents(count: int) -> str:
    return ", ".join(str(random.randrange(500)) for _ in range(count))


FILTERS: Final[dict[str, Callable[[], dict[str, Any]]]] = {
    "none": dict,
    "whole number": lambda: {"any_text": f"020{_number()}"},
    "+44 form": lambda: {"any_text": f"+44 20 {_number()}"},
    "last four digits": lambda: {"any_text": _number()[-4:]},
    "three digits": lambda: {"any_text": _number()[1:4]},
    "area code": lambda: {"any_text": "020"},
    "first name": lambda: {"any_text": f"f{random.randrange(200)}"},
    "whole name": lambda: {"any_text": f"F{random.randrange(200)} n{random.randrange(200)}"},
    "caller, three digits": lambda: {"caller_no": _number()[1:4]},
    "called number": lambda: {"callee_no": f"60{random.randrange(50)}"},
    "agent": lambda: {"agent_id": _agents(1)},
    "three agents": lambda: {"agent_id": _agents(3)},
    "queue": lambda: {"queue": f"Q{random.randrange(20)}"},
    "agent and queue": lambda: {"agent_id": _agents(1), "queue": f"Q{random.randrange(20)}"},
    "outbound": lambda: {"direction": Direction.OUTBOUND},
    "internal": lambda: {"direction": Direction.INTERNAL},
    "talk time at least": lambda: {"min_talk_seconds": 590},
    "not answered": lambda: {"max_talk_seconds": 0},
    "with recording": lambda: {"is_recorded": True},
    "without recording": lambda: {"is_recorded": False},
    "longest first": lambda: {"order": SearchOrder.LONGEST},
    "longest waiting first": lambda: {"order": SearchOrder.WAITED_MOST},
    "agent, longest waiting first": lambda: {"agent_id": _agents(1), "order": SearchOrder.WAITED_MOST},
    "queue, longest waiting first": lambda: {"queue": f"q{random.randrange(20)}", "order": SearchOrder.WAITED_MOST},
}


def measure_filters(database: Database, rounds: int, time_limit: float) -> list[dict[str, Any]]:
    """Return one row per filter: p50 and p95 of `rounds` searches in each width, and the share that the limit cut off."""
    return [
        {"filter": name}
        | {
            key: value
            for days in WINDOW_DAYS
            for key, value in _measure(database, create, days, rounds, time_limit).items()
        }
        for name, create in FILTERS.items()
    ]


def _measure(
    database: Database, create: Callable[[], dict[str, Any]], days: int, rounds: int, time_limit: float
) -> dict[str, Any]:
    times: list[float] = []
    truncated = 0
    for _ in range(rounds):
        begin = FIRST_DAY + random.random() * (DAYS - days) * timedelta(days=1)
        window = TimeWindow(begin=begin, end=begin + timedelta(days=days))
        search = replace(CallSearch(account_id="100", window=window), **create())
        with database.read_transaction() as connection:
            milliseconds, is_truncated = _search(connection, search, time_limit)
        times.append(milliseconds)
        truncated += is_truncated
    cuts = quantiles(times, n=100)
    return {
        f"{days} d p50": round(cuts[49], 1),
        f"{days} d p95": round(cuts[94], 1),
        f"{days} d cut %": round(100 * truncated / rounds),
    }


def _search(connection: Connection, search: CallSearch, time_limit: float) -> tuple[float, bool]:
    began = time.perf_counter()
    page = calls.find_calls(connection, APP, search, time_limit, may_sort=False)
    return (time.perf_counter() - began) * 1e3, page.is_truncated
