"""VICIdial's recording_log as a source of CDRs, completed from vicidial_closer_log and vicidial_log."""

import time
from collections.abc import Sequence
from typing import Final

from ccfs.db.switch_tables.pages import ColumnChoice
from ccfs.db.switch_tables.structure import TableStructure
from ccfs.ingest.tables.cells import format_csv_line
from ccfs.ingest.tables.formats import TableFormat, TextRow, plan_cdr_table
from ccfs.ingest.tables.related import RelatedTables
from ccfs.switches.asterisk import recording_log

_LONGEST_SECONDS: Final = 86_400  # after which a recording without an end will not get one
_CALL_COLUMNS = ("uniqueid", "phone_number", "campaign_id")


def plan_call_table(structure: TableStructure) -> TableFormat:
    """Return the format of a table of Asterisk's calls: a `cdr` table, or VICIdial's recording_log. Raise UnusableTable."""
    if set(recording_log.COLUMNS) <= set(structure.columns):
        return TableFormat(
            names=recording_log.COLUMNS,
            columns=tuple(ColumnChoice(column=structure.columns[name]) for name in recording_log.COLUMNS),
            times=("start_epoch",),
            build_lines=_build_lines,
            header=format_csv_line(recording_log.CDR_COLUMNS),
            prefers_id=True,  # its times have no index
            identify=_identify,
        )
    return plan_cdr_table(structure)


def _build_lines(rows: Sequence[TextRow], related: RelatedTables) -> list[bytes | None]:
    """Return the rows as CDRs of the agents' talks; None for recordings in progress."""
    ids = [row["vicidial_id"] for row in rows]
    closed = [name for name in ids if recording_log.is_inbound_id(name)]
    others = [name for name in ids if not recording_log.is_inbound_id(name)]
    inbound = related.find("vicidial_closer_log", "closecallid", closed, _CALL_COLUMNS)
    outbound = related.find("vicidial_log", "uniqueid", others, _CALL_COLUMNS)
    lines: list[bytes | None] = []
    for row in rows:
        call = inbound.get(row["vicidial_id"], {}), outbound.get(row["vicidial_id"], {})
        cdr = recording_log.build_cdr(row, *call)
        lines.append(format_csv_line([*cdr.values()]) if _is_due(row) else None)
    return lines


def _identify(row: TextRow) -> str:
    """Return the columns that VICIdial writes when the recording begins."""
    return f"{row['filename']}\x1f{row['start_epoch']}"


def _is_due(row: TextRow) -> bool:
    started = row["start_epoch"]
    is_old = started.isdecimal() and time.time() - int(started) > _LONGEST_SECONDS
    return recording_log.is_finished(row) or is_old
