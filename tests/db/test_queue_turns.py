"""Apps take turns in every queue, and what a claim costs does not grow with the number of jobs that wait."""

import time

import pytest
import sqlalchemy as sa

from ccfs.db import schema
from ccfs.db.engine import Database
from ccfs.model.identity.tenancy import App
from tests.db.query_plans import explain_action, has_full_scan
from tests.db.queue_rows import QUEUES, QueueRows
from tests.db.sample_rows import NOW, SECOND

MANY = 20_000
EXTRA_MS = 25  # of a claim among MANY jobs on a busy machine; reading all of them takes far more


@pytest.fixture(params=QUEUES)
def queue(request: pytest.FixtureRequest) -> QueueRows:
    return QUEUES[request.param]


def measure_claim_ms(database: Database, queue: QueueRows) -> float:
    """Return the milliseconds of the fastest of some claims, which are rolled back."""
    times = []
    for _ in range(10):
        with database.engine.connect() as connection:
            began = time.perf_counter()
            assert queue.claim(connection, 0, NOW + SECOND)
            times.append(time.perf_counter() - began)
            connection.rollback()
    return min(times) * 1000


def test_one_job_of_an_app_is_among_the_next_two_although_a_thousand_of_another_wait(
    database: Database, app: App, other_app: App, queue: QueueRows
) -> None:
    queue.fill(database, app, 1000)
    with database.write_transaction() as connection:
        queue.add(connection, other_app, 5000)
    first = queue.claim_next(database)
    second = queue.claim_next(database, first[-1])
    assert other_app.id in (first + second)[:ORPHANS_OR_TWO]


ORPHANS_OR_TWO = 20  # a batch of orphans has jobs of all apps


def test_apps_get_equal_parts_while_both_have_jobs(
    database: Database, app: App, other_app: App, queue: QueueRows
) -> None:
    queue.fill(database, app, 60)
    with database.write_transaction() as connection:
        for number in range(5000, 5040):
            queue.add(connection, other_app, number)
    claimed: list[int] = []
    while len(claimed) < 40:
        claimed += queue.claim_next(database, claimed[-1] if claimed else 0)
    assert 18 <= claimed[:40].count(other_app.id) <= 22


def test_a_claim_costs_the_same_however_many_jobs_wait(
    database: Database, app: App, other_app: App, queue: QueueRows
) -> None:
    with database.write_transaction() as connection:
        queue.add(connection, other_app, 5000)
    few = measure_claim_ms(database, queue)
    with database.write_transaction() as connection:
        connection.execute(sa.delete(queue.table))
        if queue.table is schema.deliveries:
            connection.execute(sa.delete(schema.exports))
    queue.fill(database, app, MANY)
    with database.write_transaction() as connection:
        queue.add(connection, other_app, 5000)
    plans = explain_action(database, lambda connection: queue.claim(connection, 0, NOW + SECOND))
    assert [plan for plan in plans if has_full_scan(plan) or f"Seq Scan on {queue.table.name}" in plan] == []
    many = measure_claim_ms(database, queue)
    print(
        f"claim from {queue.table.name}: {few:.2f} ms of 1 job, {many:.2f} ms of {MANY} on {database.engine.dialect.name}"
    )
    assert many < few + EXTRA_MS


def test_a_claim_costs_little_while_an_apps_jobs_wait_for_a_retry(
    database: Database, app: App, other_app: App, queue: QueueRows
) -> None:
    queue.fill(database, app, MANY)
    with database.write_transaction() as connection:
        connection.execute(sa.update(queue.table).values(due_at=NOW + 500 * SECOND))
        queue.add(connection, app, 4999)
        queue.add(connection, other_app, 5000)
    if not database.is_sqlite:
        with database.write_transaction() as connection:
            connection.execute(sa.text("analyze"))
    milliseconds = measure_claim_ms(database, queue)
    print(
        f"claim from {queue.table.name} beside {MANY} retries: {milliseconds:.2f} ms on {database.engine.dialect.name}"
    )
    assert milliseconds < EXTRA_MS
