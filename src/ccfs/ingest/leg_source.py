"""What a switch's line said itself, kept beside the row that was made of it: the row can be made again when more is known.

It stands at the end of a row's `leg_order`, after what the rows of a call are sorted by, and only where something may
overrule it: a queue visit, or the other channels of the call.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from ccfs.model.calls.cdr import Cdr
from ccfs.switches.freeswitch import ChannelLeg, join_call_legs
from ccfs.switches.records import Leg

L = TypeVar("L", bound=Leg)

_VISIT_FIELDS = ("answer", "end", "device_type", "device_name", "agent", "queue", "leave_reason")  # by a queue visit
_JOIN_FIELDS = ("order", "call_type", "switch_call_id", "context", "bridged_to")  # what channels tell of each other
_ROW_FIELDS = (  # what a row holds for ever
    *("switch_call_id", "switch_leg_id", "source_key", "caller_no", "caller_name", "callee_no"),
    *("begin", "call_type", "release_cause"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LegMerger(Generic[L]):
    """How the legs of a switch are tied together."""

    leg_class: type[L]
    stored_fields: tuple[str, ...] = _VISIT_FIELDS  # fields that the row itself does not hold for ever
    is_always_stored: bool = False  # whether any leg may be overruled; else those of queues only
    related_ids: Callable[[L], Iterable[str]] = field(
        default=lambda _leg: ()
    )  # ids of other legs that may be of its call
    join_legs: Callable[[Iterable[L]], list[L]] = field(default=list)  # what legs of one call tell of each other


def _get_related_ids(channel: ChannelLeg) -> Iterable[str]:
    return filter(None, (channel.switch_leg_id, channel.switch_call_id, channel.bridged_to))


ASTERISK_MERGER = LegMerger(leg_class=Leg)
FREESWITCH_MERGER = LegMerger(
    leg_class=ChannelLeg,
    stored_fields=(*_VISIT_FIELDS, *_JOIN_FIELDS),
    is_always_stored=True,
    related_ids=_get_related_ids,
    join_legs=join_call_legs,
)


def serialize_leg(leg: L, manner: LegMerger[L]) -> str:
    """What the leg's line said, as JSON, which has no tab; empty if nothing may overrule it."""
    return (
        json.dumps([_to_json_value(getattr(leg, name)) for name in manner.stored_fields])
        if manner.is_always_stored or leg.queue
        else ""
    )


def get_stored_facts(row: Cdr) -> str:
    """What `by` gave for the line that the row was made of."""
    return row.leg_order.rpartition("\t")[2]


def format_leg_order(leg: Leg, said: str) -> str:
    """What sorts the leg among those of its call, and what its line said."""
    return "\t".join([*(part if isinstance(part, str) else f"{part:020.3f}" for part in leg.order), said])


def restore_leg(row: Cdr, manner: LegMerger[L]) -> L | None:
    """The leg of a row again, as its line had it; None if nothing may overrule it."""
    *order, said = row.leg_order.split("\t")
    if not said:
        return None
    fields: dict[str, Any] = {name: getattr(row, name) for name in _ROW_FIELDS} | {"order": order}
    fields |= zip(manner.stored_fields, json.loads(said), strict=True)
    fields |= {name: datetime.fromisoformat(fields[name]) for name in ("answer", "end") if fields[name]}
    return manner.leg_class(**fields | {"order": tuple(fields["order"])})


def _to_json_value(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
