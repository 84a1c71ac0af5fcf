"""The facts of a switch's line, stored in the row built from it, so that the row can be rebuilt when more is known.

They follow the sort key in a row's `leg_order`. A queue visit or another channel of the call may override them.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from ccfs.model.calls.cdr import Cdr
from ccfs.switches.asterisk.legs import same_line
from ccfs.switches.asterisk.legs.cdr_legs import AsteriskLeg
from ccfs.switches.asterisk.legs.channel_history import ChannelHistory, correct_legs
from ccfs.switches.asterisk.legs.join_legs import join_call_legs as asterisk_join_legs
from ccfs.switches.asterisk.legs.links import list_links
from ccfs.switches.freeswitch import ChannelLeg, join_call_talks
from ccfs.switches.freeswitch.callflow import Talk
from ccfs.switches.records import Leg

L = TypeVar("L", bound=Leg)

# Fields of a leg that a queue visit may overrule, that the other channels may overrule, and that the row holds for good.
_VISIT_FIELDS = ("answer", "end", "device_type", "device_name", "agent", "queue", "leave_reason")
_JOIN_FIELDS = (
    *("order", "call_type", "switch_call_id", "context", "bridged_to", "direction", "is_b_leg", "caller_agent"),
    *("callee_agent", "callee_side", "queue_side", "hangup_cause", "cancel_reason", "hangup_by"),
    *("mailbox_agent", "talks", "queue_entries", "first_queue"),
)
_PART_OF = "part of "  # in place of a line's facts, before the switch_leg_id of the leg whose line reports this one too
_ASTERISK_FIELDS = (
    *("order", "call_type", "channel", "dstchannel", "app", "context"),
    *("calling_agent", "ringing_agent", "has_talk", "conference", "is_unlinked", "switch_call_id", "release_cause"),
    "names_files",
)
_ROW_FIELDS = (
    *("switch_call_id", "switch_leg_id", "source_key", "caller_no", "caller_name", "callee_no"),
    *("begin", "call_type", "release_cause"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LegMerger(Generic[L]):
    """A switch's rules for joining legs to calls."""

    leg_class: type[L]
    stored_fields: tuple[str, ...] = _VISIT_FIELDS  # fields that the row itself does not hold for good
    # Ids of other legs that may be of a leg's call; what legs of one call change in each other.
    related_ids: Callable[[L], Iterable[str]] = field(default=lambda _leg: ())
    list_links: Callable[[L], Sequence[str]] | None = None  # texts that legs of one call share where their ids differ
    join_legs: Callable[[Iterable[L]], list[L]] = field(default=list)
    restore_values: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)  # of fields that JSON changes
    correct_legs: Callable[[Iterable[L], Iterable[ChannelHistory]], list[L]] | None = None  # by a channel event log
    # Known legs of the lines that another source has written otherwise; what further lines complete in known legs.
    find_twins: Callable[[Iterable[L], Sequence[L]], Mapping[str, L]] = field(default=lambda _legs, _known: {})
    find_completed: Callable[[Mapping[str, L], Iterable[L]], Mapping[str, L]] = field(default=lambda _pairs, _legs: {})


def _get_related_ids(channel: ChannelLeg) -> Iterable[str]:
    peers = (talk.peer for talk in channel.talks)
    return filter(None, (channel.switch_leg_id, channel.switch_call_id, channel.bridged_to, *peers))


def _to_pairs(values: Any) -> tuple[tuple[Any, ...], ...]:
    return tuple(map(tuple, values))


def _get_own_id(leg: AsteriskLeg) -> Iterable[str]:
    """Return the channel's own id, which serves as the call id of lines without linkedid."""
    return (leg.switch_leg_id,) if leg.switch_leg_id not in ("", leg.switch_call_id) else ()


ASTERISK_MERGER = LegMerger(
    leg_class=AsteriskLeg,
    stored_fields=(*_VISIT_FIELDS, *_ASTERISK_FIELDS),
    related_ids=_get_own_id,
    list_links=list_links,
    join_legs=asterisk_join_legs,
    correct_legs=correct_legs,
    find_twins=same_line.find_twins,
    find_completed=same_line.find_completed,
)
FREESWITCH_MERGER = LegMerger(
    leg_class=ChannelLeg,
    stored_fields=(*_VISIT_FIELDS, *_JOIN_FIELDS),
    related_ids=_get_related_ids,
    join_legs=join_call_talks,
    restore_values={"talks": lambda talks: tuple(Talk(*talk) for talk in talks), "queue_entries": _to_pairs},
)


def serialize_leg(leg: L, merger: LegMerger[L]) -> str:
    """Serialize the facts of the leg's line as JSON without tabs."""
    return json.dumps([_to_json_value(getattr(leg, name)) for name in merger.stored_fields])


def get_stored_facts(row: Cdr) -> str:
    """Return the facts that `serialize_leg` wrote for the row's line."""
    return row.leg_order.rpartition("\t")[2]


def format_leg_order(leg: Leg, facts: str) -> str:
    """Return a text that sorts the leg within its call and ends with the facts of its line."""
    return "\t".join([*(part if isinstance(part, str) else f"{part:020.3f}" for part in leg.order), facts])


def describe_part(switch_leg_id: str) -> str:
    """Return what a row stores in place of facts if this leg's line reports it."""
    return f"{_PART_OF}{switch_leg_id}"


def find_whole(row: Cdr) -> str:
    """Return the switch_leg_id of the leg whose line also reports this row's leg; "" if there is none."""
    facts = get_stored_facts(row)
    return facts.removeprefix(_PART_OF) if facts.startswith(_PART_OF) else ""


def restore_leg(row: Cdr, merger: LegMerger[L]) -> L | None:
    """Rebuild the leg from the stored facts of its line. Return None if they are not stored."""
    facts = get_stored_facts(row)
    if not facts or facts.startswith(_PART_OF):
        return None
    fields: dict[str, Any] = {name: getattr(row, name) for name in _ROW_FIELDS}
    fields |= zip(merger.stored_fields, json.loads(facts), strict=False)  # earlier releases stored fewer fields
    fields |= {name: restore(fields[name]) for name, restore in merger.restore_values.items() if name in fields}
    fields |= {name: datetime.fromisoformat(fields[name]) for name in ("answer", "end") if fields[name]}
    return merger.leg_class(**fields | {"order": tuple(fields["order"])})


def _to_json_value(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
