"""A selection: recordings that somebody takes along as one zip. What it is of, what is in it, and how far it is. Pure.

Its list is made once and never changes afterwards, for the bytes of its zip must not change between two ranges of it.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from ccfs.model.calls.search import CallSearch
from ccfs.model.formats.stored_zip import ZipMember

MEMBER_FOLDER: Final = "recordings/"  # of the zip, in which the audio lies
_UNSAFE_CHARACTERS = re.compile(r"[^\w.+]+")  # what no name of ours has: separators, blanks, controls, quotes
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,8}\Z")
MAX_NAME_PART_LENGTH: Final = 40  # characters of a number or name within a file name


class BulkDownloadState(StrEnum):
    """Where a selection stands; an expired one is no more."""

    DUE = "due"  # its recordings are being listed and read through
    READY = "ready"  # its zip can be fetched
    FAILED = "failed"  # put aside after too many tries


class MissingReason(StrEnum):
    """Why a recording is not in the zip."""

    GONE = "gone"  # there is no such file, or no such row any more
    DIFFERS = "differs"  # its size or hash is not what its row says
    UNREACHABLE = "away"  # where it is kept cannot be reached


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkRequest:
    """What somebody ticked, or else all that a search finds."""

    calls: tuple[str, ...] = ()
    search: CallSearch | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkDownload:
    """What was asked for."""

    id: str  # 32 hex digits
    user_id: int  # users.id: nobody else may have it
    account_id: str
    zone: str  # the account's, in which names and lists tell time
    request: BulkRequest
    requested_at: datetime

    @property
    def zoneinfo(self) -> ZoneInfo:
        """The zone."""
        return ZoneInfo(self.zone)

    @property
    def file_name(self) -> str:
        """What the zip is saved as."""
        return f"recordings-{self.requested_at.astimezone(self.zoneinfo):%Y%m%d-%H%M%S}-{self.id[:6]}.zip"


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkProgress:
    """How far the list is, and what the zip's bytes will be; every number grows."""

    listed: int = 0  # recordings
    bytes: int = 0  # of all that are listed
    is_complete: bool = False  # whether the list is complete
    is_truncated: bool = False  # whether more would have fitted than may be taken at once
    checked: int = 0  # recordings that were read through
    missing: int = 0  # of them, those that are not in the zip
    files_end: int = 0  # where the zip's next file begins


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkItem:
    """One recording of the list, as it was when it was listed and read."""

    number: int  # from 1
    file_name: str  # index name: by it the bytes are found, wherever they were moved meanwhile
    call_id: str
    begin: datetime
    end: datetime
    caller_no: str
    callee_no: str
    agent_id: str
    queue: str
    size: int = 0  # bytes; this and what follows is known once it was read
    sha256: str = ""
    crc32: int = 0
    member_name: str = ""  # in the zip; empty: not in it
    zip_offset: int = 0  # where in the zip its local header begins
    missing_reason: MissingReason | None = None

    def to_zip_member(self, zone: ZoneInfo) -> ZipMember:
        """The recording as a member of the zip."""
        modified = self.begin.astimezone(zone)
        return ZipMember(name=self.member_name, size=self.size, crc32=self.crc32, modified=modified)


def build_member_name(one: BulkItem, zone: ZoneInfo, first_bytes: bytes) -> str:
    """A name that tells when, who and with whom, sorts by time, and leads nowhere; the number makes it unlike all others.

    A WAV is called one, whatever its switch called it.
    """
    told = (
        one.begin.astimezone(zone).strftime("%Y-%m-%d_%H-%M-%S"),
        *map(_clean_name_part, _call_parties(one)),
        f"{one.number:05}",
    )
    own = _EXTENSION.search(one.file_name)
    ending = ".wav" if first_bytes[:4] == b"RIFF" else own[0].lower() if own else ".bin"
    return MEMBER_FOLDER + "_".join(part for part in told if part) + ending


def _call_parties(one: BulkItem) -> tuple[str, ...]:
    return (one.caller_no, one.callee_no, one.agent_id)


def _clean_name_part(text: str) -> str:
    return _UNSAFE_CHARACTERS.sub("-", text).strip("-._")[:MAX_NAME_PART_LENGTH]
