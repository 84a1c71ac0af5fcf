"""Slots for which apps take turns: an app with many waiting requests delays another app by at most one of them."""

import asyncio
from collections import deque


class FairSlots:
    """Slots of one event loop. The requests of an app get slots in the order in which they arrived."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: dict[int, deque[asyncio.Future[None]]] = {}  # by app; the first app has the next turn

    def count_waiting(self, app: int) -> int:
        """Return how many requests of an app wait."""
        return len(self._waiting.get(app, ()))

    async def acquire(self, app: int) -> None:
        """Wait for the app's turn, then take a slot. A request that is cancelled while waiting takes none."""
        if self._free and not self._waiting:
            self._free -= 1
            return
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(app, deque()).append(granted)
        try:
            await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled():
                self.release()
            else:
                self._forget(app, granted)
            raise

    def release(self) -> None:
        """Give a slot back, to the app whose turn it is."""
        while self._waiting:
            app = next(iter(self._waiting))
            requests = self._waiting.pop(app)
            request = requests.popleft()
            if requests:
                self._waiting[app] = requests  # behind the other apps
            if not request.done():  # it is if its task was cancelled just now
                request.set_result(None)
                return
        self._free += 1

    def _forget(self, app: int, request: asyncio.Future[None]) -> None:
        requests = self._waiting.get(app)
        if requests is not None and request in requests:
            requests.remove(request)
            if not requests:
                del self._waiting[app]
