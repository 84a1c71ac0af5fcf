"""Rows that one server exports are parsed unchanged by another: from records to cells, to CSV, to records.

Times are whole seconds outside the hour that comes twice: an index file does not say which of the two is meant.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.calls.agent_operation import AgentOperation, AgentSkillChange
from ccfs.model.calls.cdr import Cdr
from ccfs.model.exports.time_window import to_local, to_utc
from ccfs.model.recordings.recording import Recording
from ccfs.switches.ccfs import IndexedRecording, IndexRecord, IndexRow, parse_index
from tests.protocol.index_cells import (
    format_agent_opr_cells,
    format_agent_skill_cells,
    format_call_cells,
    format_record_cells,
)

AK = "DEMOAK0001"
ZONES = [ZoneInfo(name) for name in ("Asia/Shanghai", "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe")]

zones = st.sampled_from(ZONES)
letters = st.characters(codec="utf-8", categories=["L", "N", "P", "S"])
numbers = st.integers(-(2**31), 2**31 - 1)


def build_texts(most: int, fewest: int = 0) -> st.SearchStrategy[str]:
    return st.text(letters, min_size=fewest, max_size=most)


@st.composite
def instants(draw: st.DrawFn, zone: ZoneInfo) -> datetime:
    """Whole seconds whose local time is unambiguous."""
    moment = draw(st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1))).replace(microsecond=0, tzinfo=UTC)
    return to_utc(to_local(moment, zone), zone)


def round_trip(cells: Sequence[str], name: str, zone: ZoneInfo) -> IndexRecord:
    file = io.StringIO()
    csv.writer(file).writerow(cells)
    source = io.BytesIO(file.getvalue().encode())
    [(_, parsed)] = parse_index(source, name=name, zone_of=lambda account: zone)
    assert isinstance(parsed, IndexRow), parsed
    assert parsed.developer == AK
    return parsed.row


@given(st.data(), zones)
def test_an_exported_cdr_is_parsed_unchanged(data: st.DataObject, zone: ZoneInfo) -> None:
    times = sorted(data.draw(st.lists(instants(zone), min_size=6, max_size=6)))
    some = [data.draw(st.sampled_from([time, None])) for time in times[1:]]
    ints = [data.draw(numbers) for _ in range(10)]
    cdr = Cdr(
        account_id=data.draw(build_texts(64, 1)),
        cc_id=data.draw(build_texts(64)),
        vdn_id=data.draw(build_texts(32)),
        call_id=data.draw(build_texts(25, 1)),
        call_id_num=ints[0],
        agent_id=data.draw(build_texts(32)),
        caller_no=data.draw(build_texts(26)),
        callee_no=data.draw(build_texts(26)),
        begin=times[0],
        wait_begin=times[0],
        wait_end=some[0],
        ack_begin=some[1],
        ack_end=some[2],
        call_begin=some[3],
        call_end=some[4],
        device_type=ints[1],
        device_no=ints[2],
        call_type=ints[3],
        release_cause=ints[4],
        pre_device_type=ints[5],
        pre_device_no=ints[6],
        leave_reason=ints[7],
        media_type=ints[8],
        sub_media_type=ints[9],
        user_wanted_skill_id=data.draw(build_texts(64)),
        current_skill_id=data.draw(build_texts(64)),
        source_key="",
    )
    back = round_trip(format_call_cells(cdr, developer=AK, zone=zone), "1_call_1.csv", zone)
    assert isinstance(back, Cdr)
    assert replace(back, source_key="") == cdr


@given(st.data(), zones)
def test_an_exported_recording_is_parsed_unchanged(data: st.DataObject, zone: ZoneInfo) -> None:
    begin, end = sorted(data.draw(st.lists(instants(zone), min_size=2, max_size=2)))
    recording = Recording(
        account_id=data.draw(build_texts(64, 1)),
        cc_id=data.draw(build_texts(64)),
        vdn_id="17",
        agent_id=data.draw(build_texts(32)),
        call_id=data.draw(build_texts(25, 1)),
        caller_no=data.draw(build_texts(25)),
        callee_no=data.draw(build_texts(25)),
        call_begin=begin,
        call_end=end,
        file_name="/0/1/record/DEMOAK0001/acme/20180903/15470/2043295.wav",
        original_file_name="X:/17/0/20180903/15470/2043295.V3",
        call_type=data.draw(st.sampled_from([0, 1])),
        task_result=data.draw(build_texts(20)),
        user_wanted_skill_id=data.draw(build_texts(64)),
        blob=BlobRef(location_id="0", key="k", size=1, sha256="00", crc32=0),
        source_sha256="00",
    )
    back = round_trip(format_record_cells(recording, developer=AK, zone=zone), "1_record.csv", zone)
    assert isinstance(back, IndexedRecording)
    assert get_values(back) == {name: getattr(recording, name) for name in get_values(back)}


def get_values(indexed: IndexedRecording) -> dict[str, Any]:
    """Return all fields of an index row except its source_key."""
    return {field.name: getattr(indexed, field.name) for field in fields(indexed) if field.name != "source_key"}


@given(st.data(), zones)
def test_an_exported_agent_operation_is_parsed_unchanged(data: st.DataObject, zone: ZoneInfo) -> None:
    begin, end = sorted(data.draw(st.lists(instants(zone), min_size=2, max_size=2)))
    operation = AgentOperation(
        id=data.draw(build_texts(32, 1)),
        account_id=data.draw(build_texts(64, 1)),
        agent_id=data.draw(build_texts(32, 1)),
        skill_id=data.draw(build_texts(25)),
        call_id=data.draw(build_texts(25)),
        begin=begin,
        end=data.draw(st.sampled_from([end, None])),
        op_type=data.draw(st.integers(0, 100)),
        op_object=data.draw(build_texts(20, 1)),
        op_cause=data.draw(build_texts(20, 1)),
        media_type=data.draw(st.integers(0, 60)),
        vdn_id=data.draw(build_texts(20)),
        cc_id=data.draw(build_texts(20)),
        phone_no=data.draw(build_texts(32)),
        call_direction=data.draw(build_texts(20)),
        location_id=data.draw(build_texts(20, 1)),
        logon_sn=data.draw(build_texts(25)),
        skill_info_sn=data.draw(build_texts(25)),
    )
    assert round_trip(format_agent_opr_cells(operation, developer=AK, zone=zone), "agentOprInfo.csv", zone) == operation


@given(st.data(), zones)
def test_an_exported_skill_change_is_parsed_unchanged(data: st.DataObject, zone: ZoneInfo) -> None:
    begin, end = sorted(data.draw(st.lists(instants(zone), min_size=2, max_size=2)))
    change = AgentSkillChange(
        id=data.draw(build_texts(32, 1)),
        account_id=data.draw(build_texts(64, 1)),
        sub_cc_no=data.draw(numbers),
        vdn=data.draw(numbers),
        agent_id=data.draw(build_texts(11, 1)),
        operate_time=begin,
        operate_id=data.draw(numbers),
        operate_type=data.draw(numbers),
        skill_list=data.draw(build_texts(100)),
        logon_sn=data.draw(build_texts(26)),
        operate_sn=data.draw(numbers),
        operate_end_time=data.draw(st.sampled_from([end, None])),
        renew_flag=data.draw(numbers),
        update_time=data.draw(st.sampled_from([end, None])),
        month_of_year=data.draw(st.integers(1, 12)),
    )
    assert (
        round_trip(format_agent_skill_cells(change, developer=AK, zone=zone), "x_agentSkillInfo_1.csv", zone) == change
    )
