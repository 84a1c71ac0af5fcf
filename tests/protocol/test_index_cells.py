"""Reference cells of index files: column order, times in the account's zone, backslashes in original file names."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from ccfs.model.blobs.blob_ref import BlobRef
from ccfs.model.calls.agent_operation import AgentOperation, AgentOperationType, AgentSkillChange
from ccfs.model.calls.cdr import LAST_LEG, Cdr, DeviceType, LeaveReason
from ccfs.model.exports.index_columns import AGENT_OPR_COLUMNS, AGENT_SKILL_COLUMNS, CALL_COLUMNS, RECORD_COLUMNS
from ccfs.model.recordings.recording import Recording
from tests.protocol.index_cells import (
    format_agent_opr_cells,
    format_agent_skill_cells,
    format_call_cells,
    format_record_cells,
)

AK, SHANGHAI = "DEMOAK0001", ZoneInfo("Asia/Shanghai")


def parse_local(clock: str) -> datetime:
    return datetime.fromisoformat(f"2018-09-03T{clock}").replace(tzinfo=UTC)


RECORDING = Recording(
    account_id="acme",
    cc_id="1",
    vdn_id="17",
    agent_id="15470",
    call_id="1535955869-67110003",
    caller_no="02079460111",
    callee_no="15470",
    call_begin=parse_local("12:43:29.900"),
    call_end=parse_local("16:00:00"),
    file_name="/0/1/record/DEMOAK0001/acme/20180903/15470/2043295.wav",
    original_file_name="X:/17/0/20180903/15470/2043295.V3",
    user_wanted_skill_id="sales",
    blob=BlobRef(location_id="0", key="k", size=1, sha256="00", crc32=0),
    source_sha256="00",
)
CDR = Cdr(
    account_id="acme",
    cc_id="1",
    vdn_id="17",
    call_id="1535955869-67110003",
    agent_id="15470",
    caller_no="02079460111",
    callee_no="8000",
    begin=parse_local("12:43:00"),
    wait_begin=parse_local("12:43:00"),
    wait_end=parse_local("12:43:29"),
    ack_begin=parse_local("12:43:20"),
    ack_end=parse_local("12:43:29"),
    call_begin=parse_local("12:43:29"),
    call_end=parse_local("12:50:00"),
    device_type=DeviceType.AGENT,
    device_no=15470,
    release_cause=16,
    pre_device_type=DeviceType.QUEUE,
    pre_device_no=3,
    leave_reason=LeaveReason.USER_HUNG_UP,
    current_skill_id="sales",
    source_key="00",
)


def test_a_recording_has_the_cells_of_the_index() -> None:
    cells = format_record_cells(RECORDING, developer=AK, zone=SHANGHAI)
    assert dict(zip(RECORD_COLUMNS, cells, strict=True)) == {
        "developer": AK,
        "account_id": "acme",
        "cc_id": "1",
        "agent_id": "15470",
        "call_id": "1535955869-67110003",
        "caller_no": "02079460111",
        "callee_no": "15470",
        "call_begin": "2018-09-03 20:43:29",
        "call_end": "2018-09-04 00:00:00",
        "file_name": "/0/1/record/DEMOAK0001/acme/20180903/15470/2043295.wav",
        "task_status": "0",
        "task_result": "",
        "original_file_name": "X:\\17\\0\\20180903\\15470\\2043295.V3",
        "vdn_id": "17",
        "call_type": "0",
        "media_type": "5",
        "user_wanted_skill_id": "sales",
        "current_skill_id": "",
    }


def test_a_cdr_has_the_cells_of_the_index() -> None:
    cells = format_call_cells(CDR, developer=AK, zone=SHANGHAI)
    assert dict(zip(CALL_COLUMNS, cells, strict=True)) == {
        "developer": AK,
        "account_id": "acme",
        "cc_id": "1",
        "agent_id": "15470",
        "call_id": "1535955869-67110003",
        "caller_no": "02079460111",
        "callee_no": "8000",
        "wait_begin": "2018-09-03 20:43:00",
        "wait_end": "2018-09-03 20:43:29",
        "ack_begin": "2018-09-03 20:43:20",
        "ack_end": "2018-09-03 20:43:29",
        "call_begin": "2018-09-03 20:43:29",
        "call_end": "2018-09-03 20:50:00",
        "device_type": "2",
        "device_no": "15470",
        "call_type": "0",
        "release_cause": "16",
        "call_id_num": str(LAST_LEG),
        "vdn_id": "17",
        "pre_device_type": "1",
        "pre_device_no": "3",
        "leave_reason": "15",
        "media_type": "5",
        "sub_media_type": "0",
        "user_wanted_skill_id": "",
        "current_skill_id": "sales",
    }


def test_an_absent_time_is_an_empty_cell() -> None:
    cells = format_call_cells(replace(CDR, wait_begin=None, call_end=None), developer=AK, zone=SHANGHAI)
    assert cells[CALL_COLUMNS.index("wait_begin")] == cells[CALL_COLUMNS.index("call_end")] == ""


def test_an_agent_operation_has_the_cells_of_the_index() -> None:
    operation = AgentOperation(
        id="a1b2",
        account_id="acme",
        agent_id="15470",
        begin=parse_local("01:00:00"),
        op_type=AgentOperationType.SIGN_IN,
        vdn_id="17",
        cc_id="1",
        phone_no="15470",
    )
    cells = ["a1b2", AK, "acme", "15470", "", "", "", "2018-09-03 09:00:00", "", "1", "-1", "-1", "5", "17", "1"]
    assert format_agent_opr_cells(operation, developer=AK, zone=SHANGHAI) == [*cells, "", "15470", "", "0", "", ""]
    assert len(AGENT_OPR_COLUMNS) == 21


def test_a_skill_change_is_in_the_accounts_zone_but_for_its_update() -> None:
    change = AgentSkillChange(
        id="c1",
        account_id="acme",
        sub_cc_no=1,
        vdn=17,
        agent_id="15470",
        operate_time=parse_local("01:00:00"),
        operate_id=101,
        operate_type=1,
        skill_list="3;7",
        operate_end_time=parse_local("02:00:00"),
        update_time=parse_local("02:00:01"),
        month_of_year=9,
    )
    cells = dict(zip(AGENT_SKILL_COLUMNS, format_agent_skill_cells(change, developer=AK, zone=SHANGHAI), strict=True))
    assert cells["operate_time"] == "2018-09-03 09:00:00"
    assert cells["operate_end_time"] == "2018-09-03 10:00:00"
    assert cells["update_time"] == "2018-09-03 02:00:01"
    assert (cells["skill_list"], cells["month_of_year"], cells["operate_id"]) == ("3;7", "9", "101")
