"""A PostgreSQL server that stays silent behind an open connection: queries fail in bounded time, and together."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from ccfs.blobs.registry import Locations
from ccfs.db.encryption import SecretBox, load_or_create_keys
from ccfs.db.engine import Database, open_database
from ccfs.db.migrations.runner import upgrade
from ccfs.db.system.tenant_cache import TenantCache
from ccfs.model.blobs.errors import LocationUnreachable
from ccfs.model.errors import FileUnavailable
from tests import databases
from tests.db.sample_rows import NOW
from tests.proxies import Proxy, ProxyMode, run_proxy
from tests.waiting import wait_until

READ_TIMEOUT_SECONDS = 1.0
CONNECT_TIMEOUT_SECONDS = 2  # the least that the driver accepts
THREAD_COUNT = 40
MAX_WAIT_SECONDS = 20.0  # enough on the busiest machine; waiting for the server would never end


@pytest.fixture
def database_proxy(postgres_url: str) -> Iterator[Proxy]:
    """A proxy between the database and its server."""
    with run_proxy(f"{make_url(postgres_url).query['host']}/.s.PGSQL.5432") as proxy:
        yield proxy


@pytest.fixture
def database(postgres_url: str, database_proxy: Proxy) -> Iterator[Database]:
    """A database behind the proxy, which answers at first."""
    with databases.create_database(postgres_url) as url:
        name = make_url(url).database
        database = open_database(
            f"postgresql://postgres@127.0.0.1:{database_proxy.port}/{name}?connect_timeout={CONNECT_TIMEOUT_SECONDS}"
        )
        upgrade(database)
        database.read_timeout.seconds = READ_TIMEOUT_SECONDS
        yield database
        database.close()


def test_a_query_fails_in_time_and_works_again_afterwards(database: Database, database_proxy: Proxy) -> None:
    database_proxy.mode = ProxyMode.SILENT
    began = time.monotonic()
    assert not database.is_ready()
    assert READ_TIMEOUT_SECONDS <= time.monotonic() - began < MAX_WAIT_SECONDS
    database_proxy.mode = ProxyMode.PASS
    wait_until(database.is_ready)


def test_a_transaction_in_progress_fails_in_time(database: Database, database_proxy: Proxy) -> None:
    began = time.monotonic()
    with database.engine.connect() as connection:
        connection.execute(sa.text("SELECT 1"))
        database_proxy.mode = ProxyMode.SILENT
        with pytest.raises(OperationalError):
            connection.execute(sa.text("SELECT 1"))
    assert time.monotonic() - began < MAX_WAIT_SECONDS
    database_proxy.mode = ProxyMode.PASS
    wait_until(database.is_ready)


def test_a_slow_query_without_a_timeout_is_waited_for(database: Database) -> None:
    database.read_timeout.seconds = None
    with database.read_transaction() as connection:
        assert connection.execute(sa.text(f"SELECT 1 FROM pg_sleep({2 * READ_TIMEOUT_SECONDS})")).scalar_one() == 1


def test_all_threads_wait_for_the_tenant_cache_at_the_same_time(
    database: Database, database_proxy: Proxy, tmp_path: Path
) -> None:
    cache = TenantCache(database, SecretBox(load_or_create_keys(tmp_path)))
    cache.get_snapshot(NOW)
    cache.invalidate()
    database_proxy.mode = ProxyMode.SILENT

    def read_snapshot(_number: int) -> None:
        with pytest.raises((SQLAlchemyError, FileUnavailable)):
            cache.get_snapshot(NOW)

    began = time.monotonic()
    with ThreadPoolExecutor(THREAD_COUNT) as pool:
        list(pool.map(read_snapshot, range(THREAD_COUNT)))
    assert time.monotonic() - began < MAX_WAIT_SECONDS < THREAD_COUNT * READ_TIMEOUT_SECONDS  # together, not in turn
    database_proxy.mode = ProxyMode.PASS
    assert cache.get_snapshot(NOW).keys == {}


def test_locations_are_unreachable_without_their_rows(database: Database, database_proxy: Proxy) -> None:
    database_proxy.mode = ProxyMode.SILENT
    with pytest.raises(LocationUnreachable, match="database"):
        Locations(database, "a", lambda config: pytest.fail(config.id)).get_configs()
