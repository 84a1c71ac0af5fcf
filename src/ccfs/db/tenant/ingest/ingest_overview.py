"""Overview of an account's calls after an ingest, for an operator: counts, queues, agents, sample calls."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ccfs.db import schema
from ccfs.db.tenant.ingest.expected_recordings import ExpectedRecording
from ccfs.model.calls.call import Direction
from ccfs.model.calls.cdr import LAST_LEG
from ccfs.model.identity.tenancy import App

_CDRS, _RECORDINGS, _EXPECTED = schema.cdrs, schema.recordings, schema.expected_recordings
_EXPECTED_COLUMNS = tuple(_EXPECTED.c[name] for name in ExpectedRecording.__dataclass_fields__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTotals:
    """Totals of an account's calls."""

    calls: int
    rows: int  # legs of all calls
    answered: int
    recorded: int  # calls with a recording
    answered_without_recording: int
    by_direction: dict[Direction, int]
    first: datetime | None  # begin of the first call; None without calls
    last: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallsOfName:
    """The calls of a queue or an agent."""

    name: str
    calls: int
    answered: int


def count_calls(connection: Connection, app: App, account_id: str) -> CallTotals:
    """Return the totals of the account's calls."""
    own, columns = _is_own(_CDRS, app, account_id), _CDRS.c
    answered = _select_answered(own)
    recorded = sa.select(_RECORDINGS.c.call_id).where(_is_own(_RECORDINGS, app, account_id))
    rows, first, last = connection.execute(
        sa.select(sa.func.count(), sa.func.min(columns.begin), sa.func.max(columns.begin)).where(own)
    ).one()
    ends = sa.select(columns.direction, sa.func.count()).where(own, columns.call_id_num == LAST_LEG)
    counts = {int(row[0]): int(row[1]) for row in connection.execute(ends.group_by(columns.direction))}
    return CallTotals(
        calls=sum(counts.values()),
        rows=rows,
        answered=_count(connection, answered),
        recorded=_count(connection, recorded.distinct()),
        answered_without_recording=_count(connection, answered.where(columns.call_id.not_in(recorded))),
        by_direction={direction: counts.get(number, 0) for number, direction in enumerate(Direction)},
        first=first,
        last=last,
    )


def list_queues(connection: Connection, app: App, account_id: str, limit: int) -> list[CallsOfName]:
    """Return the account's queues, those with the most calls first."""
    return _count_by_name(connection, app, account_id, _CDRS.c.current_skill_id, limit)


def list_agents(connection: Connection, app: App, account_id: str, limit: int) -> list[CallsOfName]:
    """Return the account's agents, those with the most calls first."""
    return _count_by_name(connection, app, account_id, _CDRS.c.agent_id, limit)


def list_spread_calls(connection: Connection, app: App, account_id: str, limit: int) -> list[str]:
    """Return up to `limit` callIds, evenly distributed over all calls in order of time."""
    own = _is_own(_CDRS, app, account_id) & (_CDRS.c.call_id_num == LAST_LEG)
    number = sa.func.row_number().over(order_by=(_CDRS.c.begin, _CDRS.c.call_id)).label("number")
    numbered = sa.select(_CDRS.c.call_id, number).where(own).subquery()
    total = _count(connection, sa.select(_CDRS.c.call_id).where(own))
    step = max(1, -(-total // limit))
    query = sa.select(numbered.c.call_id).where(numbered.c.number % step == (1 if step > 1 else 0))
    return [str(call_id) for call_id in connection.execute(query.order_by(numbered.c.number)).scalars()]


def has_row_at(connection: Connection, app: App, account_id: str, begin: datetime, caller_no: str) -> bool:
    """Return whether a row of this caller begins within a second of this time."""
    near = _CDRS.c.begin.between(begin - timedelta(seconds=1), begin + timedelta(seconds=1))
    query = sa.select(_CDRS.c.call_id).where(_is_own(_CDRS, app, account_id), near, _CDRS.c.caller_no == caller_no)
    return connection.execute(query.limit(1)).first() is not None


def count_expected(connection: Connection, app: App, account_id: str) -> int:
    """Return the number of recordings that CDRs name and that have not arrived."""
    return _count(connection, _select_expected(app, account_id))


def list_expected(connection: Connection, app: App, account_id: str, limit: int) -> list[ExpectedRecording]:
    """Return recordings that CDRs name and that have not arrived, those of the latest calls first."""
    query = _select_expected(app, account_id).order_by(_EXPECTED.c.since.desc(), _EXPECTED.c.path).limit(limit)
    return [ExpectedRecording(**row._mapping) for row in connection.execute(query)]


def list_expected_of_calls(
    connection: Connection, app: App, account_id: str, call_ids: Iterable[str]
) -> list[ExpectedRecording]:
    """Return the recordings that CDRs of these calls name and that have not arrived."""
    query = _select_expected(app, account_id).where(_EXPECTED.c.call_id.in_(list(call_ids)))
    return [ExpectedRecording(**row._mapping) for row in connection.execute(query.order_by(_EXPECTED.c.path))]


def count_unreadable_names(connection: Connection, app: App, account_id: str) -> int:
    """Return the number of rows whose caller's name has bytes that no encoding explained: they are kept as \\xNN."""
    name = _CDRS.c.caller_name.like("%\\x__%", escape="|")
    return _count(connection, sa.select(_CDRS.c.call_id).where(_is_own(_CDRS, app, account_id), name))


def _select_answered(own: sa.ColumnElement[bool]) -> sa.Select[tuple[str]]:
    """Select the callIds on which an agent talked; of calls without an agent, on which anybody did."""
    return sa.select(_CDRS.c.call_id).where(own, _CDRS.c.talk_seconds > 0).distinct()


def _select_expected(app: App, account_id: str) -> sa.Select[tuple[object, ...]]:
    own = _is_own(_EXPECTED, app, account_id) & (_EXPECTED.c.is_optional == sa.false())
    return sa.select(*_EXPECTED_COLUMNS).where(own)


def _count_by_name(
    connection: Connection, app: App, account_id: str, column: sa.Column[str], limit: int
) -> list[CallsOfName]:
    calls = sa.func.count(_CDRS.c.call_id.distinct())
    talked = sa.func.count(sa.case((_CDRS.c.call_end > _CDRS.c.call_begin, _CDRS.c.call_id)).distinct())
    query = sa.select(column, calls, talked).where(_is_own(_CDRS, app, account_id), column != "")
    rows = connection.execute(query.group_by(column).order_by(calls.desc(), column).limit(limit))
    return [CallsOfName(name=row[0], calls=row[1], answered=row[2]) for row in rows]


def _is_own(table: sa.Table, app: App, account_id: str) -> sa.ColumnElement[bool]:
    return (table.c.app == app.id) & (table.c.account_id == account_id)


def _count(connection: Connection, query: sa.Select[tuple[object, ...]]) -> int:
    return int(connection.execute(sa.select(sa.func.count()).select_from(query.subquery())).scalar_one())
