"""Decoding and encoding recordings: a few threads, a limited number of jobs at a time, and a limit to waiting for a slot.

Apps take turns.

Threads, not processes: FFmpeg releases the GIL while it works, each piece of work is short or checks its deadline between
two frames, and starting a process takes longer than a listener should wait for the first sound.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ccfs.web.fair_slots import FairSlots

if TYPE_CHECKING:
    from ccfs.media.probe import AudioInfo

T = TypeVar("T")
DeadlineCheck = Callable[[], bool]
SLOT_TIMEOUT_SECONDS: Final = 5.0  # how long a request waits for a slot
DECODE_TIMEOUT_SECONDS: Final = 20.0  # how long decoding a range may take
WAVEFORM_TIMEOUT_SECONDS: Final = 60.0  # how long computing a waveform may take
MAX_WAVEFORM_JOBS: Final = 16  # waveforms of an app that wait


class PoolFull(Exception):
    """Every slot is taken."""


class EncodeJob:
    """A file that is encoded chunk by chunk, as it is sent. It holds a slot until it is closed."""

    def __init__(self, pool: "TranscodePool", chunks: Iterator[bytes]) -> None:
        self._pool, self._encoder = pool, chunks
        self.chunks = chunks  # to be read by the pool's threads

    @property
    def executor(self) -> Executor:
        """The threads that encode."""
        return self._pool.executor

    async def start(self) -> None:
        """Encode the first chunk, so that its errors are raised before anything is sent."""
        first = await self._pool.run(lambda: next(self._encoder, b""))
        self.chunks = chain([first], self._encoder)

    async def close(self) -> None:
        """Stop encoding and release the slot."""
        try:
            await self._pool.run(getattr(self._encoder, "close", bool))
        finally:
            self._pool.encode_slots.release()


class TranscodePool:
    """The slots of one process: `workers` for decoding, as many for encoding, one for waveforms."""

    def __init__(self, workers: int) -> None:
        self.encode_slots = FairSlots(workers)
        self._decode_slots = FairSlots(workers)
        self._waveform_slots = FairSlots(1)
        self.executor = ThreadPoolExecutor(workers, "transcode")
        self._waveform_executor = ThreadPoolExecutor(1, "waveform")
        self.audio_info_cache: dict[str, AudioInfo] = {}  # by SHA-256, because players request it again and again
        self._waveform_jobs: dict[str, asyncio.Future[Any]] = {}

    async def run(self, work: Callable[[], T]) -> T:
        """Return the result of short work."""
        return await asyncio.get_running_loop().run_in_executor(self.executor, work)

    async def decode_range(self, app: int, work: Callable[[DeadlineCheck], T]) -> T:
        """Return the result of work for a listener, which gets a check of its deadline. Raise PoolFull."""
        await _acquire_slot(self._decode_slots, app)
        try:
            return await self.run(lambda: work(_deadline_after(DECODE_TIMEOUT_SECONDS)))
        finally:
            self._decode_slots.release()

    async def start_encode_job(self, app: int, open_encoder: Callable[[], Iterator[bytes]]) -> EncodeJob:
        """Return a job whose first chunk is encoded. Raise PoolFull, and what the encoder raises."""
        await _acquire_slot(self.encode_slots, app)
        job = EncodeJob(self, iter(()))
        try:
            job = EncodeJob(self, await self.run(open_encoder))
            await job.start()
        except BaseException:
            await job.close()
            raise
        return job

    async def render_waveform(self, app: int, key: str, work: Callable[[DeadlineCheck], T]) -> T:
        """Return the result of work that may take long; concurrent requests of one key share it. Raise PoolFull."""
        job = self._waveform_jobs.get(key)
        if job is None:
            if self._waveform_slots.count_waiting(app) >= MAX_WAVEFORM_JOBS:
                raise PoolFull
            job = self._waveform_jobs[key] = asyncio.ensure_future(self._run_waveform_job(app, work))
            job.add_done_callback(lambda _: self._waveform_jobs.pop(key))
        result: T = await asyncio.shield(job)
        return result

    async def _run_waveform_job(self, app: int, work: Callable[[DeadlineCheck], T]) -> T:
        await self._waveform_slots.acquire(app)
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(
                self._waveform_executor, lambda: work(_deadline_after(WAVEFORM_TIMEOUT_SECONDS))
            )
        finally:
            self._waveform_slots.release()


async def _acquire_slot(slots: FairSlots, app: int) -> None:
    try:
        await asyncio.wait_for(slots.acquire(app), SLOT_TIMEOUT_SECONDS)
    except TimeoutError:
        raise PoolFull from None


def _deadline_after(seconds: float) -> DeadlineCheck:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end
