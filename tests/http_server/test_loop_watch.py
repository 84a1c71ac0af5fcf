"""Steps that block the event loop are found, and only those."""

import asyncio
import json
import time

import pytest
import uvloop

from ccfs import logs
from ccfs.http_server.connections.connection import Connection
from ccfs.http_server.processes.loop_watch import LoopWatch

LIMIT_SECONDS = 0.05


async def compute_for_long() -> str:
    """Keep the thread busy, in the middle of a task."""
    await asyncio.sleep(0)
    end = time.thread_time() + 4 * LIMIT_SECONDS
    while time.thread_time() < end:
        sum(range(1000))
    await asyncio.sleep(0)
    return "done"


async def wait_for_long() -> str:
    await asyncio.sleep(2 * LIMIT_SECONDS)
    time.sleep(2 * LIMIT_SECONDS)  # noqa: ASYNC251  no CPU time: what a busy machine looks like
    return "done"


async def run_watched(work: object) -> object:
    LoopWatch(asyncio.get_running_loop(), LIMIT_SECONDS)
    return await asyncio.get_running_loop().create_task(work)  # type: ignore[arg-type]


def test_a_step_that_takes_long_is_logged_with_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure_logging()
    assert uvloop.run(run_watched(compute_for_long())) == "done"
    line = json.loads(capsys.readouterr().err)
    assert (line["action"], line["step"]) == ("event_loop_blocked", "compute_for_long")
    assert line["ms"] >= 4 * LIMIT_SECONDS * 1000
    assert "test_loop_watch.py" in line["stack"]


def test_waiting_is_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure_logging()
    assert uvloop.run(run_watched(wait_for_long())) == "done"
    assert capsys.readouterr().err == ""


def test_exceptions_and_cancellations_of_watched_tasks_pass(capsys: pytest.CaptureFixture[str]) -> None:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise KeyError("as without the watch")

    async def check() -> None:
        loop = asyncio.get_running_loop()
        LoopWatch(loop, LIMIT_SECONDS)
        with pytest.raises(KeyError, match="as without"):
            await loop.create_task(fail())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.sleep(60), 0.01)

    uvloop.run(check())
    assert capsys.readouterr().err == ""


def test_callbacks_of_connections_are_measured() -> None:
    async def check() -> type[Connection]:
        return LoopWatch(asyncio.get_running_loop(), LIMIT_SECONDS).watch_callbacks(Connection)

    watched = uvloop.run(check())
    assert issubclass(watched, Connection)
    assert watched.buffer_updated is not Connection.buffer_updated
    assert watched.get_buffer is Connection.get_buffer
