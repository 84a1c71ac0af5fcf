"""The call search on both engines returns each matching call once, page by page, and scans no table."""

from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product
from random import Random
from typing import Any

import pytest

from ccfs.db.engine import Database
from ccfs.db.tenant import recordings
from ccfs.db.tenant.calls import call_search, cdrs
from ccfs.model.calls.call import CALL_TYPES_BY_DIRECTION, Direction, call_wait_time, leg_talk_seconds
from ccfs.model.calls.cdr import Cdr, DeviceType
from ccfs.model.calls.search import CallSearch, SearchCount, SearchCursor, SearchOrder, SearchPage
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import App
from tests.db import sample_rows
from tests.db.query_plans import explain_action

DAY = timedelta(days=1)
WINDOW = TimeWindow(begin=sample_rows.NOW, end=sample_rows.NOW + DAY)
FILTERS: dict[str, dict[str, Any]] = {
    "caller": {"caller_no": "c1"},
    "callee": {"callee_no": "d1"},
    "agent": {"agent_id": "a1"},
    "queue": {"queue": "q1"},
    "direction": {"direction": Direction.OUTBOUND},
    "length": {"min_talk_seconds": 30, "max_talk_seconds": 90},
    "recorded": {"is_recorded": True},
}


def make_legs(seed: int, count: int, account: str = "100") -> list[Cdr]:
    """Return legs of half as many calls within two days; many have equal begins and talk times."""
    random = Random(seed)

    def leg(number: int) -> Cdr:
        begin: datetime = sample_rows.NOW - DAY / 2 + timedelta(minutes=random.randrange(0, 2880, 60))
        return Cdr(
            account_id=account,
            cc_id="1",
            vdn_id="8",
            call_id=f"call-{random.randrange(count // 2)}",
            call_id_num=number,
            begin=begin,
            wait_begin=begin,
            wait_end=begin + timedelta(seconds=number % 7),
            agent_id=random.choice(["", "a1", "a2"]),
            caller_no=random.choice(["c1", "c2", "c3"]),
            callee_no=random.choice(["d1", "d2"]),
            current_skill_id=random.choice(["", "q1"]),
            call_type=random.choice([0, 7, 6]),
            call_begin=begin if number % 3 else None,
            call_end=begin + timedelta(seconds=random.choice([10, 60, 120])) if number % 3 else None,
            switch_call_id=f"s{number}",
            switch_leg_id=f"l{number}",
            source_key=f"{account}-{seed}-{number}",
        )

    return [leg(number) for number in range(1, count + 1)]


def sum_talk_times(legs: list[Cdr]) -> dict[str, int]:
    """Return the talk time of each call: of all its legs, for none of them has an agent's device."""
    talk: dict[str, int] = defaultdict(int)
    for leg in legs:
        talk[leg.call_id] += leg_talk_seconds(leg)
    return talk


def is_match(leg: Cdr, search: CallSearch, recorded: set[str], talk: int) -> bool:
    """Whether a leg of a call with this talk time matches a search, computed without SQL."""
    return (
        leg.account_id == search.account_id
        and leg.begin in search.window
        and search.caller_no in ("", leg.caller_no)
        and search.callee_no in ("", leg.callee_no)
        and search.agent_id in ("", leg.agent_id)
        and search.queue in ("", leg.current_skill_id)
        and (search.direction is None or leg.call_type in CALL_TYPES_BY_DIRECTION[search.direction])
        and (search.min_talk_seconds is None or talk >= search.min_talk_seconds)
        and (search.max_talk_seconds is None or talk <= search.max_talk_seconds)
        and (search.is_recorded is None or (leg.call_id in recorded) is search.is_recorded)
    )


@pytest.fixture
def stored_legs(database: Database, app: App, other_app: App) -> tuple[list[Cdr], set[str]]:
    """Add legs of an account, of another account and of another app; return the first with the ids of recorded calls."""
    legs = make_legs(1, 120)
    with database.write_transaction() as connection:
        cdrs.add(connection, app, legs)
        cdrs.add(connection, app, make_legs(2, 40, "200"))
        cdrs.add(connection, other_app, make_legs(3, 40))
        for number in range(0, 60, 2):
            recordings.add(
                connection, app, sample_rows.make_recording(number, call_id=f"call-{number}"), sample_rows.NOW
            )
    return legs, {f"call-{number}" for number in range(0, 60, 2)}


def find_all_calls(database: Database, app: App, search: CallSearch, timeout: float = 60) -> list[str]:
    """Return the callIds of all pages of a search."""
    ids: list[str] = []
    with database.read_transaction() as connection:
        while True:
            page = call_search.find_calls(connection, app, search, timeout)
            ids += [hit.call_id for hit in page.hits]
            if page.next_cursor is None:
                return ids
            search = replace(search, cursor=page.next_cursor)


@pytest.mark.parametrize("order", SearchOrder)
def test_a_search_by_each_combination_of_filters_finds_matching_calls_once(
    database: Database, app: App, stored_legs: tuple[list[Cdr], set[str]], order: SearchOrder
) -> None:
    legs, recorded = stored_legs
    talk = sum_talk_times(legs)
    for chosen in product([False, True], repeat=len(FILTERS)):
        parts = (part for is_used, part in zip(chosen, FILTERS.values(), strict=True) if is_used)
        filters = {key: value for part in parts for key, value in part.items()}
        search = CallSearch(account_id="100", window=WINDOW, order=order, limit=25, **filters)
        matching = {leg.call_id for leg in legs if is_match(leg, search, recorded, talk[leg.call_id])}
        ids = find_all_calls(database, app, search)
        assert (sorted(ids), set(ids)) == (sorted(set(ids)), matching), filters
        with database.read_transaction() as connection:
            assert call_search.count_calls(connection, app, search, 1000, 60) == SearchCount(
                number=len(matching), is_complete=True
            )


def test_results_are_in_the_order_of_the_search(
    database: Database, app: App, stored_legs: tuple[list[Cdr], set[str]]
) -> None:
    legs, _ = stored_legs
    first: dict[str, datetime] = {}
    for leg in (leg for leg in legs if leg.begin in WINDOW):
        first[leg.call_id] = min(leg.begin, first.get(leg.call_id, leg.begin))
    call_talk = sum_talk_times(legs)
    search = CallSearch(account_id="100", window=WINDOW, limit=7)
    oldest = [first[call] for call in find_all_calls(database, app, replace(search, order=SearchOrder.OLDEST))]
    newest = [first[call] for call in find_all_calls(database, app, search)]
    longest = [call_talk[call] for call in find_all_calls(database, app, replace(search, order=SearchOrder.LONGEST))]
    shortest = [call_talk[call] for call in find_all_calls(database, app, replace(search, order=SearchOrder.SHORTEST))]
    assert oldest == sorted(first.values())
    assert newest == sorted(first.values(), reverse=True)
    assert longest == sorted((call_talk[call] for call in first), reverse=True)
    assert shortest == longest[::-1]
    call_wait = {call: call_wait_time(leg for leg in legs if leg.call_id == call) for call in first}
    most, least = (
        [call_wait[call] for call in find_all_calls(database, app, replace(search, order=order))]
        for order in (SearchOrder.WAITED_MOST, SearchOrder.WAITED_LEAST)
    )
    assert most == sorted(call_wait.values(), reverse=True)
    assert least == most[::-1]


def test_a_call_has_the_talk_time_of_all_its_legs_whenever_they_arrive(database: Database, app: App) -> None:
    begin, later = sample_rows.NOW, sample_rows.NOW + timedelta(hours=1)

    def leg(number: int, start: datetime, seconds: int, **more: Any) -> Cdr:
        talk: dict[str, Any] = {"call_begin": start, "call_end": start + timedelta(seconds=seconds)}
        return Cdr(
            account_id="100", cc_id="1", vdn_id="8", call_id="c", begin=start, source_key=f"{number}", **talk, **more
        )

    def find(**limits: int) -> int:
        window = TimeWindow(begin=begin, end=begin + DAY)
        with database.read_transaction() as connection:
            search = CallSearch(account_id="100", window=window, **limits)  # type: ignore[arg-type]
            return len(call_search.find_calls(connection, app, search, 60).hits)

    agent = {"device_type": DeviceType.AGENT}
    first, second = leg(1, begin, 200, **agent), leg(2, later, 126, **agent)
    with database.write_transaction() as connection:
        cdrs.add(connection, app, [first])
        cdrs.add(connection, app, [leg(3, later, 600, device_type=DeviceType.FLOW)])  # an IVR's time is no talk
        cdrs.refresh_call_times(connection, app, [first])
    assert (find(min_talk_seconds=200), find(max_talk_seconds=200), find(min_talk_seconds=201)) == (1, 1, 0)
    with database.write_transaction() as connection:
        cdrs.add(connection, app, [second])
        cdrs.refresh_call_times(connection, app, [second])
    assert (find(min_talk_seconds=326), find(max_talk_seconds=325)) == (1, 0)
    with database.write_transaction() as connection:
        cdrs.delete(connection, app, [first])
        cdrs.refresh_call_times(connection, app, [first])
    assert (find(min_talk_seconds=126), find(min_talk_seconds=127)) == (1, 0)


@pytest.mark.parametrize("order", SearchOrder)
@pytest.mark.parametrize("max_sorted", [0, call_search.MAX_SORTED_LEGS])
def test_a_search_in_many_short_parts_finds_the_same_calls(
    database: Database,
    app: App,
    stored_legs: tuple[list[Cdr], set[str]],
    order: SearchOrder,
    max_sorted: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(call_search, "MAX_SORTED_LEGS", max_sorted)  # 0: the longest are read from the index
    monkeypatch.setattr(call_search, "FIRST_BATCH_LEGS", 5)
    month = TimeWindow(begin=sample_rows.NOW - 15 * DAY, end=sample_rows.NOW + 15 * DAY)
    for part in ({}, *FILTERS.values(), {"caller_no": "c1", "is_recorded": False}, {"min_talk_seconds": 5000}):
        search = CallSearch(account_id="100", window=month, order=order, limit=7, **part)
        assert find_all_calls(database, app, search, timeout=0) == find_all_calls(database, app, search), part


def test_a_search_that_times_out_returns_the_cursor_it_reached(
    database: Database, app: App, stored_legs: object
) -> None:
    search = CallSearch(
        account_id="100", window=TimeWindow(begin=sample_rows.NOW - 90 * DAY, end=sample_rows.NOW + 90 * DAY)
    )
    without_result = replace(search, is_recorded=True, min_talk_seconds=5000)
    with database.read_transaction() as connection:
        newest = call_search.find_calls(connection, app, without_result, timeout=0)
        oldest = call_search.find_calls(connection, app, replace(without_result, order=SearchOrder.OLDEST), timeout=0)
        count = call_search.count_calls(connection, app, search, 1000, timeout=0)
        whole = call_search.find_calls(connection, app, without_result, timeout=60)
    assert newest == SearchPage(
        hits=[], next_cursor=SearchCursor(begin=search.window.end - DAY, source_key=""), is_truncated=True
    )
    assert oldest == SearchPage(
        hits=[], next_cursor=SearchCursor(begin=search.window.begin + DAY, source_key=""), is_truncated=True
    )
    assert count == SearchCount(number=0, is_complete=False)
    assert whole == SearchPage(hits=[])


def test_a_count_stops_at_its_limit(database: Database, app: App, stored_legs: object) -> None:
    with database.read_transaction() as connection:
        search = CallSearch(account_id="100", window=WINDOW)
        assert call_search.count_calls(connection, app, search, 5, 60) == SearchCount(number=5, is_complete=False)


def test_no_search_scans_a_table(database: Database, app: App, stored_legs: object) -> None:
    if not database.is_sqlite:  # PostgreSQL would rightly scan a small table
        with database.write_transaction() as connection:
            connection.exec_driver_sql(f"ALTER DATABASE {database.engine.url.database} SET enable_seqscan = off")
        database.engine.dispose()
    for order, filters in product(SearchOrder, FILTERS.values()):
        search = CallSearch(account_id="100", window=WINDOW, order=order, **filters)
        for plan in explain_action(
            database,
            lambda connection, search=search: call_search.find_calls(connection, app, search, 60),  # type: ignore[misc]
        ):
            assert "SCAN cdrs" not in plan, (order, filters, plan)
            assert "SEARCH cdrs" not in plan or "account_id=?" in plan or "ix_cdrs_app_call_id" in plan, (order, plan)
            assert "Seq Scan" not in plan, (order, filters, plan)
