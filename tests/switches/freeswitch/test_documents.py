"""JSON and XML CDRs: one channel each, encoded or not, with its queue visit."""

import json
from datetime import UTC, datetime

import pytest

from ccfs.model.calls.cdr import CallType, DeviceType, LeaveReason
from tests.switches.freeswitch.read_samples import parse_channels, parse_reasons, parse_visits, read_sample


def parse_utc(clock: str) -> datetime:
    return datetime.fromisoformat(f"2025-07-03T{clock}").replace(tzinfo=UTC)


def test_a_queued_callers_channel_is_the_queues_leg() -> None:
    [leg] = parse_channels(read_sample("queue-answered.member.json"))
    assert leg.switch_call_id == leg.switch_leg_id == "b4a3d6a2-7d0e-4c0b-9a55-0b4c6f1d2e01"
    assert (leg.caller_no, leg.caller_name, leg.callee_no) == ("02079460123", "Ann O'Neil", "8000")
    assert (leg.begin, leg.answer, leg.end) == (parse_utc("13:05:00"), parse_utc("13:05:02"), parse_utc("13:05:48"))
    assert (leg.device_type, leg.device_name, leg.queue, leg.agent) == (DeviceType.QUEUE, "support", "support", "1001")
    assert (leg.call_type, leg.release_cause) == (CallType.INBOUND, 16)
    assert leg.leave_reason == LeaveReason.USER_HUNG_UP
    assert leg.recordings == (
        "/var/lib/freeswitch/recordings/2025-07-03-14-05-03_support@default_b4a3d6a2-7d0e-4c0b-9a55-0b4c6f1d2e01.wav",
    )


def test_an_answered_queue_visit_has_all_its_times() -> None:
    [visit] = parse_visits(read_sample("queue-answered.member.json"))
    assert (visit.switch_leg_id, visit.queue) == ("b4a3d6a2-7d0e-4c0b-9a55-0b4c6f1d2e01", "support")
    assert (visit.entered_at, visit.connected_at, visit.left_at) == (
        parse_utc("13:05:03"),
        parse_utc("13:05:21"),
        parse_utc("13:05:48"),
    )
    assert (visit.agent, visit.outcome) == ("1001", "COMPLETECALLER")


def test_the_agents_channel_belongs_to_the_queued_callers_call() -> None:
    [leg] = parse_channels(read_sample("queue-answered.agent.json"))
    assert leg.switch_call_id == "b4a3d6a2-7d0e-4c0b-9a55-0b4c6f1d2e01"
    assert leg.switch_leg_id == "c7d1b0f4-51c8-4e7e-8a39-55d0c1b7aa02"
    assert (leg.device_type, leg.agent, leg.queue) == (DeviceType.AGENT, "1001", "support")
    assert (leg.begin, leg.answer) == (parse_utc("13:05:12"), parse_utc("13:05:21"))
    assert (leg.call_type, leg.leave_reason) == (CallType.INBOUND, LeaveReason.USER_HUNG_UP)
    assert parse_visits(read_sample("queue-answered.agent.json")) == []


def test_a_caller_who_gives_up_in_a_queue_has_cancelled() -> None:
    data = read_sample("queue-abandoned.json")
    [leg], [visit] = parse_channels(data), parse_visits(data)
    assert (leg.device_type, leg.agent, leg.leave_reason) == (DeviceType.QUEUE, "", LeaveReason.QUEUE_CANCELLED)
    assert (leg.begin, leg.end) == (parse_utc("13:20:00"), parse_utc("13:20:43"))
    assert (visit.entered_at, visit.connected_at, visit.left_at) == (parse_utc("13:20:03"), None, parse_utc("13:20:43"))
    assert (visit.agent, visit.outcome) == ("", "ABANDON")


@pytest.mark.parametrize(
    ("reason", "leave", "outcome"),
    [
        ("TIMEOUT", LeaveReason.QUEUE_TIMEOUT, "EXITWITHTIMEOUT"),
        ("NO_AGENT_TIMEOUT", LeaveReason.NOBODY_ON_DUTY, "EXITEMPTY"),
        ("EXIT_WITH_KEY", LeaveReason.QUEUE_CANCELLED, "EXITWITHKEY"),
    ],
)
def test_a_queue_can_be_left_in_other_ways(reason: str, leave: LeaveReason, outcome: str) -> None:
    data = read_sample("queue-abandoned.json").replace(b"BREAK_OUT", reason.encode())
    assert [leg.leave_reason for leg in parse_channels(data)] == [leave]
    assert [visit.outcome for visit in parse_visits(data)] == [outcome]


def test_an_outbound_call_is_the_calling_agents() -> None:
    [leg] = parse_channels(read_sample("outbound.xml"))
    assert (leg.caller_no, leg.caller_name, leg.callee_no) == ("1002", "Bo & Co", "902079460999")
    assert (leg.device_type, leg.agent, leg.call_type) == (DeviceType.AGENT, "1002", CallType.OUTBOUND)
    assert (leg.begin, leg.answer, leg.end) == (parse_utc("14:00:00"), None, parse_utc("14:00:04"))
    assert (leg.release_cause, leg.leave_reason) == (17, LeaveReason.CALLED_BUSY)
    assert leg.recordings == ("/var/lib/freeswitch/recordings/e1c8a6d3-6f0b-4d63-8d54-1f2a3b4c5d05.wav",)


def test_the_far_side_of_an_outbound_call_is_joined_by_its_originator_and_timed_by_its_profile() -> None:
    [leg] = parse_channels(read_sample("outbound.far.xml"))
    assert leg.switch_call_id == "e1c8a6d3-6f0b-4d63-8d54-1f2a3b4c5d05"
    assert (leg.begin, leg.answer, leg.end) == (parse_utc("14:00:01"), None, parse_utc("14:00:04"))
    assert (leg.device_type, leg.agent, leg.call_type) == (DeviceType.FLOW, "", CallType.OUTBOUND)


def test_json_lines_are_parsed_with_their_line_numbers() -> None:
    first, second, third = parse_channels(read_sample("transfer.jsonl"))
    assert {leg.switch_call_id for leg in (first, second, third)} == {"12c0b6a3-fb3b-4b51-890a-5e6f7a8b9c08"}
    assert [leg.agent for leg in (first, second)] == ["1003", "1001"]
    assert second.leave_reason == LeaveReason.TRANSFERRED_OUT
    assert (first.leave_reason, third.leave_reason) == (LeaveReason.AGENT_HUNG_UP, LeaveReason.AGENT_HUNG_UP)
    assert third.recordings == (
        "/var/lib/freeswitch/recordings/archive/2025/Jul/03/12c0b6a3-fb3b-4b51-890a-5e6f7a8b9c08.wav",
    )


def test_a_caller_has_reached_the_first_number_beyond_the_public_context() -> None:
    cdrs = [json.loads(line) for line in read_sample("transfer.jsonl").splitlines() if line]
    assert parse_channels(json.dumps(cdrs).encode())[2].callee_no == "1003"


def test_a_repeated_callflow_is_one_with_several_profiles() -> None:
    """Old versions write "callflow" once for each profile, all under the same name, the latest first."""
    flow = b'{"caller_profile":{"caller_id_number":"02079460125","destination_number":"%s","context":"public"}}'
    data = (
        b'{"variables":{"uuid":"u1","start_epoch":"1751554800","end_epoch":"1751554801"},"callflow":%s,"callflow":%s}'
    )
    [leg] = parse_channels(data % (flow % b"1003", flow % b"1001"))
    assert leg.callee_no == "1001"


def test_a_percent_sign_that_encodes_nothing_is_kept() -> None:
    data = b'{"variables":{"uuid":"u1","start_epoch":"1751554800","end_epoch":"1751554801","record_name":"%s"}}'
    assert parse_channels(data % b"a%20b.wav")[0].recordings == ("a b.wav",)
    assert parse_channels(data % b"50% a%20b.wav")[0].recordings == ("50% a%20b.wav",)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ((b'"uuid"', b'"id"'), "no uuid"),
        ((b'"1751548800"', b'"noon"'), "start_epoch is not a time"),
        ((b'"1751548843"', b'"99999999999999"'), "end_epoch is not a time"),
        ((b'"1751548843"', b'"1751540000"'), ""),
        ((b"\n}", b"\n"), "is not JSON"),
    ],
)
def test_an_unreadable_document_has_a_reason(change: tuple[bytes, bytes], reason: str) -> None:
    reasons = parse_reasons(read_sample("queue-abandoned.json").replace(*change))
    assert not reasons if not reason else [line for line, text in reasons if reason in text] == [1]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<!DOCTYPE cdr><cdr></cdr>", "DOCTYPE"),
        (b'<?xml version="1.0"?>\n<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;">]><cdr>&c;</cdr>', "DOCTYPE"),
        ("<!DOCTYPE cdr><cdr></cdr>".encode("utf-16"), "fits none"),
        (b"<cdr>&b;</cdr>", "no uuid"),
        (b"<cdr><variables>", "is not XML"),
        (b"<html><body>502</body></html>", "begins with <html>"),
        (b"<cdr></cdr>", "no uuid"),
        (b"[1, null]", "is not a JSON CDR"),
        (b"{}", "is not a JSON CDR"),
        (b'{"variables": [1]}', "no uuid"),
    ],
)
def test_data_that_is_no_cdr_is_rejected(data: bytes, reason: str) -> None:
    reasons = parse_reasons(data)
    assert reasons
    assert all(reason in text for _, text in reasons)
