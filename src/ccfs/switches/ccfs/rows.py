"""Parse the rows of index files: convert values by column name to records, and times to instants."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import TypeAlias
from zoneinfo import ZoneInfo

from ccfs.model.calls.agent_operation import NOT_APPLICABLE, AgentOperation, AgentSkillChange
from ccfs.model.calls.cdr import LAST_LEG, VOICE_MEDIA_TYPE, Cdr
from ccfs.model.exports.time_window import InvalidTime, parse_local, to_utc
from ccfs.switches.records import UnreadableLine

_INT = re.compile(r"-?[0-9]{1,11}")
_INT_LIMIT = 2**31
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ORIGINAL_NAME = re.compile(r"[A-Za-z]:/(?P<vdn>[0-9]{1,9})/(?P<direction>[01])/")


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedRecording:
    """One row of record.csv, without the audio. Instants in UTC."""

    account_id: str
    cc_id: str
    vdn_id: str
    agent_id: str
    call_id: str
    caller_no: str
    callee_no: str
    call_begin: datetime
    call_end: datetime
    file_name: str  # as in the index, /{node}/{cc}/record/…; may be empty if original_file_name is not
    original_file_name: str  # always with "/"; may be empty if file_name is not
    call_type: int
    media_type: int
    task_status: int
    task_result: str
    user_wanted_skill_id: str
    current_skill_id: str
    source_key: str  # as Leg.source_key


IndexRecord: TypeAlias = Cdr | IndexedRecording | AgentOperation | AgentSkillChange


class RowFields:
    """The values of one row by column name, each checked when it is read."""

    def __init__(self, table: str, values: Mapping[str, str], widths: Mapping[str, int]) -> None:
        self._table = table
        self._values = values
        self._widths = widths
        self.zone = ZoneInfo("UTC")  # the account's, once the row's account is known

    def get_text(self, name: str, default: str = "") -> str:
        """Return the stripped value, or `default` if it is empty or the file has no such column. Raise UnreadableLine."""
        value = self._values.get(name, "").strip()
        if len(value) > self._widths[name]:
            raise UnreadableLine(f"{name} is longer than {self._widths[name]} characters")
        if _CONTROL.search(value):
            raise UnreadableLine(f"{name} has control characters")
        return value or default

    def require_text(self, name: str) -> str:
        """Return the stripped value. Raise UnreadableLine if it is empty."""
        if value := self.get_text(name):
            return value
        raise UnreadableLine(f"{name} is empty")

    def get_int(self, name: str, default: int = 0) -> int:
        """Return a whole number of 32 bits. Raise UnreadableLine."""
        value = self.get_text(name, str(default))
        if not _INT.fullmatch(value) or not -_INT_LIMIT <= int(value) < _INT_LIMIT:
            raise UnreadableLine(f"{name} is not a number: {value[:40]!r}")
        return int(value)

    def get_time(self, name: str, zone: ZoneInfo | None = None, *, fold: int = 0) -> datetime | None:
        """Return an instant, or None if the value is empty. If a time is ambiguous, `fold` chooses the earlier or the later."""
        if not (value := self.get_text(name)):
            return None
        try:
            return to_utc(parse_local(value), zone or self.zone, fold=fold)
        except InvalidTime as error:
            raise UnreadableLine(f"{name}: {error}") from None

    def get_interval(self, begin: str, end: str) -> tuple[datetime | None, datetime | None]:
        """Return begin and end. An ambiguous end is the later instant if the earlier one is before the begin."""
        begin_at, end_at = self.get_time(begin), self.get_time(end)
        if begin_at and end_at and end_at < begin_at:
            end_at = self.get_time(end, fold=1)
        return begin_at, end_at

    def compute_source_key(self) -> str:
        """Return 32 hex digits of all known cells in the interface's order, regardless of the file's order and columns."""
        cells = [self._values.get(name, "").strip() for name in self._widths]
        while cells and not cells[-1]:
            cells.pop()
        return blake2b("\x1f".join([self._table, *cells]).encode(), digest_size=16).hexdigest()


def parse_cdr(fields: RowFields) -> Cdr:
    """Parse a row of call.csv. Raise UnreadableLine."""
    wait_begin, wait_end = fields.get_interval("wait_begin", "wait_end")
    ack_begin, ack_end = fields.get_interval("ack_begin", "ack_end")
    call_begin, call_end = fields.get_interval("call_begin", "call_end")
    begin = wait_begin or ack_begin or call_begin
    if begin is None:
        raise UnreadableLine("wait_begin, ack_begin and call_begin are empty")
    return Cdr(
        account_id=fields.require_text("account_id"),
        cc_id=fields.get_text("cc_id"),
        vdn_id=fields.get_text("vdn_id"),
        call_id=fields.require_text("call_id"),
        call_id_num=fields.get_int("call_id_num", LAST_LEG),
        agent_id=fields.get_text("agent_id"),
        caller_no=fields.get_text("caller_no"),
        callee_no=fields.get_text("callee_no"),
        begin=begin,
        wait_begin=wait_begin,
        wait_end=wait_end,
        ack_begin=ack_begin,
        ack_end=ack_end,
        call_begin=call_begin,
        call_end=call_end,
        device_type=fields.get_int("device_type"),
        device_no=fields.get_int("device_no"),
        call_type=fields.get_int("call_type"),
        release_cause=fields.get_int("release_cause"),
        pre_device_type=fields.get_int("pre_device_type"),
        pre_device_no=fields.get_int("pre_device_no"),
        leave_reason=fields.get_int("leave_reason"),
        media_type=fields.get_int("media_type", VOICE_MEDIA_TYPE),
        sub_media_type=fields.get_int("sub_media_type"),
        user_wanted_skill_id=fields.get_text("user_wanted_skill_id"),
        current_skill_id=fields.get_text("current_skill_id"),
        source_key=fields.compute_source_key(),
    )


def parse_indexed_recording(fields: RowFields) -> IndexedRecording:
    """Parse a row of record.csv. In files of 13 columns, only original_file_name has VDN and direction."""
    begin, end = fields.get_interval("call_begin", "call_end")
    if begin is None or end is None:
        raise UnreadableLine("call_begin or call_end is empty")
    file_name = fields.get_text("file_name").replace("\\", "/")
    original = fields.get_text("original_file_name").replace("\\", "/")
    if not file_name and not original:
        raise UnreadableLine("file_name and original_file_name are empty")
    name_parts = _ORIGINAL_NAME.match(original)
    return IndexedRecording(
        account_id=fields.require_text("account_id"),
        cc_id=fields.get_text("cc_id"),
        vdn_id=fields.get_text("vdn_id", name_parts["vdn"] if name_parts else ""),
        agent_id=fields.get_text("agent_id"),
        call_id=fields.require_text("call_id"),
        caller_no=fields.get_text("caller_no"),
        callee_no=fields.get_text("callee_no"),
        call_begin=begin,
        call_end=end,
        file_name=file_name,
        original_file_name=original,
        call_type=fields.get_int("call_type", int(name_parts["direction"]) if name_parts else 0),
        media_type=fields.get_int("media_type", VOICE_MEDIA_TYPE),
        task_status=fields.get_int("task_status"),
        task_result=fields.get_text("task_result"),
        user_wanted_skill_id=fields.get_text("user_wanted_skill_id"),
        current_skill_id=fields.get_text("current_skill_id"),
        source_key=fields.compute_source_key(),
    )


def parse_agent_operation(fields: RowFields) -> AgentOperation:
    """Parse a row of agentOprInfo.csv. Raise UnreadableLine."""
    begin, end = fields.get_interval("begin_time", "end_time")
    if begin is None:
        raise UnreadableLine("begin_time is empty")
    fields.require_text("op_type")
    return AgentOperation(
        id=fields.require_text("id"),
        account_id=fields.require_text("account_id"),
        agent_id=fields.require_text("agent_id"),
        service_no=fields.get_text("service_no"),
        skill_id=fields.get_text("skill_id"),
        call_id=fields.get_text("call_id"),
        begin=begin,
        end=end,
        op_type=fields.get_int("op_type"),
        op_object=fields.get_text("op_object", NOT_APPLICABLE),
        op_cause=fields.get_text("op_cause", NOT_APPLICABLE),
        media_type=fields.get_int("media_type", VOICE_MEDIA_TYPE),
        vdn_id=fields.get_text("vdn_id"),
        cc_id=fields.get_text("cc_id"),
        agent_type=fields.get_text("agent_type"),
        phone_no=fields.get_text("phone_no"),
        call_direction=fields.get_text("callIn_out"),
        location_id=fields.get_text("location_id", "0"),
        logon_sn=fields.get_text("logon_sn"),
        skill_info_sn=fields.get_text("skillInfo_sn"),
    )


def parse_agent_skill_change(fields: RowFields) -> AgentSkillChange:
    """Parse a row of agentSkillInfo.csv. Its update_time is UTC, unlike all other times."""
    begin, end = fields.get_interval("operate_time", "operate_end_time")
    if begin is None:
        raise UnreadableLine("operate_time is empty")
    return AgentSkillChange(
        id=fields.require_text("id"),
        account_id=fields.require_text("account_id"),
        sub_cc_no=fields.get_int("sub_cc_no"),
        vdn=fields.get_int("vdn"),
        agent_id=fields.require_text("agent_id"),
        operate_time=begin,
        operate_id=fields.get_int("operate_id"),
        operate_type=fields.get_int("operate_type"),
        skill_list=fields.get_text("skill_list"),
        logon_sn=fields.get_text("logon_sn"),
        operate_sn=fields.get_int("operate_sn", 1),
        operate_end_time=end,
        renew_flag=fields.get_int("renew_flag"),
        update_time=fields.get_time("update_time", ZoneInfo(UTC.tzname(None))),
        month_of_year=fields.get_int("month_of_year", 1),
    )
