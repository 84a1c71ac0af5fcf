"""Searches of an account's calls that users keep under a name: privately, or shared with everyone who may search the account."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Final

MAX_NAME_LENGTH: Final = 60
MAX_SAVED: Final = 100  # searches of a user in an account, and shared ones of an account
SHARED: Final = 0  # the owner of shared searches


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSearch:
    """A search with its name. Its period is kept as it was chosen: "This week" is the week in which it runs."""

    id: str
    account_id: str
    owner: int  # users.id; SHARED for a shared search
    author: int  # users.id of the user who saved it
    name: str
    query: str  # fields of the search form, in their order, as a query of a URL
    saved_at: datetime
    author_name: str = ""  # of a stored search

    @property
    def is_shared(self) -> bool:
        """Whether everyone who may search the account sees it."""
        return self.owner == SHARED


def clean_search_name(text: str) -> str | None:
    """Return a name without superfluous blanks; None unless it has 1 to MAX_NAME_LENGTH printable characters."""
    name = " ".join(text.split())
    return name if 0 < len(name) <= MAX_NAME_LENGTH and name.isprintable() else None


def fold_search_name(name: str) -> str:
    """Return a name in the form in which names are compared: regardless of case and of full-width forms."""
    return unicodedata.normalize("NFKC", name).casefold()
