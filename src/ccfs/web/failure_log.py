"""Reports why something is unavailable: every 0390005 is counted by location and cause, and logged at a limited rate."""

import errno
import threading
import time
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Counter
from sqlalchemy.exc import SQLAlchemyError

from ccfs.db.faults import ADVICE, classify
from ccfs.logs import get_logger
from ccfs.model.blobs.errors import BlobDamaged, BlobNotFound, LocationUnreachable
from ccfs.model.errors import CcfsError, FileUnavailable

REPEAT_SECONDS: Final = 10.0  # between two lines of a location and a cause
DATABASE: Final = "database"  # in place of a location
_MAX_NAMES: Final = 1000  # pairs of location and cause that are remembered
_ERRNO_CAUSES: Final = {
    errno.EACCES: "permission",
    errno.EPERM: "permission",
    errno.ENOENT: "missing",
    errno.ENOTDIR: "missing",
    errno.ELOOP: "missing",  # a link in the file's place
    errno.ENOSPC: "disk_full",
    errno.EDQUOT: "disk_full",
    errno.EROFS: "read_only",
    errno.EMFILE: "descriptors",
    errno.ENFILE: "descriptors",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why something is unavailable."""

    location: str  # location id, DATABASE, or "" if no location is to blame
    key: str
    cause: str  # one word
    detail: str  # the error
    advice: str = ""


def describe(error: FileUnavailable) -> Failure:
    """Return the cause of an error: the first known one in its chain of exceptions."""
    link: BaseException | None = error
    location, key, detail = error.location_id, error.key, error.reason
    while link is not None:
        detail = f"{type(link).__name__}: {link}"[:300] if link is not error else detail
        if isinstance(link, SQLAlchemyError):
            fault = classify(link)
            original = str(getattr(link, "orig", None) or link)[:300]  # without the statement and its values
            return Failure(location=DATABASE, key="", cause=fault, detail=original, advice=ADVICE[fault])
        if cause := _find_cause(link):
            found = str(link) if isinstance(link, BlobNotFound) else ""
            return Failure(location=location, key=key or found, cause=cause, detail=detail)
        if isinstance(link, FileUnavailable):
            location, key = location or link.location_id, key or link.key
        link = link.__cause__ or link.__context__
    return Failure(location=location, key=key, cause="other", detail=detail)


def _find_cause(link: BaseException) -> str:
    match link:
        case FileUnavailable():
            return link.reason
        case BlobDamaged():
            return "damaged"
        case BlobNotFound():
            return "missing"
        case LocationUnreachable():
            return "unreachable"
        case KeyError():
            return "unknown_location"
        case OSError():
            return _ERRNO_CAUSES.get(link.errno or 0, "io_error")
    return ""


class FailureLog:
    """Counts and logs failures of one web process. Thread-safe."""

    def __init__(self, registry: CollectorRegistry, node_id: str = "") -> None:
        self._node_id = node_id
        self._counter = Counter(
            "ccfs_read_failures",
            "Responses 0390005, and damaged files that were not sent.",
            ["location", "cause"],
            registry=registry,
        )
        self._lock = threading.Lock()
        self._logged: dict[tuple[str, str], float] = {}
        self._suppressed: dict[tuple[str, str], int] = {}

    def record(self, error: CcfsError) -> None:
        """Count and log the error if it is a FileUnavailable."""
        if not isinstance(error, FileUnavailable):
            return
        failure = describe(error)
        self._counter.labels(location=failure.location, cause=failure.cause).inc()
        suppressed = self._count_suppressed(failure)
        if suppressed is not None:
            is_database = failure.location == DATABASE
            fields = {"advice": failure.advice} if is_database else {"location": failure.location, "key": failure.key}
            get_logger().error(
                "database failed" if is_database else "file unavailable",
                action="database_failed" if is_database else "read_failed",
                **fields,
                node=self._node_id,
                cause=str(failure.cause),
                reason=failure.detail,
                suppressed=suppressed,
            )

    def _count_suppressed(self, failure: Failure) -> int | None:
        """Return how many failures of this kind were suppressed since the last log line; None if this one is suppressed, too."""
        name, now = (failure.location, str(failure.cause)), time.monotonic()
        with self._lock:
            if now - self._logged.get(name, float("-inf")) < REPEAT_SECONDS:
                self._suppressed[name] = self._suppressed.get(name, 0) + 1
                return None
            if len(self._logged) >= _MAX_NAMES:
                self._logged.clear()
                self._suppressed.clear()
            self._logged[name] = now
            return self._suppressed.pop(name, 0)
