"""Limits of an app, so that no app takes what others need. 0 means unlimited."""

from dataclasses import dataclass, fields
from typing import Final

MAX_LIMIT: Final = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AppLimits:
    """Limits that an app has of its own; None: the default of the settings."""

    concurrent_downloads: int | None = None  # requests for files at a time
    concurrent_queries: int | None = None  # other requests at a time
    downloads_per_minute: int | None = None
    queries_per_minute: int | None = None
    bytes_per_second: int | None = None  # of all responses together
    queued_exports: int | None = None  # requested and not ready yet

    def merge(self, defaults: "AppLimits") -> "AppLimits":
        """Return these limits with the defaults in place of those that are None."""
        own = {name: getattr(self, name) for name in LIMIT_NAMES}
        return AppLimits(**{name: getattr(defaults, name) if value is None else value for name, value in own.items()})

    def format_changes(self) -> str:
        """Return the limits that differ from the defaults as text, for the audit log and for operators."""
        own = ((name, getattr(self, name)) for name in LIMIT_NAMES)
        return " ".join(f"{name}={value}" for name, value in own if value is not None) or "defaults"


LIMIT_NAMES: Final = tuple(field.name for field in fields(AppLimits))


@dataclass(frozen=True, slots=True, kw_only=True)
class AppUse:
    """The present use of a node by an app."""

    downloads: int  # under way
    queries: int
    rejected: int  # requests over a limit in the last hour
