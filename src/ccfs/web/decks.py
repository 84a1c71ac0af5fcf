"""Where recordings are decoded and encoded: a few threads, so many pieces of work at a time, and a limit to waiting.

Threads, not processes: FFmpeg gives Python's lock back while it works, each piece of work is short or asks between two
frames whether it is too late, and to start a process takes longer than a listener should wait for the first sound.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from ccfs.audio.tape import Tape

T = TypeVar("T")
IsLate = Callable[[], bool]
PATIENCE: Final = 5.0  # seconds that one waits for a place
PIECE: Final = 20.0  # seconds that a piece to listen to may take
DRAWING: Final = 60.0  # seconds that a waveform may take
QUEUE: Final = 16  # waveforms under way or waiting


class Busy(Exception):
    """Every place is taken."""


class Making:
    """A file that is made piece by piece, as it is fetched. Whoever has it must close it: it holds a place."""

    def __init__(self, decks: "Decks", pieces: Iterator[bytes]) -> None:
        self._decks, self._pieces = decks, pieces
        self._first: bytes | None = None

    async def begin(self) -> None:
        """Make the first piece; what goes wrong then is raised before anything is sent."""
        self._first = await self.next()

    async def next(self) -> bytes:
        """The next piece; empty: that was all."""
        if self._first is not None:
            piece, self._first = self._first, None
            return piece
        return await self._decks.run(lambda: next(self._pieces, b""))

    async def close(self) -> None:
        """No more of it is wanted."""
        try:
            await self._decks.run(getattr(self._pieces, "close", bool))
        finally:
            self._decks.making.release()


class Decks:
    """The places of one process, `at_once` for listening, as many for making files, one for drawing."""

    def __init__(self, at_once: int) -> None:
        self.making = asyncio.Semaphore(at_once)
        self._listening = asyncio.Semaphore(at_once)
        self._pool = ThreadPoolExecutor(at_once, "deck")
        self._slow = ThreadPoolExecutor(1, "draw")
        self.known: dict[str, Tape] = {}  # by SHA-256: what is asked for again and again
        self._drawn: dict[str, asyncio.Future[Any]] = {}

    async def run(self, work: Callable[[], T]) -> T:
        """What short work gives."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    async def piece(self, work: Callable[[IsLate], T]) -> T:
        """What work for a listener gives; it is told when it is too late. Raises Busy."""
        await _place(self._listening)
        try:
            return await self.run(lambda: work(_until(PIECE)))
        finally:
            self._listening.release()

    async def make(self, pieces: Callable[[], Iterator[bytes]]) -> Making:
        """A file under way, its first piece made. Raises Busy, and what the pieces raise."""
        await _place(self.making)
        making = Making(self, iter(()))
        try:
            making = Making(self, await self.run(pieces))
            await making.begin()
        except BaseException:
            await making.close()
            raise
        return making

    async def draw(self, key: str, work: Callable[[IsLate], T]) -> T:
        """What work that may take long gives; who asks for the same meanwhile gets the same. Raises Busy."""
        found = self._drawn.get(key)
        if found is None:
            if len(self._drawn) >= QUEUE:
                raise Busy
            loop = asyncio.get_running_loop()
            found = self._drawn[key] = loop.run_in_executor(self._slow, lambda: work(_until(DRAWING)))
            found.add_done_callback(lambda _: self._drawn.pop(key))
        drawn: T = await asyncio.shield(found)
        return drawn


async def _place(places: asyncio.Semaphore) -> None:
    try:
        await asyncio.wait_for(places.acquire(), PATIENCE)
    except TimeoutError:
        raise Busy from None


def _until(seconds: float) -> IsLate:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end
