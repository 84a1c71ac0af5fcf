"""Audit log entries, and queries for them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, auto
from typing import Final


class AuditAction(StrEnum):
    """An action of a user in the console."""

    LOGGED_IN = auto()
    LOGIN_FAILED = auto()
    LOGGED_OUT = auto()
    PASSWORD_REJECTED = auto()
    PASSWORD_SET = auto()
    SECOND_FACTOR_ENABLED = auto()
    SECOND_FACTOR_DISABLED = auto()
    CALLS_SEARCHED = auto()
    CALL_VIEWED = auto()
    STATISTICS_VIEWED = auto()
    STATISTICS_DOWNLOADED = auto()
    AGENT_VIEWED = auto()
    TEAM_VIEWED = auto()
    BOARD_VIEWED = auto()
    TARGETS_CHANGED = auto()
    REPORT_SCHEDULED = auto()
    REPORT_DELETED = auto()
    SEARCH_SAVED = auto()
    SEARCH_SHARED = auto()
    SEARCH_RENAMED = auto()
    SEARCH_DELETED = auto()
    RECORDING_PLAYED = auto()
    RECORDING_DOWNLOADED = auto()
    API_RECORDING_DOWNLOADED = auto()  # by an API client, a play token or a signed URL
    LINK_CREATED = auto()
    LINK_PLAYED = auto()  # by somebody without an account
    LINK_REFUSED = auto()  # a link that does not work, or a wrong password of one
    LINK_REVOKED = auto()
    LINKS_SWITCHED = auto()  # whether links of an account work
    WAVEFORM_VIEWED = auto()
    ANNOTATION_ADDED = auto()
    ANNOTATION_CHANGED = auto()
    ANNOTATION_DELETED = auto()
    ANNOTATIONS_SEARCHED = auto()
    CALLS_DOWNLOADED = auto()
    EVALUATION_FORM_ADDED = auto()
    EVALUATION_FORM_CHANGED = auto()
    EVALUATION_FORM_RETIRED = auto()
    EVALUATION_FORM_RESTORED = auto()
    EVALUATION_STARTED = auto()
    EVALUATION_SUBMITTED = auto()
    EVALUATION_CHANGED = auto()
    EVALUATION_DELETED = auto()
    EVALUATION_VIEWED = auto()
    EVALUATION_ACKNOWLEDGED = auto()
    EVALUATION_DISPUTED = auto()
    EVALUATIONS_VIEWED = auto()
    EVALUATIONS_DOWNLOADED = auto()
    SAMPLING_RULE_ADDED = auto()
    SAMPLING_RULE_DELETED = auto()
    SAMPLE_SKIPPED = auto()
    CALIBRATION_STARTED = auto()
    CALIBRATION_CLOSED = auto()
    BULK_DOWNLOAD_REQUESTED = auto()
    BULK_DOWNLOAD_SAVED = auto()
    BULK_DOWNLOAD_DELETED = auto()
    DELIVERY_RETRIED = auto()
    EXPORT_RETRIED = auto()
    APP_ADDED = auto()
    APP_LIMITED = auto()
    APP_RENAMED = auto()
    ACCOUNT_ADDED = auto()
    ACCOUNT_CHANGED = auto()
    VDN_CHANGED = auto()
    CALLBACK_BOUND = auto()
    CALLBACK_UNBOUND = auto()
    KEY_DESCRIBED = auto()
    SESSIONS_ENDED = auto()
    NODE_REMOVED = auto()
    LOCATION_ADDED = auto()
    LOCATION_REMOVED = auto()
    LOCATION_MOVE_REQUESTED = auto()
    LOCATION_MOVE_PAUSED = auto()
    LOCATION_MOVE_RESUMED = auto()
    LOCATION_MOVE_STOPPED = auto()
    KEY_ADDED = auto()
    KEY_REVOKED = auto()
    USER_ADDED = auto()
    USER_DISABLED = auto()
    USER_ENABLED = auto()
    USER_RESET = auto()
    USER_LINKED = auto()
    ROLE_GRANTED = auto()
    ROLE_REVOKED = auto()
    AUDIT_LOG_DOWNLOADED = auto()
    CERTIFICATE_ADDED = auto()
    CERTIFICATE_REMOVED = auto()
    DELIVERIES_RETRIED = auto()
    INGEST_RETRIED = auto()
    NODE_DRAINED = auto()
    NODE_RESUMED = auto()
    LOCATION_DRAINED = auto()
    LOCATION_RESUMED = auto()
    RETENTION_MARKED = auto()
    RETENTION_DELETED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """An action of a user. It never contains a secret."""

    logged_at: datetime
    actor: str  # the user's name; empty before the login
    app: int | None = None  # apps.id, where it concerns one
    account_id: str = ""
    action: AuditAction
    target: str = ""  # call, file, user, key …
    address: str = ""
    call_ids: tuple[str, ...] = ()  # the calls of the app that it is about


HEARD_ACTIONS: Final = (  # of users and API clients who got the sound of a call
    AuditAction.RECORDING_PLAYED,
    AuditAction.RECORDING_DOWNLOADED,
    AuditAction.BULK_DOWNLOAD_SAVED,
    AuditAction.API_RECORDING_DOWNLOADED,
    AuditAction.LINK_PLAYED,
)
VIEW_ACTIONS: Final = (
    AuditAction.CALLS_SEARCHED,
    AuditAction.CALL_VIEWED,
    AuditAction.STATISTICS_VIEWED,
    AuditAction.STATISTICS_DOWNLOADED,
    AuditAction.AGENT_VIEWED,
    AuditAction.TEAM_VIEWED,
    AuditAction.BOARD_VIEWED,
    AuditAction.WAVEFORM_VIEWED,
    AuditAction.ANNOTATIONS_SEARCHED,
    AuditAction.CALLS_DOWNLOADED,
    AuditAction.EVALUATION_VIEWED,
    AuditAction.EVALUATIONS_VIEWED,
    AuditAction.EVALUATIONS_DOWNLOADED,
    AuditAction.AUDIT_LOG_DOWNLOADED,
)
LOGIN_ACTIONS: Final = (
    AuditAction.LOGGED_IN,
    AuditAction.LOGIN_FAILED,
    AuditAction.LOGGED_OUT,
    AuditAction.PASSWORD_REJECTED,
    AuditAction.LINK_REFUSED,
)
CHANGE_ACTIONS: Final = tuple(
    action for action in AuditAction if action not in {*HEARD_ACTIONS, *VIEW_ACTIONS, *LOGIN_ACTIONS}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditQuery:
    """A query for entries; empty fields match anything."""

    begin: datetime
    end: datetime
    actor: str = ""
    actions: tuple[AuditAction, ...] = ()
    call_id: str = ""
    # (app, account or "" for the whole app); None: all, with entries that have no app
    scopes: tuple[tuple[int, str], ...] | None = None
    before_row: int | None = None  # row id at which the previous page ended
    limit: int = 100
