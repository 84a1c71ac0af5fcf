"""Call detail records: one row for each device that a call passed through."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum


class DeviceType(IntEnum):
    """The kind of device in a row (the interface's device_type)."""

    NONE = 0
    QUEUE = 1
    AGENT = 2
    FLOW = 3


class CallType(IntEnum):
    """The call types that ingest assigns; other values from the interface's list are stored unchanged."""

    INBOUND = 0
    INTERNAL = 6
    OUTBOUND = 7


class LeaveReason(IntEnum):
    """Why a call left a device: the values from the interface's list that ingest assigns."""

    NORMAL = 0
    QUEUE_TIMEOUT = 2
    NOBODY_ON_DUTY = 3
    QUEUE_CANCELLED = 4
    AGENT_NO_ANSWER = 5
    USER_HUNG_UP = 15
    AGENT_HUNG_UP = 16
    TRANSFERRED_OUT = 17
    INTERNAL_ERROR = 19
    CALLED_BUSY = 20
    VACANT_NUMBER = 24
    NO_RESOURCES = 25
    USER_NO_ANSWER = 26
    REJECTED = 27


VOICE_MEDIA_TYPE = 5  # media type of an ordinary voice call
LAST_LEG = -1  # call_id_num of the last, or only, row of a call


@dataclass(frozen=True, slots=True, kw_only=True)
class Cdr:
    """A row of call.csv, with instants in UTC, and its source."""

    account_id: str  # enterprise account
    cc_id: str  # call centre
    vdn_id: str  # virtual call centre
    call_id: str  # at most 25 characters
    call_id_num: int = LAST_LEG  # 1, 2, … in order; the last or only row has -1
    agent_id: str = ""  # empty where no agent is concerned
    caller_no: str = ""
    callee_no: str = ""
    begin: datetime  # first instant of the row; queries and partitions use it
    wait_begin: datetime | None = None  # queueing, or ringing where there is no queue
    wait_end: datetime | None = None
    ack_begin: datetime | None = None  # the device rings
    ack_end: datetime | None = None  # the device answers
    call_begin: datetime | None = None  # talking
    call_end: datetime | None = None
    device_type: int = DeviceType.NONE
    device_no: int = 0
    call_type: int = CallType.INBOUND
    release_cause: int = 0  # Q.850 cause of a switch; CC-FS's own number where CC-FS wrote it
    pre_device_type: int = DeviceType.NONE
    pre_device_no: int = 0
    leave_reason: int = LeaveReason.NORMAL
    media_type: int = VOICE_MEDIA_TYPE
    sub_media_type: int = 0
    user_wanted_skill_id: str = ""  # the queue that the caller chose
    current_skill_id: str = ""  # the queue that handled the call
    caller_name: str = ""  # not part of call.csv
    switch_call_id: str = ""  # the switch's own id of the call
    switch_leg_id: str = ""  # the switch's own id of the leg
    leg_order: str = ""  # sorts the rows of a call from a switch; empty where the source numbered them
    source_key: str  # hex digest of the source line, so that no line is ingested twice
