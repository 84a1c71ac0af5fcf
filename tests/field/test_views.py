"""views.json gives every renamed table back under its old name and its old column names.

Checks outside this repository, which were written before the rename, create these views as TEMP VIEWs in a SQLite database.
A view that has the name of a table reads `main.TABLE`, because a temporary view hides the table.
"""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from ccfs.db.engine import open_database
from ccfs.db.migrations.runner import upgrade
from ccfs.db.schema import METADATA
from ccfs.model.source_files import INGESTED, REJECTED, REPORTED, REREAD, UNMATCHED
from tests.db import sample_rows

FOLDER = Path(__file__).parent
VIEWS: dict[str, str] = json.loads((FOLDER / "views.json").read_text())
OLD_TABLES: dict[str, list[str]] = json.loads((FOLDER / "old_tables.json").read_text())  # columns of every old table


@pytest.fixture(scope="module")
def viewed_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """A database of this release with one app, opened by the driver, with the views."""
    file = tmp_path_factory.mktemp("views") / "ccfs.db"
    database = open_database(f"sqlite:///{file}")
    upgrade(database)
    with database.write_transaction() as connection:
        sample_rows.add_app(connection)
    database.close()
    viewed = sqlite3.connect(file)
    for name, select in VIEWS.items():
        viewed.execute(f"CREATE TEMP VIEW {name} AS {select}")
    yield viewed
    viewed.close()


@pytest.mark.parametrize("table", OLD_TABLES)
def test_an_old_table_has_its_old_columns(viewed_database: sqlite3.Connection, table: str) -> None:
    rows = viewed_database.execute(f"SELECT * FROM {table}")
    assert [column[0] for column in rows.description] == OLD_TABLES[table]
    for column in OLD_TABLES[table]:
        viewed_database.execute(f'SELECT {table}."{column}" FROM {table}').fetchall()


def test_a_view_reads_the_rows_of_its_table(viewed_database: sqlite3.Connection) -> None:
    assert viewed_database.execute("SELECT name, number FROM changes").fetchall() == [("tenants", 1)]
    assert viewed_database.execute("SELECT revision FROM oldest_code").fetchall() == [("0001",)]


def test_no_view_is_superfluous() -> None:
    unchanged = {table.name for table in METADATA.tables.values() if OLD_TABLES.get(table.name) == [*table.c.keys()]}
    renamed_values = {"source_files"}  # same columns, but its states had other words
    assert VIEWS.keys() == (OLD_TABLES.keys() - unchanged) | renamed_values


@pytest.mark.parametrize(
    ("state", "old_state"),
    [(INGESTED, "taken"), (REJECTED, "refused"), (UNMATCHED, "orphan"), (REPORTED, "listed"), (REREAD, REREAD)],
)
def test_states_of_source_files_have_their_old_words(
    viewed_database: sqlite3.Connection, state: str, old_state: str
) -> None:
    row = (1, f"/{state}", 1, 1, state, "", 0)
    viewed_database.execute("INSERT INTO main.source_files VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    assert viewed_database.execute("SELECT state FROM source_files WHERE path = ?", row[1:2]).fetchall() == [
        (old_state,)
    ]
