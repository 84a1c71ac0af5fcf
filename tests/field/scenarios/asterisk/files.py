"""The files of a simulated Asterisk: CDRs in several dialects, and the queue log as a file or a table."""

import csv
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from tests.field.scenarios.asterisk.log import CdrLine, Channel, QueueLogLine

CDR_CSV_18 = (
    "accountcode src dst dcontext clid channel dstchannel lastapp lastdata start answer end duration billsec disposition "
    "amaflags uniqueid userfield"
)
CDR_CSV_21 = f"{CDR_CSV_18} peeraccount linkedid sequence"
CDR_CUSTOM = (
    "clid src dst dcontext channel dstchannel lastapp lastdata start answer end duration billsec disposition amaflags "
    "accountcode uniqueid userfield linkedid sequence"
)
FREEPBX_TABLE = (
    "calldate clid src dst dcontext channel dstchannel lastapp lastdata duration billsec disposition amaflags accountcode "
    "uniqueid userfield did recordingfile cnum cnam outbound_cnum outbound_cnam dst_cnam linkedid peeraccount sequence"
)
_NUMERIC = {"duration", "billsec", "sequence"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CdrDialect:
    """How CDR lines are written."""

    columns: str
    quoting: Literal[0, 1, 2, 3] = csv.QUOTE_ALL
    delimiter: str = ","
    has_header: bool = False
    time_form: str = "local"  # or "iso", "epoch"
    numbers_are_quoted: bool = True
    names_recording: bool = False  # in recordingfile, or in userfield where there is no such column


class AsteriskNames:
    """Ids and names of channels, as a switch in a time zone writes them."""

    def __init__(self, zone: str, system_name: str) -> None:
        self._zone, self._prefix = ZoneInfo(zone), f"{system_name}-" if system_name else ""

    def format_id(self, channel: Channel) -> str:
        """Return the uniqueid."""
        return f"{self._prefix}{channel.created // 1000}.{channel.number}"

    def format_name(self, channel: Channel | None) -> str:
        if channel is None:
            return ""
        half = f";{channel.half}" if channel.half else ""
        return f"{channel.technology}/{channel.endpoint}-{channel.name_number:08x}{half}"

    def to_local(self, milliseconds: int) -> datetime:
        return datetime.fromtimestamp(milliseconds // 1000, self._zone)

    def format_time(self, milliseconds: int | None, form: str) -> str:
        if milliseconds is None:
            return ""
        if form == "epoch":
            return str(milliseconds // 1000)
        local = self.to_local(milliseconds)
        return f"{local:%Y-%m-%dT%H:%M:%S%z}" if form == "iso" else f"{local:%Y-%m-%d %H:%M:%S}"


def format_cdrs(
    lines: Iterable[CdrLine], names: AsteriskNames, dialect: CdrDialect, name_recording: Callable[[CdrLine], str]
) -> str:
    """Return the CDR file; `name_recording` returns the name of a line's recording, or ""."""
    columns = dialect.columns.split()
    text = io.StringIO()
    quoting = dialect.quoting if dialect.numbers_are_quoted else csv.QUOTE_NONNUMERIC
    writer = csv.writer(text, delimiter=dialect.delimiter, quoting=quoting, lineterminator="\n")
    if dialect.has_header:
        csv.writer(text, delimiter=dialect.delimiter, lineterminator="\n").writerow(columns)
    for line in lines:
        values = _list_values(line, names, dialect, name_recording(line))
        cells: list[str | int] = [values.get(column, "") for column in columns]
        if not dialect.numbers_are_quoted:
            cells = [int(cell) if column in _NUMERIC else cell for column, cell in zip(columns, cells, strict=True)]
        writer.writerow(cells)
    return text.getvalue()


def _list_values(line: CdrLine, names: AsteriskNames, dialect: CdrDialect, recording: str) -> dict[str, str]:
    """Return the columns of a line."""
    is_freepbx = "recordingfile" in dialect.columns
    quoted_name = line.src_name.replace('"', '\\"')
    return {
        "src": line.src,
        "dst": line.dst,
        "dcontext": line.context,
        "clid": f'"{quoted_name}" <{line.src}>',
        "channel": names.format_name(line.channel),
        "dstchannel": names.format_name(line.dst_channel),
        "lastapp": line.app,
        "lastdata": line.data,
        "start": names.format_time(line.start, dialect.time_form),
        "calldate": names.format_time(line.start, dialect.time_form),
        "answer": names.format_time(line.answer, dialect.time_form),
        "end": names.format_time(line.end, dialect.time_form),
        "duration": str((line.end - line.start) // 1000),
        "billsec": str(0 if line.answer is None else (line.end - line.answer) // 1000),
        "disposition": line.disposition,
        "amaflags": "DOCUMENTATION",
        "uniqueid": names.format_id(line.channel),
        "userfield": f"audio:{recording}" if recording and not is_freepbx else "",
        "linkedid": names.format_id(line.linked),
        "sequence": str(line.number),
        "did": line.did,
        "recordingfile": recording,
        "cnum": line.channel.endpoint if line.channel.endpoint.isdecimal() else line.src,
        "cnam": line.src_name,
    }


def format_queue_log(
    lines: Iterable[QueueLogLine], names: AsteriskNames, name_member: Callable[[QueueLogLine], str]
) -> str:
    """Return the file queue_log; `name_member` returns the interface or the name of a line's member."""
    return "".join("|".join(_list_fields(line, names, name_member)) + "\n" for line in lines)


def format_queue_table(
    lines: Iterable[QueueLogLine], names: AsteriskNames, name_member: Callable[[QueueLogLine], str]
) -> str:
    """Return the realtime table queue_log as CSV with a header, with local times."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(
        ["id", "time", "callid", "queuename", "agent", "event", "data1", "data2", "data3", "data4", "data5"]
    )
    for number, line in enumerate(lines, 1):
        _, *fields = _list_fields(line, names, name_member)
        moment = f"{names.to_local(line.at):%Y-%m-%d %H:%M:%S}.{line.at % 1000:03d}000"
        writer.writerow([number, moment, *fields, *[""] * (9 - len(fields))])
    return text.getvalue()


def _list_fields(line: QueueLogLine, names: AsteriskNames, name_member: Callable[[QueueLogLine], str]) -> list[str]:
    arguments = [names.format_id(one) if isinstance(one, Channel) else str(one) for one in line.arguments]
    member = name_member(line) if line.member else "NONE"
    return [str(line.at // 1000), names.format_id(line.channel), line.queue, member, line.event, *arguments]
