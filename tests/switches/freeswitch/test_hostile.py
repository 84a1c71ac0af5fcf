"""Damaged and malicious CDRs: any bytes give channels, queue visits or reasons, and raise nothing."""

import json
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ccfs.switches.freeswitch import ChannelLeg, RepairNote, parse_cdr_data
from ccfs.switches.records import QueueVisit, UnreadableLine
from tests.switches.freeswitch.read_samples import parse_channels, parse_reasons, read_sample

ZONE = ZoneInfo("America/Sao_Paulo")
EPOCHS = st.sampled_from(["0", "", "1751554800", "1751554900", "-1", "9" * 30, "32503679999", "١", "1e9", "\ud800"])
STAMPS = st.sampled_from(
    ["2025-07-03 14:00:00", "0001-01-01 00:00:00", "9999-12-31 23:59:59", "2999-12-31 23:59:59", ""]
)
VARIABLES = st.fixed_dictionaries(
    {"uuid": st.text(min_size=1, max_size=40)},
    optional={
        **dict.fromkeys(("start_epoch", "answer_epoch", "end_epoch", "cc_queue_joined_epoch", "billsec"), EPOCHS),
        **dict.fromkeys(("start_stamp", "answer_stamp", "end_stamp"), STAMPS),
        **{
            name: st.text(max_size=9)
            for name in ("cc_queue", "cc_agent", "originator", "record_path", "caller_id_number")
        },
        "duration": st.one_of(EPOCHS, st.integers(), st.floats(), st.none(), st.lists(st.booleans())),
        "hangup_cause_q850": st.text("0123456789²", max_size=5000),
        "channel_name": st.just("loopback/1-b"),
    },
)
JSON = st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=5), lambda inner: st.lists(inner) | st.dictionaries(
    st.sampled_from(["variables", "callflow", "caller_profile", "times", "originator", "app_log", "applications"]), inner),
    max_leaves=12)  # fmt: skip


def is_consistent(line: int, record: object) -> bool:
    """Return whether a result of the parser has a line number, and a leg has its times in order."""
    if isinstance(record, ChannelLeg):
        repr(record).encode()  # no half of a surrogate pair may reach a database
        return line >= 1 and record.begin <= (record.answer or record.begin) <= record.end
    return line >= 1 and isinstance(record, (QueueVisit, RepairNote, UnreadableLine))


def are_records_consistent(data: bytes) -> bool:
    """Return whether every record of hostile data is consistent; parsing must not raise."""
    return all(is_consistent(line, record) for line, record in parse_cdr_data(data, zone=ZONE))


@given(st.binary(max_size=300), st.sampled_from([b"", b"{", b"[", b"<cdr>", b'"', b"\xef\xbb\xbf{"]))
@example(b"\x00", b"<cdr>")
def test_no_bytes_raise(data: bytes, begin: bytes) -> None:
    assert are_records_consistent(begin + data)


@given(VARIABLES)
def test_no_variables_raise(variables: dict[str, object]) -> None:
    assert are_records_consistent(json.dumps({"variables": variables}).encode())


@given(JSON)
def test_no_structure_raises(value: object) -> None:
    assert are_records_consistent(json.dumps(value).encode())
    assert are_records_consistent(
        json.dumps({"variables": {"uuid": "u", "start_epoch": 1, "end_epoch": 2}, "callflow": value}).encode()
    )


@given(st.sampled_from(["same-call.xml", "same-call.csv", "outbound.far.xml"]), st.data())
def test_no_damage_to_a_sample_raises(name: str, data: st.DataObject) -> None:
    sample = read_sample(name)
    offset = data.draw(st.integers(0, len(sample)))
    after = sample[offset + data.draw(st.integers(0, 30)) :]
    assert are_records_consistent(sample[:offset] + data.draw(st.binary(max_size=4)) + after)


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000,
        b'{"variables":' * 100_000,
        b'{"variables":' + b"[" * 900 + b"]" * 900 + b"}",
        b"<cdr>" * 100_000 + b"</cdr>" * 100_000,
        b'{"variables":{"uuid":' + b"9" * 100_000 + b"}}",
        b'{"variables":{"uuid":"a","start_epoch":1e400}}',
        b"<cdr>" + b" " * (8 * 1024 * 1024) + b"</cdr>",
    ],
    ids=["array", "object", "within", "xml", "digits", "infinite", "large"],
)
def test_too_deep_and_too_large_documents_are_rejected(data: bytes) -> None:
    assert [line for line, _ in parse_reasons(data)] == [1]


def test_control_characters_are_removed() -> None:
    data = {"uuid": "u", "start_epoch": "1751554800", "end_epoch": "1751554801", "caller_id_name": "A\0n\nn\ud800%00"}
    [leg] = parse_channels(json.dumps({"variables": data}).encode())
    assert leg.caller_name == "Ann%00"
