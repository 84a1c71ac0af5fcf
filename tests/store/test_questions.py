"""Every question that is asked of the tables that grow with calls: each goes to an index, on both engines.

A plan may not read a month from end to end, nor all of an app's rows. tests/soak/many_questions.py asks the same of a million.
"""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from ccfs.db import partitions, schema
from ccfs.db.engine import Database
from ccfs.model.identity.tenancy import App
from tests.store.questions import QUESTIONS, WHOLE, fill, plans_of, reads_much

ROWS = 12_000  # of each table: enough for a planner to prefer an index


@pytest.fixture(scope="module")
def filled(upgraded: Database) -> Iterator[tuple[Database, App]]:
    """A database whose tables have ROWS rows, and whose planner knows."""
    yield upgraded, fill(upgraded, ROWS)
    with upgraded.write_transaction() as connection:
        for table in reversed(schema.METADATA.sorted_tables):
            connection.execute(table.delete())


@pytest.mark.parametrize("what", QUESTIONS)
def test_a_question_goes_to_an_index(filled: tuple[Database, App], what: str) -> None:
    found = plans_of(*filled, QUESTIONS[what])
    assert found or "export" in what
    for plan in found:
        assert not reads_much(what, plan), plan


@pytest.mark.parametrize("upgraded", ["sqlite"], indirect=True)  # parts on PostgreSQL have index names of their own
def test_no_index_of_these_tables_is_without_a_question(filled: tuple[Database, App]) -> None:
    database, app = filled
    used = "\n".join(plan for action in QUESTIONS.values() for plan in plans_of(database, app, action))
    for table in partitions.AGE_COLUMN:
        for index in table.indexes:
            assert str(index.name) in used, index.name


def test_a_scan_is_found(filled: tuple[Database, App]) -> None:
    database, app = filled
    scan = sa.select(schema.cdrs.c.source_key).where(schema.cdrs.c.caller_name == "1")
    (plan,) = plans_of(database, app, lambda connection, _: connection.execute(scan).all())
    assert WHOLE.search(plan)
