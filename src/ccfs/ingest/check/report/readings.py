"""Describe how ingest read each file: lines, columns, dialect, zone with its evidence, encoding."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ccfs.db.tenant.ingest import ingest_state
from ccfs.ingest.check.recognition.sources import FileSeries
from ccfs.ingest.check.recognition.survey import Survey
from ccfs.ingest.check.recognition.switch_kind import SwitchKind
from ccfs.ingest.check.recognition.tables import CheckedTable
from ccfs.ingest.check.recognition.text_encoding import find_encoding
from ccfs.ingest.check.report.types import FileReading
from ccfs.ingest.check.report.words import list_names
from ccfs.ingest.check.runs.switch_run import CheckOptions, SwitchRun
from ccfs.ingest.context import CallOwner
from ccfs.ingest.files import tail_reader
from ccfs.ingest.files.scan import to_db_path
from ccfs.switches.asterisk.cdr_files import cdr, zone
from ccfs.switches.asterisk.cdr_files.cdr import AsteriskCdrRow, CdrLayout
from ccfs.switches.asterisk.cdr_files.csv_dialect import DIALECTS, CsvDialect
from ccfs.switches.asterisk.cdr_files.zone import ZoneSample

USEFUL_COLUMNS = ("uniqueid", "linkedid", "sequence")
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_MAX_ALIKE = 4  # zones that are named beside the detected one
_QUOTES = {'"': "double quotes", "'": "single quotes", "": "no quotes"}


def describe_files(done: SwitchRun, survey: Survey, options: CheckOptions) -> list[FileReading]:
    """Return how each file of a switch was read."""
    if done.kind is SwitchKind.ASTERISK:
        return _describe_asterisk(done, options)
    lines = _count_lines(done)
    return [
        _describe_path(done, path, survey) if isinstance(path, Path) else _describe_table("CDR", path, lines)
        for path in done.cdrs
    ]


def _describe_asterisk(done: SwitchRun, options: CheckOptions) -> list[FileReading]:
    formats = _load_formats(done, done.owner)
    lines = _count_lines(done)
    readings = [_describe_cdr_table(table, formats, lines) for table in done.cdrs if isinstance(table, CheckedTable)]
    readings += [_describe_cdr(series, formats, lines, options) for series in done.series]
    readings += [_describe_table("queue log", done.queue_table, lines)] if done.queue_table else []
    logs = (("queue log", done.queue_log), ("channel events (CEL)", done.cel))
    return readings + [_describe_log(role, series, lines) for role, series in logs if series]


def _describe_table(role: str, table: CheckedTable, lines: Mapping[str, int]) -> FileReading:
    return FileReading(
        path=table,
        role=role,
        form=f"table {table.table}",
        lines=lines.get(table.source.name, 0),
        zone_evidence="not needed: the times are seconds since 1970" if table.kind is SwitchKind.FREESWITCH else "",
    )


def _describe_cdr_table(
    table: CheckedTable, formats: Mapping[str, dict[str, Any]], lines: Mapping[str, int]
) -> FileReading:
    known = formats.get(table.source.name, {})
    columns, zone_name = tuple(known.get("columns", ())), str(known.get("zone", ""))
    rows = cdr.parse_sample(table.source.sample_lines(), CdrLayout(columns)) if columns else []
    return replace(
        _describe_table("CDR", table, lines),
        columns=columns,
        lacking=tuple(name for name in USEFUL_COLUMNS if name not in columns),
        zone=zone_name,
        zone_evidence=_describe_zone(zone_name, str(known.get("basis", "")), rows),
    )


def _describe_log(role: str, series: FileSeries, lines: Mapping[str, int]) -> FileReading:
    return FileReading(
        path=series.watched_path,
        role=role,
        form=series.current.found.form,
        lines=_sum_lines(series, lines),
        rotated=len(series.files) - 1,
        compressed=sum(file.is_compressed for file in series.files),
    )


def _describe_cdr(
    series: FileSeries, formats: Mapping[str, dict[str, Any]], lines: Mapping[str, int], options: CheckOptions
) -> FileReading:
    path = series.current.path
    known = formats.get(to_db_path(path)) or next(
        (formats[name] for file in series.files if (name := to_db_path(file.path)) in formats), {}
    )
    columns = tuple(known.get("columns", ()))
    dialect = CsvDialect(*known["dialect"]) if known else DIALECTS[0]
    sample = tail_reader.sample_lines(path)
    layout = series.current.found.layout
    rows = cdr.parse_sample(sample, layout) if layout else []
    return FileReading(
        path=series.watched_path,
        role="CDR",
        form=series.current.found.form,
        lines=_sum_lines(series, lines),
        rotated=sum(file.path != series.watched_path for file in series.files),
        compressed=sum(file.is_compressed for file in series.files),
        columns=columns,
        lacking=tuple(name for name in USEFUL_COLUMNS if name not in columns),
        dialect=_describe_dialect(dialect),
        zone=str(known.get("zone", "")),
        zone_evidence=_describe_zone(str(known.get("zone", "")), str(known.get("basis", "")), rows),
        encoding=find_encoding(sample, options.read.encoding),
    )


def _describe_dialect(dialect: CsvDialect) -> str:
    if dialect == DIALECTS[0]:
        return ""
    escapes = ", backslashes escape" if dialect.has_escapes else ""
    return f"separated by {_DELIMITERS[dialect.delimiter]}, {_QUOTES[dialect.quote]}{escapes}"


def _describe_zone(name: str, basis: str, rows: Iterable[AsteriskCdrRow]) -> str:
    samples = zone.collect_samples(rows)
    agreeing = zone.count_agreeing(samples, name) if samples and name else 0
    counted = f"{agreeing} of {len(samples)} calls that were compared"
    offsets = f"{zone.describe_zone(name, samples)} in these calls" if samples and name else ""
    match basis:
        case "not needed":
            return "not needed: the times carry their own offset"
        case "given":
            return f"as given with --zone; it fits {counted}" if samples else "as given with --zone"
        case "epoch" if samples:
            return f"{offsets}; the unique ids agree in {counted}{_describe_alike(samples, name)}"
        case "epoch":
            return "shown by the times in the queue log"
        case "known":
            return "as in the other files"
    return "assumed: nothing in the file shows it"


def _describe_alike(samples: Sequence[ZoneSample], name: str) -> str:
    alike = zone.list_alike(samples, name)
    return f"; {list_names(alike, _MAX_ALIKE)} would fit as well: take yours" if alike else ""


def _describe_path(done: SwitchRun, path: Path, survey: Survey) -> FileReading:
    """Describe a file or folder of FreeSWITCH or CC-FS."""
    own = [file for file in survey.files if file.path == path or (path in file.path.parents)]
    forms = sorted({file.found.form for file in own})
    has_local_times = done.kind is SwitchKind.CCFS or any("CSV" in form for form in forms)
    account = done.owners[0].account
    return FileReading(
        path=path,
        role="index files" if done.kind is SwitchKind.CCFS else "CDR",
        form=", ".join(forms),
        lines=len(own),
        is_folder=True,
        compressed=sum(file.is_compressed for file in own),
        zone=account.zone if has_local_times else "",
        zone_evidence="assumed: the stamps carry no zone"
        if has_local_times
        else "not needed: the times are seconds since 1970",
    )


def _load_formats(done: SwitchRun, owner: CallOwner) -> dict[str, dict[str, Any]]:
    with done.run.database.read_transaction() as connection:
        rows = ingest_state.list_formats(connection, owner.app, owner.account.account_id)
    return {path: json.loads(text) for path, text in rows}


def _count_lines(done: SwitchRun) -> dict[str, int]:
    """Return how many lines of each file were read."""
    with done.run.database.read_transaction() as connection:
        cursors = ingest_state.list_cursors(connection, done.owner.app, limit=10_000)
    return {cursor.path.partition(":")[2]: cursor.line for cursor, _ in cursors}


def _sum_lines(series: FileSeries, lines: Mapping[str, int]) -> int:
    return sum(lines.get(to_db_path(file.path), 0) for file in series.files)
