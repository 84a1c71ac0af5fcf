"""A delivery: one callback under way. What follows an attempt is decided here, purely: an outcome and an instant in, a
decision out. Nothing here sends, sleeps, or reads a clock."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

MAX_RETRY_DELAY = timedelta(days=1)  # between attempts, whatever a schedule or a receiver asks for


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    DUE = "due"  # to be attempted, now or later
    DELIVERED = "delivered"
    DEAD = "dead"  # given up: an operator may let it be tried again


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One callback: what is sent where, and how often it was tried."""

    id: str  # 32 hex digits; the same at every attempt, so that a receiver can drop repeats
    app: int
    ak: str  # whose key signs it
    url: str
    body: bytes
    attempts: int = 0
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptOutcome:
    """What came of one attempt."""

    attempted_at: datetime
    address: str = ""  # where the socket led, as far as there was one
    status: int = 0  # HTTP status, 0 where no answer came
    milliseconds: int = 0
    response: bytes = b""  # its first kilobyte
    failure: str = ""  # why it is not a success; empty: it is one
    retry_after: timedelta | None = None  # what the receiver asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrySchedule:
    """When a failed delivery is tried again."""

    interval: timedelta  # CC-FS: 10 minutes, always
    max_attempts: int  # after that many it is dead
    is_exponential: bool = False  # doubles from `every`, with jitter


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryDecision:
    """The decision after an attempt."""

    state: DeliveryState
    due_at: datetime | None  # None where nothing follows


def decide_next(
    delivery: Delivery, outcome: AttemptOutcome, schedule: RetrySchedule, jitter: float = 1.0
) -> RetryDecision:
    """What follows the attempt that brought the outcome; `delivery.attempts` counts those before it.

    `jitter`, about 1, stretches the waits of an exponential schedule, so that what failed together is not tried together.
    """
    if not outcome.failure:
        return RetryDecision(state=DeliveryState.DELIVERED, due_at=None)
    if delivery.attempts + 1 >= schedule.max_attempts:
        return RetryDecision(state=DeliveryState.DEAD, due_at=None)
    return RetryDecision(
        state=DeliveryState.DUE,
        due_at=outcome.attempted_at + _retry_delay(delivery.attempts, outcome, schedule, jitter),
    )


def _retry_delay(failures: int, outcome: AttemptOutcome, schedule: RetrySchedule, jitter: float) -> timedelta:
    wait = schedule.interval
    if schedule.is_exponential:
        wait = min(schedule.interval * 2 ** min(failures, 20), MAX_RETRY_DELAY) * jitter
    return min(max(wait, outcome.retry_after or wait), MAX_RETRY_DELAY)
