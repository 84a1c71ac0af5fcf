"""Histories of channels correct legs: answers after transfers, pick-ups, causes, ends; and report holds."""

import itertools
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ccfs.model.calls.cdr import LeaveReason
from ccfs.switches.asterisk.legs.cdr_legs import AsteriskLeg
from ccfs.switches.asterisk.legs.channel_history import (
    MAX_EVENTS,
    ChannelEvent,
    ChannelHistory,
    ChannelIndex,
    combine_histories,
    correct_legs,
    list_holds,
    parse_events,
    serialize_events,
)
from tests.switches.asterisk.test_join_legs import PHONE_HALF, QUEUE_HALF, TRUNK, make_leg, make_queue_leg

MINUTE = datetime(2024, 1, 15, 9, 30, tzinfo=UTC)
PHONE = "PJSIP/1001-00000002"


Step = tuple[float, str] | tuple[float, str, str]


def make_history(channel: str, *steps: Step, leg_id: str = "1.9") -> ChannelHistory:
    """Return a history of events at seconds of the minute."""
    events = [ChannelEvent(MINUTE + timedelta(seconds=step[0]), *step[1:]) for step in steps]
    return ChannelHistory(switch_leg_id=leg_id, switch_call_id="1.1", channel=channel, events=tuple(events))


def correct(leg: AsteriskLeg, *histories: ChannelHistory) -> AsteriskLeg:
    [corrected] = correct_legs([leg], histories)
    return corrected


@pytest.mark.parametrize(
    ("steps", "second"),
    [
        ([(22.6, "ANSWER"), (22.7, "BRIDGE_ENTER")], 22),
        ([(22.6, "ANSWER")], 22),  # of a log without bridges
        ([(22.6, "ANSWER"), (25.1, "BRIDGE_ENTER")], 25),  # the agent heard an announcement first
        ([(5.0, "ANSWER"), (5.1, "BRIDGE_ENTER"), (21.0, "BRIDGE_ENTER")], 20),  # asked back before the transfer
        ([(59.0, "BRIDGE_ENTER")], 20),  # after the line
        ([(21.0, "HANGUP", "16")], 20),
    ],
)
def test_an_agent_talks_from_when_the_phone_answered(steps: list[tuple[float, str]], second: int) -> None:
    leg = make_leg(PHONE_HALF, PHONE, 20, 20, 40)
    answer = correct(leg, make_history(PHONE, *steps)).answer
    assert answer is not None
    assert (answer.second, answer.microsecond) == (second, 0)


def test_a_file_with_fractions_keeps_the_fraction_of_the_event() -> None:
    leg = replace(make_leg(PHONE_HALF, PHONE, 20, 20, 40), answer=MINUTE + timedelta(seconds=20.25))
    assert correct(leg, make_history(PHONE, (22.5, "ANSWER"))).answer == MINUTE + timedelta(seconds=22.5)


def test_lines_to_a_local_channel_and_calls_out_keep_their_answer() -> None:
    for leg in (make_queue_leg(QUEUE_HALF, 0, 0, 20), make_leg(PHONE, "PJSIP/line-00000003", 0, 2, 20, src="1001")):
        history = make_history(leg.dstchannel, (5.0, "ANSWER"), (5.0, "BRIDGE_ENTER"))
        assert correct(leg, history) == leg


def test_a_phone_whose_call_a_colleague_picked_up_did_not_answer() -> None:
    leg = make_leg(PHONE_HALF, PHONE, 1, 5, 5)
    corrected = correct(leg, make_history(PHONE, (5.0, "PICKUP"), (5.0, "HANGUP", "16")))
    assert (corrected.answer, corrected.has_talk, corrected.leave_reason) == (None, False, LeaveReason.AGENT_NO_ANSWER)


@pytest.mark.parametrize(
    ("cause", "expected"), [("1", 1), ("17", 17), ("26", 26), ("0", 19), ("16", 19), ("127", 19), ("", 19), ("999", 19)]
)
def test_a_precise_cause_counts_more_than_the_disposition(cause: str, expected: int) -> None:
    leg = make_leg(TRUNK, PHONE, 0, None, 9)
    assert correct(leg, make_history(PHONE, (9.1, "HANGUP", cause))).release_cause == expected
    assert correct(leg, make_history(TRUNK, (9.1, "HANGUP", cause))).release_cause == expected
    assert correct(leg, make_history(PHONE, (30.0, "HANGUP", cause))).release_cause == 19  # of a later attempt


def test_the_reason_of_a_call_out_follows_the_cause_and_that_of_an_agent_does_not() -> None:
    out = make_leg(PHONE, "PJSIP/line-00000003", 0, None, 9, src="1001")
    reasons = [
        correct(out, make_history("PJSIP/line-00000003", (9.0, "HANGUP", cause))).leave_reason
        for cause in ("1", "17", "21", "34")
    ]
    assert reasons == [
        LeaveReason.VACANT_NUMBER, LeaveReason.CALLED_BUSY, LeaveReason.REJECTED, LeaveReason.USER_NO_ANSWER,
    ]  # fmt: skip
    leg = make_leg(TRUNK, PHONE, 0, None, 9)
    assert correct(leg, make_history(PHONE, (9.0, "HANGUP", "17"))).leave_reason == LeaveReason.AGENT_NO_ANSWER


@pytest.mark.parametrize("kind", ["BLINDTRANSFER", "ATTENDEDTRANSFER"])
def test_an_agent_whose_phone_transferred_has_transferred_the_call(kind: str) -> None:
    leg = make_leg(TRUNK, PHONE, 0, 4, 10)
    assert correct(leg, make_history(PHONE, (4.0, "ANSWER"), (10.2, kind))).leave_reason == LeaveReason.TRANSFERRED_OUT
    assert correct(leg, make_history(PHONE, (4.0, "ANSWER"), (19.0, kind))).leave_reason == leg.leave_reason


def test_an_end_that_was_cut_is_that_of_the_bridge() -> None:
    leg = make_leg(TRUNK, PHONE, 0, 4, 10)
    assert correct(leg, make_history(PHONE, (4.0, "ANSWER"), (11.9, "BRIDGE_EXIT"))).end.second == 11
    assert correct(leg, make_history(PHONE, (4.0, "ANSWER"), (13.0, "BRIDGE_EXIT"))).end.second == 10


def test_a_channel_of_the_same_name_after_a_restart_is_another_one() -> None:
    leg = make_leg(TRUNK, PHONE, 20, 20, 40)
    old = make_history(PHONE, (1.0, "ANSWER"), (2.0, "HANGUP", "16"))
    assert correct(leg, old, make_history(PHONE, (22.0, "ANSWER"), leg_id="1.10")).answer == MINUTE + timedelta(
        seconds=22
    )


def test_holds_are_those_of_the_other_side_during_the_talk() -> None:
    leg = make_leg(TRUNK, PHONE, 0, 4, 20)
    talk = MINUTE + timedelta(seconds=4), MINUTE + timedelta(seconds=20)
    steps: list[Step] = [
        (1.0, "STREAM_BEGIN", "default"), (4.0, "STREAM_END"), (6.0, "STREAM_BEGIN", "default"), (9.0, "STREAM_END"),
        (10.0, "STREAM_END"), (18.0, "STREAM_BEGIN", "default"), (22.0, "HANGUP", "16"),
    ]  # fmt: skip
    holds = list_holds(leg, talk, ChannelIndex([make_history(TRUNK, *steps)]))
    assert [(begin.second, end.second) for begin, end in holds] == [(6, 9), (18, 20)]
    assert list_holds(leg, talk, ChannelIndex([make_history(PHONE, *steps)])) == ()


def test_parts_of_a_history_are_combined_in_any_order() -> None:
    parts = [
        make_history(PHONE, (1.0, "ANSWER")),
        replace(make_history(PHONE, (2.0, "BRIDGE_ENTER"), (2.0, "BRIDGE_ENTER")), switch_call_id="0.7"),
        make_history(PHONE, (1.0, "ANSWER"), (3.0, "HANGUP", "16")),
    ]
    combined = set()
    for first, second, third in itertools.permutations(parts):
        combined.add(combine_histories(combine_histories(first, second), third))
    [history] = combined
    assert (history.switch_call_id, [event.kind for event in history.events]) == (
        "0.7",
        ["ANSWER", "BRIDGE_ENTER", "HANGUP"],
    )
    assert parse_events(serialize_events(history)) == history.events


def test_a_channel_that_plays_for_ever_keeps_its_hangup_and_costs_little() -> None:
    steps = [(number / 1000, "STREAM_BEGIN", "default") for number in range(30 * MAX_EVENTS)]
    start = time.process_time()
    history = combine_histories(make_history(PHONE, *steps), make_history(PHONE, (59.0, "HANGUP", "16")))
    assert [event.kind for event in history.events] == ["HANGUP"]
    assert time.process_time() - start < 2
