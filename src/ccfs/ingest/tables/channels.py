"""FreeSWITCH's tables as sources of channels: FusionPBX's v_xml_cdr, and others with a uuid and variables as columns."""

import json
from collections.abc import Sequence
from typing import Final

from ccfs.db.switch_tables.pages import ColumnChoice
from ccfs.db.switch_tables.structure import ColumnKind, TableColumn, TableStructure, UnusableTable
from ccfs.ingest.tables.formats import TableFormat, TextRow
from ccfs.ingest.tables.related import RelatedTables
from ccfs.switches.freeswitch.formats import table_rows
from ccfs.switches.freeswitch.variables import ChannelVariables

MAX_DOCUMENT_BYTES: Final = 1 << 20  # bytes of a stored CDR; a longer one is left out
_PAGE_ROWS: Final = 200  # rows of one query: each may bring a document
_TIMES: Final = ("start_epoch", "start_stamp", "start_uepoch", "end_epoch", "end_stamp", "insert_date")
_EPOCHS: Final = {"start_stamp": "start_epoch", "answer_stamp": "answer_epoch", "end_stamp": "end_epoch"}


def plan_channel_table(structure: TableStructure) -> TableFormat:
    """Return the format of a table of channels, whose lines are JSON of the columns and the stored document.

    Raise UnusableTable if it has no uuid.
    """
    if not any(name in structure.columns for name in table_rows.ID_COLUMNS):
        raise UnusableTable(f"the table {structure.table} has no CDRs of FreeSWITCH: it lacks xml_cdr_uuid and uuid")
    known = [(name, column) for name, column in structure.columns.items() if name in table_rows.COLUMNS]
    chosen = [_choose(name, column) for name, column in known if _EPOCHS.get(name) not in structure.columns]
    documents = [
        (name, ColumnChoice(column=structure.columns[name], max_bytes=MAX_DOCUMENT_BYTES))
        for name in table_rows.DOCUMENT_COLUMNS
        if name in structure.columns
    ]
    pairs = dict([*chosen, *documents])
    return TableFormat(
        names=tuple(pairs),
        columns=tuple(pairs.values()),
        times=_TIMES,
        build_lines=_build_lines,
        page_rows=_PAGE_ROWS,
        identify=_identify,
    )


def _build_lines(rows: Sequence[TextRow], related: RelatedTables) -> list[bytes | None]:
    """Return the rows with their documents, which newer versions of FusionPBX store in a table of their own."""
    bare = [row["xml_cdr_uuid"] for row in rows if row.get("xml_cdr_uuid") and not _get_document(row)]
    stored = related.find("v_xml_cdr_json", "xml_cdr_uuid", bare, ("json",), MAX_DOCUMENT_BYTES)
    numbers = _find_extensions(rows, related)
    lines: list[bytes | None] = []
    for row in rows:
        document = _get_document(row) or stored.get(row.get("xml_cdr_uuid", ""), {}).get("json", "")
        columns = {name: value for name, value in row.items() if value and name not in table_rows.DOCUMENT_COLUMNS}
        extension = numbers.get(columns.pop("extension_uuid", ""), "")
        lines.append(json.dumps({"columns": columns, "extension": extension, "document": document}).encode())
    return lines


def _identify(row: TextRow) -> str:
    return next(row[name] for name in table_rows.ID_COLUMNS if name in row)


def parse_channel_line(line: bytes) -> ChannelVariables:
    """Return the variables of a line that ChannelTable built. Raise UnreadableLine."""
    parts = json.loads(line)
    return table_rows.build_variables(parts["columns"], parts["document"], parts["extension"])


def _choose(name: str, column: TableColumn) -> tuple[str, ColumnChoice]:
    """Return the name of a column and its expression. Instants are read as seconds since 1970, which need no zone."""
    if column.kind is ColumnKind.INSTANT and name in _EPOCHS:
        return _EPOCHS[name], ColumnChoice(column=column, as_epoch=True)
    return name, ColumnChoice(column=column)


def _get_document(row: TextRow) -> str:
    return next((row[name] for name in table_rows.DOCUMENT_COLUMNS if row.get(name)), "")


def _find_extensions(rows: Sequence[TextRow], related: RelatedTables) -> dict[str, str]:
    """Return the numbers of extensions by their uuid."""
    uuids = [row["extension_uuid"] for row in rows if row.get("extension_uuid")]
    found = related.find("v_extensions", "extension_uuid", uuids, ("extension",))
    return {uuid: row.get("extension", "") for uuid, row in found.items()}
