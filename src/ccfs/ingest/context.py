"""State shared by all steps of an ingest run: owner, database, location, settings, and the result so far."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy.engine import Connection

from ccfs.blobs.interface import Location
from ccfs.blobs.replicas import Replicas
from ccfs.db.engine import Database
from ccfs.db.system import ingest_lock
from ccfs.db.tenant.ingest import ingest_state
from ccfs.db.tenant.ingest.expected_recordings import ExpectedRecording
from ccfs.db.tenant.ingest.ingest_state import IngestRejection
from ccfs.ingest.recordings.store_audio import StoredAudio, store_audio_file
from ccfs.logs import get_logger
from ccfs.model.identity.tenancy import Account, App, Vdn
from ccfs.settings import Settings

MAX_REJECTED = 5_000  # rejections of one file that a run stores: of a damaged file, a million lines cannot be read
MANY_REJECTED = f"more than {MAX_REJECTED} lines of this file are rejected; from here on, they are not listed"
MAX_REPORTED = 10_000  # rejections, or missing recordings, in a result: a watch may last for months. All are rows


@dataclass(slots=True)
class IngestResult:
    """Counts and reports of a run."""

    cdrs: int = 0
    recordings: int = 0
    agent_operations: int = 0
    skill_changes: int = 0
    voice_files: int = 0
    duplicates: int = 0  # lines that were ingested before
    rejected_count: int = 0
    rejected: list[IngestRejection] = field(default_factory=list)  # the first MAX_REPORTED
    missing: list[ExpectedRecording] = field(default_factory=list)  # the first MAX_REPORTED
    warnings: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return the object that `ccfs ingest --json` prints."""
        return {
            "cdrs": self.cdrs,
            "recordings": self.recordings,
            "agent_operations": self.agent_operations,
            "skill_changes": self.skill_changes,
            "voice_files": self.voice_files,
            "known": self.duplicates,
            "refused": [
                {"file": rejection.file, "line": rejection.line, "reason": rejection.reason}
                for rejection in self.rejected
            ],
            "refused_count": self.rejected_count,
            "missing": [{"callId": expected.call_id, "file": expected.name} for expected in self.missing],
            "warnings": self.warnings,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOwner:
    """App, account and VDN that the calls of a switch belong to."""

    app: App
    account: Account
    vdn: Vdn


class AudioStore(Protocol):
    """Store one audio file, as `store_audio_file` does."""

    def __call__(self, location: Location, prefix: str, path: Path, name: str = "") -> StoredAudio: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestRun:
    """One ingest run."""

    database: Database
    primary_location: Location
    settings: Settings
    now: Callable[[], datetime]
    is_watching: bool = False  # files may still grow, and calls be under way
    has_many_apps: bool = False  # transactions lock more than one app
    result: IngestResult = field(default_factory=IngestResult)
    rejection_counts: Counter[str] = field(default_factory=Counter)  # of this run, by file
    warned: set[str] = field(default_factory=set)  # the warnings of the result
    finished_files: set[tuple[object, ...]] = field(default_factory=set)  # versions of files that need no further look
    absent_files: set[Path] = field(
        default_factory=set
    )  # sources that do not exist at present, as far as they are reported
    # Arguments: name of the file or step, bytes or files done, bytes or files in all (0: unknown).
    report_progress: Callable[[str, int, int], None] = lambda _name, _done, _total: None
    is_stopped: Callable[[], bool] = lambda: False  # whether to end after the present batch
    max_lines: int = 0  # of each file, to whole batches; 0: all
    max_rows: int = 0  # of each table, the newest; 0: all
    store_audio: AudioStore = store_audio_file
    replicas: Replicas | None = None  # to tell whether stored bytes are still there

    @contextmanager
    def app_transaction(self, app: App) -> Iterator[Connection]:
        """Open a transaction in which no other run ingests calls of the app, so that new rows stay new until it ends."""
        with self.database.write_transaction() as connection:
            if self.has_many_apps:
                ingest_lock.lock_apps_of_switches(connection)
            ingest_state.lock_app(connection, app)
            yield connection

    def reject(self, connection: Connection, app: App, rejections: list[IngestRejection]) -> None:
        """Store rejections, and report new ones. A run stores at most MAX_REJECTED per file."""
        rejections = [stored for rejection in rejections if (stored := self._limit_rejections(rejection))]
        fresh = ingest_state.add_rejections(connection, app, rejections, self.now())
        self.result.rejected_count += len(fresh)
        self.result.rejected += fresh[: MAX_REPORTED - len(self.result.rejected)]

    def has_enough_lines(self, count: int) -> bool:
        """Return whether the run may read no more lines of a file."""
        return 0 < self.max_lines <= count

    def _limit_rejections(self, rejection: IngestRejection) -> IngestRejection | None:
        """Count a line's rejection. Return it, or None beyond the limit. The first one beyond becomes a note of the limit."""
        if rejection.line == 0:
            return rejection
        self.rejection_counts[rejection.file] += 1
        count = self.rejection_counts[rejection.file]
        if count == MAX_REJECTED + 1:
            return IngestRejection(file=rejection.file, line=rejection.line, reason=MANY_REJECTED)
        return rejection if count <= MAX_REJECTED else None

    def report_missing(self, missing: list[ExpectedRecording]) -> None:
        """Report recordings that are missing."""
        self.result.missing += missing[: MAX_REPORTED - len(self.result.missing)]

    def warn(self, text: str) -> None:
        """Report a warning to the operator, once."""
        if text and text not in self.warned and len(self.warned) < MAX_REPORTED:
            self.warned.add(text)
            self.result.warnings.append(text)

    def alert(self, text: str, action: str, **fields: object) -> None:
        """Report a warning that cannot wait for the end of a watch: also log it, with an action."""
        self.warn(text)
        if self.is_watching:
            get_logger().warning(action.replace("_", " "), action=action, **fields)
