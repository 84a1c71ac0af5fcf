"""Failed signatures that a web process counts by itself."""

from datetime import UTC, datetime, timedelta

from ccfs.db.system.lockouts import LockoutPolicy
from ccfs.web.recent_failures import MAX_ADDRESSES, RecentFailures

NOW = datetime(2024, 1, 15, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
POLICY = LockoutPolicy(limit=3, period=MINUTE, lock=5 * MINUTE)


def fail(failures: RecentFailures, *instants: datetime, address: str = "192.0.2.7") -> bool:
    """Record failures; return whether the address is locked after the last one."""
    for now in instants:
        failures.record(address, now)
    return failures.is_locked(address, instants[-1])


def test_an_address_is_locked_as_by_the_database() -> None:
    failures = RecentFailures(POLICY)
    assert not fail(failures, NOW, NOW)
    assert fail(failures, NOW)
    assert not failures.is_locked("192.0.2.8", NOW)
    assert failures.is_locked("192.0.2.7", NOW + 5 * MINUTE - timedelta(microseconds=1))
    assert not failures.is_locked("192.0.2.7", NOW + 5 * MINUTE)


def test_failures_are_counted_within_the_period() -> None:
    failures = RecentFailures(POLICY)
    assert not fail(failures, NOW, NOW, NOW + MINUTE, NOW + MINUTE)
    assert fail(failures, NOW + MINUTE)


def test_a_limit_of_zero_locks_nobody() -> None:
    failures = RecentFailures(LockoutPolicy(limit=0, period=MINUTE, lock=MINUTE))
    assert not fail(failures, *[NOW] * 100)


def test_the_least_recent_addresses_are_forgotten() -> None:
    failures = RecentFailures(POLICY)
    fail(failures, NOW, NOW, NOW, address="old")
    for number in range(MAX_ADDRESSES - 1):
        fail(failures, NOW, address=str(number))
    assert failures.is_locked("old", NOW)
    fail(failures, NOW, address="one more")
    assert not failures.is_locked("old", NOW)
