"""The timeline of a call: segments of its participants, within the call, whatever its rows say."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccfs.model.calls.agent_operation import AgentOperation, AgentOperationType
from ccfs.model.calls.cdr import Cdr, DeviceType, LeaveReason
from ccfs.model.calls.time_spans import TimeSpan, intersect_spans, merge_spans, subtract_spans
from ccfs.model.calls.timeline import CallTimeline, SegmentKind, bound_operation, build_timeline

BEGIN = datetime(2026, 5, 4, 9, tzinfo=UTC)
AGENT, QUEUE = DeviceType.AGENT, DeviceType.QUEUE
Span = tuple[int, int]
SPANS = st.tuples(st.integers(0, 300), st.integers(0, 300)).map(lambda pair: (min(pair), max(pair)))


def at(second: int) -> datetime:
    return BEGIN + timedelta(seconds=second)


def make_leg(
    agent: str = "", *, wait: Span | None = None, ring: Span | None = None, talk: Span | None = None, **more: object
) -> Cdr:
    """Return a leg with these times, in seconds after BEGIN; an agent's, or a queue's without one."""
    times = {
        f"{name}_{edge}": at(span[number])
        for name, span in (("wait", wait), ("ack", ring), ("call", talk))
        if span
        for number, edge in enumerate(("begin", "end"))
    }
    values: dict[str, object] = {"account_id": "1", "cc_id": "1", "vdn_id": "1", "call_id": "c", "source_key": "k"}
    values |= {"begin": at(0), "device_type": AGENT if agent else QUEUE, "agent_id": agent}
    return Cdr(**values | times | more)  # type: ignore[arg-type]


def make_operation(agent: str, op_type: int, begin: int, end: int | None, **more: str) -> AgentOperation:
    values = {"id": f"{agent}{op_type}{begin}", "account_id": "1", "vdn_id": "1", "cc_id": "1", "call_id": "c"}
    end_at = None if end is None else at(end)
    return AgentOperation(agent_id=agent, op_type=op_type, begin=at(begin), end=end_at, **values | more)  # type: ignore[arg-type]


def describe(timeline: CallTimeline | None) -> list[tuple[str, str, int, int]]:
    """Return kind, participant's name, begin and end in seconds of each segment."""
    assert timeline is not None
    return [
        (
            str(segment.kind),
            segment.participant.name,
            int((segment.begin - BEGIN).total_seconds()),
            int((segment.end - BEGIN).total_seconds()),
        )
        for segment in timeline.segments
    ]


def test_a_transferred_call_of_two_agents_has_every_segment_with_its_agent() -> None:
    legs = [
        make_leg("11", wait=(8, 33), ring=(33, 38), talk=(38, 100), begin=at(33), call_id_num=1, current_skill_id="s"),
        make_leg("12", wait=(100, 104), ring=(100, 104), talk=(104, 160), begin=at(100)),
    ]
    operations = [
        make_operation("11", AgentOperationType.HOLD, 60, 70),
        make_operation("11", AgentOperationType.TRANSFER_OUT, 100, 9000, op_object="12"),
        make_operation("11", AgentOperationType.TALKING, 38, 100),
        make_operation("12", AgentOperationType.AFTER_CALL, 160, 5300),
    ]
    timeline = build_timeline(legs, operations)
    assert timeline is not None
    assert describe(timeline) == [
        ("wait", "s", 8, 33),
        ("ring", "11", 33, 38),
        ("talk", "11", 38, 60),
        ("hold", "11", 60, 70),
        ("talk", "11", 70, 100),
        ("ring", "12", 100, 104),
        ("transfer", "11", 100, 104),
        ("talk", "12", 104, 160),
        ("after", "12", 160, 5300),
    ]
    assert (timeline.begin, timeline.end) == (at(8), at(160))
    assert [segment.target for segment in timeline.segments if segment.kind is SegmentKind.TRANSFER] == ["12"]


@pytest.mark.parametrize(
    ("legs", "segments"),
    [
        ([make_leg(wait=(0, 30), current_skill_id="s")], [("wait", "s", 0, 30)]),
        (  # phones that ring one after the other repeat the wait of the queue
            [
                make_leg("11", wait=(0, 10), ring=(10, 20), current_skill_id="s"),
                make_leg("12", wait=(0, 20), ring=(20, 25), talk=(25, 60), current_skill_id="s"),
            ],
            [("wait", "s", 0, 20), ("ring", "11", 10, 20), ("ring", "12", 20, 25), ("talk", "12", 25, 60)],
        ),
        (  # a wait without a queue is ringing
            [make_leg("11", wait=(0, 4), ring=(0, 4), talk=(4, 9))],
            [("ring", "11", 0, 4), ("talk", "11", 4, 9)],
        ),
        (  # before the queue
            [make_leg(wait=(0, 0)), make_leg("11", ring=(8, 9), talk=(9, 20))],
            [("connecting", "", 0, 8), ("ring", "11", 8, 9), ("talk", "11", 9, 20)],
        ),
        (
            [make_leg("11", talk=(5, 20), leave_reason=LeaveReason.TRANSFERRED_OUT), make_leg("12", talk=(26, 40))],
            [("connecting", "", 0, 5), ("talk", "11", 5, 20), ("transfer", "11", 20, 26), ("talk", "12", 26, 40)],
        ),
        ([], None),
    ],
)
def test_legs_have_their_segments(legs: list[Cdr], segments: list[tuple[str, str, int, int]] | None) -> None:
    timeline = build_timeline(legs)
    assert (describe(timeline) if timeline else None) == segments


def test_an_operation_ends_with_its_call_but_for_after_call_work() -> None:
    timeline = build_timeline([make_leg("11", talk=(0, 50))])
    ends = {
        AgentOperationType.HOLD: 50,
        AgentOperationType.TALKING: 50,
        AgentOperationType.TRANSFER_OUT: 20,
        AgentOperationType.AFTER_CALL: 900,
    }
    for op_type, end in ends.items():
        assert bound_operation(make_operation("11", op_type, 20, 900), timeline) == (at(20), at(end))
    assert bound_operation(make_operation("11", AgentOperationType.HOLD, 20, None), timeline) == (at(20), at(50))
    assert bound_operation(make_operation("11", AgentOperationType.HOLD, 20, None), None) == (at(20), None)


LEGS = st.builds(
    make_leg,
    st.sampled_from(["", "11", "12"]),
    wait=st.none() | SPANS,
    ring=st.none() | SPANS,
    talk=st.none() | SPANS,
    begin=st.integers(0, 300).map(at),
    current_skill_id=st.sampled_from(["", "s"]),
    call_id_num=st.sampled_from([1, 2, -1]),
    leave_reason=st.sampled_from([0, 17]),
)
OPERATIONS = st.builds(
    make_operation,
    st.sampled_from(["11", "12", "13"]),
    st.sampled_from([4, 27, 38, 45, 46]),
    st.integers(-50, 400),
    st.none() | st.integers(400, 5000),
)


def list_seconds(spans: Iterable[TimeSpan]) -> set[int]:
    return {
        second
        for span in spans
        for second in range(int((span.begin - BEGIN).total_seconds()), int((span.end - BEGIN).total_seconds()))
    }


@given(st.lists(LEGS, min_size=1, max_size=5), st.lists(OPERATIONS, max_size=5))
def test_segments_lie_in_the_call_cover_it_and_those_of_a_participant_do_not_overlap(
    legs: list[Cdr], operations: list[AgentOperation]
) -> None:
    timeline = build_timeline(legs, operations)
    assert timeline is not None
    in_call = [segment for segment in timeline.segments if segment.kind is not SegmentKind.AFTER_CALL]
    for segment in in_call:
        assert timeline.begin <= segment.begin <= segment.end <= timeline.end
        assert segment.begin < segment.end or segment.kind is SegmentKind.TRANSFER
    for participant in timeline.participants:
        own = [segment for segment in timeline.segments if segment.participant == participant]
        own = [segment for segment in own if segment.kind not in (SegmentKind.TRANSFER, SegmentKind.AFTER_CALL)]
        assert all(earlier.end <= later.begin for earlier, later in pairwise(own))
        talks = [leg for leg in legs if leg.agent_id == participant.name and leg.call_begin and leg.call_end]
        if participant.device is AGENT and talks:
            spoken = list_seconds(TimeSpan(begin=leg.call_begin, end=leg.call_end) for leg in talks)  # type: ignore[arg-type]
            found = [segment for segment in own if segment.kind in (SegmentKind.TALK, SegmentKind.HOLD)]
            assert spoken == list_seconds(TimeSpan(begin=segment.begin, end=segment.end) for segment in found)
    covered = list_seconds(TimeSpan(begin=segment.begin, end=segment.end) for segment in in_call)
    assert covered == list_seconds([TimeSpan(begin=timeline.begin, end=timeline.end)])


@given(st.lists(SPANS, max_size=6), st.lists(SPANS, max_size=6))
def test_spans_are_sets_of_seconds(first: list[Span], second: list[Span]) -> None:
    one, other = (merge_spans(TimeSpan(begin=at(a), end=at(b)) for a, b in spans) for spans in (first, second))
    seconds, taken = list_seconds(one), list_seconds(other)
    assert seconds == {second for a, b in first for second in range(a, b)}
    assert list_seconds(subtract_spans(one, other)) == seconds - taken
    assert list_seconds(intersect_spans(one, other)) == seconds & taken
