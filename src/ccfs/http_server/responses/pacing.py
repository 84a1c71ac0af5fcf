"""A rate in bytes per second that several transfers share, and that their senders wait for."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

UNLIMITED: Final = 0.0
_BURST_SECONDS: Final = 0.25  # of the rate, which may be sent at once after a pause
_MIN_QUANTUM: Final = 1 << 12  # bytes that a transfer sends in one turn, at least
_MAX_QUANTUM: Final = 1 << 18
_QUANTA_PER_SECOND: Final = 16
_MAX_SLEEP_SECONDS: Final = 0.5  # after which the rate is looked up again: an operator may have raised it


class Pacer:
    """A token bucket with a queue. Transfers take turns of equal size, in the order in which they asked.

    A turn is granted while the balance is positive and may overdraw it, so that any size passes at the right rate.
    """

    def __init__(self, limit: float = UNLIMITED, get_share: Callable[[], float] = lambda: 1.0) -> None:
        """`limit` is the rate of all processes in bytes per second; `get_share` returns the part of this one at the moment."""
        self.limit = limit  # may be changed at any time
        self._get_share = get_share
        self._balance = 0.0
        self._refilled_at = 0.0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self.delayed_bytes = 0  # that had to wait

    @property
    def quantum(self) -> int:
        """How many bytes to send in one turn."""
        rate = self.rate
        return min(max(int(rate / _QUANTA_PER_SECOND), _MIN_QUANTUM), _MAX_QUANTUM) if rate else _MAX_QUANTUM

    @property
    def rate(self) -> float:
        """The bytes per second of all transfers of this process together, or UNLIMITED."""
        return self.limit * self._get_share() if self.limit else UNLIMITED

    @property
    def is_limited(self) -> bool:
        """Whether there is a rate at the moment."""
        return self.limit != UNLIMITED

    async def acquire(self, size: int) -> bool:
        """Wait for a turn of so many bytes; return whether there was anything to wait for."""
        rate = self.rate
        if rate == UNLIMITED and not self._waiting:
            return False
        self._refill(rate)
        if self._balance > 0 and not self._waiting:
            self._balance -= size
            return False
        self.delayed_bytes += size
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        turn = (size, granted)
        self._waiting.append(turn)
        self._schedule(rate)
        try:
            await granted
        finally:
            if turn in self._waiting:  # the transfer was cancelled: at a low rate such turns would pile up
                self._waiting.remove(turn)
        return True

    def _refill(self, rate: float) -> None:
        now = asyncio.get_running_loop().time()
        burst = max(rate * _BURST_SECONDS, 1.0)
        self._balance = min(self._balance + (now - self._refilled_at) * rate, burst)
        self._refilled_at = now

    def _grant(self) -> None:
        """Grant the turns that the balance allows, or all of them if there is no rate any more."""
        self._timer = None
        rate = self.rate
        self._refill(rate)
        while self._waiting and (self._balance > 0 or rate == UNLIMITED):
            size, granted = self._waiting.popleft()
            if not granted.done():
                self._balance -= size if rate else 0
                granted.set_result(None)
        self._schedule(rate)

    def _schedule(self, rate: float) -> None:
        if self._waiting and self._timer is None:
            needed = (1 - self._balance) / rate if rate else 0.0
            seconds = min(max(needed, 0.001), _MAX_SLEEP_SECONDS)
            self._timer = asyncio.get_running_loop().call_later(seconds, self._grant)
