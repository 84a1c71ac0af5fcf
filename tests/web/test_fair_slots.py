"""Slots for which apps take turns."""

import asyncio

import pytest

from ccfs.web.fair_slots import FairSlots


async def run_jobs(slots: FairSlots, *apps: int) -> list[int]:
    """Start a job of each app in this order; return the apps in the order in which their jobs ran."""
    ran: list[int] = []

    async def run(app: int) -> None:
        await slots.acquire(app)
        await asyncio.sleep(0)
        ran.append(app)
        slots.release()

    await asyncio.gather(*(run(app) for app in apps))
    return ran


def test_the_only_job_of_an_app_is_next_however_many_of_another_wait() -> None:
    ran = asyncio.run(run_jobs(FairSlots(1), *[1] * 1000, 2))
    assert ran[:3] in ([1, 1, 2], [1, 2, 1])
    assert len(ran) == 1001


def test_apps_take_turns() -> None:
    ran = asyncio.run(run_jobs(FairSlots(1), 1, 1, 1, 1, 2, 2, 3, 3))
    assert ran == [1, 1, 2, 3, 1, 2, 3, 1]


def test_a_cancelled_job_takes_no_slot_and_leaves_none_behind() -> None:
    async def scenario() -> list[int]:
        slots = FairSlots(1)
        await slots.acquire(1)
        waiting = [asyncio.create_task(slots.acquire(app)) for app in (1, 2, 2)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        slots.release()  # at the moment of the cancellation
        waiting[1].cancel()  # just granted, or still waiting
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(result) for result in results[:2]] == [asyncio.CancelledError] * 2
        assert results[2] is None
        assert slots.count_waiting(1) == slots.count_waiting(2) == 0
        slots.release()
        return await run_jobs(slots, 5)

    assert asyncio.run(scenario()) == [5]


def test_a_job_that_gives_up_waiting_is_forgotten() -> None:
    async def scenario() -> None:
        slots = FairSlots(1)
        await slots.acquire(1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(slots.acquire(2), 0.01)
        assert slots.count_waiting(2) == 0
        slots.release()
        await asyncio.wait_for(slots.acquire(3), 1)

    asyncio.run(scenario())
