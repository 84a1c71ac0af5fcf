"""An imaginary contact centre: its phones, queues, numbers and clock. All numbers are from ranges reserved for fiction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle
from random import Random
from zoneinfo import ZoneInfo

from tests.field.scenarios.events import Party

# Prefix, total digits: numbers for drama and documentation of several countries; 100… is no mobile number in China.
_FICTIONAL_RANGES = (
    ("02079460", 11),
    ("+442079460", 13),
    ("07700900", 11),
    ("01632960", 11),
    ("21255501", 10),
    ("+121255501", 12),
    ("019900", 10),
    ("003319900", 13),
    ("03023125", 11),
    ("075550", 10),
    ("08465004", 10),
    ("00468465004", 13),
    ("100", 11),
)
_SERVICE_NUMBERS = ("10086", "10010", "112", "911", "95500", "116117", "12345")
_NAMES = ("Ann Lee", "Bo Hu", "Cy Day", "Di Fox", "Eve Roy", "Fay Orr", "Gus Kim", "Hal Moe", "Ida Ash", "Jo Ek")
_MILLISECONDS = 1000
_DAYS = 330  # over which the calls are spread


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldPlan:
    """What differs between the contact centres of the writers."""

    zone: str
    first_agent: int  # number of the first phone; its digits are the length of all
    queues: tuple[str, ...]
    system_name: str = ""  # of Asterisk
    domain: str = ""  # of FreeSWITCH
    trunk: str = "carrier"


class World:
    """Draws people, numbers and instants; the same seed draws the same."""

    def __init__(self, plan: WorldPlan, seed: int, calls: int) -> None:
        self.plan = plan
        self.random = Random(f"{seed} {plan}")
        self.agents = tuple(
            Party(number=str(plan.first_agent + index), name=name, is_agent=True) for index, name in enumerate(_NAMES)
        )
        self.queues = plan.queues
        self.group, self.menu = "601", "7"
        self._rooms, self._slots = cycle(range(930, 990)), cycle(range(71, 100))
        self.main_number = "442079460999"  # shown to those whom agents call
        self._numbers = {agent.number for agent in self.agents}
        self._instants = iter(self._draw_instants(calls))

    def draw_outside(self, *, may_be_short: bool = True) -> Party:
        """Return a person outside."""
        if may_be_short and self.random.random() < 0.08:
            number = self.random.choice([each for each in _SERVICE_NUMBERS if each not in self._numbers])
        else:
            prefix, length = self.random.choice(_FICTIONAL_RANGES)
            digits = length - len(prefix)
            number = prefix + str(self.random.randrange(10**digits)).zfill(digits)
        name = self.random.choice(("", "", "Ada One", "O'Neil, Bob", "José Núñez", "张伟", 'The "Shop"'))
        return Party(number=number, name=name)

    def draw_agents(self, count: int) -> list[Party]:
        """Return different agents."""
        return self.random.sample(self.agents, count)

    def draw_queue(self) -> str:
        return self.random.choice(self.queues)

    def draw_room(self) -> str:
        """Return a conference room in which nobody is."""
        return str(next(self._rooms))

    def draw_slot(self) -> str:
        """Return a parking slot that is free."""
        return str(next(self._slots))

    def draw_own_number(self) -> str:
        """Return a number at which the contact centre is called from outside."""
        return f"442079460{self.random.randrange(900):03d}"

    def draw_begin(self) -> int:
        """Return when the next call begins."""
        return next(self._instants)

    def draw_seconds(self, low: float, high: float) -> int:
        """Return a duration in milliseconds, which is seldom a whole second."""
        return round(self.random.uniform(low, high) * _MILLISECONDS)

    def draw_talk(self) -> int:
        """Return the milliseconds of a talk: most are short."""
        return self.draw_seconds(3, 40 if self.random.random() < 0.9 else 400)

    def _draw_instants(self, calls: int) -> Sequence[int]:
        """Return when calls begin, in order: most in the day, many near midnight and near changes of the clock."""
        zone = ZoneInfo(self.plan.zone)
        first = datetime(2026, 1, 1, tzinfo=zone)
        special = [*_find_clock_changes(zone), *_list_midnights(zone)]
        instants = []
        for _ in range(calls):
            if self.random.random() < 0.15:
                moment = self.random.choice(special) + timedelta(seconds=self.random.uniform(-90, 30))
            else:
                moment = first + timedelta(days=self.random.randrange(_DAYS), hours=self.random.gauss(13, 3))
            instants.append(int(moment.timestamp() * _MILLISECONDS) + self.random.randrange(_MILLISECONDS))
        return sorted(instants)


def _find_clock_changes(zone: ZoneInfo) -> list[datetime]:
    """Return the instants of 2026 at which the clocks change, to the quarter hour; none in zones without."""
    moment, changes = datetime(2026, 1, 1, tzinfo=UTC), []
    offset = moment.astimezone(zone).utcoffset()
    for _ in range(_DAYS * 96):
        moment += timedelta(minutes=15)
        if (now := moment.astimezone(zone).utcoffset()) != offset:
            changes.append(moment)
            offset = now
    return changes


def _list_midnights(zone: ZoneInfo) -> list[datetime]:
    return [datetime(2026, month, 15, tzinfo=zone) for month in range(1, 12)]
