"""Map hangup causes of FreeSWITCH to Q.850 numbers and to leave reasons.

FreeSWITCH's cause numbers are Q.850's up to 127; above are its own, which its variable hangup_cause_q850 gives as 16.
"""

from typing import Final

from ccfs.model.calls.cdr import LeaveReason

NORMAL_CLEARING: Final = 16
_MAX_Q850: Final = 127

_Q850_BY_CAUSE: Final[dict[str, int]] = {
    "NONE": 0,
    "UNALLOCATED_NUMBER": 1,
    "NO_ROUTE_TRANSIT_NET": 2,
    "NO_ROUTE_DESTINATION": 3,
    "CHANNEL_UNACCEPTABLE": 6,
    "CALL_AWARDED_DELIVERED": 7,
    "NORMAL_CLEARING": NORMAL_CLEARING,
    "USER_BUSY": 17,
    "NO_USER_RESPONSE": 18,
    "NO_ANSWER": 19,
    "SUBSCRIBER_ABSENT": 20,
    "CALL_REJECTED": 21,
    "NUMBER_CHANGED": 22,
    "REDIRECTION_TO_NEW_DESTINATION": 23,
    "EXCHANGE_ROUTING_ERROR": 25,
    "DESTINATION_OUT_OF_ORDER": 27,
    "INVALID_NUMBER_FORMAT": 28,
    "FACILITY_REJECTED": 29,
    "RESPONSE_TO_STATUS_ENQUIRY": 30,
    "NORMAL_UNSPECIFIED": 31,
    "NORMAL_CIRCUIT_CONGESTION": 34,
    "NETWORK_OUT_OF_ORDER": 38,
    "NORMAL_TEMPORARY_FAILURE": 41,
    "SWITCH_CONGESTION": 42,
    "ACCESS_INFO_DISCARDED": 43,
    "REQUESTED_CHAN_UNAVAIL": 44,
    "PRE_EMPTED": 45,
    "FACILITY_NOT_SUBSCRIBED": 50,
    "OUTGOING_CALL_BARRED": 52,
    "INCOMING_CALL_BARRED": 54,
    "BEARERCAPABILITY_NOTAUTH": 57,
    "BEARERCAPABILITY_NOTAVAIL": 58,
    "SERVICE_UNAVAILABLE": 63,
    "BEARERCAPABILITY_NOTIMPL": 65,
    "CHAN_NOT_IMPLEMENTED": 66,
    "FACILITY_NOT_IMPLEMENTED": 69,
    "SERVICE_NOT_IMPLEMENTED": 79,
    "INVALID_CALL_REFERENCE": 81,
    "INCOMPATIBLE_DESTINATION": 88,
    "INVALID_MSG_UNSPECIFIED": 95,
    "MANDATORY_IE_MISSING": 96,
    "MESSAGE_TYPE_NONEXIST": 97,
    "WRONG_MESSAGE": 98,
    "IE_NONEXIST": 99,
    "INVALID_IE_CONTENTS": 100,
    "WRONG_CALL_STATE": 101,
    "RECOVERY_ON_TIMER_EXPIRE": 102,
    "MANDATORY_IE_LENGTH_ERROR": 103,
    "PROTOCOL_ERROR": 111,
    "INTERWORKING": 127,
}

_NO_ANSWER_CAUSES = frozenset({"NO_ANSWER", "NO_USER_RESPONSE", "ALLOTTED_TIMEOUT", "PROGRESS_TIMEOUT", "NO_PICKUP"})
_TRANSFER_CAUSES = frozenset({"BLIND_TRANSFER", "ATTENDED_TRANSFER"})
_REASON_BY_CAUSE: Final[dict[str, LeaveReason]] = {
    "UNALLOCATED_NUMBER": LeaveReason.VACANT_NUMBER,
    "NUMBER_CHANGED": LeaveReason.VACANT_NUMBER,
    "INVALID_NUMBER_FORMAT": LeaveReason.VACANT_NUMBER,
    "USER_BUSY": LeaveReason.CALLED_BUSY,
    "BUSY_EVERYWHERE": LeaveReason.CALLED_BUSY,
    "CALL_REJECTED": LeaveReason.REJECTED,
    "DECLINE": LeaveReason.REJECTED,
    "ORIGINATOR_CANCEL": LeaveReason.USER_HUNG_UP,
    "NORMAL_CIRCUIT_CONGESTION": LeaveReason.NO_RESOURCES,
    "SWITCH_CONGESTION": LeaveReason.NO_RESOURCES,
    "REQUESTED_CHAN_UNAVAIL": LeaveReason.NO_RESOURCES,
    "NETWORK_OUT_OF_ORDER": LeaveReason.INTERNAL_ERROR,
    "NORMAL_TEMPORARY_FAILURE": LeaveReason.INTERNAL_ERROR,
    "DESTINATION_OUT_OF_ORDER": LeaveReason.INTERNAL_ERROR,
    "RECOVERY_ON_TIMER_EXPIRE": LeaveReason.INTERNAL_ERROR,
    "MEDIA_TIMEOUT": LeaveReason.INTERNAL_ERROR,
    "CRASH": LeaveReason.INTERNAL_ERROR,
    "SYSTEM_SHUTDOWN": LeaveReason.INTERNAL_ERROR,
}
_REASON_BY_CANCEL_REASON: Final[dict[str, LeaveReason]] = {  # mod_callcenter's cc_cancel_reason
    "TIMEOUT": LeaveReason.QUEUE_TIMEOUT,
    "NO_AGENT_TIMEOUT": LeaveReason.NOBODY_ON_DUTY,
    "BREAK_OUT": LeaveReason.QUEUE_CANCELLED,
    "EXIT_WITH_KEY": LeaveReason.QUEUE_CANCELLED,
}


def find_release_cause(cause: str, q850: str) -> int:
    """Return hangup_cause_q850 if present, otherwise the Q.850 number of the name; 16 for FreeSWITCH's own causes."""
    if q850.isascii() and q850.isdigit() and 0 < int(q850[:4]) <= _MAX_Q850:
        return int(q850[:4])
    return _Q850_BY_CAUSE.get(cause.upper(), NORMAL_CLEARING if cause else 0)


def find_leave_reason(*, cause: str, cancel_reason: str, answered: bool, to_agent: bool, hung_up: str) -> LeaveReason:
    """Return why the call left the device.

    `cancel_reason` is mod_callcenter's, empty if the call was not cancelled in a queue; `to_agent` is whether an agent
    was called; `hung_up` is "user" or "agent", or "" if it is unknown who ended an answered call.
    """
    name = cause.upper()
    if cancel_reason:
        return _REASON_BY_CANCEL_REASON.get(cancel_reason.upper(), LeaveReason.QUEUE_CANCELLED)
    if name in _TRANSFER_CAUSES:
        return LeaveReason.TRANSFERRED_OUT
    if name in _NO_ANSWER_CAUSES and not answered:
        return LeaveReason.AGENT_NO_ANSWER if to_agent else LeaveReason.USER_NO_ANSWER
    if not answered or name not in ("NORMAL_CLEARING", ""):
        return _REASON_BY_CAUSE.get(name, LeaveReason.NORMAL)
    return {"user": LeaveReason.USER_HUNG_UP, "agent": LeaveReason.AGENT_HUNG_UP}.get(hung_up, LeaveReason.NORMAL)
