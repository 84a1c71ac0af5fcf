"""Talks that only the callflow of another channel reports."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest

from ccfs.model.calls.cdr import CallType, DeviceType, LeaveReason
from ccfs.switches.freeswitch import ChannelLeg, join_call_talks
from ccfs.switches.freeswitch.callflow import Talk
from tests.switches.freeswitch.channels import A_LEG, B_LEG, CALLER, OTHER_LEG, START, make_json, make_variables
from tests.switches.freeswitch.read_samples import parse_channels

Span = tuple[str, int | None, int]  # agent, seconds of the answer and of the end after START


def make_talk(peer: str, number: str, begin: int, end: int = 0, **values: Any) -> Talk:
    return Talk(peer, number, values.pop("is_outside", False), START + begin, end and START + end, **values)


def make_caller(*talks: Talk, answer: int | None = 5, end: int = 60, **variables: str) -> ChannelLeg:
    """The channel of a caller from outside who reached 1001."""
    variables = {"destination_number": "1001", "dialed_user": "1001", "sofia_profile_name": "external"} | variables
    [leg] = parse_channels(make_json(make_variables(answer=answer, end=end, **variables)))
    return replace(leg, talks=talks)


def make_callee(uuid: str, number: str, answer: int, end: int, *talks: Talk, **variables: str) -> ChannelLeg:
    """The channel of a phone that the switch called."""
    variables = {"direction": "outbound", "originating_leg_uuid": A_LEG} | variables
    variables |= {"destination_number": number, "dialed_user": number}
    [leg] = parse_channels(make_json(make_variables(uuid, answer=answer, end=end, **variables)))
    return replace(leg, talks=talks)


def list_spans(legs: list[ChannelLeg]) -> list[Span]:
    return [
        (leg.agent, None if leg.answer is None else count_seconds(leg.answer), count_seconds(leg.end)) for leg in legs
    ]


def count_seconds(instant: datetime) -> int:
    return int((instant - datetime.fromtimestamp(START, UTC)).total_seconds())


def test_a_caller_who_was_transferred_has_a_leg_for_each_talk() -> None:
    caller = make_caller(make_talk(B_LEG, "1001", 5, 20), make_talk(OTHER_LEG, "1002", 26))
    legs = join_call_talks([caller])
    assert list_spans(legs) == [("1001", 5, 20), ("1002", 26, 60)]
    assert legs[0].leave_reason == LeaveReason.TRANSFERRED_OUT
    assert {leg.switch_call_id for leg in legs} == {A_LEG}
    assert [leg.part_of for leg in legs] == ["", A_LEG]
    assert len({leg.source_key for leg in legs}) == 2


def test_a_transfer_outside_is_no_talk_of_an_agent() -> None:
    caller = make_caller(make_talk(B_LEG, "1001", 5, 20), make_talk(OTHER_LEG, "", 26, is_outside=True))
    assert list_spans(join_call_talks([caller])) == [("1001", 5, 20), ("", 26, 60)]


def test_a_talk_that_its_own_channel_reports_has_no_further_leg() -> None:
    caller = make_caller(make_talk(B_LEG, "1001", 5, 20), make_talk(OTHER_LEG, "1002", 26))
    callees = [make_callee(B_LEG, "1001", 5, 20), make_callee(OTHER_LEG, "1002", 26, 60)]
    for order in permutations([caller, *callees]):
        spans = list_spans(join_call_talks(order))
        assert sorted(span for span in spans if span[0]) == [("1001", 5, 20), ("1002", 26, 60)]
        assert len(spans) == 3
    some = join_call_talks([caller, callees[0]])
    assert sorted(span for span in list_spans(some) if span[0]) == [("1001", 5, 20), ("1002", 26, 60)]


def test_a_channel_whose_call_began_at_a_program_talks_when_the_callee_answers() -> None:
    originated = make_caller(
        make_talk(B_LEG, "", 20, is_outside=True), direction="outbound", sofia_profile_name="internal"
    )
    [leg] = join_call_talks([originated])
    assert (leg.call_type, *list_spans([leg])) == (CallType.OUTBOUND, ("1001", 20, 60))


def test_a_mailbox_is_no_talk_of_the_phone_that_rang() -> None:
    caller = make_caller(answer=20, last_app="voicemail", last_arg="default example.org 1001")
    [alone] = join_call_talks([caller])
    assert list_spans([alone]) == [("1001", None, 20)]
    assert (alone.device_type, alone.leave_reason) == (DeviceType.AGENT, LeaveReason.AGENT_NO_ANSWER)
    first, _ = join_call_talks([caller, make_callee(B_LEG, "1001", 0, 20)])
    assert (first.agent, first.answer) == ("", caller.answer)


PICKED = make_talk(A_LEG, "", 10, is_outside=True, caller=CALLER, callee="1001")


def make_picker(*talks: Talk) -> ChannelLeg:
    """The channel of 1002, which dialled the code for pick-ups."""
    variables = make_variables(B_LEG, start=9, answer=10, end=60, caller_id_number="1002", destination_number="**1001")
    variables |= {"user_name": "1002", "last_app": "intercept", "sip_hangup_disposition": "recv_bye"}
    [leg] = parse_channels(make_json(variables))
    return replace(leg, talks=talks or (PICKED,))


def test_a_caller_who_is_not_logged_has_the_call_that_a_phone_joined() -> None:
    """To be bridged to the phone that picked it up made the caller's channel a b-leg."""
    own, part = join_call_talks([make_picker()])
    assert {own.switch_call_id, part.switch_call_id, part.switch_leg_id} == {A_LEG}
    assert (part.caller_no, part.callee_no, part.call_type) == (CALLER, "1001", CallType.INBOUND)
    assert list_spans([own, part]) == [("1002", None, 10), ("1002", 10, 60)]
    assert part.leave_reason == LeaveReason.AGENT_HUNG_UP
    assert part.order < own.order


def test_a_caller_who_is_logged_has_no_such_leg() -> None:
    caller = make_caller(make_talk(B_LEG, "1002", 10), answer=10, bridge_uuid=B_LEG)
    for order in permutations([caller, make_picker()]):
        legs = join_call_talks(order)
        assert {leg.switch_call_id for leg in legs} == {A_LEG}
        assert max(list_spans(legs)) == ("1002", 10, 60)
        assert not any(leg.part_of for leg in legs)


def test_a_consultation_before_a_transfer_is_no_talk_with_the_caller() -> None:
    """The colleague's channel alone is logged: the agent asked, and handed the caller over."""
    consulted = make_callee(
        B_LEG, "1002", 10, 60, make_talk(OTHER_LEG, "1001", 10, 30), PICKED._replace(begin=START + 30)
    )
    for leg in (replace(consulted, switch_call_id=OTHER_LEG), replace(consulted, switch_call_id=B_LEG)):
        legs = join_call_talks([leg])
        of_caller = [each for each in legs if each.switch_call_id == A_LEG and each.answer]
        assert list_spans(of_caller) == [("1002", 30, 60)]
        assert all(each.end <= of_caller[0].begin for each in legs if each not in of_caller)


@pytest.mark.parametrize("begin", [10, 40])
def test_each_talk_has_one_key(begin: int) -> None:
    """Own talks and those with callers of other calls, whatever their order."""
    talks = (make_talk(OTHER_LEG, "1003", 20), PICKED._replace(begin=START + begin))
    legs = join_call_talks([make_picker(*sorted(talks, key=lambda talk: talk.begin))])
    assert len({leg.source_key for leg in legs}) == len(legs)


PROFILE = {"caller_id_number": CALLER, "ani": CALLER, "destination_number": "1001", "context": "default"}
PARTY = {"uuid": B_LEG, "chan_name": "sofia/internal/1001@192.0.2.7", "destination_number": "1001"}
TIMES = {"bridged_time": f"{START + 5}000000", "transfer_time": "0", "hangup_time": f"{START + 60}000000"}


def test_json_and_xml_report_the_same_talks() -> None:
    variables = make_variables()
    flow = {"caller_profile": {**PROFILE, "originatee": {"originatee_caller_profiles": [PARTY]}}, "times": TIMES}
    of_json = parse_channels(json.dumps({"variables": variables, "callflow": [flow]}).encode())
    texts = {name: format_elements(table) for name, table in (("profile", PROFILE), ("party", PARTY), ("times", TIMES))}
    profile = f"{texts['profile']}<originatee><originatee_caller_profile>{texts['party']}</originatee_caller_profile></originatee>"
    document = (
        f"<cdr><variables>{format_elements(variables)}</variables>"
        f"<callflow><caller_profile>{profile}</caller_profile><times>{texts['times']}</times></callflow></cdr>"
    )
    of_xml = parse_channels(document.encode())
    assert of_json[0].talks == of_xml[0].talks == (make_talk(B_LEG, "1001", 5, 60),)
    assert of_json == of_xml


def format_elements(table: dict[str, str]) -> str:
    return "".join(f"<{name}>{value}</{name}>" for name, value in table.items())
