"""The console's search on large tables: milliseconds of a page of results and of their count, for all combinations of filters.

    scripts/bench search [--json] [--calls N] [--engine sqlite|postgresql] [--seconds N] [--folder DIR]

All calls belong to one account and one year; each has two legs, four of five are recorded. The benchmark searches with every
combination of the eight filters and each order in a day, a month and the year, in random order with random values, until the seconds
are over. "page" is the first response: the calls found within the time limit of a search. "truncated" pages reached that limit; they
are continued like in the console until the page is full or the search complete, which "whole" includes. The rival is the usual single
SELECT that groups the matching legs by call. It runs after every twentieth search; the ratio is its time over "whole".

A second table has the first response by one filter at a time, in each period.
"""

import argparse
import itertools
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import _servers as servers
import psycopg
import sqlalchemy as sa
from _call_database import APP, FIRST_DAY, analyse, create_database, insert_rows, without_indexes
from _search_data import LEG_COLUMNS, MONTH_SQL, RECORDING_COLUMNS, index_texts
from _search_filters import measure_filters
from sqlalchemy.engine import Connection

from ccfs.console.calls.results import CONTINUED_SEARCH_SECONDS
from ccfs.db import schema
from ccfs.db.engine import Database
from ccfs.db.tenant.calls import call_search as calls
from ccfs.model.calls.call import Direction
from ccfs.model.calls.search import MAX_EXACT_COUNT, CallSearch, SearchOrder
from ccfs.model.calls.search_text import fold_number
from ccfs.model.exports.time_window import TimeWindow
from ccfs.settings import load_settings

ROOT = Path(__file__).parents[1]
DAYS = 365


def _choose_caller() -> str:
    """Return a caller as people search for one: the number in one of its forms, a part of it, or a part of the name."""
    number = f"7{random.randrange(200_000)}"
    name = f"F{random.randrange(200)} n{random.randrange(200)}"
    forms = (
        f"020{number}",
        f"+44 20 {number}",
        number[-4:],
        number[1:4],
        number[-3:],
        "020",
        name,
        name.partition(" ")[0],
    )
    return random.choice(forms)


FILTER_FACTORIES: list[Callable[[], dict[str, Any]]] = [
    lambda: {"caller_no": _choose_caller()},
    lambda: {"callee_no": f"60{random.randrange(50)}"},
    lambda: {"agent_id": ", ".join(str(random.randrange(500)) for _ in range(random.choice((1, 1, 3))))},
    lambda: {"queue": f"Q{random.randrange(20)}"},
    lambda: {"any_text": random.choice((_choose_caller(), f"f{random.randrange(200)}", f"{random.randrange(500)}"))},
    lambda: {"direction": random.choice(list(Direction))},
    lambda: random.choice(
        [
            {"min_talk_seconds": 590},
            {"max_talk_seconds": 10},
            {"min_talk_seconds": 30, "max_talk_seconds": 90},
            {"min_talk_seconds": 5000},
        ]
    ),
    lambda: {"is_recorded": random.random() < 0.5},
]
WINDOW_DAYS = (1, 30, DAYS)
SEARCH_SECONDS = load_settings({}).search_ms / 1000


def iter_searches() -> Iterator[CallSearch]:
    """Yield searches with every combination of filters, orders and widths in random order, repeatedly."""
    combinations = list(
        itertools.product(itertools.product([False, True], repeat=len(FILTER_FACTORIES)), SearchOrder, WINDOW_DAYS)
    )
    while True:
        random.shuffle(combinations)
        for uses, order, days in combinations:
            begin = FIRST_DAY + random.random() * (DAYS - days) * timedelta(days=1)
            window = TimeWindow(begin=begin, end=begin + timedelta(days=days))
            filters = {
                name: value
                for use, create_filter in zip(uses, FILTER_FACTORIES, strict=True)
                if use
                for name, value in create_filter().items()
            }
            yield CallSearch(account_id="100", window=window, order=order, **filters)


def search_with_plain_sql(connection: Connection, search: CallSearch) -> object:
    """Return the page by one SELECT: the first fifty calls of all matching legs."""
    leg = schema.cdrs.c
    talk, wait, begin = sa.func.max(leg.talk_seconds), sa.func.max(leg.wait_seconds), sa.func.min(leg.begin)
    order = {
        SearchOrder.NEWEST: begin.desc(),
        SearchOrder.OLDEST: begin,
        SearchOrder.LONGEST: talk.desc(),
        SearchOrder.SHORTEST: talk,
        SearchOrder.WAITED_MOST: wait.desc(),
        SearchOrder.WAITED_LEAST: wait,
    }[search.order]
    conditions = [
        leg.app == APP.id,
        leg.account_id == "100",
        leg.begin >= search.window.begin,
        leg.begin < search.window.end,
    ]
    conditions += [leg.callee_no == search.callee_no] if search.callee_no else []
    conditions += [leg.agent_id.in_(search.agent_id.split(", "))] if search.agent_id else []
    conditions += [sa.func.lower(leg.current_skill_id) == search.queue.lower()] if search.queue else []
    for text in filter(None, (search.caller_no, search.any_text)):
        digits = f"%{fold_number(text).removeprefix('44').removeprefix('0') or '!'}%"
        columns = (leg.caller_no, leg.callee_no)[: 2 if text is search.any_text else 1]
        is_named = sa.func.lower(leg.caller_name).like(f"%{text.lower()}%")
        conditions.append(sa.or_(is_named, *(column.like(digits) for column in columns)))
    if search.direction is not None:
        conditions.append(leg.direction == list(Direction).index(search.direction))
    conditions += [] if search.min_talk_seconds is None else [leg.talk_seconds >= search.min_talk_seconds]
    conditions += [] if search.max_talk_seconds is None else [leg.talk_seconds <= search.max_talk_seconds]
    if search.is_recorded is not None:
        row = schema.recordings.c
        is_recorded = sa.exists().where(
            row.app == leg.app, row.call_id == leg.call_id, row.account_id == leg.account_id
        )
        conditions.append(is_recorded if search.is_recorded else ~is_recorded)
    statement = sa.select(leg.call_id).where(*conditions).group_by(leg.call_id)
    return connection.execute(statement.order_by(order).limit(search.limit)).all()


@contextmanager
def measure_milliseconds(times: list[float]) -> Iterator[None]:
    """Append the duration of the block to `times`."""
    begin = time.perf_counter()
    yield
    times.append((time.perf_counter() - begin) * 1e3)


class SearchTimes:
    """Milliseconds of the searches of one width."""

    def __init__(self) -> None:
        self.page: list[float] = []
        self.whole: list[float] = []
        self.count: list[float] = []
        self.ratio: list[float] = []
        self.truncated_count = 0

    def measure(self, connection: Connection, search: CallSearch) -> None:
        """Measure one search: its page, its count, and the rest of a truncated page."""
        with measure_milliseconds(self.page):
            result = calls.find_calls(connection, APP, search, SEARCH_SECONDS, may_sort=False)
        with measure_milliseconds(self.count):
            calls.count_calls(connection, APP, search, MAX_EXACT_COUNT, SEARCH_SECONDS)
        self.truncated_count += result.is_truncated
        remaining, whole = search.limit - len(result.hits), [self.page[-1]]
        while result.is_truncated and remaining > 0:
            with measure_milliseconds(whole):
                continued = replace(search, cursor=result.next_cursor, limit=remaining)
                result = calls.find_calls(connection, APP, continued, CONTINUED_SEARCH_SECONDS)
            remaining -= len(result.hits)
        self.whole.append(sum(whole))

    def measure_rival(self, connection: Connection, search: CallSearch) -> None:
        """Measure the same page by the rival."""
        theirs: list[float] = []
        with measure_milliseconds(theirs):
            search_with_plain_sql(connection, search)
        self.ratio.append(theirs[0] / self.whole[-1])

    def build_row(self) -> dict[str, float]:
        """Return a summary of the times."""
        row = _summarize("page", self.page)
        row |= {"% truncated": round(100 * self.truncated_count / len(self.page), 1)}
        row |= _summarize("whole", self.whole) | _summarize("count", self.count)
        return row | {"rival:ours": round(median(self.ratio), 1), "max ratio": round(max(self.ratio))}


def measure_all(database: Database, seconds: float, slow: float) -> list[dict[str, Any]]:
    """Return one row per width."""
    times_by_days = {days: SearchTimes() for days in WINDOW_DAYS}
    until = time.monotonic() + seconds
    for number, search in enumerate(iter_searches()):
        times = times_by_days[(search.window.end - search.window.begin).days]
        with database.read_transaction() as connection:
            times.measure(connection, search)
        if max(times.page[-1], times.count[-1]) > slow:
            print(f"{times.page[-1]:.0f} ms, count {times.count[-1]:.0f} ms: {search}", file=sys.stderr)
        if number % 20 == 0:
            with database.read_transaction() as connection:
                times.measure_rival(connection, search)
        if time.monotonic() > until:
            break
    return [{"days": days, "searches": len(times.page)} | times.build_row() for days, times in times_by_days.items()]


def _summarize(name: str, values: list[float]) -> dict[str, float]:
    cuts = quantiles(values, n=100)
    return {
        f"{name} p50 ms": round(cuts[49], 1),
        f"{name} p95": round(cuts[94], 1),
        f"{name} max": round(max(values), 1),
    }


@contextmanager
def create_test_database(engine: str, folder: Path) -> Iterator[str]:
    """Yield the URL of an empty database. PostgreSQL gets a quarter of the memory, as its manual advises, and SSD page costs."""
    if engine == "sqlite":
        yield f"sqlite:///{folder / 'search.db'}"
        return
    sys.path.append(str(ROOT))
    from tests import servers as test_servers

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    with test_servers.run_postgres_cluster() as server:
        with psycopg.connect(server.url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(f"ALTER SYSTEM SET shared_buffers = '{memory // 4}MB'".encode())
            connection.execute("ALTER SYSTEM SET random_page_cost = 1.1")
            connection.execute("ALTER SYSTEM SET max_wal_size = '8GB'")
        server.stop()
        server.start()
        with test_servers.create_database(server.url) as url:
            yield url


def fill(database: Database, call_count: int) -> None:
    """Fill a database with the calls of a year and their recordings."""
    daily, month = call_count // DAYS, {"month": MONTH_SQL[database.is_sqlite]}
    for table, columns, per_call in (("cdrs", LEG_COLUMNS, 2), ("recordings", RECORDING_COLUMNS | month, 1)):
        with without_indexes(database, table):
            insert_rows(database, table, columns, per_call * call_count, per_call * daily)
            print(f"{table}: rows written", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--engine", choices=["sqlite", "postgresql"], nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument(
        "--slow", type=float, default=500, help="print searches that take longer than so many milliseconds"
    )
    parser.add_argument("--rounds", type=int, default=40, help="searches by one filter in each period")
    parser.add_argument("--folder", type=Path, help="folder for the SQLite database; default: a temporary one")
    options = parser.parse_args()
    random.seed(1)
    rows, filters = [], []
    for engine in options.engine:
        with (
            tempfile.TemporaryDirectory(dir=options.folder) as folder,
            create_test_database(engine, Path(folder)) as url,
        ):
            began = time.monotonic()
            database = create_database(url)
            fill(database, options.calls)
            index_texts(database)
            analyse(database)
            print(f"{engine}: filled in {time.monotonic() - began:.0f} s", file=sys.stderr)
            rows += [{"engine": engine} | row for row in measure_all(database, options.seconds, options.slow)]
            filters += [{"engine": engine} | row for row in measure_filters(database, options.rounds, SEARCH_SECONDS)]
            database.close()
    servers.report(f"search of {options.calls} calls", rows, options.json)
    servers.report(f"search of {options.calls} calls, one filter", filters, options.json)


if __name__ == "__main__":
    main()
