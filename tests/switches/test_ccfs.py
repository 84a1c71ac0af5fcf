"""Index files of CC-FS: kinds, headers, encodings, damaged lines."""

import csv
import io
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccfs.model.calls.agent_operation import AgentOperation, AgentSkillChange
from ccfs.model.calls.cdr import Cdr
from ccfs.model.exports.index_columns import AGENT_OPR_COLUMNS, AGENT_SKILL_COLUMNS, CALL_COLUMNS, RECORD_COLUMNS
from ccfs.switches.ccfs import IndexedRecording, IndexRecord, IndexRow, list_candidate_paths, parse_index
from ccfs.switches.records import UnreadableLine

SHANGHAI = ZoneInfo("Asia/Shanghai")
# Laid out as the manual's tables say, with its own example values where it has any.
RECORD_ROW = (
    "DEMOAK0001,acme,1,15470,1535955869-67110003,02079460111,15470,2018-09-03 20:43:29,2018-09-03 20:45:00,"
    r"/10/1/record/100/13533/0903379.wav,0,,X:\17\0\20180903\15470\2043295.V3,17,0,5,3,3"
)
CALL_ROW = (
    "DEMOAK0001,acme,1,15470,1535955869-67110003,02079460111,8000,2018-09-03 20:43:00,2018-09-03 20:43:29,"
    "2018-09-03 20:43:20,2018-09-03 20:43:29,2018-09-03 20:43:29,2018-09-03 20:45:00,2,15470,0,16,-1,17,1,3,15,5,0,3,3"
)
OPR_ROW = (
    "a1b2,DEMOAK0001,acme,15470,,,,2018-09-03 09:00:00,2018-09-03 09:05:00,1,-1,-1,5,17,1,,15470,,0,1535936400123,"
)
SKILL_ROW = (
    "c1,DEMOAK0001,acme,1,17,15470,2018-09-03 09:00:00,101,1,3;7,1535936400123,1,2018-09-03 10:00:00,0,"
    "2018-09-03 02:00:01,9"
)


def get_zone(account: str) -> ZoneInfo | None:
    return {"acme": SHANGHAI, "fjord": ZoneInfo("Europe/Berlin")}.get(account)


def parse_lines(data: str | bytes, name: str = "x.csv") -> list[tuple[int, IndexRow | UnreadableLine]]:
    raw = data.encode() if isinstance(data, str) else data
    return list(parse_index(io.BytesIO(raw), name=name, zone_of=get_zone))


def parse_rows(data: str | bytes, name: str = "x.csv") -> list[IndexRecord]:
    return [parsed.row for _, parsed in parse_lines(data, name) if isinstance(parsed, IndexRow)]


def parse_rejected(data: str | bytes, name: str = "x.csv") -> list[tuple[int, str]]:
    return [(line, str(parsed)) for line, parsed in parse_lines(data, name) if isinstance(parsed, UnreadableLine)]


def parse_utc(clock: str) -> datetime:
    return datetime.fromisoformat(f"2018-09-03T{clock}").replace(tzinfo=UTC)


def test_a_recording_is_read_with_its_instants_in_utc() -> None:
    [(line, parsed)] = parse_lines(RECORD_ROW)
    assert isinstance(parsed, IndexRow)
    assert isinstance(parsed.row, IndexedRecording)
    assert (line, parsed.developer) == (1, "DEMOAK0001")
    assert (parsed.row.call_begin, parsed.row.call_end) == (parse_utc("12:43:29"), parse_utc("12:45:00"))
    assert parsed.row.original_file_name == "X:/17/0/20180903/15470/2043295.V3"
    assert (parsed.row.vdn_id, parsed.row.call_type, parsed.row.current_skill_id) == ("17", 0, "3")


def test_a_cdr_begins_where_its_first_time_is() -> None:
    [row] = parse_rows(CALL_ROW)
    assert isinstance(row, Cdr)
    assert (row.begin, row.wait_end, row.call_end) == (
        parse_utc("12:43:00"),
        parse_utc("12:43:29"),
        parse_utc("12:45:00"),
    )
    [later] = parse_rows(CALL_ROW.replace("2018-09-03 20:43:00", "", 1))
    assert isinstance(later, Cdr)
    assert (later.begin, later.wait_begin) == (parse_utc("12:43:20"), None)
    assert (row.device_type, row.device_no, row.pre_device_no, row.leave_reason) == (2, 15470, 3, 15)


def test_agent_operations_and_skill_changes_are_distinguished_and_parsed() -> None:
    [operation], [change] = parse_rows(OPR_ROW), parse_rows(SKILL_ROW)
    assert isinstance(operation, AgentOperation)
    assert isinstance(change, AgentSkillChange)
    assert (operation.begin, operation.end, operation.logon_sn) == (
        parse_utc("01:00:00"),
        parse_utc("01:05:00"),
        "1535936400123",
    )
    assert (change.operate_time, change.update_time) == (parse_utc("01:00:00"), parse_utc("02:00:01"))
    assert change.skill_list == "3;7"


@pytest.mark.parametrize(
    ("row", "width", "kind"),
    [(RECORD_ROW, 13, IndexedRecording), (CALL_ROW, 19, Cdr), (CALL_ROW, 21, Cdr), (CALL_ROW, 26, Cdr)],
)
def test_older_shorter_files_are_read(row: str, width: int, kind: type[IndexRecord]) -> None:
    [record] = parse_rows(",".join(row.split(",")[:width]))
    assert isinstance(record, kind)


def test_a_short_recording_index_has_vdn_and_direction_in_the_path() -> None:
    [recording] = parse_rows(",".join(RECORD_ROW.split(",")[:13]).replace(r"\17\0", r"\17\1"))
    assert isinstance(recording, IndexedRecording)
    assert (recording.vdn_id, recording.call_type) == ("17", 1)


def test_unknown_columns_of_call_csv_are_left_out() -> None:
    [cdr] = parse_rows(",".join([*CALL_ROW.split(",")[:21], "7", "8", "9"]))
    assert isinstance(cdr, Cdr)
    assert (cdr.pre_device_no, cdr.leave_reason, cdr.sub_media_type) == (3, 0, 0)


@pytest.mark.parametrize(
    ("names", "row"),
    [
        (RECORD_COLUMNS, RECORD_ROW),
        (CALL_COLUMNS, CALL_ROW),
        (AGENT_OPR_COLUMNS, OPR_ROW),
        (AGENT_SKILL_COLUMNS, SKILL_ROW),
    ],
)
def test_columns_follow_their_header_in_any_order_and_case(names: Sequence[str], row: str) -> None:
    cells = row.split(",")
    header = ",".join(["tenant", *(name.upper() for name in reversed(names))])
    shuffled = ",".join(["whatever", *reversed(cells)])
    assert parse_rows(f"\ufeff{header}\r\n{shuffled}\r\n") == parse_rows(row)


def test_a_zip_is_read_member_by_member() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("20180904010203004567_call_1.csv", CALL_ROW)
        archive.writestr("20180904010203004567_record.csv", RECORD_ROW)
    records: list[IndexRecord] = []
    with zipfile.ZipFile(packed) as archive:
        for member in archive.namelist():
            with archive.open(member) as file:
                rows = parse_index(file, name=member, zone_of=get_zone)
                records += [parsed.row for _, parsed in rows if isinstance(parsed, IndexRow)]
    assert [type(row) for row in records] == [Cdr, IndexedRecording]


def test_the_file_name_decides_the_kind_where_the_cells_cannot() -> None:
    dateless = ",".join([*CALL_ROW.split(",")[:7], *[""] * 6, *CALL_ROW.split(",")[13:]])
    assert parse_rejected(dateless) == [(1, "the file is not an index file of CC-FS")]
    assert parse_rejected(dateless, "20180904010203004567_call_12.csv") == [
        (1, "wait_begin, ack_begin and call_begin are empty")
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_chinese_text_is_read_in_either_encoding(encoding: str) -> None:
    [row] = parse_rows(CALL_ROW.replace("8000", "客服中心").encode(encoding))
    assert isinstance(row, Cdr)
    assert row.callee_no == "客服中心"


def test_a_quoted_cell_may_span_lines() -> None:
    data = RECORD_ROW.replace(",0,,X", ',1,"fai\r\nled, ""really""",X') + "\r\n" + RECORD_ROW
    first, second = parse_rows(data, "record.csv")
    assert isinstance(first, IndexedRecording)
    assert isinstance(second, IndexedRecording)
    assert first.task_result == 'fai\nled, "really"'
    assert [line for line, _ in parse_lines(data, "record.csv")] == [1, 3]


def test_a_stray_quote_rejects_its_own_line_only() -> None:
    damaged = CALL_ROW.replace(",8000,", ',"8000,')
    closing = CALL_ROW.replace(",8000,", ',8000",')
    data = f"{CALL_ROW}\n{damaged}\n{CALL_ROW}\n{damaged}\n{CALL_ROW}\n{damaged}\n{CALL_ROW}\n{closing}"
    assert len(parse_rows(data)) == 5
    assert [line for line, _ in parse_rejected(data)] == [2, 4, 6]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("2018-09-03 20:43:29", "2018-13-03 20:43:29"), "no date and time"),
        (("2018-09-03 20:43:29", "03/09/2018"), "not of the form"),
        ((",1,15470,", ",1," + "9" * 33 + ","), "agent_id is longer than 32"),
        ((",16,-1,", ",sixteen,-1,"), "release_cause is not a number"),
        ((",16,-1,", ",99999999999,-1,"), "release_cause is not a number"),
        ((",acme,", ",nobody,"), "account nobody is unknown"),
        ((",acme,", ",,"), "account_id is empty"),
        ((",8000,", ",8000,8001,"), "has 27 cells, not 26"),
        ((",8000,", ",80\x0000,"), "control characters"),
    ],
)
def test_an_unreadable_line_has_a_reason(change: tuple[str, str], reason: str) -> None:
    [(line, why)] = parse_rejected(f"{CALL_ROW}\n{CALL_ROW.replace(*change)}\n{CALL_ROW}")
    assert line == 2
    assert reason in why
    assert len(parse_rows(f"{CALL_ROW}\n{CALL_ROW.replace(*change)}\n{CALL_ROW}")) == 2


def test_an_endless_line_is_rejected_and_the_next_one_read() -> None:
    data = f"{CALL_ROW}\n{'x' * 300_000}\n{CALL_ROW}"
    assert (len(parse_rows(data)), [line for line, _ in parse_rejected(data)]) == (2, [2])


def test_an_end_in_the_repeated_hour_is_not_before_its_begin() -> None:
    row = CALL_ROW.replace("acme", "fjord").replace("2018-09-03 20:43:29,2018-09-03 20:45:00", "{},{}")
    [cdr] = parse_rows(row.format("2018-10-28 02:50:00", "2018-10-28 02:10:00"))
    assert isinstance(cdr, Cdr)
    assert cdr.call_end == datetime(2018, 10, 28, 1, 10, tzinfo=UTC)


def test_equal_rows_have_equal_keys_and_different_rows_different_ones() -> None:
    keys = [row.source_key for row in parse_rows(f"{CALL_ROW}\n{CALL_ROW}\n{CALL_ROW.replace('8000', '8001')}\n") if
            isinstance(row, Cdr)]  # fmt: skip
    assert keys[0] == keys[1] != keys[2]
    assert len(keys[0]) == 32


def test_candidate_paths_follow_the_names_of_the_index() -> None:
    [row] = parse_rows(RECORD_ROW)
    assert isinstance(row, IndexedRecording)
    places = list_candidate_paths(row)
    wanted = ["X/17/0/20180903/15470/2043295.V3", "x/17/0/20180903/15470/2043295.wav", "17/0/20180903/15470/2043295.v3"]
    wanted += ["10/1/record/100/13533/0903379.wav", "2043295.WAV", "0903379.wav"]
    assert [places.index(place) for place in wanted] == sorted(places.index(place) for place in wanted)
    assert places[0] == wanted[0]


@pytest.mark.parametrize("name", ["X:/17/../../etc/shadow", "/etc//x", "..", "", "X:", "a\0b", "X:/./y", "a\\..\\b"])
def test_no_candidate_path_is_outside_the_recordings(name: str) -> None:
    [row] = parse_rows(RECORD_ROW)
    assert isinstance(row, IndexedRecording)
    for place in list_candidate_paths(replace(row, original_file_name=name, file_name=name)):
        assert not place.startswith("/")
        assert not {"", ".", ".."} & set(place.split("/"))
        assert "\0" not in place


@given(st.binary(max_size=400), st.sampled_from(["x.csv", "a_call_1.csv", "record.csv", "b_agentSkillInfo_2.csv"]))
def test_no_bytes_raise_from_an_index_file(data: bytes, name: str) -> None:
    assert all(isinstance(parsed, (IndexRow, UnreadableLine)) for _, parsed in parse_lines(data, name))


@given(st.lists(st.sampled_from([CALL_ROW, '"', ",", "\n", "\r", "a", '""', "\u2028", "developer,account_id,cc_id"])))
def test_no_mixture_of_quotes_and_rows_raises(parts: list[str]) -> None:
    assert all(isinstance(parsed, (IndexRow, UnreadableLine)) for _, parsed in parse_lines("".join(parts), "call.csv"))


def test_a_csv_writer_and_this_reader_agree_on_quotes() -> None:
    file = io.StringIO()
    csv.writer(file).writerow([*CALL_ROW.split(",")[:6], 'a "b", c', *CALL_ROW.split(",")[7:]])
    [row] = parse_rows(file.getvalue())
    assert isinstance(row, Cdr)
    assert row.callee_no == 'a "b", c'
