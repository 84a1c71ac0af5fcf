"""What every step of an ingest run shares: whose it is, where things go, what was done so far. No step lives here."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Connection

from ccfs.blobs.interface import Location
from ccfs.db.engine import Database
from ccfs.db.tenant import ingest_state
from ccfs.db.tenant.ingest_state import ExpectedRecording, IngestRejection
from ccfs.model.identity.tenancy import Account, App, Vdn
from ccfs.settings import Settings

MAX_REPORTED = (
    10_000  # refusals, or missing recordings, that a run lists: a watch may last for months. All are kept as rows
)


@dataclass(slots=True)
class IngestResult:
    """What a run added."""

    cdrs: int = 0
    recordings: int = 0
    agent_operations: int = 0
    skill_changes: int = 0
    voice_files: int = 0
    duplicates: int = 0  # lines that were in already
    rejected_count: int = 0
    rejected: list[IngestRejection] = field(default_factory=list)  # the first MOST_LISTED
    missing: list[ExpectedRecording] = field(default_factory=list)  # the first MOST_LISTED
    warnings: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The object that `ccfs ingest --json` prints."""
        return {
            "cdrs": self.cdrs,
            "recordings": self.recordings,
            "agent_operations": self.agent_operations,
            "skill_changes": self.skill_changes,
            "voice_files": self.voice_files,
            "known": self.duplicates,
            "refused": [{"file": one.file, "line": one.line, "reason": one.reason} for one in self.rejected],
            "refused_count": self.rejected_count,
            "missing": [{"callId": one.call_id, "file": one.name} for one in self.missing],
            "warnings": self.warnings,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOwner:
    """Whose calls they are."""

    app: App
    account: Account
    vdn: Vdn


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestRun:
    """One ingest run."""

    database: Database
    primary_location: Location
    settings: Settings
    now: Callable[[], datetime]
    is_watching: bool = False  # files may still grow and calls be under way
    result: IngestResult = field(default_factory=IngestResult)
    report_progress: Callable[[str, int, int], None] = lambda _what, _done, _whole: (
        None
    )  # what, bytes or files done, of
    is_stopped: Callable[[], bool] = lambda: False  # whether to end after the batch at hand

    @contextmanager
    def app_transaction(self, app: App) -> Iterator[Connection]:
        """A transaction in which nobody else takes in calls of the app: what is new stays new till its end."""
        with self.database.write_transaction() as connection:
            ingest_state.lock_app(connection, app)
            yield connection

    def reject(self, connection: Connection, app: App, refusals: list[IngestRejection]) -> None:
        """Keep refusals, and list those that are new."""
        fresh = ingest_state.add_rejections(connection, app, refusals, self.now())
        self.result.rejected_count += len(fresh)
        self.result.rejected += fresh[: MAX_REPORTED - len(self.result.rejected)]

    def report_missing(self, missing: list[ExpectedRecording]) -> None:
        """List recordings that did not come."""
        self.result.missing += missing[: MAX_REPORTED - len(self.result.missing)]

    def warn(self, text: str) -> None:
        """Tell the operator something, once."""
        if text and text not in self.result.warnings:
            self.result.warnings.append(text)
