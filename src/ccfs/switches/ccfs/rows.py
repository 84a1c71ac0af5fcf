"""Rows of an index file: named values to nouns, with times made instants. Nothing here knows files or lines."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import TypeAlias
from zoneinfo import ZoneInfo

from ccfs.model.agent_operation import UNUSED, AgentOperation, AgentSkillChange
from ccfs.model.cdr import LAST, PHONE, Cdr
from ccfs.model.window import NotATime, instant, parse
from ccfs.switches.found import UnreadableLine

_INT = re.compile(r"-?[0-9]{1,11}")
_INT_MOST = 2**31
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ORIGINAL = re.compile(r"[A-Za-z]:/(?P<vdn>[0-9]{1,9})/(?P<direction>[01])/")


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedRecording:
    """One row of record.csv, without the bytes, which only ingest can find. Instants in UTC."""

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
    line_key: str  # as Leg.line_key


Row: TypeAlias = Cdr | IndexedRecording | AgentOperation | AgentSkillChange


class Fields:
    """The values of one row by column name, each checked as it is asked for."""

    def __init__(self, table: str, values: Mapping[str, str], widths: Mapping[str, int]) -> None:
        self._table = table
        self._values = values
        self._widths = widths
        self.zone = ZoneInfo("UTC")  # of the row's account, once it is known

    def text(self, name: str, default: str = "") -> str:
        """The value without blanks around it, `default` where it is empty or the file has no such column."""
        value = self._values.get(name, "").strip()
        if len(value) > self._widths[name]:
            raise UnreadableLine(f"{name} is longer than {self._widths[name]} characters")
        if _CONTROL.search(value):
            raise UnreadableLine(f"{name} has control characters")
        return value or default

    def needed(self, name: str) -> str:
        """As `text`, but never empty."""
        if value := self.text(name):
            return value
        raise UnreadableLine(f"{name} is empty")

    def number(self, name: str, default: int = 0) -> int:
        """A whole number of 32 bits."""
        value = self.text(name, str(default))
        if not _INT.fullmatch(value) or not -_INT_MOST <= int(value) < _INT_MOST:
            raise UnreadableLine(f"{name} is not a number: {value[:40]!r}")
        return int(value)

    def time(self, name: str, zone: ZoneInfo | None = None, *, fold: int = 0) -> datetime | None:
        """An instant, None where the value is empty. Of a time that comes twice, the first coming."""
        if not (value := self.text(name)):
            return None
        try:
            return instant(parse(value), zone or self.zone, fold=fold)
        except NotATime as why:
            raise UnreadableLine(f"{name}: {why}") from None

    def span(self, begin: str, end: str) -> tuple[datetime | None, datetime | None]:
        """Begin and end; the end is taken as the second coming of its time if it would lie before the begin else."""
        first, last = self.time(begin), self.time(end)
        if first and last and last < first:
            last = self.time(end, fold=1)
        return first, last

    def key(self) -> str:
        """32 hex digits over all known cells in the interface's order, whatever order or columns the file has."""
        cells = [self._values.get(name, "").strip() for name in self._widths]
        while cells and not cells[-1]:
            cells.pop()
        return blake2b("\x1f".join([self._table, *cells]).encode(), digest_size=16).hexdigest()


def cdr(fields: Fields) -> Cdr:
    """A row of call.csv."""
    wait_begin, wait_end = fields.span("wait_begin", "wait_end")
    ack_begin, ack_end = fields.span("ack_begin", "ack_end")
    call_begin, call_end = fields.span("call_begin", "call_end")
    begin = wait_begin or ack_begin or call_begin
    if begin is None:
        raise UnreadableLine("wait_begin, ack_begin and call_begin are empty")
    return Cdr(
        account_id=fields.needed("account_id"),
        cc_id=fields.text("cc_id"),
        vdn_id=fields.text("vdn_id"),
        call_id=fields.needed("call_id"),
        call_id_num=fields.number("call_id_num", LAST),
        agent_id=fields.text("agent_id"),
        caller_no=fields.text("caller_no"),
        callee_no=fields.text("callee_no"),
        begin=begin,
        wait_begin=wait_begin,
        wait_end=wait_end,
        ack_begin=ack_begin,
        ack_end=ack_end,
        call_begin=call_begin,
        call_end=call_end,
        device_type=fields.number("device_type"),
        device_no=fields.number("device_no"),
        call_type=fields.number("call_type"),
        release_cause=fields.number("release_cause"),
        pre_device_type=fields.number("pre_device_type"),
        pre_device_no=fields.number("pre_device_no"),
        leave_reason=fields.number("leave_reason"),
        media_type=fields.number("media_type", PHONE),
        sub_media_type=fields.number("sub_media_type"),
        user_wanted_skill_id=fields.text("user_wanted_skill_id"),
        current_skill_id=fields.text("current_skill_id"),
        line_key=fields.key(),
    )


def indexed_recording(fields: Fields) -> IndexedRecording:
    """A row of record.csv. Files of 13 columns say VDN and direction in original_file_name only."""
    begin, end = fields.span("call_begin", "call_end")
    if begin is None or end is None:
        raise UnreadableLine("call_begin or call_end is empty")
    file_name = fields.text("file_name").replace("\\", "/")
    original = fields.text("original_file_name").replace("\\", "/")
    if not file_name and not original:
        raise UnreadableLine("file_name and original_file_name are empty")
    told = _ORIGINAL.match(original)
    return IndexedRecording(
        account_id=fields.needed("account_id"),
        cc_id=fields.text("cc_id"),
        vdn_id=fields.text("vdn_id", told["vdn"] if told else ""),
        agent_id=fields.text("agent_id"),
        call_id=fields.needed("call_id"),
        caller_no=fields.text("caller_no"),
        callee_no=fields.text("callee_no"),
        call_begin=begin,
        call_end=end,
        file_name=file_name,
        original_file_name=original,
        call_type=fields.number("call_type", int(told["direction"]) if told else 0),
        media_type=fields.number("media_type", PHONE),
        task_status=fields.number("task_status"),
        task_result=fields.text("task_result"),
        user_wanted_skill_id=fields.text("user_wanted_skill_id"),
        current_skill_id=fields.text("current_skill_id"),
        line_key=fields.key(),
    )


def agent_operation(fields: Fields) -> AgentOperation:
    """A row of agentOprInfo.csv."""
    begin, end = fields.span("begin_time", "end_time")
    if begin is None:
        raise UnreadableLine("begin_time is empty")
    fields.needed("op_type")
    return AgentOperation(
        id=fields.needed("id"),
        account_id=fields.needed("account_id"),
        agent_id=fields.needed("agent_id"),
        service_no=fields.text("service_no"),
        skill_id=fields.text("skill_id"),
        call_id=fields.text("call_id"),
        begin=begin,
        end=end,
        op_type=fields.number("op_type"),
        op_object=fields.text("op_object", UNUSED),
        op_cause=fields.text("op_cause", UNUSED),
        media_type=fields.number("media_type", PHONE),
        vdn_id=fields.text("vdn_id"),
        cc_id=fields.text("cc_id"),
        agent_type=fields.text("agent_type"),
        phone_no=fields.text("phone_no"),
        call_direction=fields.text("callIn_out"),
        location_id=fields.text("location_id", "0"),
        logon_sn=fields.text("logon_sn"),
        skill_info_sn=fields.text("skillInfo_sn"),
    )


def agent_skill_change(fields: Fields) -> AgentSkillChange:
    """A row of agentSkillInfo.csv; its update_time is UTC, unlike all other times."""
    begin, end = fields.span("operate_time", "operate_end_time")
    if begin is None:
        raise UnreadableLine("operate_time is empty")
    return AgentSkillChange(
        id=fields.needed("id"),
        account_id=fields.needed("account_id"),
        sub_cc_no=fields.number("sub_cc_no"),
        vdn=fields.number("vdn"),
        agent_id=fields.needed("agent_id"),
        operate_time=begin,
        operate_id=fields.number("operate_id"),
        operate_type=fields.number("operate_type"),
        skill_list=fields.text("skill_list"),
        logon_sn=fields.text("logon_sn"),
        operate_sn=fields.number("operate_sn", 1),
        operate_end_time=end,
        renew_flag=fields.number("renew_flag"),
        update_time=fields.time("update_time", ZoneInfo(UTC.tzname(None))),
        month_of_year=fields.number("month_of_year", 1),
    )
