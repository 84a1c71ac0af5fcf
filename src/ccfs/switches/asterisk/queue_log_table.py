"""The queue log's realtime table (`queue_log => odbc` in extconfig.conf) as CSV: detect its columns, parse its rows.

Columns of Asterisk's contrib scripts: id, time, callid, queuename, agent, event, data, data1 … data5. Times are local, with
microseconds in newer versions, or seconds since 1970 in older ones. Old versions write all arguments into `data`, with bars.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ccfs.switches.asterisk.cdr_files import clock
from ccfs.switches.asterisk.cdr_files.cdr import MAX_SAMPLE_BYTES, clean_line
from ccfs.switches.asterisk.cdr_files.csv_dialect import DIALECTS, CsvDialect, split_fields
from ccfs.switches.asterisk.queue_log import EVENTS, QueueLine, build_line
from ccfs.switches.records import UnreadableLine

REQUIRED_COLUMNS = ("time", "callid", "queuename", "agent", "event")
_ALIASES = {
    "queue": "queuename",
    "queue_name": "queuename",
    "qname": "queuename",
    "uniqueid": "callid",
    "call_id": "callid",
    "agentname": "agent",
    "qagent": "agent",
    "qevent": "event",
    "datetime": "time",
    "created": "time",
    "eventtime": "time",
}
_ARGUMENTS = ("data1", "data2", "data3", "data4", "data5")
COLUMNS = (*REQUIRED_COLUMNS, "data", *_ARGUMENTS)
_ORDERS = (  # of tables that were exported without a header
    ("id", *REQUIRED_COLUMNS, *_ARGUMENTS),
    ("id", *REQUIRED_COLUMNS, "data", *_ARGUMENTS),
    (*REQUIRED_COLUMNS, *_ARGUMENTS),
    (*REQUIRED_COLUMNS, "data", *_ARGUMENTS),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueTableLayout:
    """Columns and dialect of an exported table."""

    names: tuple[str, ...]
    header: str = ""
    dialect: CsvDialect
    encoding: str = ""
    has_local_times: bool = True


def detect_layout(sample: Sequence[bytes], encoding: str = "") -> QueueTableLayout | None:
    """Return the layout of an exported table, or None if the sample is not from one."""
    for dialect in DIALECTS:
        rows = []
        for line in (line for line in sample[:50] if len(line) <= MAX_SAMPLE_BYTES):
            try:
                text = clean_line(line, encoding)
                rows.append((text, split_fields(text, dialect)))
            except UnreadableLine:
                continue
        rows = [(text, fields) for text, fields in rows if len(fields) >= len(REQUIRED_COLUMNS)]
        if rows and (layout := _name_columns(rows, dialect, encoding)):
            return layout
    return None


def _name_columns(rows: Sequence[tuple[str, list[str]]], dialect: CsvDialect, encoding: str) -> QueueTableLayout | None:
    header, first = rows[0]
    names = tuple(get_column(name) for name in first)
    if not set(REQUIRED_COLUMNS) <= set(names):
        if dialect.delimiter == "|":
            return None  # the file of Asterisk itself
        header = ""
        fitting = [
            order
            for order in _ORDERS
            if all(_has_shape(fields, order) and len(fields) <= len(order) for _, fields in rows)
        ]
        if not fitting:
            return None
        widest = max(len(fields) for _, fields in rows)
        names = min(fitting, key=lambda order: len(order) - widest)
    times = [dict(zip(names, fields, strict=False)).get("time", "") for text, fields in rows if text != header]
    is_local = any(clock.parse_local_seconds(time) is not None for time in times)
    return QueueTableLayout(names=names, header=header, dialect=dialect, encoding=encoding, has_local_times=is_local)


def _has_shape(fields: Sequence[str], order: Sequence[str]) -> bool:
    named = dict(zip(order, fields, strict=False))
    return named.get("event", "").upper() in EVENTS and named["time"][:4].isdecimal()


def get_column(name: str) -> str:
    """Return the column's name in Asterisk's own scripts."""
    plain = name.strip().lower()
    return _ALIASES.get(plain, plain)


def parse_line(line: bytes, layout: QueueTableLayout, zone: str) -> QueueLine | None:
    """Return one row, or None for an empty line or the header; `zone` applies to local times. Raise UnreadableLine."""
    text = clean_line(line, layout.encoding)
    if not text.strip() or text == layout.header:
        return None
    row = dict(zip(layout.names, split_fields(text, layout.dialect), strict=False))
    if missing := next((name for name in ("time", "event") if not row.get(name)), None):
        raise UnreadableLine(f"the row has no {missing}")
    arguments = [row.get(name, "") for name in _ARGUMENTS]
    if not any(arguments) and row.get("data"):
        arguments = row["data"].split("|")
    while arguments and not arguments[-1]:
        arguments.pop()
    occurred_at = clock.choose_event_instant(row["time"], row.get("callid", ""), zone, "row's")
    fields = (row.get(name, "") for name in ("callid", "queuename", "agent", "event"))
    return build_line(occurred_at, *fields, *arguments)
