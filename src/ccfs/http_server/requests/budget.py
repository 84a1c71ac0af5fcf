"""A budget for the bytes of bodies in progress, in total and per owner, with a queue of waiting requests."""

import asyncio
from collections import Counter, deque
from collections.abc import Iterator

from ccfs.http_server.errors import BudgetExhausted

MAX_WAITING = 512  # bodies that wait; a further one is rejected at once


class BodyBudget:
    """The budget of one process. An owner is an address or an app."""

    def __init__(self, total: int, per_owner: int, wait_seconds: float) -> None:
        self._total, self._per_owner, self._wait_seconds = total, per_owner, wait_seconds
        self._used = 0
        self._used_by: Counter[str] = Counter()
        self._waiting: deque[tuple[int, tuple[str, ...], asyncio.Future[None]]] = deque()

    @property
    def is_pressed(self) -> bool:
        """Whether bodies are waiting."""
        return bool(self._waiting)

    async def acquire(self, size: int, owners: tuple[str, ...]) -> int:
        """Reserve this number of bytes as soon as they are free, and return how many to release. Raise BudgetExhausted.

        A body larger than its owner's whole share reserves just that share, so such bodies are read one at a time.
        """
        size = min(size, self._total, self._per_owner)
        if self._fits(size, owners) and not self._waiting:
            self._take(size, owners)
        else:
            await self._wait(size, owners)
        return size

    def release(self, size: int, owners: tuple[str, ...]) -> None:
        """Return reserved bytes to the budget."""
        self._used -= size
        for owner in owners:
            self._used_by[owner] -= size
            if not self._used_by[owner]:
                del self._used_by[owner]
        self._admit()

    def _fits(self, size: int, owners: tuple[str, ...]) -> bool:
        return self._used + size <= self._total and all(
            self._used_by[owner] + size <= self._per_owner for owner in owners
        )

    def _take(self, size: int, owners: tuple[str, ...]) -> None:
        self._used += size
        for owner in owners:
            self._used_by[owner] += size

    async def _wait(self, size: int, owners: tuple[str, ...]) -> None:
        if len(self._waiting) >= MAX_WAITING:
            raise BudgetExhausted
        granted = asyncio.get_running_loop().create_future()
        entry = (size, owners, granted)
        self._waiting.append(entry)
        self._admit()  # others may wait for a share of their own only
        try:
            async with asyncio.timeout(self._wait_seconds):
                await granted
        except BaseException as error:
            if granted.done() and not granted.cancelled():
                self.release(size, owners)
            elif entry in self._waiting:
                self._waiting.remove(entry)
                self._admit()
            if isinstance(error, TimeoutError):
                raise BudgetExhausted from None
            raise

    def _admit(self) -> None:
        """Grant reservations in order of arrival. An owner who has used up the share does not block the others."""
        for entry in self._iter_admissible():
            size, owners, granted = entry
            self._waiting.remove(entry)
            self._take(size, owners)
            granted.set_result(None)

    def _iter_admissible(self) -> Iterator[tuple[int, tuple[str, ...], "asyncio.Future[None]"]]:
        for entry in list(self._waiting):
            size, owners, granted = entry
            if granted.done():
                continue
            if self._used + size > self._total:
                return
            if self._fits(size, owners):
                yield entry
