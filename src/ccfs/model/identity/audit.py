"""The log of who did what in the console: one entry, and what may be asked of it. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, auto
from typing import Final

ANONYMOUS: Final = ""


class AuditAction(StrEnum):
    """What somebody did."""

    LOGGED_IN = auto()
    LOGIN_FAILED = auto()
    LOGGED_OUT = auto()
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
    ANNOTATION_DELETED = auto()
    CALLS_DOWNLOADED = auto()
    BULK_DOWNLOAD_REQUESTED = auto()
    BULK_DOWNLOAD_SAVED = auto()
    BULK_DOWNLOAD_DELETED = auto()
    DELIVERY_RETRIED = auto()
    EXPORT_RETRIED = auto()
    APP_ADDED = auto()
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


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """Who did what, when, from where. Never a secret."""

    logged_at: datetime
    actor: str  # the user's name; empty: nobody who signed in
    app: int | None = None  # apps.id, where it concerns one
    account_id: str = ""
    action: AuditAction
    target: str = ""  # call, file, user, key …
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditQuery:
    """Which entries; empty means any."""

    begin: datetime
    end: datetime
    actor: str = ""
    action: AuditAction | None = None
    scopes: tuple[tuple[int, str], ...] | None = (
        None  # (app, account or "" for all of it); None: all, and what has no app
    )
    before_row: int | None = None  # row: where the page before ended
    limit: int = 100
