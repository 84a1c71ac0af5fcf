"""The report of a check: what was found, how it was read, what would be rejected, what to change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ccfs.db.tenant.ingest.ingest_overview import CallsOfName, CallTotals
from ccfs.ingest.check.recognition.switch_kind import SwitchKind
from ccfs.ingest.check.recognition.tables import CheckedTable
from ccfs.ingest.files.scan import to_db_path


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReading:
    """A file, table or folder of documents that was read, and how."""

    path: Path | CheckedTable
    role: str  # CDR, queue log, recordings, …
    form: str  # format, for an operator
    lines: int  # lines, or files of a folder, that were read
    is_folder: bool = False  # of documents
    rotated: int = 0  # older files that were rotated from it
    compressed: int = 0  # of these files
    columns: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()  # useful columns that it does not have
    dialect: str = ""  # delimiter and quotes, where they are not the usual ones
    zone: str = ""
    zone_evidence: str = ""
    encoding: str = ""  # where names are not UTF-8


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleCall:
    """A call in plain words."""

    begin: datetime  # in the zone of the switch
    call_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectionGroup:
    """Lines or files that would be rejected for the same reason."""

    reason: str
    count: int
    examples: tuple[tuple[str, int, str], ...]  # file, line (0: the whole file), begin of the line


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsentRecordings:
    """Recordings that CDRs name and that do not exist."""

    count: int
    examples: tuple[tuple[str, str], ...]  # path as the CDR names it, callId


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableFile:
    """A file or a table that ingest cannot read."""

    path: Path | CheckedTable
    reason: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """Something that the operator should know or change."""

    text: str
    remedy: str = ""
    lines: tuple[str, ...] = ()  # of a file to write


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerPlan:
    """An account that the calls need."""

    ak: str  # of the app; that of the command line is AK
    account_id: str
    vdn_id: int
    zone: str  # of the account: where its people work


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchReport:
    """The result for one switch."""

    kind: SwitchKind
    readings: Sequence[FileReading]
    totals: CallTotals
    agent_operations: int
    queues: Sequence[CallsOfName]
    agents: Sequence[CallsOfName]
    samples: Sequence[SampleCall]
    rejections: Sequence[RejectionGroup]
    unmatched: Sequence[RejectionGroup]  # recordings that would not be stored
    absent: AbsentRecordings
    owners: Sequence[OwnerPlan]
    cdrs: Sequence[Path | CheckedTable]
    older_cdrs: Sequence[Path]
    queue_log: Path | CheckedTable | None
    older_queue_logs: Sequence[Path]
    cel: Path | None
    older_cels: Sequence[Path]
    recordings: Sequence[Path]
    tenants_file: Path | None = None
    advice: Sequence[Advice] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingsFound:
    """The recordings that a survey found."""

    count: int
    bytes: int
    by_extension: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """The result of a check."""

    paths: Sequence[Path]
    tables: Sequence[CheckedTable]
    switches: Sequence[SwitchReport]
    recordings: RecordingsFound
    unused_cels: Sequence[Path]  # channel event logs that the commands do not name
    queue_logs: Sequence[Path]
    unused: Sequence[tuple[Path, str]]  # CDR files that hold nothing new, with the reason
    unreadable: Sequence[UnreadableFile]
    other_count: int  # files that hold no calls
    advice: Sequence[Advice] = ()

    @property
    def has_calls(self) -> bool:
        """Whether ingest would find any call."""
        return any(switch.totals.calls for switch in self.switches)


def to_json(value: Any) -> Any:
    """Return the report as JSON-compatible values."""
    if isinstance(value, CheckedTable):
        return str(value)
    if is_dataclass(value):
        return {item.name: to_json(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, Path):
        return to_db_path(value)
    return value.isoformat() if isinstance(value, datetime) else value
