"""What follows an attempt: the manual's ten minutes, the exponential option, Retry-After, the limit. A fake clock only."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccfs.model.exports.delivery import (
    MAX_RETRY_DELAY,
    AttemptOutcome,
    Delivery,
    DeliveryState,
    RetryDecision,
    RetrySchedule,
    decide_next,
)

NOW = datetime(2026, 5, 4, 8, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MANUAL_SCHEDULE = RetrySchedule(
    interval=10 * MINUTE, max_attempts=5
)  # "retried every 10 minutes until success or the limit"
DOUBLING_SCHEDULE = RetrySchedule(interval=10 * MINUTE, max_attempts=1000, is_exponential=True)
WAITS = st.timedeltas(min_value=timedelta(), max_value=timedelta(days=400))


def make_delivery(attempts: int = 0) -> Delivery:
    """One that was tried so often before."""
    return Delivery(id="a" * 32, app=1, ak="AK", url="http://h/", body=b"{}", attempts=attempts, created_at=NOW)


def make_failed_outcome(retry_after: timedelta | None = None) -> AttemptOutcome:
    return AttemptOutcome(attempted_at=NOW, status=503, failure="status 503", retry_after=retry_after)


def compute_wait(
    attempts: int, schedule: RetrySchedule, retry_after: timedelta | None = None, jitter: float = 1.0
) -> timedelta:
    then = decide_next(make_delivery(attempts), make_failed_outcome(retry_after), schedule, jitter)
    assert then.state is DeliveryState.DUE
    assert then.due_at is not None
    return then.due_at - NOW


def test_a_success_is_the_end_whenever_it_comes() -> None:
    for attempts in (0, 3, 4, 1000):
        assert decide_next(
            make_delivery(attempts), AttemptOutcome(attempted_at=NOW, status=200), MANUAL_SCHEDULE
        ) == RetryDecision(state=DeliveryState.DELIVERED, due_at=None)


def test_a_receiver_that_always_fails_is_called_every_ten_minutes_until_the_limit() -> None:
    clock, called = NOW, []
    for attempts in range(100):
        called.append(clock - NOW)
        then = decide_next(
            make_delivery(attempts), AttemptOutcome(attempted_at=clock, failure="refused"), MANUAL_SCHEDULE
        )
        if then.due_at is None:
            break
        clock = then.due_at
    assert called == [number * 10 * MINUTE for number in range(5)]
    assert then.state is DeliveryState.DEAD


def test_a_limit_of_one_means_no_second_attempt() -> None:
    assert (
        decide_next(make_delivery(), make_failed_outcome(), RetrySchedule(interval=MINUTE, max_attempts=1)).state
        is DeliveryState.DEAD
    )


def test_jitter_does_not_touch_the_manuals_schedule() -> None:
    assert compute_wait(0, MANUAL_SCHEDULE, jitter=1.2) == 10 * MINUTE


@pytest.mark.parametrize(
    ("attempts", "minutes"), [(0, 10), (1, 20), (2, 40), (5, 320), (6, 640), (7, 1280), (8, 1440), (500, 1440)]
)
def test_an_exponential_schedule_doubles_up_to_a_day(attempts: int, minutes: int) -> None:
    assert compute_wait(attempts, DOUBLING_SCHEDULE) == minutes * MINUTE


def test_jitter_stretches_and_shrinks_an_exponential_schedule() -> None:
    assert [compute_wait(1, DOUBLING_SCHEDULE, jitter=jitter) for jitter in (0.8, 1.2)] == [16 * MINUTE, 24 * MINUTE]


@pytest.mark.parametrize(
    ("asked", "waited"),
    [
        (timedelta(0), 10 * MINUTE),
        (9 * MINUTE, 10 * MINUTE),
        (11 * MINUTE, 11 * MINUTE),
        (timedelta(days=1), timedelta(days=1)),
        (timedelta(days=400), timedelta(days=1)),
    ],
)
def test_retry_after_is_honoured_but_never_hurries_and_never_puts_off_for_ever(
    asked: timedelta, waited: timedelta
) -> None:
    assert compute_wait(0, MANUAL_SCHEDULE, asked) == waited


def test_a_receiver_cannot_buy_more_attempts_by_retry_after() -> None:
    assert decide_next(make_delivery(4), make_failed_outcome(MINUTE), MANUAL_SCHEDULE).state is DeliveryState.DEAD


@given(st.integers(0, 998), st.none() | WAITS, st.floats(0.8, 1.2), st.booleans())
def test_whatever_is_asked_the_next_attempt_is_within_the_schedule_and_a_day(
    attempts: int, asked: timedelta | None, jitter: float, is_exponential: bool
) -> None:
    schedule = RetrySchedule(interval=10 * MINUTE, max_attempts=1000, is_exponential=is_exponential)
    waited = compute_wait(attempts, schedule, asked, jitter)
    assert (0.8 if is_exponential else 1) * schedule.interval <= waited <= MAX_RETRY_DELAY
    assert asked is None or waited >= min(asked, MAX_RETRY_DELAY)
