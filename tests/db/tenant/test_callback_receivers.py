"""Callback receivers on both engines: counts of their deliveries, and retries of all dead deliveries of one receiver."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from ccfs.db import schema
from ccfs.db.engine import Database
from ccfs.db.system.jobs import callback_jobs
from ccfs.db.tenant import callback_receivers, deliveries, exports
from ccfs.db.tenant.callback_receivers import ReceiverSummary
from ccfs.model.exports.delivery import Delivery, Lane
from ccfs.model.exports.export import ExportFilter
from ccfs.model.identity.tenancy import App
from tests.db.sample_rows import MINUTE, NOW, SECOND
from tests.db.tenant.test_exports import make_export

RECEIVER_A, RECEIVER_B = "http://a.example:80", "http://b.example:80"
ALL_ACCOUNTS = ["100", "200", ""]


def add_delivery(
    database: Database, app: App, number: int, path: str, state: str, *, at: str = RECEIVER_A, account: str = "100"
) -> None:
    """Add an export of that number with its delivery."""
    export = make_export(number, filter=ExportFilter(account_id=account))
    delivery = Delivery(id=f"{number:032x}", app=app.id, ak=app.ak, url=f"{at}{path}", body=b"{}", created_at=NOW)
    table = schema.deliveries
    finished_at = None if state == "due" else NOW + number * SECOND
    values = {
        "state": state,
        "due_at": None if finished_at else NOW,
        "finished_at": finished_at,
        "attempts": 3,
        "claims": 1,
    }
    with database.write_transaction() as connection:
        exports.add(connection, app, export)
        deliveries.add(connection, app, delivery, export.response_id, at, NOW)
        connection.execute(sa.update(table).where(table.c.id == delivery.id).values(**values))


@pytest.fixture
def known_receivers(database: Database, app: App, other_app: App) -> None:
    """Two receivers of the app, and one of another app."""
    for number, (path, state) in enumerate([("/x/1", "dead"), ("/x/2", "dead"), ("/X/3", "dead"), ("/y", "due")], 1):
        add_delivery(database, app, number, path, state)
    add_delivery(database, app, 5, "/x/5", "delivered")
    add_delivery(database, app, 7, "/x/7", "dead", account="200")
    add_delivery(database, app, 8, "/b", "delivered", at=RECEIVER_B, account="")
    add_delivery(database, other_app, 9, "/x/9", "dead")


def read_states(database: Database) -> dict[int, str]:
    with database.read_transaction() as connection:
        rows = connection.execute(sa.select(schema.deliveries.c.id, schema.deliveries.c.state))
        return {int(row.id, 16): row.state for row in rows}


def test_receivers_are_listed_by_name_with_counts_of_deliveries(
    database: Database, app: App, known_receivers: None
) -> None:
    with database.read_transaction() as connection:
        assert callback_receivers.list_receivers(connection, app, ALL_ACCOUNTS) == [
            ReceiverSummary(name=RECEIVER_A, delivered=1, waiting=1, given_up=4, retryable=4, last=NOW + 7 * SECOND),
            ReceiverSummary(name=RECEIVER_B, delivered=1, waiting=0, given_up=0, retryable=0, last=NOW + 8 * SECOND),
        ]
        [summary] = callback_receivers.list_receivers(connection, app, ["200"])
        assert (summary.given_up, summary.waiting, summary.last) == (1, 0, NOW + 7 * SECOND)
        assert callback_receivers.list_receivers(connection, app, []) == []


def test_a_dead_delivery_whose_file_expired_cannot_be_retried(
    database: Database, app: App, known_receivers: None
) -> None:
    table = schema.exports
    with database.write_transaction() as connection:
        connection.execute(sa.update(table).where(table.c.response_id == f"{1:032x}").values(state="expired"))
        assert [
            (summary.given_up, summary.retryable)
            for summary in callback_receivers.list_receivers(connection, app, ["100"])
        ] == [(3, 2)]
        assert callback_receivers.count_retryable(connection, app, ["100"], RECEIVER_A) == 2
        assert callback_receivers.retry_by_receiver(connection, app, ["100"], RECEIVER_A, "", NOW) == 2
    assert read_states(database)[1] == "dead"


def test_a_url_prefix_of_deliveries_is_compared_letter_by_letter(
    database: Database, app: App, known_receivers: None
) -> None:
    with database.read_transaction() as connection:
        counts = {
            prefix: callback_receivers.count_retryable(connection, app, ALL_ACCOUNTS, RECEIVER_A, RECEIVER_A + prefix)
            for prefix in ("/x", "/X", "/%")
        }
        assert counts == {"/x": 3, "/X": 1, "/%": 0}
        assert (
            callback_receivers.count_retryable(connection, app, ALL_ACCOUNTS, RECEIVER_A, "/x") == 0
        )  # a URL begins with its scheme
        assert callback_receivers.count_retryable(connection, app, ALL_ACCOUNTS, RECEIVER_B) == 0


def test_dead_deliveries_of_one_receiver_are_due_again_from_their_first_attempt_on(
    database: Database, app: App, known_receivers: None
) -> None:
    later = NOW + timedelta(days=1)
    with database.write_transaction() as connection:
        assert callback_receivers.retry_by_receiver(connection, app, ["100"], RECEIVER_A, f"{RECEIVER_A}/x", later) == 2
        assert callback_jobs.list_due_lanes(connection, later - SECOND) == [Lane(RECEIVER_A, app.id)]
        claimed = callback_jobs.claim(connection, Lane(RECEIVER_A, app.id), later, "x", MINUTE, 9)
    assert {int(job.delivery.id, 16) for job in claimed} == {1, 2, 4}
    assert {job.delivery.attempts for job in claimed if int(job.delivery.id, 16) < 4} == {0}
    states = read_states(database)
    assert {number for number, state in states.items() if state == "dead"} == {
        3,
        7,
        9,
    }  # the delivery of the other app is unchanged
