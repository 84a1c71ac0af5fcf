"""Callback deliveries, and the decision about what happens after each attempt."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

MAX_RETRY_DELAY = timedelta(days=1)  # between attempts, whatever a schedule or a receiver requests


class DeliveryState(StrEnum):
    """The state of a delivery."""

    DUE = "due"  # to be attempted, now or later
    DELIVERED = "delivered"
    DEAD = "dead"  # given up, until an operator retries it


class Lane(NamedTuple):
    """A receiver and an app, whose deliveries to it wait for each other and for no others."""

    receiver: str  # scheme, host and port
    app: int  # apps.id

    def format(self) -> str:
        """Return the lane as a row stores it."""
        return f"{self.receiver} {self.app}"

    @classmethod
    def parse(cls, text: str) -> "Lane":
        """Return the lane of a row."""
        receiver, _, app = text.rpartition(" ")
        return cls(receiver, int(app))


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A callback: its URL, its body and the number of attempts."""

    id: str  # 32 hex digits, equal in every attempt, so that receivers can ignore duplicates
    app: int
    ak: str  # of the key that signs it
    url: str
    body: bytes
    attempts: int = 0
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptOutcome:
    """The outcome of an attempt."""

    attempted_at: datetime
    address: str = ""  # of the peer; empty if there was no connection
    status: int = 0  # HTTP status; 0 without a response
    milliseconds: int = 0
    response: bytes = b""  # its first kilobyte
    failure: str = ""  # the reason; empty for a success
    retry_after: timedelta | None = None  # of the response


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrySchedule:
    """When failed deliveries are retried."""

    interval: timedelta  # CC-FS: 10 minutes, always
    max_attempts: int  # after so many the delivery is dead
    is_exponential: bool = False  # doubles from `interval`, with jitter


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryDecision:
    """The decision about what happens after an attempt."""

    state: DeliveryState
    due_at: datetime | None  # None if no attempt follows


def decide_next(
    delivery: Delivery, outcome: AttemptOutcome, schedule: RetrySchedule, jitter: float = 1.0
) -> RetryDecision:
    """Return what happens after an attempt; `delivery.attempts` does not include this attempt.

    `jitter`, a factor near 1, spreads the delays of an exponential schedule, so that deliveries that failed together
    are not all retried at the same time.
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
    delay = schedule.interval
    if schedule.is_exponential:
        delay = min(schedule.interval * 2 ** min(failures, 20), MAX_RETRY_DELAY) * jitter
    return min(max(delay, outcome.retry_after or delay), MAX_RETRY_DELAY)
