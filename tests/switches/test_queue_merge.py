"""Merging a leg with its queue visit: times of waiting, ringing and talking, and why it ended."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccfs.model.calls.cdr import DeviceType, LeaveReason
from ccfs.switches import queue_merge
from ccfs.switches.asterisk import queue_log
from ccfs.switches.queue_merge import CdrTimes
from ccfs.switches.records import Leg, QueueVisit

ENTERED = datetime(2024, 1, 15, 9, 30, 52, tzinfo=UTC)
CALL_LINES = [
    "1705311052|1705311042.118|sales|NONE|ENTERQUEUE||02079460123|1",
    "1705311076|1705311042.118|sales|PJSIP/1002|CONNECT|24|1705311070.121|6",
    "1705311245|1705311042.118|sales|PJSIP/1002|COMPLETEAGENT|24|169|1",
]


def add_seconds(seconds: float) -> datetime:
    return ENTERED + timedelta(seconds=seconds)


def parse_visit(*texts: str) -> QueueVisit:
    known: QueueVisit | None = None
    for text in texts:
        read = queue_log.parse_line(text.encode())
        new = queue_log.extract_queue_visit(read) if read else None
        if new is not None:
            known = queue_log.combine_visits(known, new) if known else new
    assert known is not None
    return known


halves = st.builds(
    QueueVisit,
    switch_leg_id=st.just("1705311042.118"),
    queue=st.just("sales"),
    **{
        name: st.none() | st.integers(0, 9).map(add_seconds)
        for name in ("entered_at", "rang_at", "connected_at", "left_at")
    },
    agent=st.sampled_from(["", "1001", "1002"]),
    outcome=st.sampled_from(["", "CONNECT", "ABANDON", "COMPLETEAGENT"]),
)


def make_leg(agent: str, begin: int, end: int, answer: int | None = None) -> Leg:
    return Leg(
        switch_call_id="1705311042.118",
        switch_leg_id="1705311042.118",
        source_key="0" * 32,
        begin=add_seconds(begin),
        answer=None if answer is None else add_seconds(answer),
        end=add_seconds(end),
        device_type=DeviceType.AGENT if agent else DeviceType.QUEUE,
        device_name=agent or "sales",
        agent=agent,
        queue="sales",
        leave_reason=LeaveReason.AGENT_NO_ANSWER if answer is None else LeaveReason.NORMAL,
    )


def test_the_leg_of_the_agent_who_answered_has_the_queue_logs_times() -> None:
    assert queue_merge.compute_cdr_times(make_leg("1002", 18, 193, 18), parse_visit(*CALL_LINES)) == CdrTimes(
        wait_begin=ENTERED,
        wait_end=add_seconds(18),
        ack_begin=add_seconds(18),
        ack_end=add_seconds(24),
        call_begin=add_seconds(24),
        call_end=add_seconds(193),
    )


def test_an_unanswered_attempt_on_another_agent_has_ring_times_and_no_talk() -> None:
    attempt = make_leg("1001", 3, 18)
    assert queue_merge.compute_cdr_times(attempt, parse_visit(*CALL_LINES)) == CdrTimes(
        wait_begin=ENTERED, wait_end=add_seconds(3), ack_begin=add_seconds(3), ack_end=add_seconds(18)
    )
    assert queue_merge.apply_visit(attempt, parse_visit(*CALL_LINES)).leave_reason == LeaveReason.AGENT_NO_ANSWER


@pytest.mark.parametrize("agent", ["", "1001"])
def test_a_caller_who_gave_up_has_only_wait_times(agent: str) -> None:
    visit = parse_visit(CALL_LINES[0], "1705311078|1705311042.118|sales|NONE|ABANDON|1|1|26")
    assert queue_merge.compute_cdr_times(make_leg(agent, -10, 26), visit) == CdrTimes(
        wait_begin=ENTERED, wait_end=add_seconds(26)
    )
    assert queue_merge.apply_visit(make_leg(agent, -10, 26), visit).leave_reason == LeaveReason.QUEUE_CANCELLED


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ("EXITWITHTIMEOUT|1|1|26", LeaveReason.QUEUE_TIMEOUT),
        ("EXITEMPTY|1|1|26", LeaveReason.NOBODY_ON_DUTY),
        ("EXITWITHKEY|9|1|1|26", LeaveReason.QUEUE_CANCELLED),
    ],
)
def test_the_last_event_of_a_queue_decides_why_its_caller_left(event: str, reason: LeaveReason) -> None:
    visit = parse_visit(CALL_LINES[0], f"1705311078|1705311042.118|sales|NONE|{event}")
    assert queue_merge.apply_visit(make_leg("", -10, 26, -9), visit).leave_reason == reason


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ("COMPLETEAGENT|24|169|1", LeaveReason.AGENT_HUNG_UP),
        ("COMPLETECALLER|24|169|1", LeaveReason.USER_HUNG_UP),
        ("BLINDTRANSFER|1003|internal|24|169|1", LeaveReason.TRANSFERRED_OUT),
        ("ATTENDEDTRANSFER|BRIDGE|6b1c|24|169|1", LeaveReason.TRANSFERRED_OUT),
    ],
)
def test_the_completion_event_decides_who_ended_the_talk(event: str, reason: LeaveReason) -> None:
    visit = parse_visit(*CALL_LINES[:2], f"1705311245|1705311042.118|sales|PJSIP/1002|{event}")
    assert queue_merge.apply_visit(make_leg("1002", 18, 193, 18), visit).leave_reason == reason


def test_an_agent_whom_the_log_has_by_name_is_matched_by_the_time() -> None:
    visit = parse_visit(CALL_LINES[0], *(text.replace("PJSIP/1002", "Anna Schmidt") for text in CALL_LINES[1:]))
    assert queue_merge.is_answering_leg(make_leg("1002", 18, 193, 18), visit)
    assert not queue_merge.is_answering_leg(make_leg("1001", 3, 18), visit)


def test_without_a_queue_log_the_times_are_those_of_the_line() -> None:
    assert queue_merge.compute_cdr_times(make_leg("1002", 0, 60, 5)) == CdrTimes(
        wait_begin=ENTERED,
        wait_end=add_seconds(5),
        ack_begin=ENTERED,
        ack_end=add_seconds(5),
        call_begin=add_seconds(5),
        call_end=add_seconds(60),
    )
    assert queue_merge.compute_cdr_times(make_leg("1002", 0, 60)).call_begin is None


@given(halves, st.integers(0, 9), st.integers(0, 9), st.none() | st.integers(0, 9), st.sampled_from(["", "1001"]))
def test_times_of_a_leg_are_never_out_of_order(
    visit: QueueVisit, begin: int, lasts: int, rings: int | None, agent: str
) -> None:
    answer = None if rings is None else begin + min(rings, lasts)
    times = queue_merge.compute_cdr_times(make_leg(agent, begin, begin + lasts, answer), visit)
    given_times = [when for when in (times.wait_begin, times.wait_end, times.ack_begin) if when]
    assert given_times == sorted(given_times)
    for first, last in ((times.ack_begin, times.ack_end), (times.call_begin, times.call_end)):
        assert (first is None) == (last is None)
        assert first is None or last is None or first <= last


def test_an_agent_who_answered_a_transferred_call_talked_though_the_queue_log_names_another() -> None:
    """After an attended transfer Asterisk's next line still names the queue, and the queue log the first agent."""
    visit = parse_visit(
        *CALL_LINES[:2], "1705311245|1705311042.118|sales|PJSIP/1002|ATTENDEDTRANSFER|BRIDGE|6b1c|24|169|1"
    )
    times = queue_merge.compute_cdr_times(make_leg("1003", 193, 240, 196), visit)
    assert (times.wait_begin, times.wait_end) == (add_seconds(193), add_seconds(193))
    assert (times.call_begin, times.call_end) == (add_seconds(196), add_seconds(240))
