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
    from ccfs.media.probe import AudioInfo

T = TypeVar("T")
DeadlineCheck = Callable[[], bool]
SLOT_TIMEOUT_SECONDS: Final = 5.0  # seconds that one waits for a place
DECODE_TIMEOUT_SECONDS: Final = 20.0  # seconds that a piece to listen to may take
WAVEFORM_TIMEOUT_SECONDS: Final = 60.0  # seconds that a waveform may take
MAX_WAVEFORM_JOBS: Final = 16  # waveforms under way or waiting


class PoolFull(Exception):
    """Every place is taken."""


class EncodeJob:
    """A file that is made piece by piece, as it is fetched. Whoever has it must close it: it holds a place."""

    def __init__(self, decks: "TranscodePool", pieces: Iterator[bytes]) -> None:
        self._pool, self._chunks = decks, pieces
        self._first_chunk: bytes | None = None

    async def start(self) -> None:
        """Make the first piece; what goes wrong then is raised before anything is sent."""
        self._first_chunk = await self.next_chunk()

    async def next_chunk(self) -> bytes:
        """The next piece; empty: that was all."""
        if self._first_chunk is not None:
            piece, self._first_chunk = self._first_chunk, None
            return piece
        return await self._pool.run(lambda: next(self._chunks, b""))

    async def close(self) -> None:
        """No more of it is wanted."""
        try:
            await self._pool.run(getattr(self._chunks, "close", bool))
        finally:
            self._pool.encode_slots.release()


class TranscodePool:
    """The places of one process, `at_once` for listening, as many for making files, one for drawing."""

    def __init__(self, at_once: int) -> None:
        self.encode_slots = asyncio.Semaphore(at_once)
        self._decode_slots = asyncio.Semaphore(at_once)
        self._executor = ThreadPoolExecutor(at_once, "deck")
        self._waveform_executor = ThreadPoolExecutor(1, "draw")
        self.audio_info_cache: dict[str, AudioInfo] = {}  # by SHA-256: what is asked for again and again
        self._waveform_jobs: dict[str, asyncio.Future[Any]] = {}

    async def run(self, work: Callable[[], T]) -> T:
        """What short work gives."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    async def decode_range(self, work: Callable[[DeadlineCheck], T]) -> T:
        """What work for a listener gives; it is told when it is too late. Raises Busy."""
        await _acquire_slot(self._decode_slots)
        try:
            return await self.run(lambda: work(_deadline_after(DECODE_TIMEOUT_SECONDS)))
        finally:
            self._decode_slots.release()

    async def start_encode_job(self, pieces: Callable[[], Iterator[bytes]]) -> EncodeJob:
        """A file under way, its first piece made. Raises Busy, and what the pieces raise."""
        await _acquire_slot(self.encode_slots)
        making = EncodeJob(self, iter(()))
        try:
            making = EncodeJob(self, await self.run(pieces))
            await making.start()
        except BaseException:
            await making.close()
            raise
        return making

    async def render_waveform(self, key: str, work: Callable[[DeadlineCheck], T]) -> T:
        """What work that may take long gives; who asks for the same meanwhile gets the same. Raises Busy."""
        found = self._waveform_jobs.get(key)
        if found is None:
            if len(self._waveform_jobs) >= MAX_WAVEFORM_JOBS:
                raise PoolFull
            loop = asyncio.get_running_loop()
            found = self._waveform_jobs[key] = loop.run_in_executor(
                self._waveform_executor, lambda: work(_deadline_after(WAVEFORM_TIMEOUT_SECONDS))
            )
            found.add_done_callback(lambda _: self._waveform_jobs.pop(key))
        drawn: T = await asyncio.shield(found)
        return drawn


async def _acquire_slot(places: asyncio.Semaphore) -> None:
    try:
        await asyncio.wait_for(places.acquire(), SLOT_TIMEOUT_SECONDS)
    except TimeoutError:
        raise PoolFull from None


def _deadline_after(seconds: float) -> DeadlineCheck:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end
