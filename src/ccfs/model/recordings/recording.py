"""Recordings: one recorded file and its index row. Bytes are a location's business, not this file's."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobRef:
    """Bytes that a location keeps: where, how many, and what they must hash to."""

    location_id: str  # the location's id, "0" where there is one only
    key: str  # the location's own name of the bytes; never made from an outside name
    size: int  # bytes
    sha256: str  # lower-case hex of the bytes kept
    crc32: int  # of the bytes kept; a zip of known length needs it beforehand

    def is_same_blob(self, other: "BlobRef") -> bool:
        """Whether the two are the same bytes at the same place, which must not be removed while either is wanted."""
        return (self.location_id, self.key) == (other.location_id, other.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One row of record.csv and the bytes behind it. Instants in UTC."""

    account_id: str
    cc_id: str
    vdn_id: str
    agent_id: str = ""
    call_id: str
    caller_no: str = ""
    callee_no: str = ""
    call_begin: datetime  # begin of what was recorded
    call_end: datetime
    file_name: str  # index name, /{node}/{cc}/record/{app}/{account}/{yyyymmdd}/{agent}/{main}.{ext}
    original_file_name: str  # {drive}:/{vdn}/{0|1}/{yyyyMMdd}/{agent}/{n}.V3, always with "/"
    call_type: int = 0  # 0 inbound, 1 outbound
    media_type: int = 5
    task_status: int = 0  # transcribed: 1 yes, 0 no
    task_result: str = ""  # "success" or "failed" once task_status is 1
    user_wanted_skill_id: str = ""
    current_skill_id: str = ""
    blob: BlobRef
    source_sha256: str  # of the file as the switch left it; equals kept.sha256 where nothing was converted
    source_name: str = ""  # base name of the file as the switch left it
