"""Lines of queue_log: visits of callers and events of agents."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccfs.switches.asterisk import queue_log
from ccfs.switches.records import AgentEvent, QueueVisit, UnreadableLine

ENTERED = datetime(2024, 1, 15, 9, 30, 52, tzinfo=UTC)
SECOND = 1705311052
CALL_LINES = [
    "1705311052|1705311042.118|sales|NONE|ENTERQUEUE||02079460123|1",
    "1705311076|1705311042.118|sales|PJSIP/1002|CONNECT|24|1705311070.121|6",
    "1705311245|1705311042.118|sales|PJSIP/1002|COMPLETEAGENT|24|169|1",
]


def parse_line(text: str) -> queue_log.QueueLine:
    read = queue_log.parse_line(text.encode())
    assert read is not None
    return read


def add_seconds(seconds: float) -> datetime:
    return ENTERED + timedelta(seconds=seconds)


def parse_visit(*texts: str) -> QueueVisit:
    known: QueueVisit | None = None
    for text in texts:
        new = queue_log.extract_queue_visit(parse_line(text))
        if new is not None:
            known = queue_log.combine_visits(known, new) if known else new
    assert known is not None
    return known


def parse_agent_event(text: str) -> AgentEvent | None:
    return queue_log.extract_agent_event(parse_line(text))


@pytest.mark.parametrize("order", list(itertools.permutations(CALL_LINES)))
def test_a_visit_is_combined_from_its_lines_in_any_order(order: tuple[str, ...]) -> None:
    assert parse_visit(*order) == QueueVisit(
        switch_leg_id="1705311042.118",
        queue="sales",
        entered_at=ENTERED,
        rang_at=add_seconds(18),
        connected_at=add_seconds(24),
        left_at=add_seconds(193),
        agent="1002",
        outcome="COMPLETEAGENT",
    )


def test_a_visit_of_an_old_log_has_no_ring_time() -> None:
    visit = parse_visit(CALL_LINES[0], "1705311076|1705311042.118|sales|Agent/1002|CONNECT|24")
    assert (visit.agent, visit.rang_at, visit.connected_at) == ("1002", add_seconds(24), add_seconds(24))


def test_a_call_that_returns_to_a_queue_has_waited_since_it_first_entered() -> None:
    visit = parse_visit(
        CALL_LINES[0],
        "1705311062|1705311042.118|sales|NONE|EXITWITHTIMEOUT|1|1|10",
        "1705311064|1705311042.118|sales|NONE|ENTERQUEUE||02079460123|1",
        CALL_LINES[1],
    )
    assert (visit.entered_at, visit.connected_at, visit.agent, visit.outcome) == (
        ENTERED,
        add_seconds(24),
        "1002",
        "CONNECT",
    )


@pytest.mark.parametrize(
    ("text", "op_type", "cause", "target"),
    [
        ("1|NONE|NONE|Agent/1001|AGENTLOGIN|SIP/1001-00000001", 1, "-1", "-1"),
        ("1|NONE|NONE|Agent/1001|AGENTCALLBACKLOGIN|1001@phones", 1, "-1", "-1"),
        ("1|NONE|sales|PJSIP/1001|ADDMEMBER|", 1, "-1", "-1"),
        ("1|NONE|NONE|Agent/1001|AGENTLOGOFF|SIP/1001-00000001|43", 0, "-1", "-1"),
        ("1|NONE|sales|PJSIP/1001|REMOVEMEMBER|", 0, "-1", "-1"),
        ("1|NONE|sales|PJSIP/1001|PAUSE|lunch", 3, "1", "-1"),
        ("1|NONE|sales|PJSIP/1001|PAUSE|Auto-Pause", 3, "2", "-1"),
        ("1|NONE|NONE|PJSIP/1001|UNPAUSEALL|", 2, "-1", "-1"),
        ("1|1705311042.1|sales|PJSIP/1001|CONNECT|5|1705311043.2|3", 4, "-1", "-1"),
        ("1|1705311042.1|sales|PJSIP/1001|COMPLETECALLER|5|60|1", 27, "0", "-1"),
        ("1|1705311042.1|sales|PJSIP/1001|RINGNOANSWER|15000", 3, "2", "-1"),
        ("1|1705311042.1|sales|PJSIP/1001|BLINDTRANSFER|1003|internal|5|60|1", 46, "-1", "1003"),
        ("1|1705311042.1|sales|PJSIP/1001|TRANSFER|1003|internal", 46, "-1", "1003"),
        ("1|1705311042.1|sales|PJSIP/1001|ATTENDEDTRANSFER|BRIDGE|6b1c|5|60|1", 46, "-1", "-1"),
        ("1|1705311042.1|sales|PJSIP/1001|ATTENDEDTRANSFER|LINK|SIP/1001-0a|SIP/1003-0b|5|60|1", 46, "-1", "1003"),
    ],
)
def test_agent_events_have_the_interfaces_op_types(text: str, op_type: int, cause: str, target: str) -> None:
    event = parse_agent_event(text.replace("1|", f"{SECOND}|", 1))
    assert event is not None
    assert (event.agent, event.occurred_at, event.op_type, event.op_cause, event.op_object) == (
        "1001",
        ENTERED,
        op_type,
        cause,
        target,
    )


@pytest.mark.parametrize(
    "rest",
    [
        "NONE|NONE|NONE|QUEUESTART|",
        "NONE|NONE|NONE|CONFIGRELOAD|",
        "1705311042.1|600|NONE|DID|02079460100",
        "1705311042.1|600|NONE|INFO|x|y",
        "1705311042.1|600|SIP/1001|RINGCANCELED|3000",
        "1705311042.1|600|NONE|SYSCOMPAT|",
        "NONE|600|NONE|ADDMEMBER|",
    ],
)
def test_other_lines_give_no_agent_event(rest: str) -> None:
    assert parse_agent_event(f"{SECOND}|{rest}") is None


def test_pauseall_and_the_pause_of_each_queue_count_once_whatever_run_reads_them() -> None:
    everywhere = parse_agent_event("1705311052|NONE|NONE|PJSIP/1001|PAUSEALL|tea")
    here = parse_agent_event("1705311052|NONE|sales|PJSIP/1001|PAUSE|tea")
    later = parse_agent_event("1705311053|NONE|sales|PJSIP/1001|PAUSE|tea")
    other = parse_agent_event("1705311052|NONE|sales|PJSIP/1002|PAUSE|tea")
    keys = [event.source_key for event in (everywhere, here, later, other) if event is not None]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


def test_two_unanswered_calls_in_one_second_are_two() -> None:
    first, second = (
        parse_agent_event(f"1705311052|{call}|sales|PJSIP/1001|RINGNOANSWER|0")
        for call in ("1705311042.1", "1705311042.2")
    )
    assert first is not None
    assert second is not None
    assert first.source_key != second.source_key
    assert not first.is_state


def test_a_queue_member_may_have_a_name_instead_of_a_number() -> None:
    event = queue_log.extract_agent_event(
        parse_line("1705311052|NONE|600|Anna Schmidt|PAUSE|"), {"Anna Schmidt": "1001"}
    )
    assert event is not None
    assert event.agent == "1001"
    named = parse_agent_event("1705311052|NONE|600|Anna Schmidt|PAUSE|")
    assert named is not None
    assert named.agent == "Anna Schmidt"


def test_a_login_event_has_the_phone_number() -> None:
    event = parse_agent_event("1705311052|NONE|NONE|Agent/1001|AGENTCALLBACKLOGIN|2001@phones")
    assert event is not None
    assert event.phone_no == "2001"


@pytest.mark.parametrize(
    ("time", "at"),
    [
        ("1705311052", ENTERED),
        ("1705311052.250000", add_seconds(0.25)),
        ("2024-01-15 09:30:52+0000", ENTERED),
        ("2024-01-15T10:30:52.250000+01:00", add_seconds(0.25)),
    ],
)
def test_the_time_of_a_line_is_parsed_in_each_format(time: str, at: datetime) -> None:
    assert parse_line(f"{time}|NONE|NONE|NONE|QUEUESTART|").occurred_at == at


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"2024-01-15 09:30:52.348244|NONE|q2|Agent/3001|UNPAUSE|", "the time has no zone"),
        (b"soon|NONE|q2|Agent/3001|UNPAUSE|", "the time is not a time"),
        (b"1705311052|NONE|q2", "3 fields instead of at least 5"),
        (b"1705311052|NONE|q2|a|\0|", "NUL"),
        (b"1705311052|" + b"x" * 70_000, "longer than 65536 bytes"),
    ],
)
def test_an_unreadable_line_is_rejected_with_a_reason(text: bytes, reason: str) -> None:
    with pytest.raises(UnreadableLine, match=reason):
        queue_log.parse_line(text)


def test_an_empty_line_gives_no_record() -> None:
    assert queue_log.parse_line(b"\n") is None


@given(st.binary(max_size=120) | st.from_regex(rb"[0-9.]{0,25}\|[A-Z0-9|/@.-]{0,60}", fullmatch=True))
def test_no_bytes_raise_anything_but_unreadable_line(noise: bytes) -> None:
    for text in (noise, b"1705311052|1705311042.1|q|a|" + noise):
        try:
            read = queue_log.parse_line(text)
        except UnreadableLine:
            continue
        if read is not None:
            visit, event = queue_log.extract_queue_visit(read), queue_log.extract_agent_event(read)
            assert visit is None or visit.switch_leg_id
            assert event is None or event.agent


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


@given(halves, halves)
def test_the_order_of_the_halves_of_a_visit_does_not_matter(first: QueueVisit, second: QueueVisit) -> None:
    assert queue_log.combine_visits(first, second) == queue_log.combine_visits(second, first)
    assert queue_log.combine_visits(first, first) == first
