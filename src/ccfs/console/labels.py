"""What codes and roles are called, in English: the catalogues translate them. Tables and look-ups, nothing else."""

from typing import Final

from ccfs.model.calls.call import Direction
from ccfs.model.calls.cdr import DeviceType
from ccfs.model.calls.search import SearchOrder
from ccfs.model.identity.audit import AuditAction
from ccfs.model.identity.user import Role

DEVICES: Final = {
    DeviceType.NONE: "Device",
    DeviceType.QUEUE: "Queue",
    DeviceType.AGENT: "Agent",
    DeviceType.FLOW: "IVR",
}
DIRECTIONS: Final = {Direction.INBOUND: "Inbound", Direction.OUTBOUND: "Outbound", Direction.INTERNAL: "Internal"}
ORDERS: Final = {
    SearchOrder.NEWEST: "Newest first",
    SearchOrder.OLDEST: "Oldest first",
    SearchOrder.LONGEST: "Longest first",
}
SPANS: Final = {"wait": "Waiting", "ring": "Ringing", "talk": "Talking", "stay": "On the line"}
LEAVE_REASONS: Final = {
    0: "Normal",
    1: "Overflow",
    2: "Timed out",
    3: "Nobody on duty",
    4: "Queueing cancelled",
    5: "Agent did not answer",
    15: "Caller hung up",
    16: "Agent hung up",
    17: "Transferred",
    19: "Internal error",
    20: "Busy",
    22: "Phone off",
    23: "Out of area",
    24: "Vacant number",
    25: "No resources",
    26: "No answer",
    27: "Rejected",
    49: "Agent rejected",
    50: "Agent rejected",
    88: "Caller hung up",
    89: "Caller hung up before an answer",
}
OPERATIONS: Final = {
    0: "Logged off",
    1: "Logged on",
    2: "Idle",
    3: "Set busy",
    4: "Talking",
    10: "Three-party call",
    20: "Monitoring",
    22: "Playing a voice",
    26: "Rest",
    27: "After-call work",
    32: "Muted",
    38: "Hold",
    40: "Internal help",
    41: "Internal call",
    43: "Intercepted",
    45: "Transferred within",
    46: "Transferred out",
}
ROLES: Final = {
    Role.OPERATOR: "Operator",
    Role.ADMINISTRATOR: "Administrator",
    Role.EXPORTER: "Exporter",
    Role.LISTENER: "Listener",
    Role.AUDITOR: "Auditor",
}
ROLE_DESCRIPTIONS: Final = {
    Role.OPERATOR: "Everything, on the whole node",
    Role.ADMINISTRATOR: "Calls, exports, accounts and keys",
    Role.EXPORTER: "Finds, plays and downloads calls; sees exports and callbacks",
    Role.LISTENER: "Finds and plays calls",
    Role.AUDITOR: "Reads the log; sees and hears no call",
}
ACTIONS: Final = {
    AuditAction.LOGGED_IN: "Signed in",
    AuditAction.LOGIN_FAILED: "Sign-in failed",
    AuditAction.LOGGED_OUT: "Signed out",
    AuditAction.PASSWORD_SET: "Set a password",
    AuditAction.SECOND_FACTOR_ENABLED: "Turned on the second factor",
    AuditAction.SECOND_FACTOR_DISABLED: "Turned off the second factor",
    AuditAction.CALLS_SEARCHED: "Searched calls",
    AuditAction.CALL_VIEWED: "Looked at a call",
    AuditAction.STATISTICS_VIEWED: "Looked at figures",
    AuditAction.RECORDING_PLAYED: "Played a recording",
    AuditAction.RECORDING_DOWNLOADED: "Downloaded a recording",
    AuditAction.WAVEFORM_VIEWED: "Looked at a waveform",
    AuditAction.ANNOTATION_ADDED: "Marked a moment",
    AuditAction.ANNOTATION_DELETED: "Removed a mark",
    AuditAction.CALLS_DOWNLOADED: "Took calls as CSV",
    AuditAction.BULK_DOWNLOAD_REQUESTED: "Asked for recordings as a zip",
    AuditAction.BULK_DOWNLOAD_SAVED: "Downloaded recordings as a zip",
    AuditAction.BULK_DOWNLOAD_DELETED: "Deleted a zip of recordings",
    AuditAction.DELIVERY_RETRIED: "Sent a callback again",
    AuditAction.EXPORT_RETRIED: "Had an export made again",
    AuditAction.APP_ADDED: "Added an app",
    AuditAction.ACCOUNT_ADDED: "Added an account",
    AuditAction.KEY_ADDED: "Added a key",
    AuditAction.KEY_REVOKED: "Revoked a key",
    AuditAction.USER_ADDED: "Added a person",
    AuditAction.USER_DISABLED: "Disabled a person",
    AuditAction.USER_ENABLED: "Enabled a person",
    AuditAction.USER_RESET: "Made a link to set a password",
    AuditAction.USER_LINKED: "Tied a person to the sign-in service",
    AuditAction.ROLE_GRANTED: "Gave a role",
    AuditAction.ROLE_REVOKED: "Took a role",
    AuditAction.AUDIT_LOG_DOWNLOADED: "Took the log as CSV",
    AuditAction.CERTIFICATE_ADDED: "Trusted a certificate",
    AuditAction.CERTIFICATE_REMOVED: "Trusted a certificate no longer",
    AuditAction.DELIVERIES_RETRIED: "Sent all callbacks of a receiver again",
    AuditAction.INGEST_RETRIED: "Had ingest read a file again",
    AuditAction.NODE_DRAINED: "Drained a node",
    AuditAction.NODE_RESUMED: "Let a node work again",
    AuditAction.LOCATION_DRAINED: "Drained a location",
    AuditAction.LOCATION_RESUMED: "Let a location take bytes again",
}
TABLES: Final = (DEVICES, DIRECTIONS, ORDERS, SPANS, LEAVE_REASONS, OPERATIONS, ROLES, ROLE_DESCRIPTIONS, ACTIONS)


def get_leave_reason_label(code: int) -> str:
    """What a leave reason is called; one that is on no list is called by its number."""
    return LEAVE_REASONS.get(code, str(code))


def get_operation_label(code: int) -> str:
    """What an agent's operation is called."""
    return OPERATIONS.get(code, str(code))
