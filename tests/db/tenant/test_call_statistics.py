"""How calls went, by quarters of an hour: the same as the calls themselves tell, whatever comes in which order."""

from collections import defaultdict
from datetime import datetime, timedelta
from random import Random

import pytest

from ccfs.db.engine import Database
from ccfs.db.system import maintenance
from ccfs.db.tenant import call_statistics, cdrs
from ccfs.model.calls.call import Call, build_call
from ccfs.model.calls.cdr import LAST_LEG, Cdr, DeviceType
from ccfs.model.calls.statistics import QUARTER_HOUR, CallStatistics, bucket_wait, merge_statistics, quarter_start
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import App
from ccfs.workers.maintenance.statistics import update_call_statistics
from tests.db import sample_rows
from tests.db.sample_rows import MINUTE, SECOND

DAY = TimeWindow(begin=sample_rows.NOW - timedelta(days=1), end=sample_rows.NOW + timedelta(days=2))


def make_leg(
    call: str, begin: datetime, place: int = LAST_LEG, account_id: str = "100", talk: int = 0, **more: object
) -> Cdr:
    told = {"call_begin": begin, "call_end": begin + talk * SECOND} if talk else {}
    usual = {"cc_id": "1", "vdn_id": "8", "source_key": f"{account_id} {call} {place} {begin}", **told}
    return Cdr(account_id=account_id, call_id=call, call_id_num=place, begin=begin, **usual | more)  # type: ignore[arg-type]


def make_random_call(random: Random, name: str) -> list[Cdr]:
    """One to three legs, some minutes or hours apart, with waits that overlap and agents who may answer."""
    begin = sample_rows.NOW + random.randrange(24 * 60) * MINUTE
    legs = []
    for place in range(random.randint(1, 3)):
        at = begin + place * random.choice((5 * SECOND, 20 * MINUTE, 90 * MINUTE))
        until = at + random.randrange(400) * SECOND if random.random() < 0.8 else None
        device = random.choice((DeviceType.NONE, DeviceType.QUEUE, DeviceType.AGENT))
        talk, kind = random.choice((0, 0, 30)), random.choice((0, 6, 7))
        legs.append(
            make_leg(
                name, at, place + 1, talk=talk, call_type=kind, device_type=device, wait_begin=begin, wait_end=until
            )
        )
    return legs


def count_all_calls(database: Database) -> None:
    for _ in range(1000):
        if not update_call_statistics(database):
            return
    raise AssertionError("it never ends")


def read_statistics(
    database: Database, app: App, account_id: str = "100"
) -> tuple[dict[datetime, CallStatistics], int]:
    with database.read_transaction() as connection:
        found, old = call_statistics.load_statistics(connection, app, account_id, DAY)
    return {begin: merge_statistics(ways.values()) for begin, ways in found.items() if ways}, old


def compute_expected(calls: list[Call]) -> dict[datetime, tuple[int, int, int, dict[int, int]]]:
    by_quarter: dict[datetime, list[Call]] = defaultdict(list)
    for call in calls:
        by_quarter[quarter_start(call.begin)].append(call)
    return {
        begin: (
            len(some),
            sum(call.is_answered for call in some),
            int(sum((call.talk for call in some), timedelta()).total_seconds()),
            {
                step: sum(bucket_wait(call.wait) == step for call in some)
                for step in {bucket_wait(one.wait) for one in some}
            },
        )
        for begin, some in by_quarter.items()
    }


def test_counts_are_those_of_the_calls_whatever_comes_when(database: Database, app: App) -> None:
    random = Random(5)
    calls = [make_random_call(random, f"call-{number}") for number in range(300)]
    legs = [(one, name) for name, some in enumerate(calls) for one in some]
    random.shuffle(legs)
    for start in range(0, len(legs), 60):
        batch = legs[start:][:60]
        with database.write_transaction() as connection:
            cdrs.add(connection, app, [one for one, _ in batch])
            touched = {one.call_id for one, _ in batch}
            kept = cdrs.find_by_call_ids(connection, app, touched)
            call_statistics.mark_dirty(connection, app, [one for some in kept.values() for one in some])
        if random.random() < 0.7:
            count_all_calls(database)
    count_all_calls(database)
    found, old = read_statistics(database, app)
    told = {
        begin: (
            one.calls,
            one.answered,
            one.talk_seconds,
            dict(
                merge_statistics(
                    [
                        CallStatistics(abandoned_by_wait=one.answered_by_wait),
                        CallStatistics(abandoned_by_wait=one.abandoned_by_wait),
                    ]
                ).abandoned_by_wait
            ),
        )
        for begin, one in found.items()
    }
    assert (told, old) == (compute_expected([build_call(some) for some in calls]), 0)


def test_what_is_changed_is_counted_again(database: Database, app: App) -> None:
    row = make_leg("one", sample_rows.NOW)
    with database.write_transaction() as connection:
        cdrs.add(connection, app, [row])
    count_all_calls(database)
    assert [one.answered for one in read_statistics(database, app)[0].values()] == [0]
    with database.write_transaction() as connection:
        cdrs.update(connection, app, [make_leg("one", sample_rows.NOW, talk=40)])
    assert read_statistics(database, app)[1] == 1
    count_all_calls(database)
    found, old = read_statistics(database, app)
    assert [(one.answered, one.talk_seconds) for one in found.values()] == [(1, 40)]
    assert old == 0


def test_what_is_told_while_it_is_counted_stays_to_be_counted(database: Database, app: App) -> None:
    with database.write_transaction() as connection:
        cdrs.add(connection, app, [make_leg("one", sample_rows.NOW)])
    with database.read_transaction() as connection:
        old = maintenance.find_dirty_statistics(connection)
        assert old is not None
        counts = call_statistics.compute_statistics(connection, app, "100", old.versions)
    with database.write_transaction() as connection:
        cdrs.add(connection, app, [make_leg("two", sample_rows.NOW)])
    with database.write_transaction() as connection:
        call_statistics.save_statistics(connection, app, old, counts)
    assert read_statistics(database, app) == ({}, 1)
    count_all_calls(database)
    assert [one.calls for one in read_statistics(database, app)[0].values()] == [2]


def test_a_call_counts_where_it_began_and_in_its_account(database: Database, app: App, other_app: App) -> None:
    later = sample_rows.NOW + timedelta(hours=3)
    with database.write_transaction() as connection:
        cdrs.add(connection, app, [make_leg("long", sample_rows.NOW, 1), make_leg("long", later, talk=60)])
        cdrs.add(connection, app, [make_leg("long", sample_rows.NOW, account_id="200")])
        cdrs.add(connection, other_app, [make_leg("long", sample_rows.NOW - QUARTER_HOUR)])
    count_all_calls(database)
    assert {begin: (one.calls, one.talk_seconds) for begin, one in read_statistics(database, app)[0].items()} == {
        quarter_start(sample_rows.NOW): (1, 60)
    }
    assert [one.talk_seconds for one in read_statistics(database, app, "200")[0].values()] == [0]
    assert list(read_statistics(database, other_app)[0]) == [quarter_start(sample_rows.NOW - QUARTER_HOUR)]


@pytest.mark.parametrize(("share", "seconds"), [(0.5, 2), (0.9, 40), (1.0, 100), (0.01, 0)])
def test_a_share_of_the_calls_waited_at_most(share: float, seconds: int) -> None:
    counts = CallStatistics(answered_by_wait={0: 2, 2: 4, 40: 3}, abandoned_by_wait={100: 1})
    assert counts.wait_percentile(share) == seconds
    assert (counts.calls, counts.answered, counts.count_answered_within(20)) == (10, 9, 6)
    assert CallStatistics().wait_percentile(share) is None


@pytest.mark.parametrize(("wait", "step"), [(0, 0), (59, 59), (60, 60), (64, 60), (299, 295), (331, 330), (4000, 3600)])
def test_a_long_wait_is_told_less_exactly(wait: int, step: int) -> None:
    assert bucket_wait(timedelta(seconds=wait, milliseconds=900)) == step
