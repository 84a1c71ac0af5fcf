"""The console's search at size: milliseconds of a page of results and of their count, for every combination of filters.

    scripts/bench search [--json] [--calls N] [--engine sqlite|postgresql] [--seconds N] [--folder DIR]

The calls, two legs each, four in five recorded, lie in one account and one year. Every combination of the seven filters is
asked with each order for a day, a month and the year, in random turn with random values, until the seconds are over. A page is
the first answer: as much as was found in the time that a search may take. Where that cut it short, it is asked on, as the console does, until the
page is full or the search at its end: "whole" is all of that together. The rival is the same page as people write it, one
SELECT that groups the legs that fit by call; it is asked beside every twentieth search, and its time over that of ours, whole,
is the ratio.
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
from _call_database import APP, CDR_COLUMNS, FIRST_DAY, analyse, create_database, insert_rows
from sqlalchemy.engine import Connection

from ccfs.console.calls.search import CONTINUED_SEARCH_SECONDS
from ccfs.db import schema
from ccfs.db.engine import Database
from ccfs.db.tenant import call_search as calls
from ccfs.model.calls.call import Direction
from ccfs.model.calls.search import MAX_EXACT_COUNT, CallSearch, SearchOrder
from ccfs.model.exports.time_window import TimeWindow
from ccfs.settings import load_settings

ROOT = Path(__file__).parents[1]
DAYS = 365
IS_AGENT_SQL = "n % 2 = 1"


def _hashed_value_sql(number: str, factor: int, count: int) -> str:
    """One of so many values, as a hash of a number: those of one factor tell nothing of those of another."""
    return f"CAST({number} AS bigint) * {factor} % 2147483647 / 1009 % {count}"


LEG_COLUMNS = CDR_COLUMNS | {
    "agent_id": f"CASE WHEN {IS_AGENT_SQL} THEN CAST({_hashed_value_sql('n', 1299709, 500)} AS text) ELSE '' END",
    "caller_no": f"'0207' || CAST({_hashed_value_sql('n / 2', 179424673, 200_000)} AS text)",
    "callee_no": f"'60' || CAST({_hashed_value_sql('n / 2', 15485863, 50)} AS text)",
    "current_skill_id": f"'q' || CAST({_hashed_value_sql('n / 2', 67867967, 20)} AS text)",
    "talk_seconds": f"CASE WHEN {IS_AGENT_SQL} THEN {_hashed_value_sql('n', 32452843, 600)} ELSE 0 END",
    "direction": "CASE WHEN {0} < 700 THEN 0 WHEN {0} < 995 THEN 1 ELSE 2 END".replace(
        "{0}", _hashed_value_sql("n / 2", 49979687, 1000)
    ),
}
CALL_ID_SQL = CDR_COLUMNS["call_id"].replace("n / 8", "n / 4").replace("n / 2", "n")
RECORDING_COLUMNS = {
    "app": "1",
    "account_id": "'100'",
    "call_id": f"CASE WHEN {_hashed_value_sql('n', 86028121, 5)} = 0 THEN 'x' || CAST(n AS text) ELSE {CALL_ID_SQL} END",
    "file_name": "'/f/' || CAST(n AS text)",
    "original_file_name": "'Y' || CAST(n AS text)",
    "call_begin": "{0}",
    "call_end": "{60}",
    "created_at": "{60}",
    **dict.fromkeys(("cc_id", "vdn_id", "agent_id", "caller_no", "callee_no", "task_result", "sha256"), "''"),
    **dict.fromkeys(("user_wanted_skill_id", "current_skill_id", "source_sha256", "source_name"), "''"),
    **dict.fromkeys(("call_type", "media_type", "task_status", "size", "crc32"), "0"),
    "location_id": "'0'",
    "key": "'k' || CAST(n AS text)",
}
MONTH_SQL = {
    True: "CAST(strftime('%Y%m', {0} / 1000000, 'unixepoch') AS integer)",
    False: "CAST(to_char({0} AT TIME ZONE 'UTC', 'YYYYMM') AS integer)",
}
FILTER_FACTORIES: list[Callable[[], dict[str, Any]]] = [
    lambda: {"caller_no": f"0207{random.randrange(200_000)}"},
    lambda: {"callee_no": f"60{random.randrange(50)}"},
    lambda: {"agent_id": str(random.randrange(500))},
    lambda: {"queue": f"q{random.randrange(20)}"},
    lambda: {"direction": random.choice(list(Direction))},
    lambda: random.choice([{"at_least": 590}, {"at_most": 10}, {"at_least": 30, "at_most": 90}, {"at_least": 5000}]),
    lambda: {"is_recorded": random.random() < 0.5},
]
WINDOW_DAYS = (1, 30, DAYS)
SEARCH_SECONDS = load_settings({}).search_ms / 1000


def iter_searches() -> Iterator[CallSearch]:
    """Every combination of filters, orders and widths in random turn, again and again."""
    every = list(
        itertools.product(itertools.product([False, True], repeat=len(FILTER_FACTORIES)), SearchOrder, WINDOW_DAYS)
    )
    while True:
        random.shuffle(every)
        for uses, order, days in every:
            begin = FIRST_DAY + random.random() * (DAYS - days) * timedelta(days=1)
            window = TimeWindow(begin=begin, end=begin + timedelta(days=days))
            asked = {
                name: value
                for use, one in zip(uses, FILTER_FACTORIES, strict=True)
                if use
                for name, value in one().items()
            }
            yield CallSearch(account_id="100", window=window, order=order, **asked)


def search_with_plain_sql(connection: Connection, search: CallSearch) -> object:
    """The page by one SELECT: the calls of all legs that fit, sorted, the first fifty."""
    leg = schema.cdrs.c
    talk, begin = sa.func.max(leg.talk_seconds), sa.func.min(leg.begin)
    order = {SearchOrder.NEWEST: begin.desc(), SearchOrder.OLDEST: begin, SearchOrder.LONGEST: talk.desc()}[
        search.order
    ]
    fits = [leg.app == APP.id, leg.account_id == "100", leg.begin >= search.window.begin, leg.begin < search.window.end]
    equal = {leg.caller_no: search.caller_no, leg.callee_no: search.callee_no, leg.agent_id: search.agent_id}
    fits += [column == text for column, text in (equal | {leg.current_skill_id: search.queue}).items() if text]
    if search.direction is not None:
        fits.append(leg.direction == list(Direction).index(search.direction))
    fits += [] if search.min_talk_seconds is None else [leg.talk_seconds >= search.min_talk_seconds]
    fits += [] if search.max_talk_seconds is None else [leg.talk_seconds <= search.max_talk_seconds]
    if search.is_recorded is not None:
        tape = schema.recordings.c
        there = sa.exists().where(tape.app == leg.app, tape.call_id == leg.call_id, tape.account_id == leg.account_id)
        fits.append(there if search.is_recorded else ~there)
    asked = sa.select(leg.call_id).where(*fits).group_by(leg.call_id)
    return connection.execute(asked.order_by(order).limit(search.limit)).all()


@contextmanager
def measure_milliseconds(into: list[float]) -> Iterator[None]:
    """How long the block takes, added to a list."""
    begin = time.perf_counter()
    yield
    into.append((time.perf_counter() - begin) * 1e3)


class SearchTimes:
    """Milliseconds of one width's searches."""

    def __init__(self) -> None:
        self.page: list[float] = []
        self.whole: list[float] = []
        self.count: list[float] = []
        self.ratio: list[float] = []
        self.cut = 0

    def measure(self, connection: Connection, search: CallSearch) -> None:
        """One search: its page, its count, and the rest of the page where it was cut short."""
        with measure_milliseconds(self.page):
            found = calls.find_calls(connection, APP, search, SEARCH_SECONDS, may_sort=False)
        with measure_milliseconds(self.count):
            calls.count_calls(connection, APP, search, MAX_EXACT_COUNT, SEARCH_SECONDS)
        self.cut += found.is_truncated
        left, whole = search.limit - len(found.hits), [self.page[-1]]
        while found.is_truncated and left > 0:
            with measure_milliseconds(whole):
                found = calls.find_calls(
                    connection, APP, replace(search, cursor=found.next_cursor, limit=left), CONTINUED_SEARCH_SECONDS
                )
            left -= len(found.hits)
        self.whole.append(sum(whole))

    def measure_rival(self, connection: Connection, search: CallSearch) -> None:
        """The same page by the rival, after ours."""
        theirs: list[float] = []
        with measure_milliseconds(theirs):
            search_with_plain_sql(connection, search)
        self.ratio.append(theirs[0] / self.whole[-1])

    def build_row(self) -> dict[str, float]:
        """What to tell of them."""
        told = _summarize("page", self.page) | {"% cut short": round(100 * self.cut / len(self.page), 1)}
        told |= _summarize("whole", self.whole) | _summarize("count", self.count)
        return told | {"rival:ours": round(median(self.ratio), 1), "max ratio": round(max(self.ratio))}


def measure_all(database: Database, seconds: float, slow: float) -> list[dict[str, Any]]:
    """A row for each width."""
    times = {days: SearchTimes() for days in WINDOW_DAYS}
    until = time.monotonic() + seconds
    for number, search in enumerate(iter_searches()):
        taken = times[(search.window.end - search.window.begin).days]
        with database.read_transaction() as connection:
            taken.measure(connection, search)
        if max(taken.page[-1], taken.count[-1]) > slow:
            print(f"{taken.page[-1]:.0f} ms, count {taken.count[-1]:.0f} ms: {search}", file=sys.stderr)
        if number % 20 == 0:
            with database.read_transaction() as connection:
                taken.measure_rival(connection, search)
        if time.monotonic() > until:
            break
    return [{"days": days, "searches": len(taken.page)} | taken.build_row() for days, taken in times.items()]


def _summarize(what: str, values: list[float]) -> dict[str, float]:
    cuts = quantiles(values, n=100)
    return {
        f"{what} p50 ms": round(cuts[49], 1),
        f"{what} p95": round(cuts[94], 1),
        f"{what} max": round(max(values), 1),
    }


@contextmanager
def create_test_database(engine: str, folder: Path) -> Iterator[str]:
    """The URL of an empty database; PostgreSQL has a quarter of the memory, as its manual advises, and a disk without a head."""
    if engine == "sqlite":
        yield f"sqlite:///{folder / 'search.db'}"
        return
    sys.path.append(str(ROOT))
    from tests import servers as started

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    with started.run_postgres_cluster() as server:
        with psycopg.connect(server.url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(f"ALTER SYSTEM SET shared_buffers = '{memory // 4}MB'".encode())
            connection.execute("ALTER SYSTEM SET random_page_cost = 1.1")
        server.stop()
        server.start()
        with started.create_database(server.url) as url:
            yield url


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--engine", choices=["sqlite", "postgresql"], nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--slow", type=float, default=500, help="milliseconds from which on a search is told on stderr")
    parser.add_argument("--folder", type=Path, help="where SQLite's database goes; else a temporary one")
    options = parser.parse_args()
    random.seed(1)
    rows = []
    for engine in options.engine:
        with (
            tempfile.TemporaryDirectory(dir=options.folder) as folder,
            create_test_database(engine, Path(folder)) as url,
        ):
            began = time.monotonic()
            database = create_database(url)
            daily = options.calls // DAYS
            insert_rows(database, "cdrs", LEG_COLUMNS, 2 * options.calls, 2 * daily)
            insert_rows(
                database,
                "recordings",
                RECORDING_COLUMNS | {"month": MONTH_SQL[database.is_sqlite]},
                options.calls,
                daily,
            )
            analyse(database)
            print(f"{engine}: filled in {time.monotonic() - began:.0f} s", file=sys.stderr)
            rows += [{"engine": engine} | row for row in measure_all(database, options.seconds, options.slow)]
            database.close()
    servers.report(f"search of {options.calls} calls", rows, options.json)


if __name__ == "__main__":
    main()
