"""Preferences of a console user: language, appearance, time zone of shown times, start page, the account last viewed."""

import json
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum, auto

MAX_STORED_LENGTH = 2000  # characters of a stored row that are read


class Theme(StrEnum):
    """Colours of the console."""

    SYSTEM = auto()  # as the browser says
    LIGHT = auto()
    DARK = auto()


class Density(StrEnum):
    """Room between rows and controls."""

    COMFORTABLE = auto()
    COMPACT = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """Choices of a user. An empty text means the default."""

    language: str = ""  # else the browser's
    theme: str = Theme.SYSTEM
    density: str = Density.COMFORTABLE
    zone: str = ""  # name of a time zone; else the account's
    start_page: str = ""  # path; else the first page that the user may see
    columns: str = ""  # of the list of calls: their keys, separated by commas; else the usual ones
    start_search: str = ""  # AK/ACCOUNT and the id of a saved search, with which the page of calls opens
    account: str = ""  # AK/ACCOUNT, or AK/ for an app: the last one that the user viewed

    def format(self) -> str:
        """Return the stored form."""
        return json.dumps({name: value for name, value in asdict(self).items() if value})

    def remember(self, account: str) -> "Preferences":
        """Return them with the account last viewed; an app alone keeps the account if that is one of the app's."""
        if account.endswith("/") and self.account.startswith(account):
            return self
        return replace(self, account=account)


def parse_preferences(stored: str | None) -> Preferences:
    """Return stored preferences. What cannot be read has its default."""
    try:
        values = json.loads(stored[:MAX_STORED_LENGTH]) if stored else {}
    except (ValueError, RecursionError):
        values = {}
    if not isinstance(values, dict):
        values = {}
    names = [field.name for field in fields(Preferences)]
    return Preferences(**{name: values[name] for name in names if isinstance(values.get(name), str)})
