"""Deliveries and their job queue on both engines: leases by receiver, recorded attempts, and the cost of waiting rows."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa

from ccfs.db import schema
from ccfs.db.engine import Database
from ccfs.db.job_queue import DELIVERIES
from ccfs.db.system.jobs import callback_jobs
from ccfs.db.system.jobs.callback_jobs import ClaimedDelivery
from ccfs.db.tenant import deliveries, exports
from ccfs.model.exports.delivery import AttemptOutcome, Delivery, DeliveryState, Lane, RetryDecision
from ccfs.model.identity.tenancy import App
from tests.db.query_plans import explain_action, has_full_scan
from tests.db.sample_rows import MINUTE, NOW, SECOND
from tests.db.tenant.test_exports import make_export

RECEIVER = "https://cb.example.com:443"
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
RETRY = RetryDecision(state=DeliveryState.DUE, due_at=NOW + 10 * MINUTE)
DELIVERED = RetryDecision(state=DeliveryState.DELIVERED, due_at=None)
DEAD = RetryDecision(state=DeliveryState.DEAD, due_at=None)


def make_delivery(app: App, number: int = 1) -> Delivery:
    return Delivery(
        id=f"{number:032x}",
        app=app.id,
        ak=app.ak,
        url="https://cb.example.com/x",
        body=b"\x00{}",
        created_at=NOW + number * timedelta(microseconds=1),
    )


def add_delivery(database: Database, app: App, *numbers: int, receiver: str = RECEIVER, due_at: datetime = NOW) -> None:
    with database.write_transaction() as connection:
        for number in numbers:
            exports.add(connection, app, make_export(number))
            deliveries.add(
                connection, app, make_delivery(app, number), make_export(number).response_id, receiver, due_at
            )


def claim_deliveries(
    database: Database, lease: str = "first", now: datetime = NOW, limit: int = 9, receiver: str = RECEIVER
) -> list[ClaimedDelivery]:
    with database.write_transaction() as connection:
        lanes = [lane for lane in callback_jobs.list_due_lanes(connection, now) if lane.receiver == receiver]
        claims = [callback_jobs.claim(connection, lane, now, lease, MINUTE, limit) for lane in lanes]
        return [claimed for batch in claims for claimed in batch]


def save_results(database: Database, *results: tuple[ClaimedDelivery, AttemptOutcome, RetryDecision]) -> int:
    with database.write_transaction() as connection:
        return callback_jobs.save_results(connection, results)


def list_due_receivers(database: Database, now: datetime = NOW) -> list[str]:
    with database.read_transaction() as connection:
        return sorted(lane.receiver for lane in callback_jobs.list_due_lanes(connection, now))


def get_delivery(database: Database, app: App, number: int = 1) -> deliveries.DeliveryView:
    with database.read_transaction() as connection:
        view = deliveries.get_with_attempts(connection, app, f"{number:032x}")
    assert view
    return view


class TestLeases:
    """One worker at a time leases a delivery, and only until its lease ends."""

    def test_a_claimed_delivery_is_as_it_was_added(self, database: Database, app: App) -> None:
        add_delivery(database, app, 1)
        expected = ClaimedDelivery(delivery=make_delivery(app), receiver=RECEIVER, claims=1, lease="first")
        assert claim_deliveries(database) == [expected]
        assert claim_deliveries(database, "second") == []

    def test_no_more_deliveries_are_claimed_than_the_limit_the_longest_due_first(
        self, database: Database, app: App
    ) -> None:
        add_delivery(database, app, 1, due_at=NOW)
        add_delivery(database, app, 2, due_at=NOW - MINUTE)
        add_delivery(database, app, 3, due_at=NOW - SECOND)
        claimed = claim_deliveries(database, limit=2)
        assert {job.delivery for job in claimed} == {make_delivery(app, 2), make_delivery(app, 3)}

    def test_deliveries_are_claimed_by_receiver(self, database: Database, app: App) -> None:
        add_delivery(database, app, 1)
        add_delivery(database, app, 2, receiver="http://other:80")
        assert [job.delivery for job in claim_deliveries(database, receiver="http://other:80")] == [
            make_delivery(app, 2)
        ]

    def test_a_delivery_is_due_again_when_its_lease_ends_and_counts_the_claims(
        self, database: Database, app: App
    ) -> None:
        add_delivery(database, app, 1)
        claim_deliveries(database)
        assert claim_deliveries(database, "second", NOW + MINUTE - SECOND) == []
        (again,) = claim_deliveries(database, "second", NOW + MINUTE)
        assert (again.claims, again.delivery.attempts) == (2, 0)

    @pytest.mark.parametrize("then", [RETRY, DELIVERED, DEAD])
    def test_a_worker_that_lost_its_lease_changes_no_delivery_though_its_attempt_is_stored(
        self, database: Database, app: App, then: RetryDecision
    ) -> None:
        add_delivery(database, app, 1)
        (late,) = claim_deliveries(database, "late")
        (winner,) = claim_deliveries(database, "winner", NOW + MINUTE)
        before = load_row(database)
        assert save_results(database, (late, FAILED, then)) == 0
        assert load_row(database) == before
        assert save_results(database, (winner, DONE, DELIVERED)) == 1
        assert save_results(database, (late, FAILED, then)) == 0
        assert get_delivery(database, app).state is DeliveryState.DELIVERED
        assert len(get_delivery(database, app).attempts) == 3

    def test_workers_at_one_moment_never_claim_the_same_delivery(self, database: Database, app: App) -> None:
        add_delivery(database, app, *range(200))
        gate = Barrier(4)

        def work(number: int) -> list[str]:
            gate.wait()
            return [job.delivery.id for _ in range(10) for job in claim_deliveries(database, f"{number}", limit=5)]

        with ThreadPoolExecutor(4) as pool:
            claimed = [delivery_id for several in pool.map(work, range(4)) for delivery_id in several]
        assert len(claimed) == len(set(claimed)) > 100

    def test_claiming_deliveries_waits_for_no_other_claim_where_rows_are_locked(
        self, database: Database, app: App
    ) -> None:
        add_delivery(database, app, 1, 2, 3)
        with database.write_transaction() as connection:
            first = callback_jobs.claim(connection, Lane(RECEIVER, app.id), NOW, "one", MINUTE, 2)
            if database.is_sqlite:  # one writer at a time: the next begins when this one has ended
                connection.commit()
            second = claim_deliveries(database, "two")
        assert [len(first), len(second)] == [2, 1]


class TestRecording:
    """Attempts and their outcomes, and what an operator sees of them."""

    def test_each_attempt_of_a_delivery_leaves_its_row(self, database: Database, app: App) -> None:
        add_delivery(database, app, 1)
        save_results(database, *((job, FAILED, RETRY) for job in claim_deliveries(database)))
        (again,) = claim_deliveries(database, "second", NOW + 10 * MINUTE)
        assert (again.claims, again.delivery.attempts) == (1, 1)
        save_results(database, (again, DONE, DELIVERED))
        view = get_delivery(database, app)
        assert view.attempts == ((FAILED, RETRY), (DONE, DELIVERED))
        assert (view.state, view.due_at, view.delivery.attempts) == (DeliveryState.DELIVERED, None, 2)
        assert view.export == make_export().response_id

    def test_the_first_kilobyte_of_a_callback_response_is_stored(self, database: Database, app: App) -> None:
        add_delivery(database, app, 1)
        (job,) = claim_deliveries(database)
        save_results(database, (job, AttemptOutcome(attempted_at=NOW, status=200, response=b"x" * 5000), DELIVERED))
        assert get_delivery(database, app).attempts[0][0].response == b"x" * 1024

    def test_many_results_of_deliveries_are_written_together_each_with_its_own_state(
        self, database: Database, app: App
    ) -> None:
        add_delivery(database, app, 1, 2, 3)
        ends = {1: (DONE, DELIVERED), 2: (FAILED, RETRY), 3: (FAILED, DEAD)}
        results = [(job, *ends[int(job.delivery.id, 16)]) for job in claim_deliveries(database)]
        assert save_results(database, *results) == 3
        assert [get_delivery(database, app, number).state for number in ends] == [
            DeliveryState.DELIVERED,
            DeliveryState.DUE,
            DeliveryState.DEAD,
        ]
        with database.read_transaction() as connection:
            assert DELIVERIES.count_by_state(connection) == {"delivered": 1, "due": 1, "dead": 1}

    def test_dead_deliveries_are_listed_and_retried_by_their_own_app_alone(
        self, database: Database, app: App, other_app: App
    ) -> None:
        add_delivery(database, app, 1, 2)
        save_results(database, *((job, FAILED, DEAD) for job in claim_deliveries(database, limit=1)))
        dead = [view.delivery.id for view in list_deliveries(database, app, DeliveryState.DEAD)]
        assert dead == [make_delivery(app, 1).id]
        assert [view.delivery.id for view in list_deliveries(database, app, None)] == [
            make_delivery(app, n).id for n in (2, 1)
        ]
        assert list_deliveries(database, other_app, None) == []
        with database.read_transaction() as connection:
            assert deliveries.get_with_attempts(connection, other_app, dead[0]) is None
        assert retry_deliveries(database, other_app, dead) == 0
        assert retry_deliveries(database, app, [*dead, make_delivery(app, 2).id]) == 1  # the second is due already
        (again,) = [job for job in claim_deliveries(database, "again", NOW + MINUTE) if job.delivery.id in dead]
        assert again.delivery.attempts == 0
        assert len(get_delivery(database, app).attempts) == 1


class TestWaiting:
    """Receivers with due deliveries, and a hundred thousand rows that are not due yet."""

    def test_receivers_are_due_when_one_of_their_deliveries_is(self, database: Database, app: App) -> None:
        add_delivery(database, app, 1, due_at=NOW + MINUTE)
        add_delivery(database, app, 2, receiver="http://b:80")
        add_delivery(database, app, 3, 4, receiver="http://c:80", due_at=NOW - MINUTE)
        assert list_due_receivers(database) == ["http://b:80", "http://c:80"]
        assert list_due_receivers(database, NOW + MINUTE) == ["http://b:80", "http://c:80", RECEIVER]
        assert list_due_receivers(database, NOW - 2 * MINUTE) == []

    def test_finding_due_deliveries_costs_the_same_however_many_wait(self, database: Database, app: App) -> None:
        add_delivery(database, app, 0, due_at=NOW + MINUTE)
        few = measure_ms(database)
        copy_deliveries(database, 100_000)
        assert [plan for plan in explain_action(database, find_due_receivers) if has_full_scan(plan)] == []
        claim = partial(claim_one_lane, app=app)
        assert [plan for plan in explain_action(database, claim) if has_full_scan(plan)] == []
        assert list_due_receivers(database) == []
        many = measure_ms(database)
        print(f"finding due receivers among 20: {few:.2f} ms with 1 waiting, {many:.2f} ms with 100 000")
        assert many < few + 10  # twenty steps through the index; reading all rows takes ten times as long


def find_due_receivers(connection: sa.Connection) -> object:
    return callback_jobs.list_due_lanes(connection, NOW)


def claim_one_lane(connection: sa.Connection, app: App) -> object:
    return callback_jobs.claim(connection, Lane("http://r7.example:80", app.id), NOW + MINUTE, "x", MINUTE, 16)


def measure_ms(database: Database) -> float:
    times = []
    for _ in range(20):
        began = time.perf_counter()
        with database.read_transaction() as connection:
            find_due_receivers(connection)
        times.append(time.perf_counter() - began)
    return min(times) * 1000  # the run that nothing else delayed


def copy_deliveries(database: Database, count: int) -> None:
    """Copy the one delivery, in turn to each of twenty receivers."""
    number, digits = (
        ("number", "printf('%032x', number)") if database.is_sqlite else ("number", "lpad(number::text, 32, '0')")
    )
    series = (
        "with recursive series(number) as (select 1 union all select number + 1 from series where number < :count) "
        if database.is_sqlite
        else "with series as (select generate_series(1, :count) as number) "
    )
    columns = [column.name for column in schema.deliveries.c if column.name not in ("id", "receiver", "lane")]
    names = ", ".join(columns)
    with database.write_transaction() as connection:
        connection.execute(
            sa.text(
                f"insert into deliveries (id, receiver, lane, {names}) {series} select {digits}, "
                f"'http://r' || ({number} % 20) || '.example:80', "
                f"'http://r' || ({number} % 20) || '.example:80 ' || app, {names} from deliveries, series"
            ),
            {"count": count},
        )


def list_deliveries(database: Database, app: App, state: DeliveryState | None) -> list[deliveries.DeliveryView]:
    with database.read_transaction() as connection:
        return deliveries.list_recent(connection, app, state)


def retry_deliveries(database: Database, app: App, ids: list[str]) -> int:
    with database.write_transaction() as connection:
        return deliveries.retry(connection, app, ids, NOW + MINUTE)


def load_row(database: Database) -> Any:
    with database.read_transaction() as connection:
        return connection.execute(sa.select(schema.deliveries)).one()
