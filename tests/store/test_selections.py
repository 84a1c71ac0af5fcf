"""Selections as rows on both engines: who holds one, what a lost lease may still do, whose it is, what its list gives."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from ccfs.model.call import Direction
from ccfs.model.call_search import After, Order, Search
from ccfs.model.selection import Missing, Progress, Selection, State, Taken, Wanted
from ccfs.model.selection_zip import Made, Sum
from ccfs.model.tenancy import App
from ccfs.model.window import Window
from ccfs.store import schema, selected, selections, users
from ccfs.store.db import Database
from ccfs.store.selections import Claimed
from tests.store.given import MINUTE, NOW, SECOND
from tests.store.plans import plans, reads_all

SEARCH = Search(
    account_id="100",
    window=Window(begin=NOW - MINUTE, end=NOW),
    caller_no="0207",
    direction=Direction.OUTBOUND,
    at_least=3,
    is_recorded=True,
    order=Order.LONGEST,
)
MADE = Made(size=9 << 33, tag="1-x", index=Sum(size=5 << 32, crc32=0xFFFFFFFF), missing=Sum(size=1, crc32=2))


@pytest.fixture
def user(database: Database) -> int:
    with database.writing() as connection:
        return users.add(connection, "emil", "", NOW).id


def selection(user: int, number: int = 1, **more: Any) -> Selection:
    usual: dict[str, Any] = {"account_id": "100", "zone": "Asia/Shanghai", "wanted": Wanted(search=SEARCH)}
    asked_at = NOW + number * timedelta(microseconds=1)
    return Selection(id=f"{number:032x}", user=user, asked_at=asked_at, **usual | more)


def taken(number: int, **more: Any) -> Taken:
    usual: dict[str, Any] = {
        "file_name": f"/r/{number}",
        "call_id": "1700000000-1",
        "begin": NOW,
        "end": NOW + SECOND,
        "caller_no": "1",
        "callee_no": "2",
        "agent_id": "3",
        "queue": "4",
    }
    return Taken(number=number, **usual | more)


def add(database: Database, app: App, *several: Selection) -> None:
    with database.writing() as connection:
        for one in several:
            selections.add(connection, app, one)


def claim(database: Database, lease: str = "first", now: datetime = NOW + SECOND) -> Claimed | None:
    with database.writing() as connection:
        return selections.claim(connection, now, lease, MINUTE)


def held(database: Database, lease: str = "first", now: datetime = NOW + SECOND) -> Claimed:
    claimed = claim(database, lease, now)
    assert claimed is not None
    return claimed


def test_what_was_asked_for_is_read_back_as_it_was(database: Database, app: App, user: int) -> None:
    ticked = Wanted(calls=("1700000000-1", 'a"b'))
    add(database, app, selection(user), selection(user, 2, wanted=ticked))
    first, second = held(database), held(database, "second")
    assert (first.app, first.selection, first.progress, first.after) == (app, selection(user), Progress(), None)
    assert second.selection.wanted == ticked


def test_the_one_that_is_due_longest_is_held_by_one_worker(database: Database, app: App, user: int) -> None:
    add(database, app, selection(user, 2), selection(user, 1))
    assert [held(database, lease).selection.id for lease in ("a", "b")] == [f"{1:032x}", f"{2:032x}"]
    assert claim(database) is None
    assert held(database, now=NOW + 2 * MINUTE).attempts == 2  # both died, it seems


def test_how_far_it_is_outlives_its_worker(database: Database, app: App, user: int) -> None:
    add(database, app, selection(user))
    progress = Progress(listed=7, bytes=9 << 40, is_whole=True, is_cut=True, checked=3, missing=1, files_end=5 << 40)
    after = After(begin=NOW, line='a"b', talk=5)
    with database.writing() as connection:
        assert selections.advance(connection, held_in(connection), progress, after, NOW + MINUTE)
    again = held(database, "second", NOW + 2 * MINUTE)
    assert (again.progress, again.after, again.attempts) == (progress, after, 1)


def held_in(connection: Any) -> Claimed:
    claimed = selections.claim(connection, NOW + SECOND, "first", MINUTE)
    assert claimed is not None
    return claimed


def test_a_worker_that_lost_its_lease_changes_nothing(database: Database, app: App, user: int) -> None:
    add(database, app, selection(user))
    late, own = held(database), held(database, "second", NOW + 2 * MINUTE)
    with database.writing() as connection:
        assert not selections.renew(connection, late, NOW + 9 * MINUTE)
        assert not selections.advance(connection, late, Progress(listed=1), None, NOW)
        assert not selections.finish(connection, late, MADE, NOW)
        assert not selections.give_back(connection, late, NOW, "", 0)
        assert not selections.put_aside(connection, late, "x")
        assert selections.finish(connection, own, MADE, NOW)
        assert not selections.put_aside(connection, own, "x")
    assert claim(database, now=NOW + 99 * MINUTE) is None


def test_what_is_ready_is_shown_to_its_owner_and_to_nobody_else(
    database: Database, app: App, other: App, user: int
) -> None:
    add(database, app, selection(user))
    own = held(database)
    with database.writing() as connection:
        stranger = users.add(connection, "eve", "", NOW).id
        assert selections.finish(connection, own, MADE, NOW)
        shown = selections.find(connection, app, user, own.selection.id)
        assert shown is not None
        assert (shown.state, shown.made) == (State.READY, MADE)
        assert selections.mine(connection, app, user) == [shown]
        for whose, who in ((app, stranger), (other, user)):
            assert selections.find(connection, whose, who, own.selection.id) is None
            assert selections.mine(connection, whose, who) == []


def test_a_list_is_read_in_order_from_anywhere(database: Database, app: App, other: App, user: int) -> None:
    number = selection(user).id
    add(database, app, selection(user))
    with database.writing() as connection:
        selected.add(connection, app, number, [taken(one) for one in range(1, 1201)])
        read = [taken(one, name=f"{one}", size=90, at=one * 100, crc32=0xFFFFFFFF) for one in range(1, 1200)]
        read[4] = taken(5, missing=Missing.DIFFERS)
        selected.found(connection, app, number, read)
    assert [one.number for one in selected.every(database, app, number)] == list(range(1, 1201))
    assert [one.number for one in selected.every(database, app, number, 1198)] == [1199, 1200]
    assert list(selected.every(database, other, number)) == []
    with database.reading() as connection:
        assert selected.page(connection, app, number, 4, 2) == [read[4], read[5]]
        places = [selected.number_at(connection, app, number, at) for at in (100, 199, 200, 599, 600, 10**12)]
        assert places == [1, 1, 2, 4, 6, 1199]
        assert selected.number_at(connection, other, number, 500) == 0


def test_old_ones_go_with_their_lists(database: Database, app: App, user: int) -> None:
    add(database, app, selection(user, 1), selection(user, 2))
    with database.writing() as connection:
        for number in (1, 2):
            selected.add(connection, app, selection(user, number).id, [taken(1), taken(2)])
        assert selections.forget_old(connection, selection(user, 2).asked_at, 9) == 1
        left = sa.select(schema.selected_recordings.c.selection).distinct()
        assert connection.execute(left).scalars().all() == [selection(user, 2).id]


def test_claiming_and_finding_a_place_read_an_index(database: Database, app: App, user: int) -> None:
    add(database, app, selection(user))
    own = held(database)
    for question in (
        lambda connection: selections.claim(connection, NOW, "x", MINUTE),
        lambda connection: selected.number_at(connection, app, own.selection.id, 5),
        lambda connection: selected.page(connection, app, own.selection.id, 5),
    ):
        assert not [plan for plan in plans(database, question) if reads_all(plan)]


def test_metrics_count_them_over_all_apps_and_know_since_when_somebody_waits(
    database: Database, app: App, other: App, user: int
) -> None:
    with database.reading() as connection:
        assert (selections.counts(connection), selections.oldest_due(connection)) == ({}, None)
    add(database, app, *(selection(user, number) for number in (1, 2, 3)))
    add(database, other, selection(user, 4), selection(user, 5))
    done, failed, given_back = (held(database, lease) for lease in "abc")
    with database.writing() as connection:
        assert selections.finish(connection, done, MADE, NOW)
        assert selections.put_aside(connection, failed, "x")
        assert selections.give_back(connection, given_back, NOW + 9 * MINUTE, "x", 1)
    with database.reading() as connection:
        assert selections.counts(connection) == {"due": 3, "ready": 1, "failed": 1}
        assert selections.oldest_due(connection) == selection(user, 3).asked_at  # though it is due last


def test_the_oldest_is_found_among_those_that_wait(database: Database, app: App, user: int) -> None:
    add(database, app, *(selection(user, number) for number in range(3000)))
    with database.writing() as connection:
        ready = sa.update(schema.selections).where(schema.selections.c.id != f"{2999:032x}")
        connection.execute(ready.values(state=State.READY, due_at=None))
    plan = plans(database, selections.oldest_due)[-1]
    assert "ix_selections_due" in plan, plan
    assert "asked_at" not in plan, plan


def test_a_search_and_its_place_survive_as_text(database: Database, app: App, user: int) -> None:
    plain = replace(SEARCH, direction=None, at_least=None, is_recorded=None, order=Order.NEWEST)
    add(database, app, selection(user, wanted=Wanted(search=plain)))
    assert held(database).selection.wanted.search == plain
