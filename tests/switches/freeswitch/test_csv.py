"""mod_cdr_csv: FreeSWITCH's templates and the operator's own, quotes as FreeSWITCH writes them, local times."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from ccfs.model.calls.cdr import CallType, DeviceType, LeaveReason
from ccfs.switches.freeswitch import TEMPLATES, ChannelLeg, parse_cdr_data, parse_columns
from tests.switches.freeswitch.read_samples import LONDON, parse_channels, parse_reasons, read_sample

SEOUL = ZoneInfo("Asia/Seoul")
TIMES = {
    "start_stamp": "2025-07-03 14:00:00",
    "answer_stamp": "2025-07-03 14:00:05",
    "end_stamp": "2025-07-03 14:01:00",
}
VALUES = {
    **TIMES,
    "caller_id_name": "Ann",
    "caller_id_number": "02079460123",
    "destination_number": "1001",
    "caller_id": '"Ann" <02079460123>',
    "context": "public",
    "duration": "60",
    "billsec": "55",
    "hangup_cause": "NORMAL_CLEARING",
    "uuid": "b6a1c0de-0003-4c0a-8f00-0123456789ab",
    "last_arg": "{ignore_early_media=true,a=b}user/1001@pbx.example.com",
    "sofia_record_file": "/rec/a.wav",
}


def build_line(template: str) -> bytes:
    return ",".join(f'"{VALUES.get(column, "")}"' for column in TEMPLATES[template]).encode()


def test_both_channels_of_an_inbound_call_are_joined_and_the_agents_has_the_agent() -> None:
    agent, caller = parse_channels(read_sample("master.csv"), zone=SEOUL)[:2]
    assert agent.switch_call_id == caller.switch_call_id == "99205d8f-5ec4-402e-b174-7a8bb8c23a61"
    assert (caller.device_type, caller.device_name, caller.agent) == (DeviceType.FLOW, "public", "")
    assert (agent.device_type, agent.agent, agent.call_type) == (DeviceType.AGENT, "1001", CallType.INBOUND)
    assert agent.begin == datetime(2023, 10, 10, 14, 43, 58, tzinfo=UTC)
    assert caller.order < agent.order


def test_a_call_between_extensions_is_internal() -> None:
    far, near = parse_channels(read_sample("master.csv"), zone=SEOUL)[2:4]
    assert far.switch_call_id == near.switch_call_id == near.switch_leg_id
    assert (near.call_type, far.call_type) == (CallType.INTERNAL, CallType.INTERNAL)
    assert (far.device_type, far.agent) == (DeviceType.AGENT, "1002")


def test_an_unanswered_call_has_its_reason_and_keeps_its_quotes() -> None:
    leg = parse_channels(read_sample("master.csv"), zone=SEOUL)[4]
    assert leg.caller_name == 'Bob "The" Builder'
    assert (leg.answer, leg.release_cause, leg.leave_reason) == (None, 19, LeaveReason.AGENT_NO_ANSWER)
    assert (leg.device_type, leg.agent) == (DeviceType.AGENT, "1002")


def test_an_extension_that_calls_outside_is_outbound() -> None:
    leg = parse_channels(read_sample("master.csv"), zone=SEOUL)[5]
    assert (leg.call_type, leg.agent, leg.callee_no) == (CallType.OUTBOUND, "1002", "902079460999")


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_is_detected_from_its_lines(template: str) -> None:
    [leg] = parse_channels(build_line(template))
    assert (leg.switch_leg_id, leg.caller_no, leg.agent) == (VALUES["uuid"], "02079460123", "1001")
    assert leg.end == datetime(2025, 7, 3, 13, 1, tzinfo=UTC)
    assert leg.answer == datetime(2025, 7, 3, 13, 0, 5, tzinfo=UTC)
    assert leg.begin == (leg.answer if template == "opencdrrate" else datetime(2025, 7, 3, 13, 0, tzinfo=UTC))
    assert leg.recordings == (("/rec/a.wav",) if template == "snom" else ())


def test_lines_of_sql_are_parsed() -> None:
    wrapped = b"INSERT INTO cdr VALUES (" + build_line("sql").replace(b',""', b', ""') + b");"
    assert parse_channels(wrapped) == parse_channels(build_line("example"))


def test_an_operators_columns_are_parsed_from_a_list_or_a_template() -> None:
    template = '"${uuid}";"${start_epoch}","${end_epoch}","${caller_id_number}"'
    assert parse_columns(template) == parse_columns("uuid, start_epoch,end_epoch,caller_id_number")
    data = b"abc-1,1751547900,1751547960,02079460123"
    [(number, leg)] = parse_cdr_data(data, zone=LONDON, columns=parse_columns(template))
    assert isinstance(leg, ChannelLeg)
    assert (number, leg.switch_leg_id, leg.begin) == (1, "abc-1", datetime(2025, 7, 3, 13, 5, tzinfo=UTC))


@pytest.mark.parametrize("columns", ["start_stamp,end_stamp", "uuid,duration", ""])
def test_columns_without_uuid_or_time_are_rejected(columns: str) -> None:
    with pytest.raises(ValueError, match="lack"):
        parse_columns(columns)


def test_an_end_in_the_repeated_hour_is_corrected_by_the_duration() -> None:
    data = build_line("example").replace(b"2025-07-03 14:00:00", b"2025-10-26 01:50:00")
    data = data.replace(b"2025-07-03 14:00:05", b"2025-10-26 01:59:30").replace(b'"60","55"', b'"1500","930"')
    [leg] = parse_channels(data.replace(b"2025-07-03 14:01:00", b"2025-10-26 01:15:00"))
    assert (leg.end - leg.begin).total_seconds() == 1500
    assert leg.answer is not None
    assert (leg.end - leg.answer).total_seconds() == 930


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ((b"2025-07-03 14:00:00", b"2025-02-30 14:00:00"), "start_stamp: "),
        ((b"2025-07-03 14:00:00", b"0001-01-01 00:00:00"), "no time of a call"),
        ((b"2025-07-03 14:00:05", b"2025-07-02 14:00:05"), ""),
        ((b'"Ann"', b'"Ann","x"'), "fits none of FreeSWITCH's CSV templates"),
        ((b"b6a1c0de-0003", b"not a uuid"), "fits none"),
        ((b'"Ann"', b'"' + b"A" * 70_000 + b'"'), "is longer than"),
    ],
)
def test_a_damaged_line_is_rejected_alone(change: tuple[bytes, bytes], reason: str) -> None:
    good = build_line("example")
    reasons = parse_reasons(b"\n".join([good, good.replace(*change), good, b"", good]))
    assert not reasons if not reason else [number for number, text in reasons if reason in text] == [2]
    assert all(number == 2 for number, _ in reasons)
