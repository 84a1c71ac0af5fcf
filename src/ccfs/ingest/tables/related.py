"""Tables related to the one that is read, with more about its rows. They may not exist, or not be readable."""

from collections.abc import Callable, Mapping, Sequence

from ccfs.db.switch_tables.connection import NoSuchTable, SwitchDatabase
from ccfs.db.switch_tables.pages import MAX_LOOKUP_KEYS, ColumnChoice, RawRow, look_up
from ccfs.db.switch_tables.structure import TableStructure, UnusableTable, read_structure
from ccfs.ingest.tables.cells import decode_cell


class RelatedTables:
    """Finds rows of other tables of the database by an indexed column."""

    def __init__(
        self, database: SwitchDatabase, schema: str | None, encoding: str, warn: Callable[[str], None]
    ) -> None:
        self._database, self._schema, self._encoding, self._warn = database, schema, encoding, warn
        self._structures: dict[str, TableStructure | None] = {}

    def find(
        self, table: str, key: str, values: Sequence[str], names: Sequence[str], max_bytes: int = 1 << 16
    ) -> Mapping[str, dict[str, str]]:
        """Return the values of these columns by the text of the key. Return nothing if the table cannot be read in this way.

        Raise SwitchDatabaseError if the database cannot be reached.
        """
        structure = self._get_structure(table, key)
        if structure is None:
            return {}
        chosen = [name for name in names if name in structure.columns]
        columns = [ColumnChoice(column=structure.columns[name], max_bytes=max_bytes) for name in chosen]
        wanted = list(dict.fromkeys(filter(None, values)))
        found: dict[str, RawRow] = {}
        for start in range(0, len(wanted), MAX_LOOKUP_KEYS):
            found |= look_up(self._database, structure, key, wanted[start:][:MAX_LOOKUP_KEYS], columns)
        return {
            value: {
                name: decode_cell(cell, choice.column.charset, self._encoding)
                for name, choice, cell in zip(chosen, columns, row, strict=True)
            }
            for value, row in found.items()
        }

    def _get_structure(self, table: str, key: str) -> TableStructure | None:
        if table not in self._structures:
            name = f"{self._schema}.{table}" if self._schema else table
            structure = None
            try:
                structure = self._database.inspect(lambda inspector: read_structure(inspector, name))
                if key not in structure.indexed:
                    self._warn(f"the table {table} is not read: it has no index that begins with {key}")
                    structure = None
            except (UnusableTable, NoSuchTable):
                pass  # an older version of the program, or not granted: the rows themselves say enough
            self._structures[table] = structure
        return self._structures[table]
