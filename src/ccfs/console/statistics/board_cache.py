"""One answer per account for all screens that show its wallboard, for a few seconds."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

T = TypeVar("T")
MAX_AGE: Final = timedelta(seconds=4)
MAX_ENTRIES: Final = 500  # the oldest is dropped


@dataclass(slots=True)
class _Entry(Generic[T]):
    lock: threading.Lock = field(default_factory=threading.Lock)
    loaded_at: datetime | None = None
    value: T | None = None


class BoardCache(Generic[T]):
    """Values by key, each loaded by one thread at a time. Thread-safe."""

    def __init__(self) -> None:
        self._entries: dict[object, _Entry[T]] = {}
        self._lock = threading.Lock()

    def get(self, key: object, now: datetime, load: Callable[[], T]) -> T:
        """Return the value of a key, loaded again if it is older than MAX_AGE. Others wait while it is loaded."""
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            if len(self._entries) > MAX_ENTRIES:
                del self._entries[next(iter(self._entries))]
        with entry.lock:
            if entry.value is None or entry.loaded_at is None or not now - MAX_AGE < entry.loaded_at <= now:
                entry.value, entry.loaded_at = load(), now
            return entry.value
