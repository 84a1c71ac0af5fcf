"""Deliveries as rows on both engines: held by one, fenced, by receiver, recorded with each attempt, cheap while they wait."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa

from ccfs.db import schema
from ccfs.db.engine import Database
from ccfs.db.tenant import deliveries, exports
from ccfs.db.tenant.deliveries import ClaimedDelivery
from ccfs.model.exports.delivery import AttemptOutcome, Delivery, DeliveryState, RetryDecision
from ccfs.model.identity.tenancy import App
from tests.store.given import MINUTE, NOW, SECOND
from tests.store.plans import plans, reads_all
from tests.store.test_exports import export

HERE = "https://cb.example.com:443"
FAILED = AttemptOutcome(
    attempted_at=NOW + SECOND,
    address="192.0.2.7",
    status=500,
    milliseconds=12,
    response=b"\xff<h1>",
    failure="status 500",
)
DONE = AttemptOutcome(
    attempted_at=NOW + 2 * SECOND, address="192.0.2.7", status=200, milliseconds=7, response=b'{"resultCode":"0"}'
)
AGAIN = RetryDecision(state=DeliveryState.DUE, due_at=NOW + 10 * MINUTE)
DELIVERED = RetryDecision(state=DeliveryState.DELIVERED, due_at=None)
DEAD = RetryDecision(state=DeliveryState.DEAD, due_at=None)


def delivery(app: App, number: int = 1) -> Delivery:
    return Delivery(
        id=f"{number:032x}",
        app=app.id,
        ak=app.ak,
        url="https://cb.example.com/x",
        body=b"\x00{}",
        created_at=NOW + number * timedelta(microseconds=1),
    )


def add(database: Database, app: App, *numbers: int, receiver: str = HERE, due_at: datetime = NOW) -> None:
    with database.write_transaction() as connection:
        for number in numbers:
            exports.add(connection, app, export(number))
            deliveries.add(connection, app, delivery(app, number), export(number).response_id, receiver, due_at)


def claim(
    database: Database, lease: str = "first", now: datetime = NOW, limit: int = 9, receiver: str = HERE
) -> list[ClaimedDelivery]:
    with database.write_transaction() as connection:
        return deliveries.claim(connection, receiver, now, lease, MINUTE, limit)


def record(database: Database, *results: tuple[ClaimedDelivery, AttemptOutcome, RetryDecision]) -> int:
    with database.write_transaction() as connection:
        return deliveries.save_results(connection, results)


def receivers(database: Database, now: datetime = NOW) -> list[str]:
    with database.read_transaction() as connection:
        return sorted(deliveries.list_due_receivers(connection, now))


def shown(database: Database, app: App, number: int = 1) -> deliveries.DeliveryView:
    with database.read_transaction() as connection:
        found = deliveries.get_with_attempts(connection, app, f"{number:032x}")
    assert found
    return found


class TestHolding:
    """One worker at a time, and only as long as its lease."""

    def test_a_delivery_comes_back_as_it_was_made(self, database: Database, app: App) -> None:
        add(database, app, 1)
        expected = ClaimedDelivery(delivery=delivery(app), receiver=HERE, claims=1, lease="first")
        assert claim(database) == [expected]
        assert claim(database, "second") == []

    def test_no_more_are_held_than_asked_for_the_longest_due_first(self, database: Database, app: App) -> None:
        add(database, app, 1, due_at=NOW)
        add(database, app, 2, due_at=NOW - MINUTE)
        add(database, app, 3, due_at=NOW - SECOND)
        held = claim(database, limit=2)
        assert {one.delivery for one in held} == {delivery(app, 2), delivery(app, 3)}

    def test_each_receiver_is_asked_for_apart(self, database: Database, app: App) -> None:
        add(database, app, 1)
        add(database, app, 2, receiver="http://other:80")
        assert [one.delivery for one in claim(database, receiver="http://other:80")] == [delivery(app, 2)]

    def test_it_is_due_again_when_the_lease_ends_and_counts_the_claims(self, database: Database, app: App) -> None:
        add(database, app, 1)
        claim(database)
        assert claim(database, "second", NOW + MINUTE - SECOND) == []
        (again,) = claim(database, "second", NOW + MINUTE)
        assert (again.claims, again.delivery.attempts) == (2, 0)

    @pytest.mark.parametrize("then", [AGAIN, DELIVERED, DEAD])
    def test_who_lost_its_lease_changes_nothing_but_its_attempt_is_kept(
        self, database: Database, app: App, then: RetryDecision
    ) -> None:
        add(database, app, 1)
        (late,) = claim(database, "late")
        (winner,) = claim(database, "winner", NOW + MINUTE)
        before = row(database)
        assert record(database, (late, FAILED, then)) == 0
        assert row(database) == before
        assert record(database, (winner, DONE, DELIVERED)) == 1
        assert record(database, (late, FAILED, then)) == 0
        assert shown(database, app).state is DeliveryState.DELIVERED
        assert len(shown(database, app).attempts) == 3

    def test_workers_at_one_moment_never_hold_the_same(self, database: Database, app: App) -> None:
        add(database, app, *range(200))
        gate = Barrier(4)

        def work(number: int) -> list[str]:
            gate.wait()
            return [one.delivery.id for _ in range(10) for one in claim(database, f"{number}", limit=5)]

        with ThreadPoolExecutor(4) as pool:
            held = [one for several in pool.map(work, range(4)) for one in several]
        assert len(held) == len(set(held)) > 100

    def test_nobody_waits_for_anothers_claim_where_rows_are_locked(self, database: Database, app: App) -> None:
        add(database, app, 1, 2, 3)
        with database.write_transaction() as one:
            first = deliveries.claim(one, HERE, NOW, "one", MINUTE, 2)
            if database.is_sqlite:  # one writer at a time: the next begins when this one has ended
                one.commit()
            second = claim(database, "two")
        assert [len(first), len(second)] == [2, 1]


class TestRecording:
    """What came of attempts, and what an operator sees of it."""

    def test_each_attempt_leaves_its_row(self, database: Database, app: App) -> None:
        add(database, app, 1)
        record(database, *((one, FAILED, AGAIN) for one in claim(database)))
        (again,) = claim(database, "second", NOW + 10 * MINUTE)
        assert (again.claims, again.delivery.attempts) == (1, 1)
        record(database, (again, DONE, DELIVERED))
        found = shown(database, app)
        assert found.attempts == ((FAILED, AGAIN), (DONE, DELIVERED))
        assert (found.state, found.due_at, found.delivery.attempts) == (DeliveryState.DELIVERED, None, 2)
        assert found.export == export().response_id

    def test_of_an_answer_the_first_kilobyte_is_kept(self, database: Database, app: App) -> None:
        add(database, app, 1)
        (one,) = claim(database)
        record(database, (one, AttemptOutcome(attempted_at=NOW, status=200, response=b"x" * 5000), DELIVERED))
        assert shown(database, app).attempts[0][0].response == b"x" * 1024

    def test_many_results_are_written_together_each_with_its_own_end(self, database: Database, app: App) -> None:
        add(database, app, 1, 2, 3)
        ends = {1: (DONE, DELIVERED), 2: (FAILED, AGAIN), 3: (FAILED, DEAD)}
        results = [(one, *ends[int(one.delivery.id, 16)]) for one in claim(database)]
        assert record(database, *results) == 3
        assert [shown(database, app, number).state for number in ends] == [
            DeliveryState.DELIVERED,
            DeliveryState.DUE,
            DeliveryState.DEAD,
        ]
        with database.read_transaction() as connection:
            assert deliveries.count_by_state(connection) == {"delivered": 1, "due": 1, "dead": 1}

    def test_the_dead_are_listed_and_tried_again_by_their_own_app_alone(
        self, database: Database, app: App, other: App
    ) -> None:
        add(database, app, 1, 2)
        record(database, *((one, FAILED, DEAD) for one in claim(database, limit=1)))
        dead = [one.delivery.id for one in listed(database, app, DeliveryState.DEAD)]
        assert dead == [delivery(app, 1).id]
        assert [one.delivery.id for one in listed(database, app, None)] == [delivery(app, n).id for n in (2, 1)]
        assert listed(database, other, None) == []
        with database.read_transaction() as connection:
            assert deliveries.get_with_attempts(connection, other, dead[0]) is None
        assert retried(database, other, dead) == 0
        assert retried(database, app, [*dead, delivery(app, 2).id]) == 1  # the other is due already
        (again,) = [one for one in claim(database, "again", NOW + MINUTE) if one.delivery.id in dead]
        assert again.delivery.attempts == 0
        assert len(shown(database, app).attempts) == 1


class TestWaiting:
    """A hundred thousand rows that wait for tomorrow."""

    def test_receivers_are_due_when_one_of_theirs_is(self, database: Database, app: App) -> None:
        add(database, app, 1, due_at=NOW + MINUTE)
        add(database, app, 2, receiver="http://b:80")
        add(database, app, 3, 4, receiver="http://c:80", due_at=NOW - MINUTE)
        assert receivers(database) == ["http://b:80", "http://c:80"]
        assert receivers(database, NOW + MINUTE) == ["http://b:80", "http://c:80", HERE]
        assert receivers(database, NOW - 2 * MINUTE) == []

    def test_a_look_costs_the_same_however_many_wait(self, database: Database, app: App) -> None:
        add(database, app, 0, due_at=NOW + MINUTE)
        few = milliseconds(database)
        copy(database, 100_000)
        assert [plan for plan in plans(database, look) if reads_all(plan)] == []
        assert [plan for plan in plans(database, hold) if reads_all(plan)] == []
        assert receivers(database) == []
        many = milliseconds(database)
        print(f"a look at 20 receivers: {few:.2f} ms with 1 waiting, {many:.2f} ms with 100 000")
        assert many < few + 10  # twenty steps through the index; reading all of them takes ten times as long


def look(connection: sa.Connection) -> object:
    return deliveries.list_due_receivers(connection, NOW)


def hold(connection: sa.Connection) -> object:
    return deliveries.claim(connection, "http://r7.example:80", NOW + MINUTE, "x", MINUTE, 16)


def milliseconds(database: Database) -> float:
    times = []
    for _ in range(20):
        began = time.perf_counter()
        with database.read_transaction() as connection:
            look(connection)
        times.append(time.perf_counter() - began)
    return min(times) * 1000  # of the one that nothing else held up


def copy(database: Database, count: int) -> None:
    """So many more rows like the one that is there, in turn to each of twenty receivers."""
    number, digits = (
        ("number", "printf('%032x', number)") if database.is_sqlite else ("number", "lpad(number::text, 32, '0')")
    )
    series = (
        "with recursive series(number) as (select 1 union all select number + 1 from series where number < :count) "
        if database.is_sqlite
        else "with series as (select generate_series(1, :count) as number) "
    )
    columns = [column.name for column in schema.deliveries.c if column.name not in ("id", "receiver")]
    names = ", ".join(columns)
    with database.write_transaction() as connection:
        connection.execute(
            sa.text(
                f"insert into deliveries (id, receiver, {names}) {series} select {digits}, "
                f"'http://r' || ({number} % 20) || '.example:80', {names} from deliveries, series"
            ),
            {"count": count},
        )


def listed(database: Database, app: App, state: DeliveryState | None) -> list[deliveries.DeliveryView]:
    with database.read_transaction() as connection:
        return deliveries.list_recent(connection, app, state)


def retried(database: Database, app: App, ids: list[str]) -> int:
    with database.write_transaction() as connection:
        return deliveries.retry(connection, app, ids, NOW + MINUTE)


def row(database: Database) -> Any:
    with database.read_transaction() as connection:
        return connection.execute(sa.select(schema.deliveries)).one()
