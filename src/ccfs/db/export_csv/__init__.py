"""Exports rows as the CSV lines of an index file, formatted by the database, with constant memory.

query.py has the SELECT for both engines. A test compares every line with what Python's csv module writes for the cells
that the protocol defines.
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
    """Return a file's column names. Without the tail, call.csv ends after the manual's 21; other files have no tail."""
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
    """Yield the lines of a file without its header, a few hundred per chunk; both engines yield the same bytes.

    The rows belong to the accounts in `zones`, and their begin time (for skill changes, the time of the change) is
    within the window. They are sorted by that time, and their times are in the account's zone. Filters for which the
    table has no column are ignored. Several calls on the same connection of `Database.read_transaction` read the same
    snapshot. Raises DBAPIError.
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
