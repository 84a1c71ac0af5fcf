"""English labels of codes, roles and audit actions. The catalogues translate them."""

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
    SearchOrder.SHORTEST: "Shortest first",
}
DAY_PERIODS: Final = {"today": "Today", "yesterday": "Yesterday", "week": "This week"}  # of the call search
ANSWERED: Final = {"yes": "Answered", "no": "Not answered"}
RECORDED: Final = {"yes": "With recording", "no": "Without recording"}
SEARCH_FIELDS: Final = {
    "caller": "Caller",
    "callee": "Called number",
    "agent": "Agent",
    "queue": "Queue",
    "direction": "Direction",
    "answered": "Result",
    "recorded": "Recording",
    "min_talk": "Minimum talk time",
    "max_talk": "Maximum talk time",
}
LIST_COLUMNS: Final = {  # of the list of calls, after start, direction and caller
    "callee": "Called number",
    "queue": "Queue",
    "agent": "Agent",
    "wait": "Waiting time",
    "talk": "Talk time",
}
SPANS: Final = {"wait": "Waiting", "ring": "Ringing", "talk": "Talking", "stay": "Connected"}
LEAVE_REASONS: Final = {
    0: "Normal",
    1: "Overflow",
    2: "Timed out",
    3: "No agents on duty",
    4: "Abandoned in queue",
    5: "Agent did not answer",
    15: "Caller hung up",
    16: "Agent hung up",
    17: "Transferred",
    19: "Internal error",
    20: "Busy",
    22: "Phone switched off",
    23: "Out of coverage",
    24: "Number not in service",
    25: "No resources",
    26: "No answer",
    27: "Call rejected",
    49: "Rejected by agent",
    50: "Rejected by agent",
    88: "Caller hung up",
    89: "Caller hung up before answer",
}
OPERATIONS: Final = {
    0: "Logged out",
    1: "Logged in",
    2: "Ready",
    3: "Not ready",
    4: "Talking",
    10: "Three-way call",
    20: "Monitoring",
    22: "Playing audio",
    26: "On break",
    27: "After-call work",
    32: "Muted",
    38: "On hold",
    40: "Internal consultation",
    41: "Internal call",
    43: "Intercepted",
    45: "Internal transfer",
    46: "External transfer",
}
ROLES: Final = {
    Role.OPERATOR: "Operator",
    Role.ADMINISTRATOR: "Administrator",
    Role.EXPORTER: "Exporter",
    Role.LISTENER: "Listener",
    Role.AUDITOR: "Auditor",
}
ROLE_DESCRIPTIONS: Final = {
    Role.OPERATOR: "Has full access to the whole system.",
    Role.ADMINISTRATOR: "Has all permissions of an exporter. Manages the accounts and keys of an app.",
    Role.EXPORTER: "Has all permissions of a listener. Downloads calls and recordings, views and retries exports and callbacks.",
    Role.LISTENER: "Searches calls, plays recordings and adds annotations.",
    Role.AUDITOR: "Reads the audit log. Cannot view or play calls.",
}
ACTIONS: Final = {
    AuditAction.LOGGED_IN: "Signed in",
    AuditAction.LOGIN_FAILED: "Sign-in failed",
    AuditAction.LOGGED_OUT: "Signed out",
    AuditAction.PASSWORD_REJECTED: "Entered a wrong password",
    AuditAction.PASSWORD_SET: "Set a password",
    AuditAction.SECOND_FACTOR_ENABLED: "Turned on two-factor authentication",
    AuditAction.SECOND_FACTOR_DISABLED: "Turned off two-factor authentication",
    AuditAction.CALLS_SEARCHED: "Searched calls",
    AuditAction.CALL_VIEWED: "Viewed a call",
    AuditAction.STATISTICS_VIEWED: "Viewed statistics",
    AuditAction.RECORDING_PLAYED: "Played a recording",
    AuditAction.RECORDING_DOWNLOADED: "Downloaded a recording",
    AuditAction.WAVEFORM_VIEWED: "Viewed a waveform",
    AuditAction.ANNOTATION_ADDED: "Added an annotation",
    AuditAction.ANNOTATION_DELETED: "Deleted an annotation",
    AuditAction.CALLS_DOWNLOADED: "Downloaded calls as CSV",
    AuditAction.BULK_DOWNLOAD_REQUESTED: "Requested a bulk download",
    AuditAction.BULK_DOWNLOAD_SAVED: "Downloaded recordings in bulk",
    AuditAction.BULK_DOWNLOAD_DELETED: "Deleted a bulk download",
    AuditAction.DELIVERY_RETRIED: "Resent a callback",
    AuditAction.EXPORT_RETRIED: "Retried an export",
    AuditAction.APP_ADDED: "Added an app",
    AuditAction.APP_LIMITED: "Changed the limits of an app",
    AuditAction.ACCOUNT_ADDED: "Added an account",
    AuditAction.KEY_ADDED: "Added a key",
    AuditAction.KEY_REVOKED: "Revoked a key",
    AuditAction.USER_ADDED: "Added a user",
    AuditAction.USER_DISABLED: "Disabled a user",
    AuditAction.USER_ENABLED: "Enabled a user",
    AuditAction.USER_RESET: "Reset a user's credentials",
    AuditAction.USER_LINKED: "Linked a user to single sign-on",
    AuditAction.ROLE_GRANTED: "Assigned a role",
    AuditAction.ROLE_REVOKED: "Removed a role",
    AuditAction.AUDIT_LOG_DOWNLOADED: "Downloaded the audit log as CSV",
    AuditAction.CERTIFICATE_ADDED: "Added a trusted certificate",
    AuditAction.CERTIFICATE_REMOVED: "Removed a trusted certificate",
    AuditAction.DELIVERIES_RETRIED: "Resent the failed callbacks of a receiver",
    AuditAction.INGEST_RETRIED: "Requested re-ingest of a file",
    AuditAction.NODE_DRAINED: "Drained a node",
    AuditAction.NODE_RESUMED: "Resumed a node",
    AuditAction.LOCATION_DRAINED: "Drained a location",
    AuditAction.LOCATION_RESUMED: "Resumed a location",
    AuditAction.RETENTION_MARKED: "Marked a month for deletion",
    AuditAction.RETENTION_DELETED: "Deleted a month",
}
LIMITS: Final = {
    "concurrent_downloads": "Concurrent downloads",
    "concurrent_queries": "Concurrent queries",
    "downloads_per_minute": "Downloads per minute",
    "queries_per_minute": "Queries per minute",
    "bytes_per_second": "Bytes per second",
    "queued_exports": "Queued exports",
}
TABLES: Final = (
    *(DAY_PERIODS, ANSWERED, RECORDED, SEARCH_FIELDS, LIST_COLUMNS),
    *(DEVICES, DIRECTIONS, ORDERS, SPANS, LEAVE_REASONS),
    *(OPERATIONS, ROLES, ROLE_DESCRIPTIONS, ACTIONS, LIMITS),
)


def get_leave_reason_label(code: int) -> str:
    """Return the label of a leave reason, or its number if it has no label."""
    return LEAVE_REASONS.get(code, str(code))


def get_operation_label(code: int) -> str:
    """Return the label of an agent operation, or its number if it has no label."""
    return OPERATIONS.get(code, str(code))
