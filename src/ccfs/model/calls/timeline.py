"""The timeline of a call: who waited, rang, talked, held or transferred it, and when. Pure.

A segment is within the call; only after-call work may outlast it. Segments of one participant do not overlap.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from ccfs.model.calls.agent_operation import NOT_APPLICABLE, AgentOperation, AgentOperationType
from ccfs.model.calls.call import leg_end, sort_legs
from ccfs.model.calls.cdr import LAST_LEG, Cdr, DeviceType, LeaveReason
from ccfs.model.calls.time_spans import TimeSpan, intersect_spans, merge_spans, subtract_spans

MIN_GAP: Final = timedelta(seconds=1)  # CDRs of some switches have whole seconds
SAME_TRANSFER: Final = timedelta(seconds=5)  # within it, a CDR and a queue log report the same transfer
MAX_TRANSFERS: Final = 100  # of one call
TRANSFER_TYPES: Final = (AgentOperationType.INTERNAL_TRANSFER, AgentOperationType.TRANSFER_OUT)


class SegmentKind(StrEnum):
    """The kind of a segment."""

    CONNECTING = "connecting"  # nothing is known: before the queue, or between two devices
    WAIT = "wait"
    RING = "ring"
    TALK = "talk"
    HOLD = "hold"
    TRANSFER = "transfer"  # from the transfer until somebody else talks
    AFTER_CALL = "after"
    STAY = "stay"  # in a device whose row has no times, such as an IVR


_PRECEDENCE: Final = (SegmentKind.HOLD, SegmentKind.TALK, SegmentKind.RING, SegmentKind.WAIT, SegmentKind.STAY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """An agent, a queue or another device of a call."""

    device: DeviceType
    name: str  # of the queue or agent, else the device's number; may be ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A part of a call."""

    kind: SegmentKind
    participant: Participant
    begin: datetime
    end: datetime  # equals `begin` for a transfer after which nobody talks
    target: str = ""  # of a transfer
    leave_reason: int | None = None  # of the leg that ends with the segment
    release_cause: int | None = None  # of the last leg; the others' mean nothing

    @property
    def duration(self) -> timedelta:
        """The time from begin to end."""
        return self.end - self.begin


_Grouped = Mapping[Participant, Sequence[Segment]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTimeline:
    """A call's begin, end and segments, ordered by begin."""

    begin: datetime
    end: datetime
    segments: tuple[Segment, ...]

    @property
    def participants(self) -> tuple[Participant, ...]:
        """Everyone with a segment, in the order of the first ones."""
        return tuple(dict.fromkeys(segment.participant for segment in self.segments))


def build_timeline(legs: Sequence[Cdr], operations: Iterable[AgentOperation] = ()) -> CallTimeline | None:
    """Return the timeline of a call's legs and of what agents did in it; None if there are no legs."""
    if not legs:
        return None
    ordered, operations = sort_legs(legs), list(operations)
    call = TimeSpan(begin=min(map(_leg_begin, ordered)), end=max(map(leg_end, ordered)))
    pieces = _group(piece for leg in ordered for piece in _split_leg(leg))
    for hold in _list_holds(pieces, operations, call):
        pieces[hold.participant].append(hold)
    arranged = _group(segment for own in list(pieces.values()) for segment in _arrange(own))
    segments = [segment for own in arranged.values() for segment in own]
    segments += _list_transfers(ordered, arranged, operations, call)
    others = [*_fill_gaps(segments, call), *_list_after_call_work(arranged, operations, call)]
    return CallTimeline(begin=call.begin, end=call.end, segments=tuple(sorted([*segments, *others], key=_order)))


def bound_operation(operation: AgentOperation, timeline: CallTimeline | None) -> tuple[datetime, datetime | None]:
    """Return when an operation of a call began and ended.

    Its row lasts until the agent's next operation, however far away. It ends with the call at the latest, but for
    after-call work and states of the shift. A transfer is a moment.
    """
    if operation.op_type in TRANSFER_TYPES:
        return operation.begin, operation.begin
    if timeline is None or operation.op_type in (AgentOperationType.AFTER_CALL, AgentOperationType.BUSY):
        return operation.begin, operation.end
    end = timeline.end if operation.end is None else min(operation.end, timeline.end)
    return operation.begin, max(end, operation.begin)


def _leg_begin(leg: Cdr) -> datetime:
    instants = (leg.begin, leg.wait_begin, leg.ack_begin, leg.call_begin)
    return min(instant for instant in instants if instant is not None)


def _split_leg(leg: Cdr) -> Iterator[Segment]:
    """Yield what the leg's row says. Its wait is in the queue, or is ringing where there is no queue."""
    device = DeviceType(leg.device_type) if leg.device_type in set(DeviceType) else DeviceType.NONE
    names = {DeviceType.QUEUE: leg.current_skill_id, DeviceType.AGENT: leg.agent_id}
    own = Participant(device=device, name=names.get(device) or (str(leg.device_no) if leg.device_no else ""))
    queue = Participant(device=DeviceType.QUEUE, name=leg.current_skill_id) if leg.current_skill_id else None
    is_ringing = queue is None and device is DeviceType.AGENT
    times = (
        (SegmentKind.RING if is_ringing else SegmentKind.WAIT, queue or own, leg.wait_begin, leg.wait_end),
        (SegmentKind.RING, own, leg.ack_begin, leg.ack_end),
        (SegmentKind.TALK, own, leg.call_begin, leg.call_end),
    )
    spans = [
        Segment(kind=kind, participant=participant, begin=begin, end=end)
        for kind, participant, begin, end in times
        if begin and end and end > begin
    ]
    if not spans and leg_end(leg) > leg.begin:
        spans = [Segment(kind=SegmentKind.STAY, participant=own, begin=leg.begin, end=leg_end(leg))]
    cause = leg.release_cause if leg.call_id_num == LAST_LEG else None
    yield from spans[:-1]
    yield from (replace(last, leave_reason=leg.leave_reason, release_cause=cause) for last in spans[-1:])


def _group(segments: Iterable[Segment]) -> dict[Participant, list[Segment]]:
    grouped: dict[Participant, list[Segment]] = defaultdict(list)
    for segment in segments:
        grouped[segment.participant].append(segment)
    return grouped


def _list_holds(pieces: _Grouped, operations: Iterable[AgentOperation], call: TimeSpan) -> list[Segment]:
    """Return the holds: within the talk of their agents, or within the call if no leg names the agent."""
    found, talks = [], {}
    for operation in operations:
        if operation.op_type != AgentOperationType.HOLD:
            continue
        agent = _agent(operation)
        if agent not in talks:
            talks[agent] = _spans(pieces.get(agent, ()), SegmentKind.TALK) or [call]
        span = TimeSpan(begin=operation.begin, end=max(operation.end or call.end, operation.begin))
        for part in intersect_spans([span], talks[agent]):
            found.append(Segment(kind=SegmentKind.HOLD, participant=agent, begin=part.begin, end=part.end))
    return found


def _arrange(pieces: Sequence[Segment]) -> Iterator[Segment]:
    """Yield the segments of one participant, of which no two overlap: a hold interrupts the talk, a talk the ringing."""
    taken: list[TimeSpan] = []
    for kind in _PRECEDENCE:
        own = [piece for piece in pieces if piece.kind is kind]
        spans = _spans(own)
        endings = {piece.end: piece for piece in own if piece.leave_reason is not None}
        for span in subtract_spans(spans, taken):
            ending = endings.get(span.end)
            yield Segment(
                kind=kind,
                participant=own[0].participant,
                begin=span.begin,
                end=span.end,
                leave_reason=ending.leave_reason if ending else None,
                release_cause=ending.release_cause if ending else None,
            )
        taken = merge_spans([*taken, *spans])


def _list_transfers(
    legs: Sequence[Cdr], segments: _Grouped, operations: Iterable[AgentOperation], call: TimeSpan
) -> list[Segment]:
    """Return the transfers that operations report, and those that only the legs' reasons do."""
    reported = [
        (min(max(operation.begin, call.begin), call.end), _agent(operation), operation.op_object.strip())
        for operation in operations
        if operation.op_type in TRANSFER_TYPES
    ]
    for leg in legs:
        agent, at = Participant(device=DeviceType.AGENT, name=leg.agent_id), leg_end(leg)
        if leg.leave_reason != LeaveReason.TRANSFERRED_OUT or leg.device_type != DeviceType.AGENT:
            continue
        if not any(other == agent and abs(when - at) <= SAME_TRANSFER for when, other, _ in reported[:MAX_TRANSFERS]):
            reported.append((at, agent, NOT_APPLICABLE))
    talks = sorted(
        (segment for own in segments.values() for segment in own if segment.kind is SegmentKind.TALK),
        key=lambda segment: segment.begin,
    )
    return [
        _build_transfer(at, agent, target, talks, _spans(segments.get(agent, ())))
        for at, agent, target in reported[:MAX_TRANSFERS]
    ]


def _build_transfer(
    at: datetime, agent: Participant, target: str, talks: Sequence[Segment], busy: Sequence[TimeSpan]
) -> Segment:
    """Return a transfer: until the next talk of somebody else, unless the agent is `busy` in the call until then."""
    following = next((talk for talk in talks if talk.participant != agent and talk.begin >= at), None)
    end = following.begin if following else at
    parts = subtract_spans([TimeSpan(begin=at, end=end)], busy) if end > at else []
    if target in ("", NOT_APPLICABLE):
        target = following.participant.name if following else ""
    last = parts[-1] if parts else TimeSpan(begin=at, end=at)
    return Segment(kind=SegmentKind.TRANSFER, participant=agent, begin=last.begin, end=last.end, target=target)


def _fill_gaps(segments: Sequence[Segment], call: TimeSpan) -> list[Segment]:
    nobody = Participant(device=DeviceType.NONE, name="")
    covered = _spans(segments)
    return [
        Segment(kind=SegmentKind.CONNECTING, participant=nobody, begin=gap.begin, end=gap.end)
        for gap in subtract_spans([call], covered)
        if gap.end - gap.begin >= MIN_GAP
    ]


def _list_after_call_work(
    segments: _Grouped, operations: Iterable[AgentOperation], call: TimeSpan
) -> Iterator[Segment]:
    """Yield the after-call work, which ends when the agent talks again. Open work is shown until the call's end."""
    for operation in operations:
        if operation.op_type != AgentOperationType.AFTER_CALL:
            continue
        agent, begin = _agent(operation), max(operation.begin, call.begin)
        work = TimeSpan(begin=begin, end=max(operation.end or call.end, begin))
        for part in subtract_spans([work], _spans(segments.get(agent, ())))[:1]:
            yield Segment(kind=SegmentKind.AFTER_CALL, participant=agent, begin=part.begin, end=part.end)


def _order(segment: Segment) -> tuple[datetime, datetime, str, str]:
    return segment.begin, segment.end, segment.kind, segment.participant.name


def _agent(operation: AgentOperation) -> Participant:
    return Participant(device=DeviceType.AGENT, name=operation.agent_id)


def _spans(segments: Iterable[Segment], *kinds: SegmentKind) -> list[TimeSpan]:
    return merge_spans(
        TimeSpan(begin=segment.begin, end=segment.end) for segment in segments if not kinds or segment.kind in kinds
    )
