"""Agent operations and agent skill changes."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum


class AgentOperationType(IntEnum):
    """The op_type values that ingest assigns; other values from the interface's list are stored unchanged."""

    SIGN_OUT = 0
    SIGN_IN = 1
    IDLE = 2
    BUSY = 3
    TALKING = 4
    AFTER_CALL = 27
    HOLD = 38
    INTERNAL_TRANSFER = 45
    TRANSFER_OUT = 46


# States of an agent's shift, not of a call
SHIFT_STATES = frozenset(
    {AgentOperationType.SIGN_OUT, AgentOperationType.SIGN_IN, AgentOperationType.IDLE, AgentOperationType.BUSY}
)
NOT_APPLICABLE = "-1"  # op_object and op_cause of an operation that has none


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentOperation:
    """A row of agentOprInfo.csv. Instants are in UTC."""

    id: str  # at most 32 characters, unique in the app
    account_id: str
    agent_id: str
    service_no: str = ""
    skill_id: str = ""  # queue
    call_id: str = ""
    begin: datetime
    end: datetime | None = None  # None: still open
    op_type: int
    op_object: str = NOT_APPLICABLE
    op_cause: str = NOT_APPLICABLE
    media_type: int = 5
    vdn_id: str
    cc_id: str
    agent_type: str = ""
    phone_no: str = ""
    call_direction: str = ""  # callIn_out: 0 inbound, 1 outbound, 2 IVR outbound, 3 OUTBOUND
    location_id: str = "0"
    logon_sn: str = ""
    skill_info_sn: str = ""
    reason: str = ""  # of a pause, as the switch names it; not part of agentOprInfo.csv


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSkillChange:
    """A row of agentSkillInfo.csv. Instants are in UTC."""

    id: str
    account_id: str
    sub_cc_no: int
    vdn: int
    agent_id: str
    operate_time: datetime
    operate_id: int
    operate_type: int
    skill_list: str  # ids joined by ";"
    logon_sn: str = ""
    operate_sn: int = 1
    operate_end_time: datetime | None = None
    renew_flag: int = 0
    update_time: datetime | None = None
    month_of_year: int = 1
