"""Two complete sets of files as switches write them, compared with what a person derived (see samples/README.md)."""

import csv
from dataclasses import astuple
from datetime import datetime
from pathlib import Path

import pytest

from ccfs.model.calls.cdr import CallType, DeviceType, LeaveReason
from ccfs.switches import queue_merge
from ccfs.switches.asterisk import queue_log
from ccfs.switches.asterisk.cdr_files import cdr, zone
from ccfs.switches.asterisk.legs import cdr_legs
from ccfs.switches.asterisk.legs.cdr_legs import AsteriskCdrFormat
from ccfs.switches.records import AgentEvent, Leg, QueueVisit, UnreadableLine

SAMPLES = Path(__file__).parent / "samples"
TIMES = ("wait_begin", "wait_end", "ack_begin", "ack_end", "call_begin", "call_end")


def _read_lines(sample: str, name: str) -> list[bytes]:
    return (SAMPLES / sample / name).read_bytes().splitlines(keepends=True)


def _read_legs(sample: str) -> list[Leg | str]:
    """Return the legs of a sample, with the reason in place of a rejected line."""
    lines = _read_lines(sample, "Master.csv")
    layout = cdr.detect_layout(lines)
    rows = []
    for line in lines:
        try:
            rows.append(cdr.parse_row(line, layout))
        except UnreadableLine:
            rows.append(None)
    guess = zone.detect_zone(zone.collect_samples([row for row in rows if row is not None]), "Asia/Shanghai")
    return [_parse_leg_or_reason(line, AsteriskCdrFormat(layout=layout, zone=guess.zone)) for line in lines]


def _parse_leg_or_reason(line: bytes, reading: AsteriskCdrFormat) -> Leg | str:
    try:
        leg = cdr_legs.parse_leg(line, reading)
    except UnreadableLine as refusal:
        return str(refusal)
    assert leg is not None
    return leg


def _read_visits(sample: str) -> dict[tuple[str, str], QueueVisit]:
    known: dict[tuple[str, str], QueueVisit] = {}
    for line in _read_lines(sample, "queue_log"):
        read = queue_log.parse_line(line)
        assert read is not None
        new = queue_log.extract_queue_visit(read)
        if new is not None:
            key = (new.switch_leg_id, new.queue)
            known[key] = queue_log.combine_visits(known[key], new) if key in known else new
    return known


def _read_operations(sample: str) -> list[AgentEvent]:
    read = [queue_log.parse_line(line) for line in _read_lines(sample, "queue_log")]
    events = [queue_log.extract_agent_event(line) for line in read if line is not None]
    return list({event.source_key: event for event in reversed(events) if event is not None}.values())[::-1]


def _format_columns(number: int, leg: Leg, visit: QueueVisit | None) -> dict[str, str]:
    leg = queue_merge.apply_visit(leg, visit)
    times = [
        when.isoformat().removesuffix("+00:00") if when else ""
        for when in astuple(queue_merge.compute_cdr_times(leg, visit))
    ]
    return {
        "line": str(number),
        "call": leg.switch_call_id,
        "caller_no": leg.caller_no,
        "caller_name": leg.caller_name,
        "callee_no": leg.callee_no,
        "device": DeviceType(leg.device_type).name,
        "device_name": leg.device_name,
        "queue": leg.queue,
        "call_type": CallType(leg.call_type).name,
        "cause": str(leg.release_cause),
        "reason": LeaveReason(leg.leave_reason).name,
        **dict(zip(TIMES, times, strict=True)),
    }


@pytest.mark.parametrize("sample", ["plain", "freepbx"])
def test_every_line_of_a_sample_gives_the_columns_that_a_person_derived_from_it(sample: str) -> None:
    known = _read_visits(sample)
    rows = [
        _format_columns(number, leg, known.get((leg.switch_leg_id, leg.queue)))
        for number, leg in enumerate(_read_legs(sample), 1)
        if isinstance(leg, Leg)
    ]
    with (SAMPLES / sample / "expected.csv").open(newline="") as file:
        assert rows == list(csv.DictReader(file))


def test_a_truncated_line_is_rejected_with_a_reason_and_the_others_are_not() -> None:
    assert [leg for leg in _read_legs("freepbx") if isinstance(leg, str)] == [
        "a quote is not closed, or is inside a field"
    ]


def test_the_legs_of_a_call_sort_by_time() -> None:
    legs = [leg for leg in _read_legs("plain") if isinstance(leg, Leg)]
    rang = sorted((leg for leg in legs if leg.switch_call_id.endswith(".200")), key=lambda leg: leg.order)
    assert [leg.agent for leg in rang] == ["1001", "1002", "1003"]
    assert sorted(legs, key=lambda leg: leg.order) == legs


def test_recordings_are_found_in_the_userfield_with_and_without_its_audio_prefix() -> None:
    plain, freepbx = _read_legs("plain")[1], _read_legs("freepbx")[3]
    assert isinstance(plain, Leg)
    assert plain.recordings == ("/var/spool/asterisk/monitor/pbx-1.lon-1705311042.118.wav",)
    assert isinstance(freepbx, Leg)
    assert freepbx.recordings == ("out-15550142-1001-20240709-160000-1720533600.90.wav",)


def test_the_queue_log_of_a_sample_gives_the_agents_operations() -> None:
    operations = [
        (event.occurred_at.strftime("%H:%M:%S"), event.agent, event.op_type, event.op_cause, event.op_object)
        for event in _read_operations("plain")
    ]
    assert operations == [
        ("09:02:22", "1001", 1, "-1", "-1"),  # signs in to two queues in the same second: once
        ("09:03:12", "1002", 1, "-1", "-1"),
        ("09:15:42", "1002", 3, "1", "-1"),  # PAUSEALL and PAUSE: once
        ("09:20:42", "1002", 2, "-1", "-1"),
        ("09:31:10", "1001", 3, "2", "-1"),  # did not answer
        ("09:31:16", "1002", 4, "-1", "-1"),
        ("09:34:05", "1002", 27, "0", "-1"),
        ("23:50:12", "1002", 4, "-1", "-1"),
        ("00:05:30", "1002", 46, "-1", "1003"),
    ]


def test_a_visit_has_the_time_when_its_agents_phone_rang_and_its_outcome() -> None:
    visit = _read_visits("plain")["pbx-1.lon-1705311042.118", "sales"]
    assert (visit.agent, visit.outcome) == ("1002", "COMPLETEAGENT")
    assert visit.rang_at == datetime.fromisoformat("2024-01-15T09:31:10+00:00")
