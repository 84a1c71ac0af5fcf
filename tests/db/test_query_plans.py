"""Every question that is asked of the tables that grow with calls: each goes to an index, on both engines.

A plan may not read a month from end to end, nor all of an app's rows. tests/soak/many_queries.py does the same with a million rows.
"""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from ccfs.db import partitions, schema
from ccfs.db.engine import Database
from ccfs.model.identity.tenancy import App
from tests.db.large_table_queries import FULL_SCAN, QUERIES, create_filled_app, explain_queries, reads_too_much

ROW_COUNT = 12_000  # of each table: enough for a planner to prefer an index


@pytest.fixture(scope="module")
def filled_database(migrated_database: Database) -> Iterator[tuple[Database, App]]:
    """A database whose tables have ROWS rows, and whose planner knows."""
    yield migrated_database, create_filled_app(migrated_database, ROW_COUNT)
    with migrated_database.write_transaction() as connection:
        for table in reversed(schema.METADATA.sorted_tables):
            connection.execute(table.delete())


@pytest.mark.parametrize("what", QUERIES)
def test_a_question_goes_to_an_index(filled_database: tuple[Database, App], what: str) -> None:
    found = explain_queries(*filled_database, QUERIES[what])
    assert found or "export" in what
    for plan in found:
        assert not reads_too_much(what, plan), plan


@pytest.mark.parametrize(
    "migrated_database", ["sqlite"], indirect=True
)  # parts on PostgreSQL have index names of their own
def test_no_index_of_these_tables_is_without_a_question(filled_database: tuple[Database, App]) -> None:
    database, app = filled_database
    used = "\n".join(plan for action in QUERIES.values() for plan in explain_queries(database, app, action))
    for table in partitions.AGE_COLUMN:
        for index in table.indexes:
            assert str(index.name) in used, index.name


def test_a_scan_is_found(filled_database: tuple[Database, App]) -> None:
    database, app = filled_database
    scan = sa.select(schema.cdrs.c.source_key).where(schema.cdrs.c.caller_name == "1")
    (plan,) = explain_queries(database, app, lambda connection, _: connection.execute(scan).all())
    assert FULL_SCAN.search(plan)
