"""What every step of an ingest run shares: whose it is, where things go, what was done so far. No step lives here."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Connection

from ccfs.model.tenancy import Account, App, Vdn
from ccfs.settings import Settings
from ccfs.store import intake
from ccfs.store.db import Database
from ccfs.store.intake import Awaited, Refusal
from ccfs.store.locations.port import Location

MOST_LISTED = (
    10_000  # refusals, or missing recordings, that a run lists: a watch may last for months. All are kept as rows
)


@dataclass(slots=True)
class Tally:
    """What a run added."""

    cdrs: int = 0
    recordings: int = 0
    agent_operations: int = 0
    skill_changes: int = 0
    voice_files: int = 0
    known: int = 0  # lines that were in already
    refused_count: int = 0
    refused: list[Refusal] = field(default_factory=list)  # the first MOST_LISTED
    missing: list[Awaited] = field(default_factory=list)  # the first MOST_LISTED
    warnings: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The object that `ccfs ingest --json` prints."""
        return {
            "cdrs": self.cdrs,
            "recordings": self.recordings,
            "agent_operations": self.agent_operations,
            "skill_changes": self.skill_changes,
            "voice_files": self.voice_files,
            "known": self.known,
            "refused": [{"file": one.file, "line": one.line, "reason": one.reason} for one in self.refused],
            "refused_count": self.refused_count,
            "missing": [{"callId": one.call_id, "file": one.name} for one in self.missing],
            "warnings": self.warnings,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whose calls they are."""

    app: App
    account: Account
    vdn: Vdn


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One ingest run."""

    database: Database
    home: Location
    settings: Settings
    now: Callable[[], datetime]
    watching: bool = False  # files may still grow and calls be under way
    tally: Tally = field(default_factory=Tally)
    progress: Callable[[str, int, int], None] = lambda _what, _done, _whole: None  # what, bytes or files done, of
    is_stopped: Callable[[], bool] = lambda: False  # whether to end after the batch at hand

    @contextmanager
    def taking_in(self, app: App) -> Iterator[Connection]:
        """A transaction in which nobody else takes in calls of the app: what is new stays new till its end."""
        with self.database.writing() as connection:
            intake.queue_up(connection, app)
            yield connection

    def refuse(self, connection: Connection, app: App, refusals: list[Refusal]) -> None:
        """Keep refusals, and list those that are new."""
        fresh = intake.refuse(connection, app, refusals, self.now())
        self.tally.refused_count += len(fresh)
        self.tally.refused += fresh[: MOST_LISTED - len(self.tally.refused)]

    def miss(self, missing: list[Awaited]) -> None:
        """List recordings that did not come."""
        self.tally.missing += missing[: MOST_LISTED - len(self.tally.missing)]

    def warn(self, text: str) -> None:
        """Tell the operator something, once."""
        if text and text not in self.tally.warnings:
            self.tally.warnings.append(text)
