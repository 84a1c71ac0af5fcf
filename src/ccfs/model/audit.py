"""The log of who did what in the console: one entry, and what may be asked of it. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, auto
from typing import Final

NOBODY: Final = ""


class Action(StrEnum):
    """What somebody did."""

    SIGNED_IN = auto()
    SIGN_IN_FAILED = auto()
    SIGNED_OUT = auto()
    PASSWORD_SET = auto()
    SECOND_FACTOR_SET = auto()
    SECOND_FACTOR_ENDED = auto()
    CALLS_SEARCHED = auto()
    CALL_SHOWN = auto()
    FIGURES_SHOWN = auto()
    RECORDING_PLAYED = auto()
    RECORDING_DOWNLOADED = auto()
    WAVEFORM_SHOWN = auto()
    MARK_ADDED = auto()
    MARK_REMOVED = auto()
    CALLS_TAKEN = auto()
    SELECTION_ASKED = auto()
    SELECTION_TAKEN = auto()
    SELECTION_DROPPED = auto()
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
    USER_BOUND = auto()
    ROLE_GIVEN = auto()
    ROLE_TAKEN = auto()
    AUDIT_TAKEN = auto()
    CERTIFICATE_ADDED = auto()
    CERTIFICATE_REMOVED = auto()
    DELIVERIES_RETRIED = auto()
    INGEST_RETRIED = auto()
    NODE_DRAINED = auto()
    NODE_RESUMED = auto()
    LOCATION_DRAINED = auto()
    LOCATION_RESUMED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Who did what, when, from where. Never a secret."""

    at: datetime
    who: str  # the user's name; empty: nobody who signed in
    app: int | None = None  # apps.id, where it concerns one
    account_id: str = ""
    action: Action
    what: str = ""  # call, file, user, key …
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which entries; empty means any."""

    begin: datetime
    end: datetime
    who: str = ""
    action: Action | None = None
    within: tuple[tuple[int, str], ...] | None = (
        None  # (app, account or "" for all of it); None: all, and what has no app
    )
    before: int | None = None  # row: where the page before ended
    limit: int = 100
