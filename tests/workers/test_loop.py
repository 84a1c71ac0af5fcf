"""The work loop: steps run in order and repeatedly, a failure ends only its step, and stopping is prompt."""

import io
import threading
import time
from collections.abc import Iterator

import pytest
import structlog

from ccfs.workers.loop import WorkLoop

LONG_SECONDS = 600.0  # between rounds, so that no second one follows
PROMPT_SECONDS = 30.0  # even on a busy machine


class StepLog:
    """Records which steps ran, and wakes the test after a number of steps."""

    def __init__(self, expected: int) -> None:
        self.ran: list[str] = []
        self._expected = expected
        self._enough = threading.Event()

    def add(self, name: str) -> None:
        """Record a step."""
        self.ran.append(name)
        if len(self.ran) >= self._expected:
            self._enough.set()

    def fail(self, name: str) -> None:
        """Record a step and fail."""
        self.add(name)
        raise RuntimeError(f"{name} is out of order")

    def wait(self) -> bool:
        """Return whether as many steps ran as expected."""
        return self._enough.wait(90)


@pytest.fixture
def log_output() -> Iterator[io.StringIO]:
    """The log."""
    text = io.StringIO()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(text))
    yield text
    structlog.reset_defaults()


def is_prompt_to_stop(loop: WorkLoop) -> bool:
    begin = time.monotonic()
    loop.stop()
    return time.monotonic() - begin < PROMPT_SECONDS


def test_loop_steps_run_in_order_repeatedly() -> None:
    steps = StepLog(6)
    loop = WorkLoop([("a", lambda: steps.add("a")), ("b", lambda: steps.add("b"))], 0.001)
    loop.start()
    assert steps.wait()
    loop.stop()
    assert steps.ran[:6] == ["a", "b"] * 3


def test_the_first_round_of_a_loop_begins_at_once_and_the_next_after_the_pause() -> None:
    steps = StepLog(1)
    loop = WorkLoop([("a", lambda: steps.add("a"))], LONG_SECONDS)
    loop.start()
    assert steps.wait()
    assert is_prompt_to_stop(loop)
    assert steps.ran == ["a"]


def test_a_loop_step_that_fails_is_logged_and_retried_and_the_others_go_on(log_output: io.StringIO) -> None:
    steps = StepLog(4)
    loop = WorkLoop([("bad", lambda: steps.fail("bad")), ("good", lambda: steps.add("good"))], 0.001)
    loop.start()
    assert steps.wait()
    loop.stop()
    assert steps.ran[:4] == ["bad", "good"] * 2
    assert "step_failed" in log_output.getvalue()
    assert "bad is out of order" in log_output.getvalue()


def test_a_closed_log_does_not_end_the_loop(log_output: io.StringIO) -> None:
    log_output.close()
    steps = StepLog(3)
    loop = WorkLoop([("bad", lambda: steps.fail("bad"))], 0.001)
    loop.start()
    assert steps.wait()
    loop.stop()


def test_stopping_a_loop_waits_for_its_step_and_starts_no_other() -> None:
    steps = StepLog(1)
    may_end = threading.Event()

    def slow() -> None:
        steps.add("begun")
        may_end.wait(90)
        steps.add("ended")

    loop = WorkLoop([("slow", slow), ("never", lambda: steps.add("never"))], 0.001)
    loop.start()
    assert steps.wait()
    stopping = threading.Thread(target=loop.stop)
    stopping.start()
    stopping.join(0.05)
    assert stopping.is_alive()
    may_end.set()
    stopping.join(PROMPT_SECONDS)
    assert not stopping.is_alive()
    assert steps.ran == ["begun", "ended"]


def test_stopping_a_loop_twice_or_before_its_start_does_no_harm() -> None:
    loop = WorkLoop([("nothing", list)], LONG_SECONDS)
    loop.stop()
    loop = WorkLoop([("nothing", list)], LONG_SECONDS)
    loop.start()
    assert is_prompt_to_stop(loop)
    assert is_prompt_to_stop(loop)


def test_a_loop_that_may_be_left_does_not_delay_the_stop() -> None:
    release, started = threading.Event(), threading.Event()

    def hang() -> None:
        started.set()
        release.wait(90)

    loop = WorkLoop([("hang", hang)], LONG_SECONDS, max_stop_seconds=0.1)
    loop.start()
    assert started.wait(90)
    began = time.monotonic()
    loop.stop()
    assert time.monotonic() - began < PROMPT_SECONDS
    release.set()
