"""Migrations on both engines: a migrated database equals a new one, and one of many processes upgrades it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from ccfs.db import partitions
from ccfs.db.engine import Database, open_database
from ccfs.db.migrations.runner import MIGRATIONS_DIR, get_head_revision, upgrade
from ccfs.db.schema import METADATA
from tests import servers
from tests.db import sample_rows
from tests.db.child_processes import run_in_processes

VERSION_TABLE = "alembic_version"


@pytest.fixture
def schema_database(empty_database: Database, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database of the same engine whose tables were created from schema.py, without migrations."""
    if empty_database.is_sqlite:
        yield from _create_from_schema(f"sqlite:///{tmp_path / 'created.db'}")
    else:
        with servers.create_database(request.getfixturevalue("postgres_url")) as url:
            yield from _create_from_schema(url)


def _create_from_schema(url: str) -> Iterator[Database]:
    database = open_database(url)
    METADATA.create_all(database.engine)
    yield database
    database.close()


def list_tables(database: Database) -> set[str]:
    """Return all tables but partitions."""
    with database.read_transaction() as connection:
        return set(sa.inspect(connection).get_table_names()) - set(list_partitions(connection))


def list_partitions(connection: Connection) -> dict[str, str]:
    """Return PostgreSQL's partitions, each with its bounds."""
    return _query_partitions(
        connection, "SELECT relname, pg_get_expr(relpartbound, oid) FROM pg_class WHERE relispartition"
    )


def list_partition_keys(connection: Connection) -> dict[str, str]:
    """Return PostgreSQL's partitioned tables, each with its partition key."""
    return _query_partitions(connection, "SELECT relname, pg_get_partkeydef(oid) FROM pg_class WHERE relkind = 'p'")


def _query_partitions(connection: Connection, query: str) -> dict[str, str]:
    is_postgresql = connection.dialect.name == "postgresql"
    return {row[0]: row[1] for row in connection.execute(sa.text(query))} if is_postgresql else {}


def describe_schema(database: Database) -> dict[str, dict[str, Any]]:
    """Return everything that the database reports about its tables, in a fixed order."""
    with database.read_transaction() as connection:
        inspector = sa.inspect(connection)
        partitioning = list_partitions(connection) | list_partition_keys(connection)
        inspections: dict[str, Callable[[str], Any]] = {
            "columns": inspector.get_columns,
            "primary key": inspector.get_pk_constraint,
            "foreign keys": inspector.get_foreign_keys,
            "unique": inspector.get_unique_constraints,
            "indexes": inspector.get_indexes,
            "checks": inspector.get_check_constraints,
            "partitioning": lambda name: partitioning.get(name, ""),
        }
        return {
            table: {aspect: _normalize(inspect(table)) for aspect, inspect in inspections.items()}
            for table in inspector.get_table_names()
            if table != VERSION_TABLE
        }


def _normalize(value: Any) -> Any:
    """Return a value that equals the other database's, in whatever order that reports it."""
    if isinstance(value, list):
        return sorted(map(_normalize, value), key=repr)
    if isinstance(value, dict):
        return {name: _normalize(item) for name, item in value.items()}
    return str(value) if isinstance(value, sa.ClauseElement) else repr(value)


def test_a_migrated_database_equals_a_new_one(empty_database: Database, schema_database: Database) -> None:
    upgrade(empty_database)
    assert describe_schema(empty_database) == describe_schema(schema_database)
    assert list_tables(empty_database) == {*METADATA.tables, VERSION_TABLE}


def test_tables_of_calls_are_partitioned_on_postgresql(empty_database: Database) -> None:
    upgrade(empty_database)
    with empty_database.read_transaction() as connection:
        assert set(list_partition_keys(connection)) == (
            set() if empty_database.is_sqlite else {table.name for table in partitions.AGE_COLUMN}
        )


def test_alembic_finds_nothing_to_migrate(empty_database: Database) -> None:
    upgrade(empty_database)
    with empty_database.read_transaction() as connection:
        known = set(list_partitions(connection))
        opts = {
            "compare_type": True,
            "compare_server_default": True,
            "include_name": lambda name, *_: name not in known,
        }
        context = MigrationContext.configure(connection, opts=opts)
        assert compare_metadata(context, METADATA) == []


def test_a_difference_between_databases_is_found(empty_database: Database, schema_database: Database) -> None:
    upgrade(empty_database)
    with empty_database.write_transaction() as connection:
        connection.execute(sa.text("DROP INDEX ix_recordings_app_call_id"))
    assert describe_schema(empty_database) != describe_schema(schema_database)


def test_migration_files_are_named_by_their_revisions() -> None:
    scripts = [*ScriptDirectory(str(MIGRATIONS_DIR)).walk_revisions()]
    assert scripts
    assert [Path(script.path).stem.partition("_")[0] for script in scripts] == [script.revision for script in scripts]
    assert get_head_revision() == scripts[0].revision


def test_a_second_upgrade_changes_nothing(empty_database: Database) -> None:
    upgrade(empty_database)
    with empty_database.write_transaction() as connection:
        app = sample_rows.add_app(connection)
        sample_rows.add_account(connection, app, "100", 8)
    before = describe_schema(empty_database)
    upgrade(empty_database)
    assert describe_schema(empty_database) == before
    with empty_database.read_transaction() as connection:
        assert connection.execute(sa.text("SELECT account_id FROM vdns")).scalars().all() == ["100"]
        assert connection.execute(sa.text(f"SELECT count(*) FROM {VERSION_TABLE}")).scalar() == 1


def test_ten_processes_upgrade_one_database_at_once(empty_database_url: str) -> None:
    is_partitioned = empty_database_url.startswith("postgresql")
    edges = {f"{table.name}_{edge}" for table in partitions.AGE_COLUMN for edge in ("early", "late") if is_partitioned}
    assert (
        run_in_processes(10, "upgrade_at", empty_database_url)
        == [sorted({*METADATA.tables, VERSION_TABLE} | edges)] * 10
    )


def test_a_failed_upgrade_is_rolled_back(empty_database: Database) -> None:
    with empty_database.write_transaction() as connection:
        connection.execute(sa.text("CREATE TABLE voice_files (mine INTEGER)"))
    with pytest.raises(DBAPIError):
        upgrade(empty_database)
    assert list_tables(empty_database) == {"voice_files"}
