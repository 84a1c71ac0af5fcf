"""An export: an asynchronous request for files. What it asks for and what its file is called; nothing here makes it."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Literal

from ccfs.model.exports.time_window import TimeWindow

ExportTable = Literal["call", "record", "agentOprInfo", "agentSkillInfo"]  # as the members of the zip are called


class ExportKind(StrEnum):
    """What an export is of; its file can be fetched only by the operation of its kind."""

    BILL = "bill"
    AGENT_OPERATION = "agent_operation"
    AGENT_SKILL = "agent_skill"


class ExportState(StrEnum):
    """Where an export stands."""

    DUE = "due"  # to be made
    READY = "ready"  # its file can be fetched
    FAILED = "failed"  # put aside after too many tries; an operator may let it be tried again
    EXPIRED = "expired"  # its file is gone


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFilter:
    """Which rows; empty text means any. All that are given must hold."""

    account_id: str = ""
    agent_id: str = ""
    call_id: str = ""
    caller_no: str = ""
    callee_no: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One request."""

    response_id: str  # 32 hex digits
    kind: ExportKind
    tables: tuple[ExportTable, ...]
    window: TimeWindow
    filter: ExportFilter
    callback_url: str
    requested_on: date  # in the asker's zone: part of the file's name
    requested_at: datetime

    @property
    def file_name(self) -> str:
        """What the callback names and the download asks for: yyyyMMdd_{responseId}.zip."""
        return f"{self.requested_on:%Y%m%d}_{self.response_id}.zip"
