"""One table as a source of lines, with pauses while its database cannot be reached."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from ccfs.db.switch_tables.address import TableAddress
from ccfs.db.switch_tables.connection import SwitchDatabase, SwitchDatabaseError
from ccfs.db.switch_tables.pages import RawRow, TableReader
from ccfs.db.switch_tables.structure import TableStructure, UnusableTable, choose_key, read_structure
from ccfs.ingest.tables.formats import TableFormat, decode_row
from ccfs.ingest.tables.progress import list_spots, number_key
from ccfs.ingest.tables.related import RelatedTables
from ccfs.switches.records import UnreadableLine

FIRST_PAUSE_SECONDS: Final = 5.0  # after a failure; each further one doubles it
MAX_PAUSE_SECONDS: Final = 300.0
_SAMPLE_SPOTS, _SAMPLE_ROWS = 20, 30
_UNINDEXED_SPOTS: Final = 2  # each reads the whole table
_SAMPLE_SECONDS: Final = 600.0  # for which a sample is good: every pass asks for one
_MAX_SEEN: Final = 50_000  # rows of one generation

FormatPlan = Callable[[TableStructure], TableFormat]


@dataclass(frozen=True, slots=True)
class TablePage:
    """The finished rows of a page as lines, each with a number to display, and the key and digest of its last row."""

    lines: list[tuple[int, bytes]]
    last_key: str
    last_digest: str


@dataclass(frozen=True, slots=True)
class _OpenTable:
    reader: TableReader
    table_format: TableFormat
    related: RelatedTables


class TableSource:
    """A table that is read in passes."""

    def __init__(
        self, address: TableAddress, plan: FormatPlan, *, timeout_seconds: float = 60, encoding: str = ""
    ) -> None:
        """`address` names the table; `encoding` applies to text that is not UTF-8."""
        self.folder = address.database_name
        self.name = f"{self.folder}/{address.table}"
        self.warn: Callable[[str], None] = lambda _text: None
        self.seen = SeenLines()
        self._table, self._plan, self._encoding = address.table, plan, encoding
        self._database = SwitchDatabase(address, timeout_seconds)
        self._open: _OpenTable | None = None
        self._sample: tuple[float, list[bytes]] | None = None
        self._failures, self._due_at = 0, 0.0

    @property
    def is_id(self) -> bool:
        """Whether the table is read by an increasing number rather than by a time. Raise SwitchDatabaseError."""
        return self._open_table().reader.key.is_id

    @contextmanager
    def attempt(self) -> Iterator[bool]:
        """Yield whether to connect to the database now. A failure within the block doubles the time until the next attempt."""
        if time.monotonic() < self._due_at:
            yield False
            return
        try:
            yield True
        except SwitchDatabaseError:
            self._failures += 1
            self._due_at = time.monotonic() + self.pause_seconds
            self._open = None
            self._database.close()
            raise
        self._failures = 0

    @property
    def pause_seconds(self) -> float:
        """The time between the latest failure and the next attempt."""
        return min(FIRST_PAUSE_SECONDS * (1 << min(max(self._failures - 1, 0), 10)), MAX_PAUSE_SECONDS)

    def sample_lines(self) -> list[bytes]:
        """Return lines from all parts of the table, the header first: enough to detect the zone.

        Raise SwitchDatabaseError, or UnreadableLine if the table cannot be used.
        """
        if self._sample and time.monotonic() - self._sample[0] < _SAMPLE_SECONDS:
            return self._sample[1]
        table = self._open_table()
        rows: dict[bytes, None] = {table.table_format.header: None} if table.table_format.header else {}
        edges = table.reader.find_edges()
        count = _SAMPLE_SPOTS if table.reader.key.is_indexed else _UNINDEXED_SPOTS
        for spot in list_spots(*edges, count) if edges else ():
            built = self._build_lines(table.reader.fetch_some(spot, _SAMPLE_ROWS))
            rows |= dict.fromkeys(line for _, line, _ in built if line is not None)
        self._sample = (time.monotonic(), [*rows])
        return self._sample[1]

    def find_recent_key(self, count: int) -> str | None:
        """Return the key of about the `rows`-th row from the end, or None if the table has fewer rows."""
        return self._open_table().reader.find_recent_key(count)

    def iter_pages(self, low: str | None) -> Iterator[TablePage]:
        """Yield the rows from this key to the end in pages. Raise SwitchDatabaseError or UnreadableLine."""
        table = self._open_table()
        try:
            for last_key, page in table.reader.iter_pages(low, table.table_format.page_rows):
                built = self._build_lines(page)
                lines = [(number_key(key), line) for key, line, _ in built if line is not None]
                yield TablePage(lines, last_key, built[-1][2])
        except UnusableTable as error:
            raise UnreadableLine(f"{self.name}: {error}") from None

    def is_same_table(self, samples: Sequence[tuple[str, str]]) -> bool:
        """Return whether any of these rows, given as id and digest, still exists."""
        if not samples:
            return True
        rows = self._open_table().reader.fetch_by_keys([key for key, _ in samples])
        return any((key, digest) in samples for key, _, digest in self._build_lines(rows))

    def close(self) -> None:
        """Close the connection."""
        self._open = None
        self._database.close()

    def _open_table(self) -> _OpenTable:
        if self._open is None:
            try:
                structure = self._database.inspect(lambda inspector: read_structure(inspector, self._table))
                table_format = self._plan(structure)
                key = choose_key(structure, table_format.times, prefers_id=table_format.prefers_id)
            except UnusableTable as error:
                raise UnreadableLine(f"{self.folder}: {error}") from None
            if not key.is_indexed:
                column = key.column.name
                self.warn(f"{self.name}: every pass reads the whole table, as it has no index on {column}; create one")
            reader = TableReader(self._database, structure, key, table_format.columns)
            related = RelatedTables(self._database, structure.schema, self._encoding, self.warn)
            self._open = _OpenTable(reader, table_format, related)
        return self._open

    def _build_lines(self, page: Sequence[tuple[str, RawRow]]) -> list[tuple[str, bytes | None, str]]:
        """Return key, line and digest of each row. The digest covers fixed columns; unfinished rows have no line."""
        table = self._open_table()
        fmt = table.table_format
        rows = [decode_row(fmt.names, fmt.columns, row, self._encoding) for _, row in page]
        built = zip(page, rows, fmt.build_lines(rows, table.related), strict=True)
        return [
            (key, line, blake2b(fmt.identify(row).encode(), digest_size=8).hexdigest()) for (key, _), row, line in built
        ]


class SeenLines:
    """Digests of lines that this process saved recently, so that reading them again costs nothing."""

    def __init__(self) -> None:
        self._older: set[bytes] = set()
        self._newer: set[bytes] = set()

    def keep_new(self, lines: Sequence[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
        """Return the lines that were not added."""
        return [
            (number, line)
            for number, line in lines
            if (digest := _compute_digest(line)) not in self._newer and digest not in self._older
        ]

    def add(self, lines: Sequence[tuple[int, bytes]]) -> None:
        """Remember lines after they are saved."""
        for _, line in lines:
            if len(self._newer) >= _MAX_SEEN:
                self._older, self._newer = self._newer, set()
            self._newer.add(_compute_digest(line))

    def clear(self) -> None:
        """Forget all lines."""
        self._older, self._newer = set(), set()


def _compute_digest(line: bytes) -> bytes:
    return blake2b(line, digest_size=12).digest()
