"""Failed authentication by address on both engines: counted within a period, locked for a while, then unlocked."""

from datetime import datetime, timedelta

import pytest

from ccfs.db.engine import Database
from ccfs.db.system import lockouts, tenants
from ccfs.db.system.lockouts import LockoutPolicy
from tests.db.sample_rows import MINUTE, NOW, SECOND

ADDRESS, NEIGHBOUR = "192.0.2.7", "192.0.2.8"
LOCK = 5 * MINUTE
SHORTEST = timedelta(microseconds=1)


def build_policy(limit: int = 3) -> LockoutPolicy:
    return LockoutPolicy(limit=limit, period=MINUTE, lock=LOCK)


def count_failures(database: Database, *instants: datetime, address: str = ADDRESS, limit: int = 3) -> list[bool]:
    """Record a failure at each of these instants. Return which of them locked the address."""
    locked = []
    for now in instants:
        with database.write_transaction() as connection:
            locked.append(lockouts.record_failure(connection, address, now, build_policy(limit)))
    return locked


def list_locked(database: Database, now: datetime) -> dict[str, datetime]:
    with database.read_transaction() as connection:
        return lockouts.list_active(connection, now)


def test_the_failure_that_reaches_the_limit_locks_for_the_lock_time(database: Database) -> None:
    assert count_failures(database, NOW, NOW + SECOND) == [False, False]
    assert list_locked(database, NOW + SECOND) == {}
    assert count_failures(database, NOW + 2 * SECOND) == [True]
    assert list_locked(database, NOW + 2 * SECOND) == {ADDRESS: NOW + 2 * SECOND + LOCK}


def test_a_limit_of_one_locks_at_the_first_failure(database: Database) -> None:
    assert count_failures(database, NOW, limit=1) == [True]


def test_a_lock_ends_to_the_microsecond(database: Database) -> None:
    count_failures(database, NOW, NOW, NOW)
    assert ADDRESS in list_locked(database, NOW + LOCK - SHORTEST)
    assert list_locked(database, NOW + LOCK) == {}


def test_failures_are_counted_from_zero_once_the_period_is_over(database: Database) -> None:
    assert count_failures(database, NOW, NOW + 59 * SECOND, NOW + MINUTE, NOW + MINUTE) == [False] * 4
    assert count_failures(database, NOW + MINUTE) == [True]


def test_failures_are_counted_from_zero_after_a_lockout(database: Database) -> None:
    assert count_failures(database, NOW, NOW, NOW) == [False, False, True]
    assert count_failures(database, NOW + LOCK, NOW + LOCK, NOW + LOCK) == [False, False, True]


@pytest.mark.parametrize("neighbour", [NEIGHBOUR, "2001:db8::/64"])
def test_failures_are_counted_by_address(database: Database, neighbour: str) -> None:
    count_failures(database, NOW, NOW)
    assert count_failures(database, NOW, NOW, address=neighbour) == [False, False]
    assert count_failures(database, NOW) == [True]
    assert list(list_locked(database, NOW)) == [ADDRESS]


def test_a_lockout_increments_the_change_counter(database: Database) -> None:
    with database.read_transaction() as connection:
        before = tenants.CHANGE_COUNTER.get(connection)
    count_failures(database, NOW, NOW)
    with database.read_transaction() as connection:
        assert tenants.CHANGE_COUNTER.get(connection) == before  # a failure alone reloads no tenant cache
    count_failures(database, NOW)
    with database.read_transaction() as connection:
        assert tenants.CHANGE_COUNTER.get(connection) == before + 1


def test_expired_rows_are_deleted(database: Database) -> None:
    count_failures(database, NOW, NOW, NOW)  # locked
    count_failures(database, NOW, address=NEIGHBOUR)
    with database.write_transaction() as connection:
        assert lockouts.delete_expired(connection, NOW + MINUTE - SHORTEST, MINUTE) == 0
        assert lockouts.delete_expired(connection, NOW + MINUTE, MINUTE) == 1
        assert list(lockouts.list_active(connection, NOW + MINUTE)) == [ADDRESS]
        assert lockouts.delete_expired(connection, NOW + LOCK, MINUTE) == 1


def reserve(database: Database, *addresses: str, now: datetime = NOW, limit: int = 3) -> bool:
    with database.write_transaction() as connection:
        return lockouts.reserve_attempt(connection, addresses or (ADDRESS,), now, build_policy(limit))


def settle(database: Database, *addresses: str, has_failed: bool, now: datetime = NOW) -> None:
    with database.write_transaction() as connection:
        lockouts.settle_attempt(connection, addresses or (ADDRESS,), now, build_policy(), has_failed=has_failed)


def test_a_burst_has_no_more_attempts_than_the_limit(database: Database) -> None:
    assert [reserve(database) for _ in range(5)] == [True] * 3 + [False] * 2
    assert reserve(database, NEIGHBOUR)
    for _ in range(3):
        settle(database, has_failed=True)
    assert list(list_locked(database, NOW)) == [ADDRESS]
    assert not reserve(database)


def test_failures_and_attempts_under_way_share_the_limit(database: Database) -> None:
    count_failures(database, NOW, NOW)
    assert [reserve(database), reserve(database)] == [True, False]


def test_successful_attempts_are_given_back(database: Database) -> None:
    for _ in range(10):
        assert reserve(database, ADDRESS, NEIGHBOUR)
        settle(database, ADDRESS, NEIGHBOUR, has_failed=False)
    assert count_failures(database, NOW, NOW) == [False, False]  # none of them counts


def test_an_attempt_that_one_address_lacks_is_reserved_for_none(database: Database) -> None:
    count_failures(database, NOW, NOW, NOW, address=NEIGHBOUR)
    assert [reserve(database, ADDRESS, NEIGHBOUR) for _ in range(5)] == [False] * 5
    assert [reserve(database) for _ in range(3)] == [True] * 3


def test_an_attempt_that_is_never_settled_counts_for_a_period(database: Database) -> None:
    assert [reserve(database) for _ in range(3)] == [True] * 3
    assert not reserve(database, now=NOW + MINUTE - SHORTEST)
    assert reserve(database, now=NOW + MINUTE)


def test_an_attempt_can_be_reserved_again_after_a_lockout(database: Database) -> None:
    count_failures(database, NOW, NOW, NOW)
    assert not reserve(database, now=NOW + LOCK - SHORTEST)
    assert reserve(database, now=NOW + LOCK)
