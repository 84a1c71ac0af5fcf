"""Rows on their way out: lines of an index file, at the speed of the database and in constant memory.

Only the door is here; what both engines share is in question.py, and what is CSV of `wire.columns` is held by a test.
"""

from collections.abc import Iterator, Mapping
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Connection

from ccfs.model.export import Filter, Table
from ccfs.model.tenancy import App
from ccfs.model.window import Window
from ccfs.store.extract import sqlite
from ccfs.store.extract.chunk import Chunk
from ccfs.store.extract.clocks import clocks
from ccfs.store.extract.columns import SOURCES
from ccfs.store.extract.question import Question

__all__ = ["Chunk", "extract", "header"]


def header(table: Table, *, with_tail: bool) -> tuple[str, ...]:
    """The names of a file's columns. Without the tail, call.csv ends after the manual's 21; others have none."""
    return SOURCES[table].header(with_tail=with_tail)


def extract(
    connection: Connection,
    app: App,
    table: Table,
    window: Window,
    filter: Filter,
    zones: Mapping[str, ZoneInfo],
    *,
    with_tail: bool,
) -> Iterator[Chunk]:
    """The lines of a file, without its header, a few hundred in a chunk; the same bytes from both engines.

    The rows of the accounts in `zones`, each with times in its account's zone, whose begin (for skill changes the time
    of the change) is in the window, in order of that instant. A part of the filter for which the table has no column is
    not asked. The connection sees one moment if it comes from `Database.reading`, over several calls, too. Raises
    DBAPIError.
    """
    chosen = {account: zone for account, zone in zones.items() if filter.account_id in ("", account)}
    if not chosen:
        return
    source = SOURCES[table]
    question = Question(
        app=app,
        source=source,
        cells=source.cells(with_tail=with_tail),
        window=window,
        filter=filter,
        clocks=clocks(chosen, window),
    )
    if connection.dialect.name == "postgresql":
        from ccfs.store.extract import postgresql  # brings the driver, which SQLite needs not

        yield from postgresql.chunks(connection, question)
    else:
        yield from sqlite.chunks(connection, question)
