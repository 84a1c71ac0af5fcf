"""The console's search at size: milliseconds of a page of results and of their count, for every combination of filters.

    scripts/bench search [--json] [--calls N] [--engine sqlite|postgresql] [--seconds N] [--folder DIR]

The calls, two legs each, four in five recorded, lie in one account and one year. Every combination of the seven filters is
asked with each order for a day, a month and the year, in random turn with random values, until the seconds are over. The
rival is the same page as people write it, one SELECT that groups the legs that fit by call; it is asked beside every
twentieth search, and its time over ours is the ratio.
"""

import argparse
import itertools
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import _servers as servers
import sqlalchemy as sa
from exports import APP, FIRST, ROOT, ROW, analyse, fill, opened
from sqlalchemy.engine import Connection

from ccfs.model.call import Direction
from ccfs.model.call_search import Order, Search
from ccfs.model.window import Window
from ccfs.store import calls
from ccfs.store.db import Database

DAYS = 365
AGENT = "n % 2 = 1"
LEG = ROW | {
    "agent_id": f"CASE WHEN {AGENT} THEN CAST(n * 104729 % 500 AS text) ELSE '' END",
    "caller_no": "'0207' || CAST(n / 2 * 1299709 % 200000 AS text)",
    "callee_no": "'60' || CAST(n / 2 * 15485863 % 50 AS text)",
    "current_skill_id": "'q' || CAST(n / 2 * 67867967 % 20 AS text)",
    "talk_seconds": f"CASE WHEN {AGENT} THEN n * 32452843 % 600 ELSE 0 END",
    "direction": "CASE WHEN n / 2 * 49979687 % 10 < 7 THEN 0 WHEN n / 2 * 49979687 % 1000 < 995 THEN 1 ELSE 2 END",
}
CALL = ROW["call_id"].replace("n / 8", "n / 4").replace("n / 2", "n")
TAPE = {
    "app": "1",
    "account_id": "'100'",
    "call_id": f"CASE WHEN n % 5 = 0 THEN 'x' || CAST(n AS text) ELSE {CALL} END",
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
MONTH = {
    True: "CAST(strftime('%Y%m', {0} / 1000000, 'unixepoch') AS integer)",
    False: "CAST(to_char({0} AT TIME ZONE 'UTC', 'YYYYMM') AS integer)",
}
FILTERS: list[Callable[[], dict[str, Any]]] = [
    lambda: {"caller_no": f"0207{random.randrange(200_000)}"},
    lambda: {"callee_no": f"60{random.randrange(50)}"},
    lambda: {"agent_id": str(random.randrange(500))},
    lambda: {"queue": f"q{random.randrange(20)}"},
    lambda: {"direction": random.choice(list(Direction))},
    lambda: random.choice([{"at_least": 590}, {"at_most": 10}, {"at_least": 30, "at_most": 90}, {"at_least": 5000}]),
    lambda: {"is_recorded": random.random() < 0.5},
]
WIDTHS = (1, 30, DAYS)


def searches() -> Iterator[Search]:
    """Every combination of filters, orders and widths in random turn, again and again."""
    every = list(itertools.product(itertools.product([False, True], repeat=len(FILTERS)), Order, WIDTHS))
    while True:
        random.shuffle(every)
        for uses, order, days in every:
            begin = FIRST + random.random() * (DAYS - days) * timedelta(days=1)
            window = Window(begin=begin, end=begin + timedelta(days=days))
            asked = {
                name: value for use, one in zip(uses, FILTERS, strict=True) if use for name, value in one().items()
            }
            yield Search(account_id="100", window=window, order=order, **asked)


def as_people_write_it(connection: Connection, search: Search) -> object:
    """The page by one SELECT: the calls of all legs that fit, sorted, the first fifty."""
    talk, begin = sa.func.max(calls._LEG.c.talk_seconds), sa.func.min(calls._LEG.c.begin)
    order = {Order.NEWEST: begin.desc(), Order.OLDEST: begin, Order.LONGEST: talk.desc()}[search.order]
    asked = sa.select(calls._LEG.c.call_id).where(*calls._fits(APP, search)).group_by(calls._LEG.c.call_id)
    return connection.execute(asked.order_by(order).limit(search.limit)).all()


def milliseconds(database: Database, question: Callable[[Connection], object]) -> float:
    with database.reading() as connection:
        begin = time.perf_counter()
        question(connection)
        return (time.perf_counter() - begin) * 1e3


def measured(database: Database, seconds: float, slow: float) -> list[dict[str, Any]]:
    """A row for each width: of the page, of the count, and of the rival over the page."""
    page, count, ratio = defaultdict(list), defaultdict(list), defaultdict(list)
    until = time.monotonic() + seconds
    for number, search in enumerate(searches()):
        days = (search.window.end - search.window.begin).days
        took = milliseconds(database, lambda connection, search=search: calls.find(connection, APP, search))  # type: ignore[misc]
        counted = milliseconds(database, lambda connection, search=search: calls.count(connection, APP, search, 1000))  # type: ignore[misc]
        if max(took, counted) > slow:
            print(f"{took:.0f} ms, count {counted:.0f} ms: {days} days {search}", file=sys.stderr)
        page[days].append(took)
        count[days].append(counted)
        if number % 20 == 0:
            theirs = milliseconds(database, lambda connection, search=search: as_people_write_it(connection, search))  # type: ignore[misc]
            ratio[days].append(theirs / took)
        if time.monotonic() > until:
            break
    return [
        {"days": days, "searches": len(page[days])}
        | _told("page", page[days]) | _told("count", count[days])
        | {"rival:ours": round(median(ratio[days]), 1), "max ratio": round(max(ratio[days]))}
        for days in WIDTHS
    ]  # fmt: skip


def _told(what: str, values: list[float]) -> dict[str, float]:
    cuts = quantiles(values, n=100)
    return {
        f"{what} p50 ms": round(cuts[49], 1),
        f"{what} p95": round(cuts[94], 1),
        f"{what} max": round(max(values), 1),
    }


@contextmanager
def place(engine: str, folder: Path) -> Iterator[str]:
    """The URL of an empty database."""
    if engine == "sqlite":
        yield f"sqlite:///{folder / 'search.db'}"
        return
    sys.path.append(str(ROOT))
    from tests import servers as started

    with started.postgres() as server, started.database(server) as url:
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
        with tempfile.TemporaryDirectory(dir=options.folder) as folder, place(engine, Path(folder)) as url:
            began = time.monotonic()
            database = opened(url)
            daily = options.calls // DAYS
            fill(database, "cdrs", LEG, 2 * options.calls, 2 * daily)
            fill(database, "recordings", TAPE | {"month": MONTH[database.is_local]}, options.calls, daily)
            analyse(database)
            print(f"{engine}: filled in {time.monotonic() - began:.0f} s", file=sys.stderr)
            rows += [{"engine": engine} | row for row in measured(database, options.seconds, options.slow)]
            database.close()
    servers.report(f"search of {options.calls} calls", rows, options.json)


if __name__ == "__main__":
    main()
