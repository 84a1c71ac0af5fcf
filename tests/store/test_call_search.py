"""Searching calls on both engines: what is found is what fits, page by page, once each; and no question reads a whole table."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product
from random import Random
from typing import Any

import pytest

from ccfs.model.call import TYPES, Direction, talk_seconds
from ccfs.model.call_search import After, Count, Found, Order, Search
from ccfs.model.cdr import Cdr
from ccfs.model.tenancy import App
from ccfs.model.window import Window
from ccfs.store import call_search, cdrs, recordings
from ccfs.store.db import Database
from tests.store import given
from tests.store.plans import plans

DAY = timedelta(days=1)
WINDOW = Window(begin=given.NOW, end=given.NOW + DAY)
FILTERS: dict[str, dict[str, Any]] = {
    "caller": {"caller_no": "c1"},
    "callee": {"callee_no": "d1"},
    "agent": {"agent_id": "a1"},
    "queue": {"queue": "q1"},
    "direction": {"direction": Direction.OUTBOUND},
    "length": {"at_least": 30, "at_most": 90},
    "recorded": {"is_recorded": True},
}


def legs(seed: int, count: int, account: str = "100") -> list[Cdr]:
    """Legs of half as many calls, of two days; many begin together, and talk as long."""
    random = Random(seed)

    def leg(number: int) -> Cdr:
        begin: datetime = given.NOW - DAY / 2 + timedelta(minutes=random.randrange(0, 2880, 60))
        return Cdr(
            account_id=account,
            cc_id="1",
            vdn_id="8",
            call_id=f"call-{random.randrange(count // 2)}",
            call_id_num=number,
            begin=begin,
            agent_id=random.choice(["", "a1", "a2"]),
            caller_no=random.choice(["c1", "c2", "c3"]),
            callee_no=random.choice(["d1", "d2"]),
            current_skill_id=random.choice(["", "q1"]),
            call_type=random.choice([0, 7, 6]),
            call_begin=begin if number % 3 else None,
            call_end=begin + timedelta(seconds=random.choice([10, 60, 120])) if number % 3 else None,
            switch_call_id=f"s{number}",
            switch_leg_id=f"l{number}",
            line_key=f"{account}-{seed}-{number}",
        )

    return [leg(number) for number in range(1, count + 1)]


def fits(leg: Cdr, search: Search, recorded: set[str]) -> bool:
    """Whether a leg is what is looked for, said the plain way."""
    talk = talk_seconds(leg)
    return (
        leg.account_id == search.account_id
        and leg.begin in search.window
        and search.caller_no in ("", leg.caller_no)
        and search.callee_no in ("", leg.callee_no)
        and search.agent_id in ("", leg.agent_id)
        and search.queue in ("", leg.current_skill_id)
        and (search.direction is None or leg.call_type in TYPES[search.direction])
        and (search.at_least is None or talk >= search.at_least)
        and (search.at_most is None or talk <= search.at_most)
        and (search.is_recorded is None or (leg.call_id in recorded) is search.is_recorded)
    )


@pytest.fixture
def kept(database: Database, app: App, other: App) -> tuple[list[Cdr], set[str]]:
    """Legs of an account beside those of another account and of another app; and the calls that are recorded."""
    mine = legs(1, 120)
    with database.writing() as connection:
        cdrs.add(connection, app, mine)
        cdrs.add(connection, app, legs(2, 40, "200"))
        cdrs.add(connection, other, legs(3, 40))
        for number in range(0, 60, 2):
            recordings.add(connection, app, given.recording(number, call_id=f"call-{number}"), given.NOW)
    return mine, {f"call-{number}" for number in range(0, 60, 2)}


def found(database: Database, app: App, search: Search, patience: float = 60) -> list[str]:
    """All that a search finds, page by page."""
    ids: list[str] = []
    with database.reading() as connection:
        while True:
            page = call_search.find(connection, app, search, patience)
            ids += [hit.call_id for hit in page.hits]
            if page.after is None:
                return ids
            search = replace(search, after=page.after)


@pytest.mark.parametrize("order", Order)
def test_each_combination_of_filters_finds_what_fits_once(
    database: Database, app: App, kept: tuple[list[Cdr], set[str]], order: Order
) -> None:
    mine, recorded = kept
    for chosen in product([False, True], repeat=len(FILTERS)):
        given_to = {
            key: value for use, one in zip(chosen, FILTERS.values(), strict=True) if use for key, value in one.items()
        }
        search = Search(account_id="100", window=WINDOW, order=order, limit=25, **given_to)
        wanted = {leg.call_id for leg in mine if fits(leg, search, recorded)}
        ids = found(database, app, search)
        assert (sorted(ids), set(ids)) == (sorted(set(ids)), wanted), given_to
        with database.reading() as connection:
            assert call_search.count(connection, app, search, 1000, 60) == Count(number=len(wanted), is_whole=True)


def test_results_come_in_their_order(database: Database, app: App, kept: tuple[list[Cdr], set[str]]) -> None:
    mine, _ = kept
    first: dict[str, datetime] = {}
    longest: dict[str, int] = {}
    for leg in (one for one in mine if one.begin in WINDOW):
        first[leg.call_id] = min(leg.begin, first.get(leg.call_id, leg.begin))
        longest[leg.call_id] = max(talk_seconds(leg), longest.get(leg.call_id, 0))
    search = Search(account_id="100", window=WINDOW, limit=7)
    oldest = [first[one] for one in found(database, app, replace(search, order=Order.OLDEST))]
    newest = [first[one] for one in found(database, app, search)]
    length = [longest[one] for one in found(database, app, replace(search, order=Order.LONGEST))]
    assert oldest == sorted(first.values())
    assert newest == sorted(first.values(), reverse=True)
    assert length == sorted(longest.values(), reverse=True)


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("few", [0, call_search.FEW])
def test_a_search_that_is_cut_short_again_and_again_finds_the_same(
    database: Database,
    app: App,
    kept: tuple[list[Cdr], set[str]],
    order: Order,
    few: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(call_search, "FEW", few)  # so that the longest are looked for along all calls, too
    monkeypatch.setattr(call_search, "PIECE", 5)
    month = Window(begin=given.NOW - 15 * DAY, end=given.NOW + 15 * DAY)
    for part in ({}, *FILTERS.values(), {"caller_no": "c1", "is_recorded": False}, {"at_least": 5000}):
        search = Search(account_id="100", window=month, order=order, limit=7, **part)
        assert found(database, app, search, patience=0) == found(database, app, search), part


def test_a_search_without_patience_says_how_far_it_came(database: Database, app: App, kept: object) -> None:
    search = Search(account_id="100", window=Window(begin=given.NOW - 90 * DAY, end=given.NOW + 90 * DAY))
    nothing = replace(search, caller_no="c4")
    with database.reading() as connection:
        newest = call_search.find(connection, app, nothing, patience=0)
        oldest = call_search.find(connection, app, replace(nothing, order=Order.OLDEST), patience=0)
        counted = call_search.count(connection, app, search, 1000, patience=0)
        whole = call_search.find(connection, app, nothing, patience=60)
    assert newest == Found(hits=[], after=After(begin=search.window.end - DAY, line=""), is_cut=True)
    assert oldest == Found(hits=[], after=After(begin=search.window.begin + DAY, line=""), is_cut=True)
    assert counted == Count(number=0, is_whole=False)
    assert whole == Found(hits=[])


def test_a_count_goes_no_further_than_asked(database: Database, app: App, kept: object) -> None:
    with database.reading() as connection:
        search = Search(account_id="100", window=WINDOW)
        assert call_search.count(connection, app, search, 5, 60) == Count(number=5, is_whole=False)


def test_no_search_reads_a_whole_table(database: Database, app: App, kept: object) -> None:
    if not database.is_local:  # on a small table PostgreSQL rightly reads it all: it is asked to avoid that
        with database.writing() as connection:
            connection.exec_driver_sql(f"ALTER DATABASE {database.engine.url.database} SET enable_seqscan = off")
        database.engine.dispose()
    for order, (_, one) in product(Order, FILTERS.items()):
        search = Search(account_id="100", window=WINDOW, order=order, **one)
        for plan in plans(database, lambda connection, search=search: call_search.find(connection, app, search, 60)):  # type: ignore[misc]
            assert "SCAN leg" not in plan, (order, one, plan)
            assert "SEARCH other" not in plan or "SEARCH other USING INDEX ix_cdrs_app_call_id" in plan, (
                order,
                one,
                plan,
            )
            assert "Seq Scan" not in plan, (order, one, plan)
