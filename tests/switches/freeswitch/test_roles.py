"""The agent of a channel, and whether its parties are inside or outside."""

import pytest

from ccfs.model.calls.cdr import CallType, DeviceType
from ccfs.switches.freeswitch import ChannelLeg, join_call_legs
from tests.switches.freeswitch.channels import A_LEG, B_LEG, CALLER, OTHER_LEG, make_json, make_variables
from tests.switches.freeswitch.read_samples import parse_channels, parse_visits

Roles = list[tuple[int, str]]
AGENT_UUID = "7d3f2c1a-1111-4222-8333-9876543210ab"


def read_roles(*channels: dict[str, str]) -> Roles:
    """Return call type and agent of each channel, equal in whatever order and files they arrive."""
    together = parse_channels(make_json(*channels))
    apart = join_call_legs(reversed(parse_channels(*(make_json(channel) for channel in channels))))
    assert {leg.switch_leg_id: leg for leg in apart} == {leg.switch_leg_id: leg for leg in together}
    assert join_call_legs(together) == together
    return [(leg.call_type, leg.agent) for leg in together]


def read_leg(**variables: str) -> ChannelLeg:
    [leg] = parse_channels(make_json(make_variables(**variables)))
    return leg


@pytest.mark.parametrize("number", ["10086", "95588", "12345", "911", "112", "101", "999"])
@pytest.mark.parametrize(
    "trunk",
    [
        {"sip_gateway_name": "trunk1"},
        {"sip_gateway": "trunk1"},
        {"sofia_profile_name": "external"},
        {"sofia_profile_name": "external-ipv6"},
        {"channel_name": "sofia/external/10086@203.0.113.9"},
    ],
    ids=["gateway-name", "gateway", "profile", "profile-v6", "channel"],
)
def test_a_short_number_behind_a_trunk_is_outside(number: str, trunk: dict[str, str]) -> None:
    near = make_variables(caller_id_number="1001", destination_number=number, user_name="1001")
    far = make_variables(
        B_LEG,
        caller_id_number="1001",
        destination_number=number,
        direction="outbound",
        originating_leg_uuid=A_LEG,
        **trunk,
    )
    assert read_roles(near, far) == [(CallType.OUTBOUND, "1001"), (CallType.OUTBOUND, "")]


@pytest.mark.parametrize(
    "sign",
    [
        {"call_direction": "outbound"},
        {"bridge_channel": "sofia/external/95588@203.0.113.9"},
        {"last_app": "bridge", "last_arg": "sofia/gateway/trunk1/95588"},
    ],
    ids=["fusionpbx", "bridge-channel", "bridge-argument"],
)
def test_an_a_leg_alone_shows_that_a_short_number_is_outside(sign: dict[str, str]) -> None:
    leg = read_leg(caller_id_number="1001", destination_number="95588", user_name="1001", **sign)
    assert (leg.call_type, leg.agent, leg.device_type) == (CallType.OUTBOUND, "1001", DeviceType.AGENT)


@pytest.mark.parametrize(
    "sign",
    [
        {"sip_gateway": "trunk1"},
        {"sofia_profile_name": "external"},
        {"context": "public"},
        {"call_direction": "inbound"},
    ],
    ids=["gateway", "profile", "context", "fusionpbx"],
)
def test_a_short_number_that_calls_from_outside_is_no_agent(sign: dict[str, str]) -> None:
    leg = read_leg(caller_id_number="95588", destination_number="1001", **sign)
    assert (leg.call_type, leg.agent) == (CallType.INBOUND, "1001")
    assert (read_leg(caller_id_number="95588", **sign).call_type, read_leg(caller_id_number="95588", **sign).agent) == (
        CallType.INBOUND,
        "",
    )


@pytest.mark.parametrize(
    "phone",
    [{"user_name": "1001"}, {"sip_auth_username": "1001"}, {"user_name": "1001", "context": "public"}],
)
def test_a_registered_user_is_inside_on_any_profile(phone: dict[str, str]) -> None:
    leg = read_leg(caller_id_number="02079460999", destination_number="1002", sofia_profile_name="lan", **phone)
    assert (leg.call_type, leg.agent) == (CallType.INTERNAL, "1002")


@pytest.mark.parametrize(
    ("variables", "agent"),
    [
        ({"last_sent_callee_id_number": "1002"}, "1002"),
        ({"originated_legs": f"{B_LEG};Bob;1002", "bridge_uuid": B_LEG}, "1002"),
        ({"originated_legs": f"ARRAY::{OTHER_LEG};Al;1003|:{B_LEG};Bob;1002", "bridge_uuid": B_LEG}, "1002"),
        ({"originated_legs": f"{B_LEG};Bob; Jr;1002@acme.example.com", "last_bridge_to": B_LEG}, "1002"),
        ({"originated_legs": f"{OTHER_LEG};Al;1003", "bridge_uuid": B_LEG}, ""),
        ({"destination_number": "600", "last_sent_callee_id_number": "1002"}, "1002"),
        ({"destination_number": "1001", "last_sent_callee_id_number": "1002"}, "1002"),
        ({"destination_number": "1001", "last_sent_callee_id_number": "07700900123"}, "1001"),
        ({"last_sent_callee_id_number": "1002", "bridge_channel": "sofia/external/1002@203.0.113.9"}, ""),
    ],
)
def test_an_a_leg_alone_shows_who_answered(variables: dict[str, str], agent: str) -> None:
    leg = read_leg(**variables)
    assert (leg.call_type, leg.agent, leg.caller_no) == (CallType.INBOUND, agent, CALLER)


@pytest.mark.parametrize("application", ["conference", "voicemail", "ivr", "valet_park", "park", "fifo"])
def test_the_number_of_a_service_is_no_agent(application: str) -> None:
    assert read_leg(destination_number="3001", last_app=application).agent == ""
    inside = read_leg(caller_id_number="1001", user_name="1001", destination_number="3001", last_app=application)
    assert (inside.call_type, inside.agent) == (CallType.INTERNAL, "1001")


def test_a_survey_after_the_talk_does_not_hide_who_answered() -> None:
    assert read_leg(last_app="ivr", bridge_uuid=B_LEG, last_sent_callee_id_number="1002").agent == "1002"


@pytest.mark.parametrize(
    ("application", "dialled"), [("intercept", "**1001"), ("intercept", "*8"), ("valet_park", "5901"), ("", "88")]
)
def test_who_picks_a_call_up_talks(application: str, dialled: str) -> None:
    caller = make_variables(destination_number="1001", bridge_uuid=OTHER_LEG)
    rang = make_variables(
        B_LEG,
        start=1,
        answer=None,
        end=9,
        destination_number="1001",
        dialed_user="1001",
        direction="outbound",
        originating_leg_uuid=A_LEG,
    )
    picked_up = make_variables(
        OTHER_LEG,
        start=8,
        answer=9,
        caller_id_number="1002",
        user_name="1002",
        destination_number=dialled,
        last_app=application,
        bridge_uuid=A_LEG,
    )
    assert read_roles(caller, rang, picked_up) == [
        (CallType.INBOUND, ""),
        (CallType.INBOUND, "1001"),
        (CallType.INBOUND, "1002"),
    ]


def test_the_phone_that_answers_in_a_ring_group_has_the_talk_and_the_group_none() -> None:
    group = make_variables(destination_number="600", bridge_uuid=OTHER_LEG)
    called = {"direction": "outbound", "originating_leg_uuid": A_LEG}
    missed = make_variables(B_LEG, start=1, answer=None, destination_number="1001", dialed_user="1001", **called)
    answered = make_variables(OTHER_LEG, start=1, destination_number="1002", dialed_user="1002", **called)
    assert [agent for _, agent in read_roles(group, missed, answered)] == ["", "1001", "1002"]


def test_a_call_that_a_mobile_answers_is_no_agents_talk() -> None:
    near = make_variables(destination_number="1001", bridge_uuid=B_LEG)
    mobile = make_variables(
        B_LEG, start=5, destination_number="07700900123", direction="outbound", originator=A_LEG, sip_gateway_name="t"
    )
    assert read_roles(near, mobile) == [(CallType.INBOUND, ""), (CallType.INBOUND, "")]


def test_a_call_placed_for_an_agent_is_outbound() -> None:
    phone = make_variables(
        direction="outbound", dialed_user="1001", destination_number="1001", caller_id_number="02079460999"
    )
    far = make_variables(
        B_LEG, start=5, destination_number="07700900123", direction="outbound", originator=A_LEG, sip_gateway_name="t"
    )
    assert read_roles(phone, far) == [(CallType.OUTBOUND, "1001"), (CallType.OUTBOUND, "")]


def make_queue_channels(agent: str) -> tuple[dict[str, str], dict[str, str]]:
    queue = {"cc_queue": "600@acme.example.com", "cc_agent": agent, "cc_member_session_uuid": A_LEG}
    times = {"cc_queue_joined_epoch": "1751554801", "cc_queue_answered_epoch": "1751554810"}
    member = make_variables(destination_number="600", cc_side="member", cc_agent_uuid=B_LEG, **queue, **times)
    phone = make_variables(
        B_LEG, start=4, cc_side="agent", destination_number="1001", dialed_user="1001", direction="outbound", **queue
    )
    return member, phone


def test_an_agent_named_by_a_uuid_is_the_extension_that_rang() -> None:
    member, phone = make_queue_channels(AGENT_UUID)
    assert [agent for _, agent in read_roles(member, phone)] == ["1001", "1001"]
    assert [visit.agent for visit in parse_visits(make_json(member, phone))] == ["", "1001"]


@pytest.mark.parametrize(
    ("extra", "agent"),
    [
        ({"last_sent_callee_id_number": "1001"}, "1001"),
        ({"originated_legs": f"{B_LEG};Bob;1001"}, "1001"),
        ({}, AGENT_UUID.replace("-", "")),
    ],
)
def test_a_queued_callers_channel_alone_shows_the_extension(extra: dict[str, str], agent: str) -> None:
    member, _ = make_queue_channels(AGENT_UUID)
    [leg] = parse_channels(make_json({**member, **extra}))
    assert (leg.device_type, leg.agent) == (DeviceType.QUEUE, agent)


def test_an_agent_named_otherwise_keeps_the_name() -> None:
    member, phone = make_queue_channels("1007@acme.example.com")
    assert [agent for _, agent in read_roles(member, phone)] == ["1007", "1007"]
