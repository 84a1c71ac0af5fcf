"""A clock that tests set, and the time that passes beside it."""

from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from ccfs.db.engine import Database
from ccfs.workers.maintenance.clock_guard import ClockGuard
from ccfs.workers.maintenance.retention import RetentionJob, RetentionPolicy

BOUND = timedelta(days=1)
MARKED = timedelta(hours=25)  # after which a mark is old enough
HOUR = timedelta(hours=1)


class SteeredTime:
    """The clocks of a machine and of a database server, which a test may set, and a monotonic one, which only goes on."""

    def __init__(self, now: datetime) -> None:
        self.wall, self.server, self.seconds = now, now, 0.0

    def now(self) -> datetime:
        """Return the wall clock's time."""
        return self.wall

    def get_server_time(self, connection: Connection) -> datetime | None:
        """Return the time of the database server, if there is one."""
        return self.server if connection.dialect.name == "postgresql" else None

    def monotonic(self) -> float:
        """Return the seconds that have passed."""
        return self.seconds

    def run_on(self, span: timedelta) -> None:
        """Let time pass for both clocks."""
        self.wall += span
        self.server += span
        self.seconds += span.total_seconds()

    def run_on_with_server(self, database: Database, span: timedelta) -> None:
        """Let time pass while a server compares the clocks."""
        guard = self.create_guard(database)
        for _ in range(span // HOUR):
            guard.check()
            self.run_on(HOUR)
        guard.check()

    def create_guard(self, database: Database, bound: timedelta = BOUND) -> ClockGuard:
        """Return the guard of a process that starts now."""
        return ClockGuard(database, self.now, bound, self.monotonic, self.get_server_time)

    def create_job(
        self, database: Database, rows: int = 0, recordings: int = 0, bound: timedelta = BOUND
    ) -> RetentionJob:
        """Return the retention of a process that starts now."""
        policy = RetentionPolicy(row_months=rows, recording_months=recordings)
        return RetentionJob(database, policy, self.now, self.create_guard(database, bound), self.monotonic)


def retain(database: Database, until: datetime, rows: int = 0, recordings: int = 0, months: int = 4) -> None:
    """Run retention until a time, for long enough that the oldest months go."""
    time = SteeredTime(until - MARKED - months * HOUR)
    job = time.create_job(database, rows, recordings, bound=timedelta(days=9))  # whenever rows were stored
    job()
    time.run_on(MARKED)
    for _ in range(months):
        time.run_on(HOUR)
        job()
