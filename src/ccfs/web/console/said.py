"""What codes and roles are called, in English: the catalogues translate them. Tables and look-ups, nothing else."""

from typing import Final

from ccfs.model.audit import Action
from ccfs.model.call import Direction
from ccfs.model.call_search import Order
from ccfs.model.cdr import Device
from ccfs.model.user import Role

DEVICES: Final = {Device.NONE: "Device", Device.QUEUE: "Queue", Device.AGENT: "Agent", Device.FLOW: "IVR"}
DIRECTIONS: Final = {Direction.INBOUND: "Inbound", Direction.OUTBOUND: "Outbound", Direction.INTERNAL: "Internal"}
ORDERS: Final = {Order.NEWEST: "Newest first", Order.OLDEST: "Oldest first", Order.LONGEST: "Longest first"}
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
ROLES_MEAN: Final = {
    Role.OPERATOR: "Everything, on the whole node",
    Role.ADMINISTRATOR: "Calls, exports, accounts and keys",
    Role.EXPORTER: "Finds, plays and downloads calls; sees exports and callbacks",
    Role.LISTENER: "Finds and plays calls",
    Role.AUDITOR: "Reads the log; sees and hears no call",
}
ACTIONS: Final = {
    Action.SIGNED_IN: "Signed in",
    Action.SIGN_IN_FAILED: "Sign-in failed",
    Action.SIGNED_OUT: "Signed out",
    Action.PASSWORD_SET: "Set a password",
    Action.SECOND_FACTOR_SET: "Turned on the second factor",
    Action.SECOND_FACTOR_ENDED: "Turned off the second factor",
    Action.CALLS_SEARCHED: "Searched calls",
    Action.CALL_SHOWN: "Looked at a call",
    Action.FIGURES_SHOWN: "Looked at figures",
    Action.RECORDING_PLAYED: "Played a recording",
    Action.RECORDING_DOWNLOADED: "Downloaded a recording",
    Action.WAVEFORM_SHOWN: "Looked at a waveform",
    Action.MARK_ADDED: "Marked a moment",
    Action.MARK_REMOVED: "Removed a mark",
    Action.CALLS_TAKEN: "Took calls as CSV",
    Action.SELECTION_ASKED: "Asked for recordings as a zip",
    Action.SELECTION_TAKEN: "Downloaded recordings as a zip",
    Action.SELECTION_DROPPED: "Deleted a zip of recordings",
    Action.DELIVERY_RETRIED: "Sent a callback again",
    Action.EXPORT_RETRIED: "Had an export made again",
    Action.APP_ADDED: "Added an app",
    Action.ACCOUNT_ADDED: "Added an account",
    Action.KEY_ADDED: "Added a key",
    Action.KEY_REVOKED: "Revoked a key",
    Action.USER_ADDED: "Added a person",
    Action.USER_DISABLED: "Disabled a person",
    Action.USER_ENABLED: "Enabled a person",
    Action.USER_RESET: "Made a link to set a password",
    Action.USER_BOUND: "Tied a person to the sign-in service",
    Action.ROLE_GIVEN: "Gave a role",
    Action.ROLE_TAKEN: "Took a role",
    Action.AUDIT_TAKEN: "Took the log as CSV",
    Action.CERTIFICATE_ADDED: "Trusted a certificate",
    Action.CERTIFICATE_REMOVED: "Trusted a certificate no longer",
    Action.DELIVERIES_RETRIED: "Sent all callbacks of a receiver again",
    Action.INGEST_RETRIED: "Had ingest read a file again",
    Action.NODE_DRAINED: "Drained a node",
    Action.NODE_RESUMED: "Let a node work again",
    Action.LOCATION_DRAINED: "Drained a location",
    Action.LOCATION_RESUMED: "Let a location take bytes again",
}
TABLES: Final = (DEVICES, DIRECTIONS, ORDERS, SPANS, LEAVE_REASONS, OPERATIONS, ROLES, ROLES_MEAN, ACTIONS)


def leave_reason(code: int) -> str:
    """What a leave reason is called; one that is on no list is called by its number."""
    return LEAVE_REASONS.get(code, str(code))


def operation(code: int) -> str:
    """What an agent's operation is called."""
    return OPERATIONS.get(code, str(code))
