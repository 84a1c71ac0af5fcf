"""Lists of exports for the console, on both engines, and the callback of each export."""

from typing import Any

import pytest
import sqlalchemy as sa

from ccfs.db import schema
from ccfs.db.engine import Database
from ccfs.db.system.jobs import export_jobs
from ccfs.db.tenant import deliveries, exports
from ccfs.db.tenant.exports import ExportCondition
from ccfs.model.exports.export import ExportFilter, ExportState
from ccfs.model.identity.tenancy import App
from tests.db import sample_rows
from tests.db.sample_rows import MINUTE, NOW, SECOND
from tests.db.tenant.test_deliveries import DEAD, FAILED, RECEIVER, claim_deliveries, make_delivery, save_results
from tests.db.tenant.test_exports import claim_existing, make_export, run_transaction


@pytest.fixture
def four_exports(database: Database, app: App, other_app: App) -> None:
    """Four exports of the app (ready with a dead callback, failed, two due), and one of another app."""
    with database.write_transaction() as connection:
        for number, account in enumerate(("100", "200", "", "100"), 1):
            exports.add(connection, app, make_export(number, filter=ExportFilter(account_id=account)))
        exports.add(connection, other_app, make_export(9, filter=ExportFilter(account_id="100")))
    first, second = claim_existing(database, "a"), claim_existing(database, "b")
    assert (first.export.filter.account_id, second.export.filter.account_id) == ("100", "100")
    assert run_transaction(database, export_jobs.finish, first, sample_rows.make_blob_ref("1/a"), NOW + MINUTE)
    with database.write_transaction() as connection:
        deliveries.add(connection, app, make_delivery(app, 1), make_export(1).response_id, RECEIVER, NOW)
    save_results(database, *((claimed, FAILED, DEAD) for claimed in claim_deliveries(database)))
    table = schema.exports
    with database.write_transaction() as connection:
        failed = sa.update(table).where(table.c.response_id == make_export(2).response_id)
        connection.execute(failed.values(state=ExportState.FAILED, due_at=None, error="no space", attempts=5))


def list_numbers(database: Database, app: App, accounts: list[str], *condition: Any) -> list[int]:
    with database.read_transaction() as connection:
        return [int(view.export.response_id, 16) for view in exports.list_recent(connection, app, accounts, *condition)]


def test_exports_of_the_given_accounts_are_listed_newest_first(
    database: Database, app: App, other_app: App, four_exports: None
) -> None:
    assert list_numbers(database, app, ["100", "200", ""]) == [4, 3, 2, 1]
    assert list_numbers(database, app, ["100", "200", ""], ExportCondition.ANY, 2) == [4, 3]
    assert list_numbers(database, app, ["200"]) == [2]
    assert list_numbers(database, app, []) == []
    assert list_numbers(database, other_app, ["100"]) == [9]


def test_exports_are_listed_by_failure_of_the_export_or_its_callback(
    database: Database, app: App, four_exports: None
) -> None:
    accounts = ["100", "200", ""]
    assert list_numbers(database, app, accounts, ExportCondition.FAILED) == [2]
    assert list_numbers(database, app, accounts, ExportCondition.CALLBACK_FAILED) == [1]
    assert list_numbers(database, app, ["200"], ExportCondition.CALLBACK_FAILED) == []


def test_an_export_is_shown_with_its_state_to_its_app_alone(
    database: Database, app: App, other_app: App, four_exports: None
) -> None:
    with database.read_transaction() as connection:
        ready, failed = (exports.get(connection, app, make_export(number).response_id) for number in (1, 2))
        assert ready is not None
        assert (ready.state, ready.size, ready.ready_at) == (
            ExportState.READY,
            sample_rows.make_blob_ref("1/a").size,
            NOW + MINUTE,
        )
        assert ready.export == make_export(1, filter=ExportFilter(account_id="100"))
        assert failed is not None
        assert (failed.state, failed.error, failed.attempts, failed.size) == (ExportState.FAILED, "no space", 5, 0)
        assert exports.get(connection, other_app, make_export(1).response_id) is None


def test_failed_exports_are_retried_alone_or_all_together(
    database: Database, app: App, other_app: App, four_exports: None
) -> None:
    with database.write_transaction() as connection:
        assert [error for _, error in exports.list_failed(connection, app)] == ["no space"]
        assert exports.retry(connection, other_app, NOW + SECOND) == 0
        assert exports.retry(connection, app, NOW + SECOND, make_export(1).response_id) == 0
        assert exports.retry(connection, app, NOW + SECOND) == 1
        assert exports.list_failed(connection, app) == []


def test_the_callback_of_each_export_is_found(database: Database, app: App, other_app: App, four_exports: None) -> None:
    numbers = [make_export(number).response_id for number in (1, 2, 9)]
    later = make_delivery(app, 5)
    with database.write_transaction() as connection:
        [(export, delivery)] = deliveries.find_latest_by_export(connection, app, numbers).items()
        assert (export, delivery.delivery.id, delivery.state.value) == (numbers[0], make_delivery(app, 1).id, "dead")
        deliveries.add(connection, app, later, numbers[0], RECEIVER, NOW)
        assert deliveries.find_latest_by_export(connection, app, numbers)[numbers[0]].delivery == later  # the newest
        assert deliveries.find_latest_by_export(connection, other_app, numbers) == {}
        assert deliveries.find_latest_by_export(connection, app, []) == {}
