"""Every query of the tables that grow with calls uses an index, on both engines.

No plan may scan a whole month, nor all rows of an app. tests/soak/many_queries.py runs the queries on a million rows.
"""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from ccfs.db import partitions, schema
from ccfs.db.engine import Database
from ccfs.model.identity.tenancy import App
from tests.db.large_table_queries import FULL_SCAN, QUERIES, create_filled_app, reads_too_much
from tests.db.query_plans import explain_queries

ROW_COUNT = 12_000  # of each table: enough that a planner prefers an index


@pytest.fixture(scope="module")
def filled_database(migrated_database: Database) -> Iterator[tuple[Database, App]]:
    """A database whose tables have ROW_COUNT rows, analysed for the planner."""
    yield migrated_database, create_filled_app(migrated_database, ROW_COUNT)
    with migrated_database.write_transaction() as connection:
        for table in reversed(schema.METADATA.sorted_tables):
            connection.execute(table.delete())


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_uses_an_index(filled_database: tuple[Database, App], query: str) -> None:
    plans = explain_queries(*filled_database, QUERIES[query])
    assert plans or "export" in query
    for plan in plans:
        assert not reads_too_much(query, plan), plan


@pytest.mark.parametrize("migrated_database", ["sqlite"], indirect=True)  # PostgreSQL names the index of each partition
def test_every_index_of_these_tables_serves_a_query(filled_database: tuple[Database, App]) -> None:
    database, app = filled_database
    plans = "\n".join(plan for action in QUERIES.values() for plan in explain_queries(database, app, action))
    for table in partitions.AGE_COLUMN:
        for index in table.indexes:
            assert str(index.name) in plans, index.name


def test_a_full_scan_is_found(filled_database: tuple[Database, App]) -> None:
    database, app = filled_database
    scan = sa.select(schema.cdrs.c.source_key).where(schema.cdrs.c.caller_name == "1")
    (plan,) = explain_queries(database, app, lambda connection, _: connection.execute(scan).all())
    assert FULL_SCAN.search(plan)
