"""Rows on their way out: lines of an index file, at the speed of the database and in constant memory.

Only the door is here; what both engines share is in question.py, and what is CSV of `wire.columns` is held by a test.
"""

from collections.abc import Iterator, Mapping
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Connection

from ccfs.db.export_csv import sqlite
from ccfs.db.export_csv.chunk import CsvChunk
from ccfs.db.export_csv.columns import EXPORT_SOURCES
from ccfs.db.export_csv.query import ExportQuery
from ccfs.db.export_csv.zone_offsets import compute_zone_offsets
from ccfs.model.exports.export import ExportFilter, ExportTable
from ccfs.model.exports.time_window import TimeWindow
from ccfs.model.identity.tenancy import App

__all__ = ["CsvChunk", "get_header", "iter_csv_chunks"]


def get_header(table: ExportTable, *, with_tail: bool) -> tuple[str, ...]:
    """The names of a file's columns. Without the tail, call.csv ends after the manual's 21; others have none."""
    return EXPORT_SOURCES[table].get_header(with_tail=with_tail)


def iter_csv_chunks(
    connection: Connection,
    app: App,
    table: ExportTable,
    window: TimeWindow,
    filter: ExportFilter,
    zones: Mapping[str, ZoneInfo],
    *,
    with_tail: bool,
) -> Iterator[CsvChunk]:
    """The lines of a file, without its header, a few hundred in a chunk; the same bytes from both engines.

    The rows of the accounts in `zones`, each with times in its account's zone, whose begin (for skill changes the time
    of the change) is in the window, in order of that instant. A part of the filter for which the table has no column is
    not asked. The connection sees one moment if it comes from `Database.reading`, over several calls, too. Raises
    DBAPIError.
    """
    chosen = {account: zone for account, zone in zones.items() if filter.account_id in ("", account)}
    if not chosen:
        return
    source = EXPORT_SOURCES[table]
    question = ExportQuery(
        app=app,
        source=source,
        column_specs=source.list_column_specs(with_tail=with_tail),
        window=window,
        filter=filter,
        zone_offsets=compute_zone_offsets(chosen, window),
    )
    if connection.dialect.name == "postgresql":
        from ccfs.db.export_csv import postgresql  # brings the driver, which SQLite needs not

        yield from postgresql.iter_chunks(connection, question)
    else:
        yield from sqlite.iter_chunks(connection, question)
