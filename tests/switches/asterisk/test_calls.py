"""Legs from single CDR lines: who called whom through which device, and how it ended."""

from dataclasses import replace

import pytest

from ccfs.model.calls.cdr import CallType, DeviceType, LeaveReason
from ccfs.switches.asterisk import recordings
from ccfs.switches.asterisk.cdr_files.cdr import AsteriskCdrRow
from ccfs.switches.asterisk.channels import AgentMatcher, parse_caller_name, parse_endpoint, parse_member
from ccfs.switches.asterisk.legs import cdr_legs
from ccfs.switches.records import Leg

USUAL_ROW = AsteriskCdrRow(
    src="02079460123",
    dst="600",
    dcontext="from-trunk",
    clid='"Ann Lee" <02079460123>',
    channel="PJSIP/trunk-out-0000001a",
    dstchannel="PJSIP/1001-0000001b",
    lastapp="Queue",
    lastdata="sales,t,,,60",
    start="2024-01-15 09:30:42",
    end="2024-01-15 09:31:10",
    duration="28",
    billsec="0",
    disposition="NO ANSWER",
    uniqueid="1705311042.118",
    linkedid="1705311042.110",
    sequence="9",
)


def parse_leg(**columns: str) -> Leg:
    return cdr_legs.build_leg(USUAL_ROW._replace(**columns), "UTC", AgentMatcher())


@pytest.mark.parametrize(
    ("channel", "name"),
    [
        ("PJSIP/1001-0000001a", "1001"),
        ("SIP/trunk-out-0000b7d2", "trunk-out"),
        ("SIP/1001", "1001"),
        ("SIP/192.0.2.7-09a3f5b8", "192.0.2.7"),
        ("Local/1001@from-queue-00000001;2", "1001"),
        ("Local/1001@from-queue-b4c1,1", "1001"),
        ("Agent/1001", "1001"),
        ("IAX2/branch-14597", "branch"),
        ("DAHDI/i1/02079460123-5", "i1/02079460123"),
        ("OutgoingSpoolFailed", "OutgoingSpoolFailed"),
        ("", ""),
    ],
)
def test_the_peer_of_a_channel_is_parsed_from_its_name(channel: str, name: str) -> None:
    assert parse_endpoint(channel) == name


@pytest.mark.parametrize("name", ["PJSIP/1001", "SIP/1001", "Agent/1001", "Local/1001@from-queue/n", "1001"])
def test_a_queue_member_is_identified_by_its_number(name: str) -> None:
    assert parse_member(name) == "1001"


@pytest.mark.parametrize(
    ("clid", "name"),
    [
        ('"Ann Lee" <02079460123>', "Ann Lee"),
        ('"The "Boss"" <1001>', 'The "Boss"'),
        (r'"J. \"Bob\" Lee" <1001>', 'J. "Bob" Lee'),  # as chan_sip leaves it
        (r'"J. \\\"Bob\\\" Lee" <1001>', 'J. "Bob" Lee'),  # as chan_pjsip does
        ("Ann <1001>", "Ann"),
        ('"" <1001>', ""),
        ("<1001>", ""),
        ("1001", ""),
        ("", ""),
        (' "Ann  " <1001> ', "Ann"),
        ('"<Ann>" <1001>', "<Ann>"),
        ('"Ann" <1001> x', ""),
        ('"Ann" <10>01>', ""),
        ("x" * 5000 + " <1001>", "x" * 5000),
        (" " * 2500, ""),  # a pattern once took 29 seconds
    ],
)
def test_a_callers_name_precedes_the_number(clid: str, name: str) -> None:
    assert parse_caller_name(clid) == name


@pytest.mark.parametrize(
    ("columns", "call_type"),
    [
        ({}, CallType.INBOUND),
        ({"channel": "PJSIP/1001-0a", "dstchannel": "PJSIP/1002-0b"}, CallType.INTERNAL),
        ({"channel": "PJSIP/1001-0a", "dstchannel": "", "dst": "1002"}, CallType.INTERNAL),
        ({"channel": "PJSIP/1001-0a", "dstchannel": "", "dst": "*97"}, CallType.INTERNAL),
        ({"channel": "PJSIP/1001-0a", "dstchannel": "", "dst": "02079460100"}, CallType.OUTBOUND),
        ({"channel": "PJSIP/1001-0a", "dstchannel": "PJSIP/trunk-0b", "dst": "999"}, CallType.OUTBOUND),
        ({"channel": "Local/1001@from-queue-00000001;2"}, CallType.INBOUND),
        ({"channel": "Local/1001@from-queue-00000001;2", "src": "1005"}, CallType.INTERNAL),
        ({"channel": "DAHDI/12-1"}, CallType.INBOUND),
    ],
)
def test_the_direction_follows_from_which_side_is_an_extension(columns: dict[str, str], call_type: CallType) -> None:
    assert parse_leg(**columns).call_type == call_type


@pytest.mark.parametrize(
    ("columns", "device", "name"),
    [
        ({}, DeviceType.AGENT, "1001"),
        ({"dstchannel": "Local/1001@from-queue-00000001;1"}, DeviceType.AGENT, "1001"),
        ({"dstchannel": ""}, DeviceType.QUEUE, "sales"),
        ({"dstchannel": "", "lastdata": "sales|t|||60"}, DeviceType.QUEUE, "sales"),
        ({"lastapp": "Dial", "channel": "SIP/1002-0a", "dstchannel": "SIP/trunk-0b"}, DeviceType.AGENT, "1002"),
        ({"lastapp": "BackGround", "dstchannel": ""}, DeviceType.FLOW, "from-trunk"),
    ],
)
def test_the_device_is_the_phone_rung_else_the_queue_else_the_caller_else_the_flow(
    columns: dict[str, str], device: DeviceType, name: str
) -> None:
    leg = parse_leg(**columns)
    assert (leg.device_type, leg.device_name) == (device, name)
    assert leg.agent == (name if device == DeviceType.AGENT else "")


def test_a_name_is_an_agent_if_the_queue_log_has_it() -> None:
    line = USUAL_ROW._replace(dstchannel="PJSIP/anna-0000001b")
    assert cdr_legs.build_leg(line, "UTC", AgentMatcher()).device_type == DeviceType.QUEUE
    assert cdr_legs.build_leg(line, "UTC", AgentMatcher(known_agents=frozenset({"anna"}))).agent == "anna"


@pytest.mark.parametrize(
    ("columns", "cause", "reason"),
    [
        ({"disposition": "ANSWERED"}, 16, LeaveReason.NORMAL),
        ({}, 19, LeaveReason.AGENT_NO_ANSWER),
        ({"dstchannel": ""}, 19, LeaveReason.QUEUE_CANCELLED),
        ({"lastapp": "Dial", "channel": "SIP/1002-0a", "dstchannel": "SIP/trunk-0b"}, 19, LeaveReason.USER_NO_ANSWER),
        ({"lastapp": "Wait", "dstchannel": ""}, 19, LeaveReason.USER_HUNG_UP),
        ({"disposition": "BUSY"}, 17, LeaveReason.CALLED_BUSY),
        ({"disposition": "CONGESTION"}, 34, LeaveReason.NO_RESOURCES),
        ({"disposition": "FAILED"}, 38, LeaveReason.INTERNAL_ERROR),
        ({"disposition": "FAILED", "hangupcause": "1"}, 1, LeaveReason.VACANT_NUMBER),
        ({"disposition": "BUSY", "hangupcause": "21"}, 21, LeaveReason.REJECTED),
    ],
)
def test_the_cause_and_the_reason_follow_the_disposition(
    columns: dict[str, str], cause: int, reason: LeaveReason
) -> None:
    leg = parse_leg(**columns)
    assert (leg.release_cause, leg.leave_reason) == (cause, reason)


@pytest.mark.parametrize(
    ("columns", "callee"),
    [
        ({}, "600"),
        ({"dst": "s", "did": "02079460100"}, "02079460100"),
        ({"dst": "s"}, "s"),
        ({"dst": "", "dstchannel": ""}, ""),
    ],
)
def test_an_extension_that_nobody_dials_is_no_callee_if_the_did_is_known(columns: dict[str, str], callee: str) -> None:
    assert parse_leg(**columns).callee_no == callee


def test_only_the_disposition_answered_makes_an_answer() -> None:
    """Asterisk writes an answer time on unanswered attempts, if the dial plan had answered before."""
    assert parse_leg(answer="2024-01-15 09:30:43").answer is None
    assert parse_leg(answer="2024-01-15 09:30:43", disposition="ANSWERED").answer is not None
    assert parse_leg(disposition="ANSWERED", billsec="20").answer == parse_leg().end.replace(second=50, minute=30)


def test_legs_of_a_call_share_its_linkedid_else_the_uniqueid_else_an_id_of_their_own() -> None:
    assert parse_leg().switch_call_id == "1705311042.110"
    assert parse_leg(linkedid="").switch_call_id == "1705311042.118"
    bare = parse_leg(linkedid="", uniqueid="")
    assert bare.switch_call_id == parse_leg(linkedid="", uniqueid="", sequence="10").switch_call_id
    assert len(bare.switch_call_id) == 16


def test_the_key_of_a_line_is_stable_and_unique() -> None:
    assert parse_leg().source_key == replace(parse_leg()).source_key
    assert (
        len(
            {
                parse_leg().source_key,
                parse_leg(dst="1009").source_key,
                parse_leg(dstchannel="PJSIP/1002-0000001c").source_key,
            }
        )
        == 3
    )


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        ({"recordingfile": "a.wav", "userfield": "audio:/var/spool/b.WAV"}, ("a.wav", "/var/spool/b.WAV")),
        ({"userfield": "gold customer. really"}, ()),
        ({"lastapp": "MixMonitor", "lastdata": "c.gsm,b,"}, ("c.gsm",)),
        ({"recordingfile": "a.wav", "userfield": "a.wav"}, ("a.wav",)),
    ],
)
def test_a_line_names_its_recordings(columns: dict[str, str], names: tuple[str, ...]) -> None:
    assert parse_leg(**columns).recordings == names


@pytest.mark.parametrize(
    ("file", "ids"),
    [
        ("q-600-02079460123-20240115-093042-1705311042.118.wav", ("1705311042.118",)),
        ("out-15550142-1001-20240709-160000-1720533600.90.wav", ("1720533600.90",)),
        ("exten-1001-1002-20240709-160000-pbx1-1720533600.90.wav", ("pbx1-1720533600.90", "1720533600.90")),
        ("2024/01/15/1705311042.118.wav49", ("1705311042.118",)),
        ("1705311042-118-in.wav", ("1705311042.118",)),
        (
            "pbx-1.lon-1705311042.118.wav",
            ("pbx-1.lon-1705311042.118", "1.lon-1705311042.118", "lon-1705311042.118", "1705311042.118"),
        ),
        ("pbx1-1705311042-118.mp3", ("pbx1-1705311042.118", "1705311042.118")),
        ("welcome.wav", ()),
        ("02079460123-20240115.wav", ()),
    ],
)
def test_a_recordings_name_names_its_call(file: str, ids: tuple[str, ...]) -> None:
    assert recordings.find_call_ids(file) == ids
