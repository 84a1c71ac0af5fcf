"""Every query of the tables that grow with calls uses an index, on both engines.

A plan may not scan a month, nor read all of an app's rows. tests/soak/many_queries.py checks the plans on a million rows.
"""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from ccfs.db import partitions, schema
from ccfs.db.engine import Database
from ccfs.model.identity.tenancy import App
from tests.db.large_table_queries import FULL_SCAN, QUERIES, explain_queries, reads_too_much
from tests.db.large_tables import create_filled_app

ROW_COUNT = 12_000  # of each table: enough for a planner to prefer an index


@pytest.fixture(scope="module")
def filled_database(migrated_database: Database) -> Iterator[tuple[Database, App]]:
    """A database of ROW_COUNT rows in each table, analysed, and its app."""
    yield migrated_database, create_filled_app(migrated_database, ROW_COUNT)
    with migrated_database.write_transaction() as connection:
        for table in reversed(schema.METADATA.sorted_tables):
            connection.execute(table.delete())


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_uses_an_index(filled_database: tuple[Database, App], query: str) -> None:
    database, app = filled_database
    plans = explain_queries(database, app, QUERIES[query])
    is_copied = "export of" in query and not database.is_sqlite  # COPY, which is no statement of SQLAlchemy
    assert bool(plans) is not is_copied
    for plan in plans:
        assert not reads_too_much(query, plan), plan


@pytest.mark.parametrize("migrated_database", ["sqlite"], indirect=True)  # PostgreSQL renames indexes of partitions
def test_every_index_of_these_tables_serves_a_query(filled_database: tuple[Database, App]) -> None:
    database, app = filled_database
    used = "\n".join(plan for action in QUERIES.values() for plan in explain_queries(database, app, action))
    for table in partitions.AGE_COLUMN:
        for index in table.indexes:
            assert str(index.name) in used, index.name


def test_a_full_scan_is_found(filled_database: tuple[Database, App]) -> None:
    database, app = filled_database
    scan = sa.select(schema.cdrs.c.source_key).where(schema.cdrs.c.release_cause == 1)
    (plan,) = explain_queries(database, app, lambda connection, _: connection.execute(scan).all())
    assert FULL_SCAN.search(plan)
