"""One pass over a table: reads new rows, and reads recent rows again because they may be late or changed."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from sqlalchemy.engine import Connection

from ccfs.db.switch_tables.connection import SwitchDatabaseError
from ccfs.db.tenant.ingest import ingest_state
from ccfs.db.tenant.ingest.ingest_state import SourceCursor
from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.ingest.files.contents.record_reader import LineFormat
from ccfs.ingest.files.line_reader import LineBatch
from ccfs.ingest.tables.progress import TableProgress, parse_progress
from ccfs.ingest.tables.source import TablePage, TableSource
from ccfs.logs import get_logger
from ccfs.model.source_files import FilePosition

T = TypeVar("T")


def ingest_table(
    run: IngestRun,
    owner: CallOwner,
    table: TableSource,
    parse: Callable[[LineBatch], T],
    save: Callable[[Connection, T], None],
    line_format: LineFormat | None = None,
) -> None:
    """Parse the new rows of a table. Save each page's rows and the progress in a single transaction.

    While watching, a database that cannot be reached is logged, and retried after a pause that grows with each failure.
    Otherwise raise SwitchDatabaseError. Raise UnreadableLine if the table cannot be used.
    """
    table.warn = run.warn
    try:
        with table.attempt() as is_due:
            if is_due:
                _TablePass(run, owner, table, line_format).read(parse, save)
    except SwitchDatabaseError as error:
        if not run.is_watching:
            raise
        pause = table.pause_seconds
        get_logger().warning("switch database away", action="table_failed", reason=str(error), retry_seconds=pause)
    finally:
        if not run.is_watching:
            table.close()


class _TablePass:
    """One pass over one table."""

    def __init__(self, run: IngestRun, owner: CallOwner, table: TableSource, line_format: LineFormat | None) -> None:
        self._run, self._owner, self._table, self._line_format = run, owner, table, line_format
        self._now = run.now().timestamp()
        name = f"{owner.account.account_id}:{table.name}"
        with run.database.read_transaction() as connection:
            found = ingest_state.find_cursor(connection, owner.app, name)
        self._cursor = found or SourceCursor(path=name, first_line="", offset=0, line=0, started_at=run.now())
        self._progress = parse_progress(self._cursor.first_line)

    def read(self, parse: Callable[[LineBatch], T], save: Callable[[Connection, T], None]) -> None:
        """Read the table from where it is due."""
        table, is_id = self._table, self._table.is_id
        if self._cursor.is_reread_requested:
            table.seen.clear()
        if is_id and not table.is_same_table(self._progress.samples):
            self._run.warn(f"{table.name}: the table was replaced by another; it is read from its beginning")
            self._progress = TableProgress()
        overlap = self._progress.choose_overlap(self._now)
        start = self._progress.find_start(overlap, self._now, is_id=is_id)
        if start is None and self._run.max_rows:
            start = table.find_recent_key(self._run.max_rows)
        for page in table.iter_pages(start):
            if self._run.is_stopped():
                return
            self._save_page(page, parse, save)
        finished = self._progress.finish(overlap, self._now, is_id=is_id)
        is_worth_saving = overlap != min(finished.read_at) or finished.marks != self._progress.marks
        if is_worth_saving or self._cursor.is_reread_requested:
            with self._run.app_transaction(self._owner.app) as connection:
                self._set_cursor(connection, finished, 0)

    def _save_page(
        self, page: TablePage, parse: Callable[[LineBatch], T], save: Callable[[Connection, T], None]
    ) -> None:
        lines = self._table.seen.keep_new(page.lines)
        progress = self._progress.advance(page.last_key, page.last_digest, self._now, is_id=self._table.is_id)
        if lines:
            parsed = parse(LineBatch(lines, FilePosition(), 0, self._table.name))
            with self._run.app_transaction(self._owner.app) as connection:
                self._set_cursor(connection, progress, len(lines))
                save(connection, parsed)
            self._table.seen.add(lines)
        self._progress = progress
        self._run.report_progress(self._table.name, self._cursor.line, 0)

    def _set_cursor(self, connection: Connection, progress: TableProgress, count: int) -> None:
        """Store the progress first: its row serialises two runs over the same table."""
        known = self._line_format.describe() if self._line_format else ""
        self._cursor = replace(
            self._cursor,
            first_line=progress.to_json(),
            line=self._cursor.line + count,
            format=known or self._cursor.format,
        )
        ingest_state.set_cursor(connection, self._owner.app, self._cursor, self._run.now())
