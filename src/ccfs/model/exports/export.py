"""Exports: asynchronous requests for CSV files, and the names of the resulting zips."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Literal

from ccfs.model.exports.time_window import TimeWindow

ExportTable = Literal["call", "record", "agentOprInfo", "agentSkillInfo"]  # in the names of the zip's members


class ExportKind(StrEnum):
    """The kind of an export. Its file can be downloaded only with the operation for that kind."""

    BILL = "bill"
    AGENT_OPERATION = "agent_operation"
    AGENT_SKILL = "agent_skill"


class ExportState(StrEnum):
    """The state of an export."""

    DUE = "due"  # to be generated, now or later
    READY = "ready"  # its file can be downloaded
    FAILED = "failed"  # given up after too many attempts, until an operator retries it
    EXPIRED = "expired"  # its file is deleted


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFilter:
    """Conditions that rows must meet, all of them. An empty string matches any value."""

    account_id: str = ""
    agent_id: str = ""
    call_id: str = ""
    caller_no: str = ""
    callee_no: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """A requested export."""

    response_id: str  # 32 hex digits
    kind: ExportKind
    tables: tuple[ExportTable, ...]
    window: TimeWindow
    filter: ExportFilter
    callback_url: str
    requested_on: date  # in the zone of the query: part of the file name
    requested_at: datetime

    @property
    def file_name(self) -> str:
        """The name used in the callback and in download requests: yyyyMMdd_{responseId}.zip."""
        return f"{self.requested_on:%Y%m%d}_{self.response_id}.zip"
