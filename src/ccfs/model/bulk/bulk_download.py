"""Bulk downloads: recordings that a console user downloads as a single zip.

The items are listed once and never change afterwards, because the content of the zip must not change between two
ranges.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from ccfs.model.calls.search import CallSearch
from ccfs.model.formats.stored_zip import ZipMember


class BulkDownloadState(StrEnum):
    """The state of a bulk download. Expired bulk downloads are deleted."""

    DUE = "due"  # its recordings are being listed and checked
    READY = "ready"  # its zip can be downloaded
    FAILED = "failed"  # given up after too many attempts


class MissingReason(StrEnum):
    """Why a recording is not in the zip."""

    GONE = "gone"  # the file or the row no longer exists
    DIFFERS = "differs"  # its size or hash is not what its row says
    UNREACHABLE = "away"  # its location cannot be reached


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkRequest:
    """The calls to download: either the selected ones or all results of a search."""

    calls: tuple[str, ...] = ()
    search: CallSearch | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkDownload:
    """A requested bulk download."""

    id: str  # 32 hex digits
    user_id: int  # users.id: only this user may download it
    account_id: str
    zone: str  # of the account, for times in names and lists
    request: BulkRequest
    requested_at: datetime

    @property
    def zoneinfo(self) -> ZoneInfo:
        """The time zone."""
        return ZoneInfo(self.zone)

    @property
    def file_name(self) -> str:
        """The name of the zip."""
        return f"recordings-{self.requested_at.astimezone(self.zoneinfo):%Y%m%d-%H%M%S}-{self.id[:6]}.zip"


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkProgress:
    """Progress of a bulk download. The numbers never decrease."""

    listed: int = 0  # recordings
    bytes: int = 0  # of all listed recordings
    is_complete: bool = False  # whether all recordings are listed
    is_truncated: bool = False  # whether the limits of the settings cut the list
    checked: int = 0  # recordings
    missing: int = 0  # of the checked ones, those that are not in the zip
    files_end: int = 0  # offset of the zip's next file


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkItem:
    """A recording as it was when it was listed and checked."""

    number: int  # from 1
    file_name: str  # index name, by which the bytes are found wherever they were moved
    call_id: str
    begin: datetime
    end: datetime
    caller_no: str
    callee_no: str
    agent_id: str
    queue: str
    size: int = 0  # bytes; this and the following are known after the check
    sha256: str = ""
    crc32: int = 0
    member_name: str = ""  # in the zip; empty if missing
    zip_offset: int = 0  # of its local header
    missing_reason: MissingReason | None = None

    def to_zip_member(self, zone: ZoneInfo) -> ZipMember:
        """Return the recording as a member of the zip."""
        modified = self.begin.astimezone(zone)
        return ZipMember(name=self.member_name, size=self.size, crc32=self.crc32, modified=modified)
