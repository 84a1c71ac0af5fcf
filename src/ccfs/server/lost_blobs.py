"""Reports bytes that a reader finds missing or damaged: to the log, and to the ingest that may restore them."""

import threading
import time
from collections.abc import Callable
from datetime import datetime

from ccfs.db.engine import Database
from ccfs.db.system.storage import lost_blobs
from ccfs.logs import get_logger
from ccfs.model.blobs.blob_ref import BlobRef

_REPEAT_SECONDS = 600.0  # after which the same blob is reported again
_MAX_REMEMBERED = 10_000


class LostBlobReporter:
    """Reports each lost blob once. Thread-safe; it raises nothing, because its caller has an error of its own."""

    def __init__(self, database: Callable[[], Database], now: Callable[[], datetime]) -> None:
        self._database, self._now = database, now
        self._lock = threading.Lock()
        self._reported_at: dict[tuple[str, str], float] = {}

    def __call__(self, blob: BlobRef) -> None:
        """Report a blob whose location has no file with its bytes under its key."""
        if self._is_recent(blob):
            return
        if lost_blobs.try_add(self._database(), blob, self._now()):
            get_logger().error(
                "stored file lost", action="blob_lost", location=blob.location_id, key=blob.key, size=blob.size
            )

    def _is_recent(self, blob: BlobRef) -> bool:
        name, now = (blob.location_id, blob.key), time.monotonic()
        with self._lock:
            is_recent = now - self._reported_at.get(name, -_REPEAT_SECONDS) < _REPEAT_SECONDS
            if not is_recent:
                if len(self._reported_at) >= _MAX_REMEMBERED:
                    self._reported_at.clear()
                self._reported_at[name] = now
        return is_recent
