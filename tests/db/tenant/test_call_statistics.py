"""Statistics by quarter hour equal those computed from the calls, in whatever order the legs arrive."""

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from random import Random

import pytest

from ccfs.db.engine import Database
from ccfs.db.system import maintenance
from ccfs.db.tenant.calls import cdrs
from ccfs.db.tenant.calls.statistics import call_statistics
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
    call: str, begin: datetime, number: int = LAST_LEG, account_id: str = "100", talk: int = 0, **more: object
) -> Cdr:
    times = {"call_begin": begin, "call_end": begin + talk * SECOND} if talk else {}
    values = {"cc_id": "1", "vdn_id": "8", "source_key": f"{account_id} {call} {number} {begin}", **times}
    return Cdr(account_id=account_id, call_id=call, call_id_num=number, begin=begin, **values | more)  # type: ignore[arg-type]


def make_random_call(random: Random, name: str) -> list[Cdr]:
    """Return one to three legs, minutes or hours apart, with overlapping waits and agents who may answer."""
    begin = sample_rows.NOW + random.randrange(24 * 60) * MINUTE
    legs = []
    for number in range(random.randint(1, 3)):
        at = begin + number * random.choice((5 * SECOND, 20 * MINUTE, 90 * MINUTE))
        until = at + random.randrange(400) * SECOND if random.random() < 0.8 else None
        device = random.choice((DeviceType.NONE, DeviceType.QUEUE, DeviceType.AGENT))
        talk, kind = random.choice((0, 0, 30)), random.choice((0, 6, 7))
        legs.append(
            make_leg(
                name, at, number + 1, talk=talk, call_type=kind, device_type=device, wait_begin=begin, wait_end=until
            )
        )
    return legs


def compute_all_statistics(database: Database) -> None:
    for _ in range(1000):
        if not update_call_statistics(database):
            return
    raise AssertionError("statistics stay dirty")


def read_statistics(
    database: Database, app: App, account_id: str = "100"
) -> tuple[dict[datetime, CallStatistics], int]:
    with database.read_transaction() as connection:
        quarters, dirty = call_statistics.load_statistics(connection, app, account_id, DAY)
    return {begin: merge_statistics(parts.values()) for begin, parts in quarters.items() if parts}, dirty


def compute_expected(calls: list[Call]) -> dict[datetime, tuple[int, int, int, dict[int, int]]]:
    by_quarter: dict[datetime, list[Call]] = defaultdict(list)
    for call in calls:
        by_quarter[quarter_start(call.begin)].append(call)
    return {
        begin: (
            len(some_calls),
            sum(call.is_answered for call in some_calls),
            int(sum((call.talk for call in some_calls), timedelta()).total_seconds()),
            dict(Counter(bucket_wait(call.wait) for call in some_calls)),
        )
        for begin, some_calls in by_quarter.items()
    }


def test_statistics_are_those_of_the_calls_in_whatever_order_legs_arrive(database: Database, app: App) -> None:
    random = Random(5)
    calls = [make_random_call(random, f"call-{number}") for number in range(300)]
    legs = [leg for call in calls for leg in call]
    random.shuffle(legs)
    for start in range(0, len(legs), 60):
        batch = legs[start:][:60]
        with database.write_transaction() as connection:
            cdrs.add(connection, app, batch)
            stored = cdrs.find_by_call_ids(connection, app, {leg.call_id for leg in batch})
            call_statistics.mark_dirty(connection, app, [leg for call in stored.values() for leg in call])
        if random.random() < 0.7:
            compute_all_statistics(database)
    compute_all_statistics(database)
    quarters, dirty = read_statistics(database, app)
    statistics = {
        begin: (
            quarter.calls,
            quarter.answered,
            quarter.talk_seconds,
            dict(Counter(quarter.answered_by_wait) + Counter(quarter.abandoned_by_wait)),
        )
        for begin, quarter in quarters.items()
    }
    assert (statistics, dirty) == (compute_expected([build_call(call) for call in calls]), 0)


def test_statistics_of_a_changed_call_are_computed_again(database: Database, app: App) -> None:
    row = make_leg("one", sample_rows.NOW)
    with database.write_transaction() as connection:
        cdrs.add(connection, app, [row])
    compute_all_statistics(database)
    assert [quarter.answered for quarter in read_statistics(database, app)[0].values()] == [0]
    with database.write_transaction() as connection:
        cdrs.update(connection, app, [make_leg("one", sample_rows.NOW, talk=40)])
    assert read_statistics(database, app)[1] == 1
    compute_all_statistics(database)
    quarters, dirty = read_statistics(database, app)
    assert [(quarter.answered, quarter.talk_seconds) for quarter in quarters.values()] == [(1, 40)]
    assert dirty == 0


def test_a_quarter_hour_that_changes_while_it_is_computed_stays_dirty(database: Database, app: App) -> None:
    with database.write_transaction() as connection:
        cdrs.add(connection, app, [make_leg("one", sample_rows.NOW)])
    with database.read_transaction() as connection:
        dirty = maintenance.find_dirty_statistics(connection)
        assert dirty is not None
        statistics = call_statistics.compute_statistics(connection, app, "100", dirty.versions)
    with database.write_transaction() as connection:
        cdrs.add(connection, app, [make_leg("two", sample_rows.NOW)])
    with database.write_transaction() as connection:
        call_statistics.save_statistics(connection, app, dirty, statistics)
    assert read_statistics(database, app) == ({}, 1)
    compute_all_statistics(database)
    assert [quarter.calls for quarter in read_statistics(database, app)[0].values()] == [2]


def test_a_call_counts_in_its_first_quarter_hour_and_its_account(database: Database, app: App, other_app: App) -> None:
    later = sample_rows.NOW + timedelta(hours=3)
    with database.write_transaction() as connection:
        cdrs.add(connection, app, [make_leg("long", sample_rows.NOW, 1), make_leg("long", later, talk=60)])
        cdrs.add(connection, app, [make_leg("long", sample_rows.NOW, account_id="200")])
        cdrs.add(connection, other_app, [make_leg("long", sample_rows.NOW - QUARTER_HOUR)])
    compute_all_statistics(database)
    quarters, _ = read_statistics(database, app)
    assert {begin: (quarter.calls, quarter.talk_seconds) for begin, quarter in quarters.items()} == {
        quarter_start(sample_rows.NOW): (1, 60)
    }
    assert [quarter.talk_seconds for quarter in read_statistics(database, app, "200")[0].values()] == [0]
    assert list(read_statistics(database, other_app)[0]) == [quarter_start(sample_rows.NOW - QUARTER_HOUR)]


@pytest.mark.parametrize(("share", "seconds"), [(0.5, 2), (0.9, 40), (1.0, 100), (0.01, 0)])
def test_a_wait_percentile_includes_abandoned_calls(share: float, seconds: int) -> None:
    statistics = CallStatistics(answered_by_wait={0: 2, 2: 4, 40: 3}, abandoned_by_wait={100: 1})
    assert statistics.wait_percentile(share) == seconds
    assert (statistics.calls, statistics.answered, statistics.count_answered_within(20)) == (10, 9, 6)
    assert CallStatistics().wait_percentile(share) is None


@pytest.mark.parametrize(
    ("wait", "bucket"), [(0, 0), (59, 59), (60, 60), (120, 120), (124, 120), (299, 295), (331, 330), (4000, 3600)]
)
def test_buckets_of_longer_waits_are_wider(wait: int, bucket: int) -> None:
    assert bucket_wait(timedelta(seconds=wait, milliseconds=900)) == bucket
