"""Instants on both engines: to the microsecond, aware and in UTC, in order of time, from year 1 to year 9999."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import StatementError

from ccfs.db.engine import Database
from ccfs.db.schema import Instant

_TABLE = sa.Table("instants", sa.MetaData(), sa.Column("at", Instant, index=True), sa.Column("number", sa.Integer))
FIRST = datetime.min.replace(tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC)
KNOWN = [
    FIRST,
    datetime(1883, 11, 18, 12, 3, 58, 1, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2024, 2, 29, 12, 0, 0, 500000, tzinfo=UTC),
    datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
    LAST,
]
day = timedelta(days=1)
offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
instants = st.datetimes(datetime.min + day, datetime.max - day, timezones=offsets)


@pytest.fixture
def database(database: Database) -> Iterator[Database]:
    """The database with a table of instants."""
    with database.write_transaction() as connection:
        _TABLE.create(connection)
    yield database
    with database.write_transaction() as connection:
        _TABLE.drop(connection)


def store_and_read(database: Database, instants: list[datetime]) -> list[datetime]:
    """Store the instants, and return them as the database orders them."""
    with database.write_transaction() as connection:
        connection.execute(sa.delete(_TABLE))
        connection.execute(sa.insert(_TABLE), [{"at": instant, "number": 1} for instant in instants])
    with database.read_transaction() as connection:
        return list(connection.execute(sa.select(_TABLE.c.at).order_by(_TABLE.c.at)).scalars())


def test_known_instants_are_read_back_exactly_and_in_utc(database: Database) -> None:
    stored = store_and_read(database, KNOWN[::-1])
    assert stored == KNOWN
    assert {instant.tzinfo for instant in stored} == {UTC}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some=st.lists(instants, min_size=1, max_size=20))
def test_instants_of_any_zone_are_read_back_sorted(database: Database, some: list[datetime]) -> None:
    stored = store_and_read(database, some)
    assert stored == sorted(some)
    assert all(instant.utcoffset() == timedelta(0) for instant in stored)


def test_instants_are_compared_to_the_microsecond(database: Database) -> None:
    at = KNOWN[4]
    store_and_read(database, [at])
    with database.read_transaction() as connection:
        for instant, is_found in ((at - timedelta(microseconds=1), True), (at, False)):
            assert bool(connection.execute(sa.select(_TABLE).where(_TABLE.c.at > instant)).all()) is is_found
        assert connection.execute(sa.select(sa.func.max(_TABLE.c.at))).scalar() == at


def test_a_missing_instant_is_read_back_as_none(database: Database) -> None:
    with database.write_transaction() as connection:
        connection.execute(sa.insert(_TABLE).values(at=None, number=1))
        assert connection.execute(sa.select(_TABLE.c.at)).scalars().all() == [None]


def test_a_naive_datetime_is_rejected(database: Database) -> None:
    with pytest.raises(StatementError, match="has no zone"):
        store_and_read(database, [datetime(2026, 5, 4)])
