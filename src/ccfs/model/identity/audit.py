"""Audit log entries, and queries for them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, auto


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
    RECORDING_PLAYED = auto()
    RECORDING_DOWNLOADED = auto()
    WAVEFORM_VIEWED = auto()
    ANNOTATION_ADDED = auto()
    ANNOTATION_CHANGED = auto()
    ANNOTATION_DELETED = auto()
    ANNOTATIONS_SEARCHED = auto()
    CALLS_DOWNLOADED = auto()
    BULK_DOWNLOAD_REQUESTED = auto()
    BULK_DOWNLOAD_SAVED = auto()
    BULK_DOWNLOAD_DELETED = auto()
    DELIVERY_RETRIED = auto()
    EXPORT_RETRIED = auto()
    APP_ADDED = auto()
    APP_LIMITED = auto()
    ACCOUNT_ADDED = auto()
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


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditQuery:
    """A query for entries; empty fields match anything."""

    begin: datetime
    end: datetime
    actor: str = ""
    action: AuditAction | None = None
    # (app, account or "" for the whole app); None: all, with entries that have no app
    scopes: tuple[tuple[int, str], ...] | None = None
    before_row: int | None = None  # row id at which the previous page ended
    limit: int = 100
