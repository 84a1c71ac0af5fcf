"""Decisions after an attempt: the manual's ten minutes, the exponential schedule, Retry-After, and the limit."""

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
DELAYS = st.timedeltas(min_value=timedelta(), max_value=timedelta(days=400))


def make_delivery(attempts: int = 0) -> Delivery:
    """Return a delivery with this number of attempts before."""
    return Delivery(id="a" * 32, app=1, ak="AK", url="http://h/", body=b"{}", attempts=attempts, created_at=NOW)


def make_failed_outcome(retry_after: timedelta | None = None) -> AttemptOutcome:
    return AttemptOutcome(attempted_at=NOW, status=503, failure="status 503", retry_after=retry_after)


def compute_delay(
    attempts: int, schedule: RetrySchedule, retry_after: timedelta | None = None, jitter: float = 1.0
) -> timedelta:
    decision = decide_next(make_delivery(attempts), make_failed_outcome(retry_after), schedule, jitter)
    assert decision.state is DeliveryState.DUE
    assert decision.due_at is not None
    return decision.due_at - NOW


def test_a_successful_attempt_ends_the_delivery() -> None:
    for attempts in (0, 3, 4, 1000):
        assert decide_next(
            make_delivery(attempts), AttemptOutcome(attempted_at=NOW, status=200), MANUAL_SCHEDULE
        ) == RetryDecision(state=DeliveryState.DELIVERED, due_at=None)


def test_a_delivery_that_always_fails_is_retried_every_ten_minutes_until_the_limit() -> None:
    clock, called = NOW, []
    for attempts in range(100):
        called.append(clock - NOW)
        decision = decide_next(
            make_delivery(attempts), AttemptOutcome(attempted_at=clock, failure="connection refused"), MANUAL_SCHEDULE
        )
        if decision.due_at is None:
            break
        clock = decision.due_at
    assert called == [number * 10 * MINUTE for number in range(5)]
    assert decision.state is DeliveryState.DEAD


def test_a_limit_of_one_means_no_second_attempt() -> None:
    assert (
        decide_next(make_delivery(), make_failed_outcome(), RetrySchedule(interval=MINUTE, max_attempts=1)).state
        is DeliveryState.DEAD
    )


def test_jitter_does_not_change_the_manuals_schedule() -> None:
    assert compute_delay(0, MANUAL_SCHEDULE, jitter=1.2) == 10 * MINUTE


@pytest.mark.parametrize(
    ("attempts", "minutes"), [(0, 10), (1, 20), (2, 40), (5, 320), (6, 640), (7, 1280), (8, 1440), (500, 1440)]
)
def test_an_exponential_schedule_doubles_up_to_a_day(attempts: int, minutes: int) -> None:
    assert compute_delay(attempts, DOUBLING_SCHEDULE) == minutes * MINUTE


def test_jitter_stretches_and_shrinks_an_exponential_schedule() -> None:
    assert [compute_delay(1, DOUBLING_SCHEDULE, jitter=jitter) for jitter in (0.8, 1.2)] == [16 * MINUTE, 24 * MINUTE]


@pytest.mark.parametrize(
    ("retry_after", "delay"),
    [
        (timedelta(0), 10 * MINUTE),
        (9 * MINUTE, 10 * MINUTE),
        (11 * MINUTE, 11 * MINUTE),
        (timedelta(days=1), timedelta(days=1)),
        (timedelta(days=400), timedelta(days=1)),
    ],
)
def test_retry_after_lengthens_a_delay_up_to_a_day_and_never_shortens_it(
    retry_after: timedelta, delay: timedelta
) -> None:
    assert compute_delay(0, MANUAL_SCHEDULE, retry_after) == delay


def test_retry_after_gives_no_further_attempts() -> None:
    assert decide_next(make_delivery(4), make_failed_outcome(MINUTE), MANUAL_SCHEDULE).state is DeliveryState.DEAD


@given(st.integers(0, 998), st.none() | DELAYS, st.floats(0.8, 1.2), st.booleans())
def test_the_next_attempt_is_within_the_schedule_and_a_day_whatever_retry_after(
    attempts: int, retry_after: timedelta | None, jitter: float, is_exponential: bool
) -> None:
    schedule = RetrySchedule(interval=10 * MINUTE, max_attempts=1000, is_exponential=is_exponential)
    delay = compute_delay(attempts, schedule, retry_after, jitter)
    assert (0.8 if is_exponential else 1) * schedule.interval <= delay <= MAX_RETRY_DELAY
    assert retry_after is None or delay >= min(retry_after, MAX_RETRY_DELAY)
