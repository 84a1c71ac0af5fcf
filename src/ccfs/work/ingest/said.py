"""What a switch's line said itself, kept beside the row that was made of it: the row can be made again when more is known.

It stands at the end of a row's `leg_order`, after what the rows of a call are sorted by, and only where something may
overrule it: a queue visit, or the other channels of the call.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from ccfs.model.cdr import Cdr
from ccfs.switches.found import Leg
from ccfs.switches.freeswitch import Channel, meet

L = TypeVar("L", bound=Leg)

_OVERRULED = ("answer", "end", "device_type", "device_name", "agent", "queue", "leave_reason")  # by a queue visit
_TIED = ("order", "call_type", "switch_call_id", "context", "bridged_to")  # what channels tell of each other
_LASTING = (  # what a row holds for ever
    *("switch_call_id", "switch_leg_id", "line_key", "caller_no", "caller_name", "callee_no"),
    *("begin", "call_type", "release_cause"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner(Generic[L]):
    """How the legs of a switch are tied together."""

    leg: type[L]
    said: tuple[str, ...] = _OVERRULED  # fields that the row itself does not hold for ever
    always: bool = False  # whether any leg may be overruled; else those of queues only
    tied: Callable[[L], Iterable[str]] = field(default=lambda _leg: ())  # ids of other legs that may be of its call
    meet: Callable[[Iterable[L]], list[L]] = field(default=list)  # what legs of one call tell of each other


def _ids(channel: Channel) -> Iterable[str]:
    return filter(None, (channel.switch_leg_id, channel.switch_call_id, channel.bridged_to))


ASTERISK = Manner(leg=Leg)
FREESWITCH = Manner(leg=Channel, said=(*_OVERRULED, *_TIED), always=True, tied=_ids, meet=meet)


def by(leg: L, manner: Manner[L]) -> str:
    """What the leg's line said, as JSON, which has no tab; empty if nothing may overrule it."""
    return json.dumps([_plain(getattr(leg, name)) for name in manner.said]) if manner.always or leg.queue else ""


def kept(row: Cdr) -> str:
    """What `by` gave for the line that the row was made of."""
    return row.leg_order.rpartition("\t")[2]


def leg_order(leg: Leg, said: str) -> str:
    """What sorts the leg among those of its call, and what its line said."""
    return "\t".join([*(part if isinstance(part, str) else f"{part:020.3f}" for part in leg.order), said])


def leg_of(row: Cdr, manner: Manner[L]) -> L | None:
    """The leg of a row again, as its line had it; None if nothing may overrule it."""
    *order, said = row.leg_order.split("\t")
    if not said:
        return None
    fields: dict[str, Any] = {name: getattr(row, name) for name in _LASTING} | {"order": order}
    fields |= zip(manner.said, json.loads(said), strict=True)
    fields |= {name: datetime.fromisoformat(fields[name]) for name in ("answer", "end") if fields[name]}
    return manner.leg(**fields | {"order": tuple(fields["order"])})


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
