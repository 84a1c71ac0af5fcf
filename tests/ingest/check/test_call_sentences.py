"""Calls in plain words: who called whom, who answered, how the call ended, which recordings it has."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ccfs.ingest.check.report.call_sentences import CallRecording, describe_call
from ccfs.ingest.check.report.words import count_things, format_duration, list_names
from ccfs.model.calls.cdr import CallType, Cdr, DeviceType, LeaveReason

BEGIN = datetime(2024, 1, 15, 9, 30, tzinfo=UTC)


def make_leg(agent: str = "", *, wait: int = 0, talk: int = 0, number: int = -1, queue: str = "", **fields: Any) -> Cdr:
    """Return a leg that waited and then talked for so many seconds."""
    answered = BEGIN + timedelta(seconds=wait)
    values: dict[str, Any] = {
        "account_id": "acme",
        "cc_id": "1",
        "vdn_id": "1",
        "call_id": "c",
        "call_id_num": number,
        "caller_no": "02079460123",
        "callee_no": "600",
        "agent_id": agent,
        "begin": BEGIN,
        "wait_begin": BEGIN,
        "wait_end": answered,
        "call_begin": answered if talk else None,
        "call_end": answered + timedelta(seconds=talk) if talk else None,
        "device_type": DeviceType.AGENT if agent else DeviceType.QUEUE if queue else DeviceType.FLOW,
        "current_skill_id": queue,
        "source_key": f"{agent}{number}",
    }
    return Cdr(**values | fields)


OUT: dict[str, Any] = {"call_type": CallType.OUTBOUND, "caller_no": "02079460000", "callee_no": "07700900123"}


@pytest.mark.parametrize(
    ("legs", "text"),
    [
        (
            [make_leg("1001", queue="600", wait=12, talk=60)],
            "02079460123 called queue 600, waited 12 s, 1001 answered, talked 60 s",
        ),
        (
            [
                make_leg("1001", number=1, queue="600", wait=10, leave_reason=LeaveReason.AGENT_NO_ANSWER),
                make_leg("1002", number=2, queue="600", wait=10, leave_reason=LeaveReason.AGENT_NO_ANSWER),
                make_leg("1003", queue="600", wait=20, talk=200),
            ],
            "02079460123 called queue 600, waited 20 s, 1001 and 1002 did not answer, 1003 answered, talked 3 min 20 s",
        ),
        (
            [
                make_leg("1001", number=1, wait=3, talk=30, leave_reason=LeaveReason.TRANSFERRED_OUT),
                make_leg("1002", wait=3, talk=90),
            ],
            "02079460123 called 600, rang 3 s, 1001 answered, talked 30 s, transferred the call, 1002 answered, talked 90 s",
        ),
        (
            [make_leg(queue="600", wait=34, leave_reason=LeaveReason.QUEUE_CANCELLED)],
            "waited 34 s, hung up in the queue",
        ),
        (
            [make_leg(queue="600", wait=60, leave_reason=LeaveReason.QUEUE_TIMEOUT)],
            "left the queue after its time limit",
        ),
        ([make_leg(queue="600", talk=5)], "was answered, the files do not say by whom, talked 5 s"),
        ([make_leg(talk=25)], "02079460123 called 600, was connected for 25 s without an agent"),
        ([make_leg("1001", wait=20, leave_reason=LeaveReason.AGENT_NO_ANSWER)], "rang 20 s, 1001 did not answer"),
        (
            [make_leg("1001", wait=8, talk=60, **OUT)],
            "1001 (as 02079460000) called 07700900123, outbound, rang 8 s, talked 60 s",
        ),
        ([make_leg("1001", wait=9, leave_reason=LeaveReason.CALLED_BUSY, **OUT)], "outbound, rang 9 s, busy"),
        ([make_leg("1001", leave_reason=LeaveReason.VACANT_NUMBER, **OUT)], "outbound, no such number"),
        (
            [make_leg("1002", wait=2, talk=9, call_type=CallType.INTERNAL, caller_no="1001", callee_no="1002")],
            "1001 called 1002, internal, rang 2 s, 1002 answered, talked 9 s",
        ),
        ([make_leg(talk=4, caller_no="", callee_no="s")], "A hidden number called an unknown number, was connected"),
        ([make_leg(leave_reason=99)], "02079460123 called 600, not answered"),
        ([make_leg(caller_name="Ann")], "02079460123 (Ann) called 600, not answered"),
    ],
)
def test_a_call_in_plain_words(legs: list[Cdr], text: str) -> None:
    sentence = describe_call(legs, [])
    assert text in sentence
    assert sentence.endswith("; no recording")


def test_recordings_are_named_with_their_length_and_speaker() -> None:
    legs = [make_leg("1001", number=1, talk=30), make_leg("1002", talk=30)]
    recordings = [CallRecording("a.wav", 61, "1002"), CallRecording("b.wav", None)]
    assert describe_call(legs, recordings).endswith("; recording a.wav (61 s, 1002's), recording b.wav is not there")
    assert describe_call(legs[:1], recordings[:1]).endswith("; recording a.wav (61 s)")


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (119, "119 s"), (120, "2 min"), (3599, "59 min 59 s"), (3720, "1 h 2 min")]
)
def test_durations_in_words(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def test_names_and_counts_in_words() -> None:
    assert list_names(["1"]) == "1"
    assert list_names("1221") == "1 and 2"
    assert list_names("1234") == "1, 2, 3 and 4"
    assert list_names("123456") == "1, 2, 3 and 3 others"
    assert [count_things(1, "file"), count_things(1234, "file")] == ["1 file", "1,234 files"]
