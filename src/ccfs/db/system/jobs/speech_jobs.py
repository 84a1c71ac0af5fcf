"""The speech jobs of all apps, for workers, metrics and operators."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.job_queue import SPEECH, ClaimedJob, parse_claim
from ccfs.db.statements import insert_or_ignore
from ccfs.db.tenant.speech_activity import SpeechState
from ccfs.model.recordings.speech import Span, encode_lanes

_TABLE, _TOTALS = schema.speech_activity, schema.speech_totals


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedSpeech(ClaimedJob):
    """The job of a recording, leased by a worker."""

    recording: str  # its file_name

    @property
    def job_id(self) -> str:
        """The index name of the recording."""
        return self.recording

    @property
    def key(self) -> tuple[object, ...]:
        """The columns of the row's key."""
        return self.app.id, self.recording


def claim(
    connection: Connection, now: datetime, lease: str, duration: timedelta, last_app: int = 0
) -> ClaimedSpeech | None:
    """Lease the newest due recording, of the app after `last_app` if several have waiting ones; None if none is due."""
    row = SPEECH.claim_in_turn(connection, now, lease, duration, last_app)
    return None if row is None else ClaimedSpeech(recording=row.recording, **parse_claim(row))


def finish(
    connection: Connection,
    claimed: ClaimedSpeech,
    sha256: str,
    model: str,
    milliseconds: int,
    lanes: list[list[Span]],
    now: datetime,
) -> bool:
    """Store the speech of a recording; False if the lease has been lost."""
    values: dict[str, Any] = {
        "sha256": sha256,
        "model": model,
        "milliseconds": milliseconds,
        "lanes": len(lanes),
        "computed_at": now,
    }
    if not SPEECH.finish(connection, claimed, SpeechState.DONE, runs=encode_lanes(lanes), **values):
        return False
    own = {"app": claimed.app.id}
    connection.execute(insert_or_ignore(connection, _TOTALS).values(**own, analysed_ms=0))
    total = _TOTALS.c.analysed_ms + milliseconds
    connection.execute(sa.update(_TOTALS).filter_by(**own).values(analysed_ms=total))
    return True


def skip(connection: Connection, claimed: ClaimedSpeech, reason: str, sha256: str, now: datetime) -> bool:
    """Store why a recording cannot be analysed; False if the lease has been lost."""
    return SPEECH.finish(connection, claimed, SpeechState.SKIPPED, reason, sha256=sha256, computed_at=now)


def count_by_state(connection: Connection, app: int | None = None) -> dict[SpeechState, int]:
    """Return the number of recordings of each state. It reads an index, or the whole table, so operators ask for it."""
    query = sa.select(_TABLE.c.state, sa.func.count()).group_by(_TABLE.c.state)
    rows = connection.execute(query if app is None else query.where(_TABLE.c.app == app))
    counts = {str(row[0]): int(row[1]) for row in rows}
    return {state: counts.get(state, 0) for state in SpeechState}


def count_due(connection: Connection) -> int:
    """Return the number of recordings that wait, by the partial index of these."""
    return int(connection.execute(sa.select(sa.func.count()).select_from(_TABLE).where(SPEECH.is_due)).scalar_one())


def sum_analysed_seconds(connection: Connection) -> float:
    """Return the seconds of audio that were analysed so far."""
    return (
        float(connection.execute(sa.select(sa.func.coalesce(sa.func.sum(_TOTALS.c.analysed_ms), 0))).scalar_one())
        / 1000
    )


def list_reasons(connection: Connection, limit: int, app: int | None = None) -> list[tuple[SpeechState, str, int]]:
    """Return why recordings were not analysed: state, reason and number, the most frequent first."""
    states = (SpeechState.SKIPPED, SpeechState.FAILED)
    query = sa.select(_TABLE.c.state, _TABLE.c.error, sa.func.count()).where(_TABLE.c.state.in_(states))
    if app is not None:
        query = query.where(_TABLE.c.app == app)
    query = query.group_by(_TABLE.c.state, _TABLE.c.error).order_by(sa.func.count().desc()).limit(limit)
    return [(SpeechState(row[0]), row[1], int(row[2])) for row in connection.execute(query)]


def retry(
    connection: Connection, now: datetime, states: tuple[SpeechState, ...], app: int | None, days: tuple[int, int]
) -> int:
    """Make recordings in these states due, of one app or of all, whose calls began in these days; return their number."""
    conditions: list[sa.ColumnElement[bool]] = [_TABLE.c.state.in_(states), _TABLE.c.day.between(*days)]
    if app is not None:
        conditions.append(_TABLE.c.app == app)
    return SPEECH.retry(connection, now, *conditions)
