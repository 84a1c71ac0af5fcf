"""Records of parsed lines: the facts that identify their owner, and the form in which they are stored until they have one."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from hashlib import blake2b
from typing import Any

from sqlalchemy.engine import Connection

from ccfs.db.tenant.ingest.unassigned_records import UnassignedRecord
from ccfs.ingest.calls.leg_source import FREESWITCH_MERGER
from ccfs.ingest.context import CallOwner
from ccfs.ingest.files.tail_reader import NumberedLine
from ccfs.switches.asterisk import queue_log
from ccfs.switches.asterisk.legs.cdr_legs import AsteriskLeg
from ccfs.switches.asterisk.legs.channel_history import ChannelEvent, ChannelHistory, serialize_events
from ccfs.switches.asterisk.queue_log import QueueLine
from ccfs.switches.freeswitch import ChannelLeg
from ccfs.switches.records import Leg, QueueVisit
from ccfs.switches.tenant_rules import CallFacts, collect_facts

_INSTANT = "instant"  # key of a time in JSON

Item = AsteriskLeg | ChannelLeg | QueueVisit | QueueLine | ChannelHistory
SaveItems = Callable[[Connection, CallOwner, Sequence[Any]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """One parsed line."""

    line: NumberedLine
    source_key: str
    items: tuple[Item, ...]  # a leg, perhaps with its queue visits; or a line of another log
    begin: datetime
    call_id: str = ""  # as the switch has it; "" if the line is of no call
    leg_id: str = ""
    member_id: str = ""  # the member of a queue-log line, among these ids; "" if it has none
    facts: CallFacts = ()
    domain: str = ""

    @property
    def is_reported(self) -> bool:
        """Whether operators see the line while it has no owner. Channel events only complete calls that they see."""
        return self.kind is not ChannelHistory

    @property
    def kind(self) -> type[Item]:
        """The class of the first item."""
        return type(self.items[0])


def build_leg_record(line: NumberedLine, leg: AsteriskLeg | ChannelLeg, *visits: QueueVisit) -> CallRecord:
    """Return the record of a leg."""
    return CallRecord(
        line=line,
        source_key=leg.source_key,
        items=(leg, *visits),
        begin=leg.begin,
        call_id=leg.switch_call_id,
        leg_id=leg.switch_leg_id,
        facts=leg.facts,
        domain=leg.domain,
    )


def build_queue_record(line: NumberedLine, item: QueueLine) -> CallRecord:
    """Return the record of a queue log line. A line without a queue belongs to its member."""
    member_id = f"member {item.member}" if item.member else ""
    context = item.member.partition("@")[2].partition("/")[0] if not item.queue else ""
    return CallRecord(
        line=line,
        source_key=queue_log.compute_line_key(item),
        items=(item,),
        begin=item.occurred_at,
        call_id=item.leg_id,
        leg_id=item.leg_id or member_id,
        member_id=member_id,
        facts=collect_facts([("queue", item.queue), ("context", context)]),
    )


def build_history_record(line: NumberedLine, history: ChannelHistory) -> CallRecord:
    """Return the record of a channel's events, which contain nothing about their tenant."""
    text = "\x1f".join((history.switch_leg_id, history.channel, serialize_events(history)))
    return CallRecord(
        line=line,
        source_key=blake2b(text.encode(), digest_size=16).hexdigest(),
        items=(history,),
        begin=history.begin,
        call_id=history.switch_call_id,
        leg_id=history.switch_leg_id,
    )


_CLASSES: Mapping[str, type[Item]] = {
    kind.__name__: kind for kind in (AsteriskLeg, ChannelLeg, QueueVisit, QueueLine, ChannelHistory)
}


def to_row(record: CallRecord, reason: str) -> UnassignedRecord:
    """Return the row that stores a record."""
    items = [[type(item).__name__, _to_dict(item)] for item in record.items]
    return UnassignedRecord(
        source_key=record.source_key,
        kind=record.kind.__name__,
        call_id=record.call_id,
        leg_id=record.leg_id,
        domain=record.domain,
        file=record.line.file,
        line=record.line.number,
        raw=record.line.raw,
        reason=reason,
        record=json.dumps(items),
    )


def from_row(row: UnassignedRecord) -> CallRecord:
    """Return the record that a row stores, under the row's key: another release may compute the key differently."""
    line = NumberedLine(row.file, row.line, row.raw)
    first, *others = (_build_item(_CLASSES[name], values) for name, values in json.loads(row.record))
    return replace(_build_record(line, first, others), source_key=row.source_key)


def _build_record(line: NumberedLine, first: Item, others: Sequence[Item]) -> CallRecord:
    if isinstance(first, QueueLine):
        return build_queue_record(line, first)
    if isinstance(first, ChannelHistory):
        events = tuple(ChannelEvent(*event) for event in first.events)
        return build_history_record(line, replace(first, events=events))
    assert isinstance(first, AsteriskLeg | ChannelLeg)
    return build_leg_record(line, first, *(other for other in others if isinstance(other, QueueVisit)))


def list_legs(records: Sequence[CallRecord]) -> list[Leg]:
    """Return the legs of the records."""
    return [item for record in records for item in record.items if isinstance(item, Leg)]


def _build_item(kind: type[Item], values: Mapping[str, Any]) -> Item:
    """Build an item. Ignore fields that another release stored and this one does not have."""
    names = {field.name for field in fields(kind)}
    found = {name: _from_json(value) for name, value in values.items() if name in names}
    restore = FREESWITCH_MERGER.restore_values if kind is ChannelLeg else {}
    return kind(**found | {name: build(found[name]) for name, build in restore.items() if name in found})


def _to_dict(item: Item) -> dict[str, object]:
    return {field.name: _to_json(getattr(item, field.name)) for field in fields(item)}


def _to_json(value: object) -> object:
    if isinstance(value, tuple):
        return [_to_json(part) for part in value]
    return {_INSTANT: value.isoformat()} if isinstance(value, datetime) else value


def _from_json(value: Any) -> Any:
    if isinstance(value, dict):
        return datetime.fromisoformat(value[_INSTANT])
    return tuple(map(_from_json, value)) if isinstance(value, list) else value
