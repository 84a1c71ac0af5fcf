"""Comparing the stored rows of a call with its truth, fact by fact."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from ccfs.model.calls.cdr import CallType, LeaveReason
from tests.field.scenarios.events import Stop
from tests.field.scenarios.ingested import Ingested
from tests.field.scenarios.truth import CallTruth, Span
from tests.field.scenarios.written import KnownCall
from tests.ingest.ingest_site import Row

FACTS = (
    "call",
    "caller",
    "callee",
    "direction",
    "queue",
    "agent",
    "rang",
    "wait",
    "talk",
    "cause",
    "hung_up",
    "recording",
)
_TOLERANCE = 2.0  # seconds: the times of a CDR are whole seconds, and so is the duration that is added to one
_CALLS_OF_SCENARIO = {"attended_transfer": 2, "queue_attended_transfer": 2, "conference": 3}  # with consultations
_SEPARATE_CHANNELS = {"conference"}  # whose members dial in: each begins a call of its own
_RELEASE_CAUSES = {
    Stop.BUSY: {17},
    Stop.REJECTED: {17, 21},
    Stop.NOT_FOUND: {1},
    Stop.NO_CIRCUIT: {34, 38, 41},
    Stop.NO_ANSWER: {16, 19},
    Stop.CALLER_GAVE_UP: {16, 19},
    Stop.UNREGISTERED: {16, 18, 19, 20, 38},
}


class Fact(NamedTuple):
    """One fact of one call."""

    name: str  # one of FACTS
    scenario: str
    is_right: bool
    wanted: object
    got: object
    call: str  # id of its first channel
    has_short_number: bool = False  # as CallTruth's


def compare_call(known: KnownCall, ingested: Ingested, main_number: str) -> Iterator[Fact]:
    """Yield the facts of a call; `main_number` is shown to those whom agents call."""
    truth = known.truth
    call_id = min(ingested.call_ids.get(known.first_id, {""}))
    rows = ingested.rows.get(call_id, [])
    if truth.scenario in _SEPARATE_CHANNELS:
        calls = {one for channel in known.ids for one in ingested.call_ids.get(channel, ())} - {call_id}
        rows = rows + [row for one in sorted(calls) for row in ingested.rows[one]]
    for name, wanted, got, is_right in (
        _compare_call_rows(known, ingested, rows),
        *(_compare_rows(truth, rows, main_number) if rows else ()),
        *_compare_recording(known, ingested.recordings.get(call_id, [])),
    ):
        yield Fact(name, truth.scenario, is_right, wanted, got, known.first_id, truth.has_short_number)


_Comparison = tuple[str, object, object, bool]


def _compare_call_rows(known: KnownCall, ingested: Ingested, rows: Sequence[Row]) -> _Comparison:
    """Compare which rows belong together."""
    most = _CALLS_OF_SCENARIO.get(known.truth.scenario, 1)
    calls = {call_id for channel in known.ids for call_id in ingested.call_ids.get(channel, ())}
    strange = {row["switch_leg_id"] for row in rows} - known.ids
    first = ingested.call_ids.get(known.first_id, set())
    is_right = len(calls) <= most and not strange and len(first) == 1
    return "call", f"at most {most} call", (sorted(calls), sorted(strange)), is_right


def _compare_rows(truth: CallTruth, rows: Sequence[Row], main_number: str) -> Iterator[_Comparison]:
    callers = {truth.caller} | ({main_number} if truth.call_type is CallType.OUTBOUND else set())
    yield _is_in("caller", callers, rows[0]["caller_no"])
    yield _is_in("callee", truth.callees, rows[0]["callee_no"])
    if truth.scenario not in _SEPARATE_CHANNELS:
        types = {row["call_type"] for row in rows}
        yield "direction", truth.call_type, types, types == {int(truth.call_type)}
    queues = {row[column] for row in rows for column in ("user_wanted_skill_id", "current_skill_id")} - {""}
    yield "queue", truth.queues, queues, queues == truth.queues
    talks = _find_talks(rows)
    named = {row["agent_id"] for row in rows} - {""}
    wanted = {agent for agent, spans in truth.talks.items() if _sum_seconds(spans) > _TOLERANCE}
    is_right = wanted <= set(talks) <= set(truth.talks) and named <= truth.agents
    yield "agent", set(truth.talks), (set(talks), named), is_right
    rang = named - set(talks) - {truth.caller}
    wanted_rang = truth.rang - set(truth.talks)
    is_absent = truth.unanswered_reason is Stop.UNREGISTERED  # whether a phone that is not there counts as called
    yield "rang", wanted_rang, rang, rang == wanted_rang or (is_absent and not rang)
    if truth.call_type is not CallType.OUTBOUND:
        yield _compare_wait(truth, rows, talks)
    for agent in wanted & set(talks):
        yield _compare_talk(truth.talks[agent], talks[agent])
    yield from _compare_cause(truth, rows)


def _is_in(name: str, wanted: set[str], got: str) -> _Comparison:
    return name, wanted, got, got in wanted


def _find_talks(rows: Sequence[Row]) -> dict[str, list[Span]]:
    """Return when agents talk, by the rows."""
    talks: dict[str, list[Span]] = defaultdict(list)
    for row in rows:
        if row["agent_id"] and row["call_begin"] and row["call_end"] and row["call_end"] > row["call_begin"]:
            talks[row["agent_id"]].append((_to_milliseconds(row["call_begin"]), _to_milliseconds(row["call_end"])))
    return talks


def _compare_wait(truth: CallTruth, rows: Sequence[Row], talks: dict[str, list[Span]]) -> _Comparison:
    """Compare the seconds until somebody answered, or the caller gave up."""
    assert truth.wait_end is not None
    begin = min(_to_milliseconds(row["wait_begin"] or row["ack_begin"] or row["call_begin"]) for row in rows)
    ends = [span[0] for spans in talks.values() for span in spans]
    if not talks:
        answered = [row["call_begin"] for row in rows if truth.has_talk and row["call_begin"]]
        last = max((end for row in rows for end in (row["wait_end"], row["ack_end"]) if end), default=None)
        ends = [_to_milliseconds(end) for end in answered or [last] if end]
    wanted = (truth.wait_end - truth.wait_begin) / 1000
    got = (min(ends) - begin) / 1000 if ends else None
    return "wait", wanted, got, got is not None and abs(got - wanted) <= _TOLERANCE


def _compare_talk(wanted: Sequence[Span], got: Sequence[Span]) -> _Comparison:
    begin = abs(min(wanted)[0] - min(got)[0]) / 1000
    end = abs(max(span[1] for span in wanted) - max(span[1] for span in got)) / 1000
    seconds = abs(_sum_seconds(wanted) - _sum_seconds(got))
    return "talk", wanted, got, max(begin, end) <= _TOLERANCE and seconds <= _TOLERANCE


def _compare_cause(truth: CallTruth, rows: Sequence[Row]) -> Iterator[_Comparison]:
    """Compare why an unanswered call ended, and who ended a talk."""
    reasons = {row["leave_reason"] for row in rows}
    causes = {row["release_cause"] for row in rows}
    if truth.queues and not truth.has_talk and truth.left_queue_by_timeout is not None:
        wanted = LeaveReason.QUEUE_TIMEOUT if truth.left_queue_by_timeout else LeaveReason.NOBODY_ON_DUTY
        yield "cause", wanted.name, reasons, wanted in reasons
    elif truth.is_abandoned:
        yield "cause", "QUEUE_CANCELLED", reasons, LeaveReason.QUEUE_CANCELLED in reasons
    elif truth.unanswered_reason and not truth.has_talk and truth.scenario != "direct_voicemail":
        wanted_causes = _RELEASE_CAUSES[truth.unanswered_reason]
        yield "cause", wanted_causes, causes, bool(causes & wanted_causes)
    if truth.transferring:
        got = {row["agent_id"] for row in rows if row["leave_reason"] == LeaveReason.TRANSFERRED_OUT}
        yield "cause", f"transferred by {truth.transferring}", got, truth.transferring <= got
    elif truth.queues and truth.talks and truth.by_agent is not None:
        wanted = LeaveReason.AGENT_HUNG_UP if truth.by_agent else LeaveReason.USER_HUNG_UP
        ended = {row["leave_reason"] for row in rows if row["call_begin"]}
        yield "hung_up", wanted.name, ended, wanted in ended


def _compare_recording(known: KnownCall, recordings: Sequence[Row]) -> Iterator[_Comparison]:
    truth = known.truth
    got = [(row["source_name"], row["agent_id"], row["call_type"]) for row in recordings]
    if not known.recording:
        if got:
            yield "recording", None, got, False
        return
    agents = set(truth.talks) or {""}
    direction = 0 if truth.call_type is CallType.INBOUND else 1
    is_right = len(got) == 1 and got[0][0] == known.recording and got[0][1] in agents and got[0][2] == direction
    yield "recording", (known.recording, agents, direction), got, is_right


def _sum_seconds(spans: Sequence[Span]) -> float:
    return sum(end - begin for begin, end in spans) / 1000


def _to_milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
