"""Links by which people without an account hear one recording, or a passage of it, for a while."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum, auto
from typing import Final

from ccfs.model.clocks import is_over

MAX_TITLE_LENGTH: Final = 100  # characters
MAX_PLAYS: Final = 1000  # of a link without a smaller number: it bounds the entries of the audit log
MAX_PER_RECORDING: Final = 50  # links that still work
MIN_PASSAGE_MS: Final = 100
LIFETIME_HOURS: Final = (1, 24, 72, 168, 720, 2160)  # that a form offers, up to the setting


class LinkState(StrEnum):
    """Whether a link works, and why not."""

    ACTIVE = auto()
    USED_UP = auto()
    EXPIRED = auto()
    REVOKED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestLinkDraft:
    """The choices of a user for a link."""

    start_ms: int = 0  # from the recording's begin
    end_ms: int | None = None  # None: to the end of the recording
    title: str = ""  # that the page shows; "" for none
    shows_date: bool = False  # whether the page shows when the recording began
    password_hash: str = field(default="", repr=False)  # "": no password
    max_plays: int = MAX_PLAYS
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestLink:
    """A link. Its token is stored nowhere; the database has a digest."""

    id: int
    account_id: str
    recording: str  # its file_name
    draft: GuestLinkDraft
    user_id: int
    maker: str  # the user's name
    created_at: datetime
    revoked_at: datetime | None = None
    plays: int = 0
    last_played_at: datetime | None = None

    @property
    def actor(self) -> str:
        """The name of its guests in the audit log. No user has such a name."""
        return f"(link {self.id})"

    @property
    def is_passage(self) -> bool:
        """Whether it opens only a part of the recording."""
        return self.draft.start_ms > 0 or self.draft.end_ms is not None

    def get_end(self, longest: timedelta) -> datetime:
        """Return when it expires, where links last `longest` at most."""
        return min(self.draft.expires_at, self.created_at + longest)

    def is_open(self, now: datetime, longest: timedelta) -> bool:
        """Return whether it is neither revoked nor expired. One that ends later than it can was made by a clock ahead."""
        return self.revoked_at is None and not is_over(self.get_end(longest), now, longest)

    def get_state(self, now: datetime, longest: timedelta) -> LinkState:
        """Return whether it can be played once more."""
        if self.revoked_at is not None:
            return LinkState.REVOKED
        if not self.is_open(now, longest):
            return LinkState.EXPIRED
        return LinkState.USED_UP if self.plays >= self.draft.max_plays else LinkState.ACTIVE
