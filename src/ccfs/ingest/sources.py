"""Sources of lines, either files or tables of a database: their names, sample lines, and a pass over them."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias, TypeVar

from sqlalchemy.engine import Connection

from ccfs.ingest.context import CallOwner, IngestRun
from ccfs.ingest.files import tail_reader
from ccfs.ingest.files.contents.record_reader import LineFormat
from ccfs.ingest.files.line_reader import LineBatch
from ccfs.ingest.files.scan import to_db_path
from ccfs.ingest.tables.source import TableSource
from ccfs.ingest.tables.table_pass import ingest_table

T = TypeVar("T")

LineSource: TypeAlias = Path | TableSource


def get_name(source: LineSource) -> str:
    """Return the name of a source as stored in rows."""
    return source.name if isinstance(source, TableSource) else to_db_path(source)


def get_folder(source: LineSource) -> str:
    """Return the folder of a file, or the database of a table. All sources in it belong to one switch."""
    return source.folder if isinstance(source, TableSource) else to_db_path(source.absolute().parent)


def get_encoding(source: LineSource, given: str) -> str:
    """Return the encoding of text that is not UTF-8. Lines of a table are always UTF-8."""
    return "" if isinstance(source, TableSource) else given


def sample_lines(source: LineSource) -> list[bytes]:
    """Return lines from all parts of a source, including the first ones."""
    return source.sample_lines() if isinstance(source, TableSource) else tail_reader.sample_lines(source)


def ingest_source(
    run: IngestRun,
    owner: CallOwner,
    source: LineSource,
    parse: Callable[[LineBatch], T],
    save: Callable[[Connection, T], None],
    line_format: LineFormat | None = None,
) -> None:
    """Parse the new lines of a source. Save each batch's rows and the cursor in a single transaction."""
    if isinstance(source, TableSource):
        ingest_table(run, owner, source, parse, save, line_format)
    else:
        tail_reader.ingest_file(run, owner, source, parse, save, line_format)
