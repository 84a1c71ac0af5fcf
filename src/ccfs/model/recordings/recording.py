"""Recordings: a recorded file and its row in the index."""

from dataclasses import dataclass
from datetime import datetime

from ccfs.model.blobs.blob_ref import BlobRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A row of record.csv, and the reference to the recorded file. Instants are in UTC."""

    account_id: str
    cc_id: str
    vdn_id: str
    agent_id: str = ""
    call_id: str
    caller_no: str = ""
    callee_no: str = ""
    call_begin: datetime  # begin of the recording
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
    source_sha256: str  # of the switch's file; equals blob.sha256 unless the audio was converted
    source_name: str = ""  # base name of the switch's file
