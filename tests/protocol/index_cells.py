"""Cells of CC-FS's index files, as a reference for exports: one function per file, in the order of `model.exports.index_columns`.

Times are yyyy-MM-dd HH:mm:ss in the account's zone, empty if absent. Numbers are written even if they are 0.
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from ccfs.model.calls.agent_operation import AgentOperation, AgentSkillChange
from ccfs.model.calls.cdr import Cdr
from ccfs.model.exports.time_window import format_local, to_local
from ccfs.model.recordings.recording import Recording


def format_record_cells(recording: Recording, *, developer: str, zone: ZoneInfo) -> list[str]:
    """Return the 18 cells of a record.csv line. `developer` is the app's AK, `zone` the account's."""
    return [
        developer,
        recording.account_id,
        recording.cc_id,
        recording.agent_id,
        recording.call_id,
        recording.caller_no,
        recording.callee_no,
        _format_time(recording.call_begin, zone),
        _format_time(recording.call_end, zone),
        recording.file_name,
        str(recording.task_status),
        recording.task_result,
        # "X:\17\0\20180903\15470\2043295.V3" (D0831): the index has backslashes, requests want "/"
        recording.original_file_name.replace("/", "\\"),
        recording.vdn_id,
        str(int(recording.call_type)),
        str(recording.media_type),
        recording.user_wanted_skill_id,
        recording.current_skill_id,
    ]


def format_call_cells(cdr: Cdr, *, developer: str, zone: ZoneInfo) -> list[str]:
    """Return the 26 cells of a call.csv line. `developer` is the app's AK, `zone` the account's."""
    parties = [developer, cdr.account_id, cdr.cc_id, cdr.agent_id, cdr.call_id, cdr.caller_no, cdr.callee_no]
    times = (cdr.wait_begin, cdr.wait_end, cdr.ack_begin, cdr.ack_end, cdr.call_begin, cdr.call_end)
    device = (cdr.device_type, cdr.device_no, cdr.call_type, cdr.release_cause, cdr.call_id_num)
    return [
        *parties,
        *(_format_time(moment, zone) for moment in times),
        *(str(int(number)) for number in device),
        cdr.vdn_id,
        str(int(cdr.pre_device_type)),
        str(cdr.pre_device_no),
        str(int(cdr.leave_reason)),
        str(cdr.media_type),
        str(cdr.sub_media_type),
        cdr.user_wanted_skill_id,
        cdr.current_skill_id,
    ]


def format_agent_opr_cells(operation: AgentOperation, *, developer: str, zone: ZoneInfo) -> list[str]:
    """Return the 21 cells of an agentOprInfo line. `developer` is the app's AK, `zone` the account's."""
    return [
        operation.id,
        developer,
        operation.account_id,
        operation.agent_id,
        operation.service_no,
        operation.skill_id,
        operation.call_id,
        _format_time(operation.begin, zone),
        _format_time(operation.end, zone),
        str(int(operation.op_type)),
        operation.op_object,
        operation.op_cause,
        str(operation.media_type),
        operation.vdn_id,
        operation.cc_id,
        operation.agent_type,
        operation.phone_no,
        operation.call_direction,
        operation.location_id,
        operation.logon_sn,
        operation.skill_info_sn,
    ]


def format_agent_skill_cells(change: AgentSkillChange, *, developer: str, zone: ZoneInfo) -> list[str]:
    """Return the 16 cells of an agentSkillInfo line. `developer` is the app's AK, `zone` the account's.

    `update_time` is UTC (D0833).
    """
    return [
        change.id,
        developer,
        change.account_id,
        str(change.sub_cc_no),
        str(change.vdn),
        change.agent_id,
        _format_time(change.operate_time, zone),
        str(change.operate_id),
        str(change.operate_type),
        change.skill_list,
        change.logon_sn,
        str(change.operate_sn),
        _format_time(change.operate_end_time, zone),
        str(change.renew_flag),
        "" if change.update_time is None else format_local(change.update_time.astimezone(UTC)),
        str(change.month_of_year),
    ]


def _format_time(moment: datetime | None, zone: ZoneInfo) -> str:
    return "" if moment is None else format_local(to_local(moment, zone))
