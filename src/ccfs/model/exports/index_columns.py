"""The columns of CC-FS's index files: their names in order, and the maximum length of their values.

Exports use these tables to write rows, and ingest of CC-FS trees uses them to read rows. Source: the interface
reference, 5.2 to 5.5. The manual's table for call.csv breaks off after column 21. The names of columns 22 to 26 are
inferred from sections of the reference that exist only for them.
"""

from typing import Final

DATE_WIDTH: Final = 19  # yyyy-MM-dd HH:mm:ss
INT_WIDTH: Final = 11  # an int of 32 bits, with its sign

RECORD_WIDTHS: Final[dict[str, int]] = {
    "developer": 64,
    "account_id": 64,
    "cc_id": 64,
    "agent_id": 32,
    "call_id": 25,
    "caller_no": 25,
    "callee_no": 25,
    "call_begin": DATE_WIDTH,
    "call_end": DATE_WIDTH,
    "file_name": 255,
    "task_status": 20,
    "task_result": 20,
    "original_file_name": 129,
    "vdn_id": 64,  # 14 to 18 were added in 2022: older files end before
    "call_type": 64,
    "media_type": 64,
    "user_wanted_skill_id": 64,
    "current_skill_id": 64,
}

CALL_WIDTHS: Final[dict[str, int]] = {
    "developer": 64,
    "account_id": 64,
    "cc_id": 64,
    "agent_id": 32,
    "call_id": 25,
    "caller_no": 26,
    "callee_no": 26,
    "wait_begin": DATE_WIDTH,
    "wait_end": DATE_WIDTH,
    "ack_begin": DATE_WIDTH,
    "ack_end": DATE_WIDTH,
    "call_begin": DATE_WIDTH,
    "call_end": DATE_WIDTH,
    "device_type": INT_WIDTH,
    "device_no": INT_WIDTH,
    "call_type": INT_WIDTH,
    "release_cause": INT_WIDTH,
    "call_id_num": INT_WIDTH,
    "vdn_id": 32,
    "pre_device_type": 32,
    "pre_device_no": 32,
    "leave_reason": INT_WIDTH,  # from here on: inferred
    "media_type": INT_WIDTH,
    "sub_media_type": INT_WIDTH,
    "user_wanted_skill_id": 64,
    "current_skill_id": 64,
}

AGENT_OPR_WIDTHS: Final[dict[str, int]] = {
    "id": 32,
    "developer_id": 64,
    "account_id": 64,
    "agent_id": 32,
    "service_no": 25,
    "skill_id": 25,
    "call_id": 25,
    "begin_time": DATE_WIDTH,
    "end_time": DATE_WIDTH,
    "op_type": 20,
    "op_object": 20,
    "op_cause": 20,
    "media_type": 20,
    "vdn_id": 20,
    "cc_id": 20,
    "agent_type": 20,
    "phone_no": 32,
    "callIn_out": 20,
    "location_id": 20,
    "logon_sn": 25,
    "skillInfo_sn": 25,
}

AGENT_SKILL_WIDTHS: Final[dict[str, int]] = {
    "id": 32,
    "developer_id": 64,
    "account_id": 64,
    "sub_cc_no": INT_WIDTH,
    "vdn": INT_WIDTH,
    "agent_id": INT_WIDTH,
    "operate_time": DATE_WIDTH,
    "operate_id": INT_WIDTH,
    "operate_type": INT_WIDTH,
    "skill_list": 2000,
    "logon_sn": 26,
    "operate_sn": INT_WIDTH,
    "operate_end_time": DATE_WIDTH,
    "renew_flag": INT_WIDTH,
    "update_time": DATE_WIDTH,  # in UTC, unlike all other times
    "month_of_year": INT_WIDTH,
}

RECORD_COLUMNS: Final[tuple[str, ...]] = tuple(RECORD_WIDTHS)
CALL_COLUMNS: Final[tuple[str, ...]] = tuple(CALL_WIDTHS)
AGENT_OPR_COLUMNS: Final[tuple[str, ...]] = tuple(AGENT_OPR_WIDTHS)
AGENT_SKILL_COLUMNS: Final[tuple[str, ...]] = tuple(AGENT_SKILL_WIDTHS)
