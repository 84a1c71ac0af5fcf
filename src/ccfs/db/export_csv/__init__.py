"""Export of rows as the CSV lines of an index file, formatted by the database, in constant memory.

query.py has the SELECT of both engines. A test compares every line with the one that Python's csv writes of the protocol's cells.
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
    """Return the names of a file's columns. Without the tail, call.csv ends after the manual's 21; other files have no tail."""
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
    """Yield the lines of a file without its header, a few hundred in a chunk; both engines yield the same bytes.

    The rows are those of the accounts in `zones` whose begin (for skill changes the time of the change) is in the window, in
    order of that instant, with times in the account's zone. Filters for which the table has no column do not apply. On a
    connection of `Database.read_transaction`, several calls read the same snapshot. Raise DBAPIError.
    """
    selected = {account: zone for account, zone in zones.items() if filter.account_id in ("", account)}
    if not selected:
        return
    source = EXPORT_SOURCES[table]
    query = ExportQuery(
        app=app,
        source=source,
        column_specs=source.list_column_specs(with_tail=with_tail),
        window=window,
        filter=filter,
        zone_offsets=compute_zone_offsets(selected, window),
    )
    if connection.dialect.name == "postgresql":
        from ccfs.db.export_csv import postgresql  # imports psycopg, which SQLite does not need

        yield from postgresql.iter_chunks(connection, query)
    else:
        yield from sqlite.iter_chunks(connection, query)
