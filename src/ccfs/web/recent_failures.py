"""Failed signatures by address in this web process that the database has not counted yet.

The database counts for all processes, but only after a commit, and not while it cannot write.
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ccfs.db.system.lockouts import LockoutPolicy
from ccfs.model.clocks import TOLERANCE, is_over

MAX_ADDRESSES: Final = 10_000  # the least recent are forgotten


@dataclass(slots=True)
class _Failures:
    since: datetime
    count: int = 0
    locked_until: datetime | None = None


class RecentFailures:
    """Counts failures within a period, and locks addresses, as the table does."""

    def __init__(self, policy: LockoutPolicy) -> None:
        self._policy = policy
        self._addresses: OrderedDict[str, _Failures] = OrderedDict()

    def record(self, address: str, now: datetime) -> None:
        """Count a failure of the address."""
        if self._policy.limit == 0:
            return
        failures = self._addresses.get(address)
        if failures is None or not now - self._policy.period < failures.since <= now + TOLERANCE:
            failures = _Failures(now, locked_until=failures.locked_until if failures else None)
            self._addresses[address] = failures
        self._addresses.move_to_end(address)
        failures.count += 1
        if failures.count >= self._policy.limit:
            failures.count, failures.since, failures.locked_until = 0, now, now + self._policy.lock
        while len(self._addresses) > MAX_ADDRESSES:
            self._addresses.popitem(last=False)

    def is_locked(self, address: str, now: datetime) -> bool:
        """Return whether the address is locked."""
        failures = self._addresses.get(address)
        if failures is None or failures.locked_until is None:
            return False
        return not is_over(failures.locked_until, now, self._policy.lock)
