"""English labels of codes, roles and audit actions. The catalogues translate them."""

from typing import Final

from ccfs.console.audit_labels import ACTION_KINDS, ACTIONS, AUDIT_PERIODS, AUDIT_SENTENCES, AUDITED_FIELDS
from ccfs.console.quality.quality_labels import (
    ANSWERS,
    CRITICAL_EFFECTS,
    EVALUATION_HEADINGS,
    EVALUATION_STATES,
    SAMPLING_PERIODS,
)
from ccfs.model.blobs.location_move import MoveProblem, MoveState
from ccfs.model.calls.call import Direction
from ccfs.model.calls.cdr import DeviceType
from ccfs.model.calls.reports.figures_csv import HEADING_TEXTS, SPEECH_HEADING_TEXTS
from ccfs.model.calls.reports.report import ReportFrequency
from ccfs.model.calls.search import SearchOrder
from ccfs.model.calls.statistics_slots import Step
from ccfs.model.calls.timeline import SegmentKind
from ccfs.model.identity.user import Role
from ccfs.model.recordings.guest_link import LinkState
from ccfs.settings.api import ApiSettings
from ccfs.settings.app_limits import AppLimitSettings
from ccfs.settings.callbacks import CallbackSettings
from ccfs.settings.console import ConsoleSettings
from ccfs.settings.exports import ExportSettings
from ccfs.settings.group import SettingsGroup
from ccfs.settings.http import HttpSettings
from ccfs.settings.ingest import IngestSettings
from ccfs.settings.lockout import LockoutSettings
from ccfs.settings.node import NodeSettings
from ccfs.settings.retention import RetentionSettings
from ccfs.settings.storage import StorageSettings
from ccfs.status.findings import SENTENCES, Area, Severity

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
    SearchOrder.WAITED_MOST: "Longest waiting time first",
    SearchOrder.WAITED_LEAST: "Shortest waiting time first",
}
DAY_PERIODS: Final = {
    "today": "Today",
    "yesterday": "Yesterday",
    "week": "This week",
    "last_week": "Last week",
}  # of the call search
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
LIST_COLUMNS: Final = {  # of the list of calls, after the start
    "direction": "Direction",
    "caller": "Caller",
    "callee": "Called number",
    "queue": "Queue",
    "agent": "Agent",
    "wait": "Waiting time",
    "talk": "Talk time",
    "result": "Result",
    "end": "End",
    "call_id": "Call ID",
}
CSV_HEADINGS: Final = {  # of the calls, the audit log and the figures, beside those of other tables
    text: text
    for text in (
        *("Caller name", "Queues", "Agents", "Waiting time (s)", "Talk time (s)", "UTC offset", "Recordings", "Start"),
        *("Time", "User", "App", "Account", "Action", "Object", "Address", "Call"),
        *HEADING_TEXTS.values(),
        *SPEECH_HEADING_TEXTS.values(),
    )
}
SEGMENTS: Final = {
    SegmentKind.CONNECTING: "Connecting",
    SegmentKind.WAIT: "Waiting",
    SegmentKind.RING: "Ringing",
    SegmentKind.TALK: "Talking",
    SegmentKind.HOLD: "On hold",
    SegmentKind.TRANSFER: "Transferring",
    SegmentKind.AFTER_CALL: "After-call work",
    SegmentKind.STAY: "Connected",
}
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
STATISTICS_PERIODS: Final = {
    "today": "Today",
    "yesterday": "Yesterday",
    "this_week": "This week",
    "last_week": "Last week",
    "7": "Last 7 days",
    "30": "Last 30 days",
    "90": "Last 90 days",
}
STEPS: Final = {Step.QUARTER: "Quarter hours", Step.HOUR: "Hours", Step.DAY: "Days", Step.WEEK: "Weeks"}
AGENT_STATES: Final = {
    "ready": "Ready",
    "not_ready": "Not ready",
    "talking": "Talking",
    "hold": "On hold",
    "after_call": "After-call work",
    "signed_out": "Logged out",
}
ROLES: Final = {
    Role.OPERATOR: "Operator",
    Role.ADMINISTRATOR: "Administrator",
    Role.EXPORTER: "Exporter",
    Role.EVALUATOR: "Evaluator",
    Role.LISTENER: "Listener",
    Role.AUDITOR: "Auditor",
    Role.AGENT: "Agent",
}
ROLE_DESCRIPTIONS: Final = {
    Role.OPERATOR: "Has full access to the whole system.",
    Role.ADMINISTRATOR: "Has all permissions of an exporter and an evaluator. Manages the accounts, keys and evaluation forms of an app.",
    Role.EXPORTER: "Has all permissions of a listener. Downloads calls and recordings, makes guest links, views and retries exports and callbacks.",
    Role.EVALUATOR: "Has all permissions of a listener. Scores calls, and sees the scores of others.",
    Role.LISTENER: "Searches calls, plays recordings and adds annotations.",
    Role.AUDITOR: "Reads the audit log. Cannot view or play calls.",
    Role.AGENT: "Sees their own evaluations, and acknowledges or disputes them.",
}
SETTING_GROUPS: Final[dict[type[SettingsGroup], str]] = {
    NodeSettings: "Node",
    StorageSettings: "Storage",
    RetentionSettings: "Retention",
    IngestSettings: "Ingest",
    ApiSettings: "API",
    AppLimitSettings: "Limits of apps",
    ExportSettings: "Exports",
    CallbackSettings: "Callbacks",
    ConsoleSettings: "Console",
    LockoutSettings: "Lock-out",
    HttpSettings: "HTTP server",
}
SETTING_UNITS: Final = {  # by the end of a setting's name; the longer end first
    "_bytes_per_second": "per second",
    "_per_minute": "per minute",
    "_seconds": "s",
    "_ms": "ms",
    "_minutes": "min",
    "_hours": "h",
    "_days": "days",
    "_months": "months",
    "_mb": "MB",
    "_gb": "GB",
}
SEVERITIES: Final = {Severity.PROBLEM: "Problem", Severity.WARNING: "Warning", Severity.NOTICE: "Notice"}
AREAS: Final = {
    Area.INGEST: "Ingest",
    Area.RECORDINGS: "Recordings",
    Area.EXPORTS: "Exports",
    Area.CALLBACKS: "Callbacks",
    Area.NODES: "Nodes",
    Area.STORAGE: "Locations",
    Area.CERTIFICATES: "Certificates",
    Area.RETENTION: "Retention",
}
MOVE_STATES: Final = {
    MoveState.DUE: "moving",
    MoveState.PAUSED: "paused",
    MoveState.STOPPED: "stopped",
    MoveState.DONE: "done",
    MoveState.FAILED: "failed",
}
MOVE_PROBLEMS: Final = {
    MoveProblem.SAME_LOCATION: "Choose two different locations.",
    MoveProblem.TARGET_NOT_WRITABLE: "Location {target} is draining or read-only and accepts no new files.",
    MoveProblem.SOURCE_READ_ONLY: "Location {source} is read-only: its files cannot be deleted.",
    MoveProblem.NO_COMMON_NODE: "No node can access both locations directly. Move the files by way of a location that all nodes share.",
}
FREQUENCIES: Final = {
    ReportFrequency.DAILY: "Every day",
    ReportFrequency.WEEKLY: "Every Monday",
    ReportFrequency.MONTHLY: "On the first of every month",
}
LIMITS: Final = {
    "concurrent_downloads": "Concurrent downloads",
    "concurrent_queries": "Concurrent queries",
    "downloads_per_minute": "Downloads per minute",
    "queries_per_minute": "Queries per minute",
    "bytes_per_second": "Bytes per second",
    "queued_exports": "Queued exports",
}
START_PAGES: Final = {
    "/console/status": "Status",
    "/console/calls": "Calls",
    "/console/statistics": "Statistics",
    "/console/evaluations": "Quality",
    "/console/my-evaluations": "My evaluations",
    "/console/exports": "Exports",
    "/console/ingest": "Ingest",
    "/console/apps": "Apps",
    "/console/users": "Users",
    "/console/audit": "Audit log",
    "/console/settings": "Settings",
}
DRAFT_FIELDS: Final = {  # fields of forms that people fill in, as a page shows them that was not sent
    "account": "Account",
    "comment": "Comment",
    "name": "Name",
    "offset": "Position",
    "text": "Comment",
    "title": "Title",
    "vdn": "VDN",
    "zone": "Time zone",
}
LINK_STATES: Final = {
    LinkState.ACTIVE: "Active",
    LinkState.USED_UP: "Used up",
    LinkState.EXPIRED: "Expired",
    LinkState.REVOKED: "Revoked",
}
LINK_LIFETIMES: Final = {  # by hours
    1: "1 hour",
    24: "1 day",
    72: "3 days",
    168: "7 days",
    720: "30 days",
    2160: "90 days",
}
TABLES: Final = (
    *(DAY_PERIODS, ANSWERED, RECORDED, SEARCH_FIELDS, LIST_COLUMNS, CSV_HEADINGS),
    *(LINK_STATES, LINK_LIFETIMES),
    *(DEVICES, DIRECTIONS, ORDERS, SEGMENTS, LEAVE_REASONS),
    *(OPERATIONS, ROLES, ROLE_DESCRIPTIONS, ACTIONS, LIMITS),
    *(SEVERITIES, AREAS, SENTENCES, ACTION_KINDS, AUDIT_SENTENCES, AUDITED_FIELDS, AUDIT_PERIODS),
    *(SETTING_GROUPS, SETTING_UNITS),
    *(START_PAGES, DRAFT_FIELDS),
    *(STATISTICS_PERIODS, STEPS, AGENT_STATES, FREQUENCIES),
    *(MOVE_STATES, MOVE_PROBLEMS),
    *(ANSWERS, CRITICAL_EFFECTS, EVALUATION_HEADINGS, EVALUATION_STATES, SAMPLING_PERIODS),
)


def get_leave_reason_label(code: int) -> str:
    """Return the label of a leave reason, or its number if it has no label."""
    return LEAVE_REASONS.get(code, str(code))


def get_operation_label(code: int) -> str:
    """Return the label of an agent operation, or its number if it has no label."""
    return OPERATIONS.get(code, str(code))
