"""How many calls there were and how they went, as sums that can be added up: what pictures are drawn of. Pure.

Answered, talk and wait mean what they mean of one call (model/call.py). Waits are kept as how many calls waited how long, for a
median of medians is none.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from ccfs.model.call import Direction, Timed, direction_of, in_order, talk_of, wait_of

QUARTER: Final = timedelta(minutes=15)  # what is counted at once: every zone's hours are made of whole ones
_STEPS: Final = ((60, 1), (300, 5), (3600, 30))  # waits up to so many seconds are told this exactly
_COARSEST: Final = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Some calls."""

    answered: Mapping[int, int] = field(default_factory=dict)  # by seconds of waiting, as `wait_step` tells them
    lost: Mapping[int, int] = field(default_factory=dict)  # those that were not answered
    talk: int = 0  # seconds

    @property
    def answers(self) -> int:
        """How many were answered."""
        return sum(self.answered.values())

    @property
    def losses(self) -> int:
        """How many were not."""
        return sum(self.lost.values())

    @property
    def calls(self) -> int:
        """How many there were."""
        return self.answers + self.losses

    def waited(self, share: float) -> int | None:
        """The seconds that this share of the calls waited at most, answered or not; None if there were none."""
        waits = Counter(self.answered) + Counter(self.lost)
        wanted, seen = share * sum(waits.values()), 0
        for seconds in sorted(waits):
            seen += waits[seconds]
            if seen >= wanted:
                return seconds
        return None

    def answered_within(self, seconds: int) -> int:
        """How many were answered before they had waited longer than so many seconds, at most 60."""
        return sum(number for wait, number in self.answered.items() if wait <= seconds)


def quarter(moment: datetime) -> datetime:
    """The begin of the quarter of an hour in which an instant lies."""
    return moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0)


def wait_step(wait: timedelta) -> int:
    """A wait in seconds, the less exact the longer it is; never longer than it was."""
    seconds = int(wait.total_seconds())
    step = next((step for most, step in _STEPS if seconds <= most), _COARSEST)
    return seconds // step * step


def counted(calls: Iterable[Sequence[Timed]]) -> dict[datetime, dict[Direction, Counts]]:
    """Calls, each as its legs, by the quarter in which they began."""
    cells: dict[tuple[datetime, Direction], _Cell] = defaultdict(_Cell)
    for legs in calls:
        ordered = in_order(legs)
        begin, direction = min(leg.begin for leg in legs), direction_of(ordered[0].call_type)
        cells[quarter(begin), direction].take(talk_of(ordered), wait_step(wait_of(ordered)))
    found: dict[datetime, dict[Direction, Counts]] = defaultdict(dict)
    for (begin, direction), cell in cells.items():
        found[begin][direction] = cell.counts()
    return found


def total(many: Iterable[Counts]) -> Counts:
    """All of them together."""
    whole = _Cell()
    for one in many:
        whole.answered.update(one.answered)
        whole.lost.update(one.lost)
        whole.talk += one.talk
    return whole.counts()


class _Cell:
    """Counts that grow."""

    def __init__(self) -> None:
        self.answered: Counter[int] = Counter()
        self.lost: Counter[int] = Counter()
        self.talk = 0

    def take(self, talk: int, wait: int) -> None:
        (self.answered if talk else self.lost)[wait] += 1
        self.talk += talk

    def counts(self) -> Counts:
        return Counts(answered=dict(self.answered), lost=dict(self.lost), talk=self.talk)
