"""How calls went, by quarters of an hour: the same as the calls themselves tell, whatever comes in which order."""

from collections import defaultdict
from datetime import datetime, timedelta
from random import Random

import pytest

from ccfs.model.call import Call, call_of
from ccfs.model.call_count import QUARTER, Counts, quarter, total, wait_step
from ccfs.model.cdr import LAST, Cdr, Device
from ccfs.model.tenancy import App
from ccfs.model.window import Window
from ccfs.store import call_counts, cdrs
from ccfs.store.db import Database
from ccfs.work.count import count_calls
from tests.store import given
from tests.store.given import MINUTE, SECOND

DAY = Window(begin=given.NOW - timedelta(days=1), end=given.NOW + timedelta(days=2))


def leg(call: str, begin: datetime, place: int = LAST, account_id: str = "100", talk: int = 0, **more: object) -> Cdr:
    told = {"call_begin": begin, "call_end": begin + talk * SECOND} if talk else {}
    usual = {"cc_id": "1", "vdn_id": "8", "line_key": f"{account_id} {call} {place} {begin}", **told}
    return Cdr(account_id=account_id, call_id=call, call_id_num=place, begin=begin, **usual | more)  # type: ignore[arg-type]


def any_call(random: Random, name: str) -> list[Cdr]:
    """One to three legs, some minutes or hours apart, with waits that overlap and agents who may answer."""
    begin = given.NOW + random.randrange(24 * 60) * MINUTE
    legs = []
    for place in range(random.randint(1, 3)):
        at = begin + place * random.choice((5 * SECOND, 20 * MINUTE, 90 * MINUTE))
        until = at + random.randrange(400) * SECOND if random.random() < 0.8 else None
        device = random.choice((Device.NONE, Device.QUEUE, Device.AGENT))
        talk, kind = random.choice((0, 0, 30)), random.choice((0, 6, 7))
        legs.append(
            leg(name, at, place + 1, talk=talk, call_type=kind, device_type=device, wait_begin=begin, wait_end=until)
        )
    return legs


def count_all(database: Database) -> None:
    for _ in range(1000):
        if not count_calls(database):
            return
    raise AssertionError("it never ends")


def read(database: Database, app: App, account_id: str = "100") -> tuple[dict[datetime, Counts], int]:
    with database.reading() as connection:
        found, old = call_counts.read(connection, app, account_id, DAY)
    return {begin: total(ways.values()) for begin, ways in found.items() if ways}, old


def expected(calls: list[Call]) -> dict[datetime, tuple[int, int, int, dict[int, int]]]:
    by_quarter: dict[datetime, list[Call]] = defaultdict(list)
    for call in calls:
        by_quarter[quarter(call.begin)].append(call)
    return {
        begin: (
            len(some),
            sum(call.is_answered for call in some),
            int(sum((call.talk for call in some), timedelta()).total_seconds()),
            {
                step: sum(wait_step(call.wait) == step for call in some)
                for step in {wait_step(one.wait) for one in some}
            },
        )
        for begin, some in by_quarter.items()
    }


def test_counts_are_those_of_the_calls_whatever_comes_when(database: Database, app: App) -> None:
    random = Random(5)
    calls = [any_call(random, f"call-{number}") for number in range(300)]
    legs = [(one, name) for name, some in enumerate(calls) for one in some]
    random.shuffle(legs)
    for start in range(0, len(legs), 60):
        batch = legs[start:][:60]
        with database.writing() as connection:
            cdrs.add(connection, app, [one for one, _ in batch])
            touched = {one.call_id for one, _ in batch}
            kept = cdrs.of_calls(connection, app, touched)
            call_counts.changed(connection, app, [one for some in kept.values() for one in some])
        if random.random() < 0.7:
            count_all(database)
    count_all(database)
    found, old = read(database, app)
    told = {
        begin: (one.calls, one.answers, one.talk, dict(total([Counts(lost=one.answered), Counts(lost=one.lost)]).lost))
        for begin, one in found.items()
    }
    assert (told, old) == (expected([call_of(some) for some in calls]), 0)


def test_what_is_changed_is_counted_again(database: Database, app: App) -> None:
    row = leg("one", given.NOW)
    with database.writing() as connection:
        cdrs.add(connection, app, [row])
    count_all(database)
    assert [one.answers for one in read(database, app)[0].values()] == [0]
    with database.writing() as connection:
        cdrs.change(connection, app, [leg("one", given.NOW, talk=40)])
    assert read(database, app)[1] == 1
    count_all(database)
    found, old = read(database, app)
    assert [(one.answers, one.talk) for one in found.values()] == [(1, 40)]
    assert old == 0


def test_what_is_told_while_it_is_counted_stays_to_be_counted(database: Database, app: App) -> None:
    with database.writing() as connection:
        cdrs.add(connection, app, [leg("one", given.NOW)])
    with database.reading() as connection:
        old = call_counts.old(connection)
        assert old is not None
        counts = call_counts.count(connection, app, "100", old.told)
    with database.writing() as connection:
        cdrs.add(connection, app, [leg("two", given.NOW)])
    with database.writing() as connection:
        call_counts.keep(connection, app, old, counts)
    assert read(database, app) == ({}, 1)
    count_all(database)
    assert [one.calls for one in read(database, app)[0].values()] == [2]


def test_a_call_counts_where_it_began_and_in_its_account(database: Database, app: App, other: App) -> None:
    later = given.NOW + timedelta(hours=3)
    with database.writing() as connection:
        cdrs.add(connection, app, [leg("long", given.NOW, 1), leg("long", later, talk=60)])
        cdrs.add(connection, app, [leg("long", given.NOW, account_id="200")])
        cdrs.add(connection, other, [leg("long", given.NOW - QUARTER)])
    count_all(database)
    assert {begin: (one.calls, one.talk) for begin, one in read(database, app)[0].items()} == {
        quarter(given.NOW): (1, 60)
    }
    assert [one.talk for one in read(database, app, "200")[0].values()] == [0]
    assert list(read(database, other)[0]) == [quarter(given.NOW - QUARTER)]


@pytest.mark.parametrize(("share", "seconds"), [(0.5, 2), (0.9, 40), (1.0, 100), (0.01, 0)])
def test_a_share_of_the_calls_waited_at_most(share: float, seconds: int) -> None:
    counts = Counts(answered={0: 2, 2: 4, 40: 3}, lost={100: 1})
    assert counts.waited(share) == seconds
    assert (counts.calls, counts.answers, counts.answered_within(20)) == (10, 9, 6)
    assert Counts().waited(share) is None


@pytest.mark.parametrize(("wait", "step"), [(0, 0), (59, 59), (60, 60), (64, 60), (299, 295), (331, 330), (4000, 3600)])
def test_a_long_wait_is_told_less_exactly(wait: int, step: int) -> None:
    assert wait_step(timedelta(seconds=wait, milliseconds=900)) == step
