"""Rows of speech activity: one for each recording, added with it as a due job and deleted with it.

A row whose shares are not null counts in the statistics of its day; whatever changes the row changes these in the same
transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.statements import insert_or_ignore
from ccfs.db.tenant.calls.statistics import speech_statistics
from ccfs.db.tenant.calls.statistics.speech_statistics import SpeechCell
from ccfs.model.calls import partition_month
from ccfs.model.exports.time_window import to_local
from ccfs.model.identity.tenancy import DEFAULT_ZONE, Account, App
from ccfs.model.recordings.recording import Recording
from ccfs.model.recordings.speech import SHARE_NAMES, ConversationAnalysis, Span, SpeechShares, decode_lanes

_TABLE = schema.speech_activity
VOICE: Final = 5  # media type of recordings with sound
_NO_SHARES: Final = dict.fromkeys((*SHARE_NAMES, "longest_silence_ms"))


class SpeechState(StrEnum):
    """The state of a row."""

    DUE = "due"  # waiting, or being analysed
    DONE = "done"
    SKIPPED = "skipped"  # cannot be analysed; `error` has the reason
    FAILED = "failed"  # was tried too often; `error` has the last reason


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechActivity:
    """The speech of a recording."""

    recording: str  # its file_name
    state: SpeechState
    error: str
    sha256: str
    milliseconds: int
    lanes: list[list[Span]]
    cell: SpeechCell
    shares: SpeechShares | None  # None: it does not count in statistics

    def is_of(self, recording: Recording) -> bool:
        """Return whether it was found in these bytes."""
        return self.state is SpeechState.DONE and self.sha256 == recording.blob.sha256


def add_due(connection: Connection, app: App, recording: Recording, now: datetime) -> None:
    """Add the job of a new recording. The newest calls are due for the shortest time, and claimed first."""
    is_voice = recording.media_type == VOICE
    values = {
        "app": app.id,
        "recording": recording.file_name,
        "month": partition_month.parse_month_key(recording.file_name),
        "account_id": recording.account_id,
        "agent_id": recording.agent_id,
        "queue": recording.current_skill_id,
        "day": _get_day(connection, app, recording),
        "state": SpeechState.DUE if is_voice else SpeechState.SKIPPED,
        "due_at": min(recording.call_end, now) if is_voice else None,
        "error": "" if is_voice else "not a voice recording",
    }
    texts = dict.fromkeys(("lease", "sha256", "model"), "")
    numbers = dict.fromkeys(("attempts", "milliseconds", "lanes"), 0)
    connection.execute(insert_or_ignore(connection, _TABLE).values(**values, **texts, **numbers, runs=b""))


def delete(connection: Connection, app: App, names: Sequence[str]) -> None:
    """Delete the rows of these recordings, and subtract them from the statistics."""
    for activity in list_by_names(connection, app, names, for_update=True):
        if activity.shares:
            speech_statistics.subtract(connection, app, activity.cell, activity.shares)
    connection.execute(sa.delete(_TABLE).where(_TABLE.c.app == app.id, _TABLE.c.recording.in_(list(names))))


def list_by_names(
    connection: Connection, app: App, names: Sequence[str], *, for_update: bool = False
) -> list[SpeechActivity]:
    """Return the rows of these recordings, ordered by name, and lock them `for_update`."""
    query = sa.select(_TABLE).where(_TABLE.c.app == app.id, _TABLE.c.recording.in_(list(names)))
    query = query.order_by(_TABLE.c.recording)
    return [_build(row) for row in connection.execute(query.with_for_update() if for_update else query)]


def count(connection: Connection, app: App, activity: SpeechActivity, analysis: ConversationAnalysis) -> None:
    """Store the shares of a recording that does not count yet, and add them to the statistics."""
    values = {name: getattr(analysis.shares, name) for name in SHARE_NAMES}
    _update(connection, app, activity.recording, values | {"longest_silence_ms": analysis.longest_silence_ms})
    speech_statistics.add(connection, app, activity.cell, analysis.shares)


def uncount(connection: Connection, app: App, activity: SpeechActivity) -> None:
    """Subtract a recording's shares from the statistics, if it counts there."""
    if activity.shares:
        speech_statistics.subtract(connection, app, activity.cell, activity.shares)
        _update(connection, app, activity.recording, _NO_SHARES)


def _update(connection: Connection, app: App, name: str, values: dict[str, Any]) -> None:
    connection.execute(sa.update(_TABLE).where(_TABLE.c.app == app.id, _TABLE.c.recording == name).values(**values))


def _get_day(connection: Connection, app: App, recording: Recording) -> int:
    accounts = schema.accounts.c
    own = (accounts.app == app.id) & (accounts.account_id == recording.account_id)
    zone = connection.execute(sa.select(accounts.zone).where(own)).scalar() or DEFAULT_ZONE
    account = Account(account_id=recording.account_id, zone=zone)
    return int(f"{to_local(recording.call_begin, account.zoneinfo):%Y%m%d}")


def _build(row: sa.Row[Any]) -> SpeechActivity:
    is_counted = row.files is not None
    return SpeechActivity(
        recording=row.recording,
        state=SpeechState(row.state),
        error=row.error,
        sha256=row.sha256,
        milliseconds=row.milliseconds,
        lanes=decode_lanes(row.runs),
        cell=SpeechCell(account_id=row.account_id, day=row.day, agent_id=row.agent_id, queue=row.queue),
        shares=SpeechShares(**{name: getattr(row, name) for name in SHARE_NAMES}) if is_counted else None,
    )
