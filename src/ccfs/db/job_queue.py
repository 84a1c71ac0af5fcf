"""Tables as job queues: each due row is a job, which a worker claims with a conditional update.

A claim sets `due_at` to the end of the lease, so if a worker dies, its job automatically becomes due again. All further
updates are conditional on the lease: a worker that has lost it cannot change anything. The queues are at the end
of the file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.sql.dml import ReturningUpdate

from ccfs.db import schema
from ccfs.db.no_index import NoIndex
from ccfs.model.identity.tenancy import App

MAX_ERROR_LENGTH = 1000  # characters of an error that a row stores


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedJob:
    """A job leased by a worker."""

    app: App
    attempts: int  # claims so far, this one included
    lease: str  # token
    dead_leases: tuple[str, ...] = ()  # tokens of workers that died with the job, the latest first

    @property
    def job_id(self) -> str:
        """The key of the row."""
        raise NotImplementedError

    @property
    def key(self) -> tuple[object, ...]:
        """The columns of the row's key."""
        return (self.job_id,)


class JobQueue:
    """The rows of a table as jobs.

    The table has the columns `due_at` and `lease`; most tables also have `state` and count claims.
    """

    def __init__(
        self,
        table: sa.Table,
        *,
        claims: str = "",
        group: str = "",
        claimable: sa.ColumnElement[bool] | None = None,
        keeps_dead_leases: bool = False,
        newest_first: bool = False,
    ) -> None:
        """`claims` is the column that counts claims, `group` the column that claims name, `claimable` a further condition.

        `keeps_dead_leases`: a claim after a worker died stores that worker's lease, too. `newest_first`: claims take
        the job that has been due for the shortest time.
        """
        self.table = table
        self.key = tuple(table.primary_key.columns)
        # A literal, as in the partial index: with a parameter the index would not be used.
        self.is_due = table.c.state == sa.literal_column("'due'") if "state" in table.c else sa.true()
        self._claims, self._keeps_dead_leases = claims, keeps_dead_leases
        self._newest_first = newest_first
        self._claim = self._build_claim(sa.true() if claimable is None else claimable, group)
        if group:
            self._due_groups = self._build_due_groups(table.c[group], with_leases=False)
            self._due_groups_with_leases = self._build_due_groups(table.c[group], with_leases=True)

    def claim(
        self,
        connection: Connection,
        now: datetime,
        lease: str,
        duration: timedelta,
        limit: int = 1,
        **parameters: object,
    ) -> Sequence[sa.Row[Any]]:
        """Lease up to `limit` due jobs, longest due first, and return their rows with the app's `ak` and `name`.

        `parameters` are the `group` and those of the condition `claimable`.
        """
        values = {"claim_now": now, "claim_until": now + duration, "claim_lease": lease, "claim_limit": limit}
        return connection.execute(
            self._claim, values | {f"claim_{name}": value for name, value in parameters.items()}
        ).all()

    def list_due_groups(self, connection: Connection, now: datetime) -> list[Any]:
        """Return the groups that have a due job. This takes one index step per group, however many jobs are waiting."""
        return list(connection.execute(self._due_groups, {"claim_now": now}).scalars())

    def count_leases_of_due_groups(self, connection: Connection, now: datetime) -> list[tuple[Any, int]]:
        """Return the groups that have a due job, each with its number of leased jobs."""
        return [(row[0], row[1]) for row in connection.execute(self._due_groups_with_leases, {"claim_now": now})]

    def claim_in_turn(
        self, connection: Connection, now: datetime, lease: str, duration: timedelta, last_app: int
    ) -> sa.Row[Any] | None:
        """Lease the longest due job of the app with the fewest leased jobs; None if no job is due. The groups are apps.

        If several apps qualify, the next one after `last_app` gets its turn, however many jobs are waiting in other apps.
        """
        waiting = self.count_leases_of_due_groups(connection, now)
        for app, _ in sorted(waiting, key=lambda group: (group[1], group[0] <= last_app, group[0])):
            for row in self.claim(connection, now, lease, duration, group=app):
                return row
        return None

    def renew(self, connection: Connection, job: ClaimedJob, until: datetime) -> bool:
        """Extend the lease; False if it has been lost."""
        return self.update(connection, job, due_at=until)

    def release(self, connection: Connection, job: ClaimedJob, due_at: datetime, error: str, **values: object) -> bool:
        """End the lease and make the job due at `due_at`; False if the lease has been lost."""
        return self.update(connection, job, due_at=due_at, lease="", error=error[:MAX_ERROR_LENGTH], **values)

    def finish(self, connection: Connection, job: ClaimedJob, state: str, error: str = "", **values: object) -> bool:
        """End the lease and finish the job; False if the lease has been lost."""
        ended = {"state": state, "due_at": None, "lease": "", "error": error[:MAX_ERROR_LENGTH]}
        return self.update(connection, job, **ended, **values)

    def mark_failed(self, connection: Connection, job: ClaimedJob, error: str) -> bool:
        """Mark the job as failed until an operator retries it; False if the lease has been lost."""
        return self.finish(connection, job, "failed", error)

    def update(self, connection: Connection, job: ClaimedJob, **values: object) -> bool:
        """Update columns of a leased job; False if the lease has been lost."""
        leased = self.matches(*job.key) & self.is_leased(" ".join((job.lease, *job.dead_leases)))
        return connection.execute(sa.update(self.table).where(leased).values(**values)).rowcount == 1

    def retry(self, connection: Connection, now: datetime, *conditions: sa.ColumnElement[bool]) -> int:
        """Make ended jobs due now, with their attempts reset to 0, and return their number."""
        values = {"state": "due", "due_at": now, "lease": "", "attempts": 0, self._claims: 0}
        if "finished_at" in self.table.c:
            values["finished_at"] = None
        return connection.execute(sa.update(self.table).where(*conditions).values(**values)).rowcount

    def count_by_state(self, connection: Connection) -> dict[str, int]:
        """Return the number of jobs of all apps in each state that occurs, for metrics."""
        rows = connection.execute(sa.select(self.table.c.state, sa.func.count()).group_by(self.table.c.state))
        return {str(row[0]): int(row[1]) for row in rows}

    def find_oldest_due(self, connection: Connection) -> datetime | None:
        """Return when the oldest due job of all apps was requested, for metrics.

        The query also counts the jobs. If it asked only for the minimum, SQLite would scan an index on `requested_at`
        past all other jobs.
        """
        statement = sa.select(sa.func.min(self.table.c.requested_at), sa.func.count()).where(self.is_due)
        return connection.execute(statement).scalar()

    def matches(self, *key: object) -> sa.ColumnElement[bool]:
        """Return the condition that a row has this key."""
        return sa.and_(*(column == value for column, value in zip(self.key, key, strict=True)))

    def is_leased(self, lease: str | sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
        """Return the condition that a job has this lease."""
        return sa.and_(self.is_due, self.table.c.lease == lease)

    def _build_claim(self, claimable: sa.ColumnElement[bool], group: str) -> ReturningUpdate[Any]:
        """Build one statement, because workers claim dozens of times a second.

        The rows are locked until the update, which therefore needs no second look at them; PostgreSQL without statistics would
        compare all due rows with each.
        """
        columns = self.table.c
        due = [self.is_due, claimable, columns.due_at <= sa.bindparam("claim_now")]
        if group:
            due.append(columns[group] == sa.bindparam("claim_group"))
        limit = sa.bindparam("claim_limit", type_=sa.Integer)
        order = columns.due_at.desc() if self._newest_first else columns.due_at
        next_jobs = sa.select(*self.key).where(*due).order_by(order).limit(limit)
        locked = next_jobs.with_for_update(skip_locked=True).cte("locked")
        lease = sa.bindparam("claim_lease", type_=sa.Text)
        values: dict[str, Any] = {"due_at": sa.bindparam("claim_until"), "lease": lease}
        if self._keeps_dead_leases:
            values["lease"] = sa.func.trim(lease + " " + columns.lease)
        if self._claims:
            values[self._claims] = columns[self._claims] + 1
        key = self.key[0] if len(self.key) == 1 else sa.tuple_(*self.key)
        update = sa.update(self.table).where(key.in_(sa.select(*locked.c))).values(**values)
        return update.returning(self.table, *self._select_app())

    def _select_app(self) -> list[sa.Label[Any]]:
        if "app" not in self.table.c:
            return []
        apps = schema.apps.c
        owner = apps.id == self.table.c.app
        return [sa.select(apps[name]).where(owner).scalar_subquery().label(name) for name in ("ak", "name")]

    def _build_due_groups(self, group: sa.Column[Any], *, with_leases: bool) -> sa.Select[Any]:
        walk = sa.select(self._select_next_group(group).label("due_group")).cte("walk", recursive=True)
        following = sa.select(self._select_next_group(group, walk.c.due_group)).where(walk.c.due_group.is_not(None))
        walk = walk.union_all(following)
        now, columns = sa.bindparam("claim_now", type_=self.table.c.due_at.type), self.table.c
        jobs = self.is_due & (group == walk.c.due_group)
        # A literal and no range of due_at, so that the index of leased jobs is used: others may wait by the thousand.
        is_leased = (columns.lease != sa.literal_column("''")) & (NoIndex(columns.due_at) > now)
        leased = sa.select(sa.func.count()).where(jobs, is_leased).scalar_subquery()
        groups = sa.select(walk.c.due_group, *([leased] if with_leases else []))
        return groups.where(walk.c.due_group.is_not(None), sa.exists().where(jobs, columns.due_at <= now))

    def _select_next_group(
        self, group: sa.Column[Any], after: sa.ColumnElement[Any] | None = None
    ) -> sa.ScalarSelect[Any]:
        """Order instead of taking min(): for min(), SQLite uses another index and reads all waiting rows."""
        least = 0 if isinstance(group.type, sa.Integer) else ""
        first = sa.select(group).where(self.is_due, group > (least if after is None else after))
        return first.order_by(group).limit(1).scalar_subquery()


def parse_claim(row: sa.Row[Any]) -> dict[str, Any]:
    """Return the fields of ClaimedJob from a claimed row."""
    lease, *dead_leases = row.lease.split()
    app = App(id=row.app, ak=row.ak, name=row.name)
    return {"app": app, "attempts": row.attempts, "lease": lease, "dead_leases": tuple(dead_leases)}


EXPORTS = JobQueue(schema.exports, claims="attempts", group="app", keeps_dead_leases=True)
BULK_DOWNLOADS = JobQueue(schema.bulk_downloads, claims="attempts", group="app")
REPORTS = JobQueue(schema.report_schedules, claims="attempts", group="app")
SPEECH = JobQueue(schema.speech_activity, claims="attempts", group="app", newest_first=True)
DELIVERIES = JobQueue(schema.deliveries, claims="claims", group="lane")  # so that a slow receiver delays no other
ORPHANS = JobQueue(
    schema.orphaned_blobs,
    group="app",
    claimable=schema.orphaned_blobs.c.location_id.not_in(sa.bindparam("claim_excluded", expanding=True)),
)
_LOCAL: sa.BindParameter[Any] = sa.bindparam("claim_local", expanding=True)  # locations that a node opens directly
LOCATION_MOVES = JobQueue(
    schema.location_moves,
    claims="attempts",
    claimable=schema.location_moves.c.source.in_(_LOCAL) & schema.location_moves.c.target.in_(_LOCAL),
)
