"""Lines of Asterisk's channel event log (CEL): of cel_custom, in any order of columns, or of the table `cel` as CSV.

Columns are recognised by a header, else by their values: cel_custom.conf lets everybody choose the order. Events that
report neither answer, bridge, transfer, pick-up, hold nor hang-up are ignored.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from ccfs.switches.asterisk.cdr_files import clock
from ccfs.switches.asterisk.cdr_files.cdr import MAX_SAMPLE_BYTES, clean_line
from ccfs.switches.asterisk.cdr_files.columns import UNIQUE_ID
from ccfs.switches.asterisk.cdr_files.csv_dialect import DIALECTS, CsvDialect, split_fields
from ccfs.switches.asterisk.cdr_files.zone import ZoneSample
from ccfs.switches.asterisk.legs.channel_history import ChannelEvent, ChannelHistory
from ccfs.switches.records import UnreadableLine

_STORED_EVENTS = frozenset(
    {"ANSWER", "HANGUP", "BRIDGE_ENTER", "BRIDGE_EXIT", "BLINDTRANSFER", "ATTENDEDTRANSFER", "PICKUP"}
    | {"STREAM_BEGIN", "STREAM_END"}
)
_EVENTS = _STORED_EVENTS | frozenset(
    {"CHAN_START", "CHAN_END", "APP_START", "APP_END", "PARK_START", "PARK_END", "FORWARD", "LINKEDID_END", "DTMF"}
    | {"LOCAL_OPTIMIZE", "LOCAL_OPTIMIZE_BEGIN", "USER_DEFINED", "BRIDGE_START", "BRIDGE_END", "BRIDGE_UPDATE"}
    | {"CONF_START", "CONF_END", "CONF_ENTER", "CONF_EXIT", "TRANSFER", "HOOKFLASH", "3WAY_START", "3WAY_END"}
)
_ALIASES = {
    "event": ("eventtype", "event_type", "eventname", "event"),
    "time": ("eventtime", "event_time", "time"),
    "channel": ("channame", "channel", "chan"),
    "leg_id": ("uniqueid", "unique_id"),
    "call_id": ("linkedid", "linked_id"),
    "extra": ("extra", "eventextra"),
}
_LOCAL_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}.{0,12}")
_EPOCH = re.compile(r"[0-9]{9,11}(?:\.[0-9]{1,9})?")
_OLD_HANGUP = re.compile(r"([0-9]{1,3}),[^,{}]{0,200},[^,{}]{0,40}")  # before Asterisk 12: cause,source,dial status
_MAX_EXTRA = 4096  # characters
_MIN_SHARE = 0.9  # of lines whose value must have the shape of a column


@dataclass(frozen=True, slots=True, kw_only=True)
class CelLayout:
    """Positions of the columns, and how fields are separated."""

    event: int
    time: int
    channel: int
    leg_id: int
    call_id: int  # -1: no such column
    extra: int  # -1: no such column
    header: str = ""
    dialect: CsvDialect = DIALECTS[0]
    encoding: str = field(default="", compare=False)

    @property
    def columns(self) -> tuple[int, ...]:
        """The positions in the order of the fields."""
        return self.event, self.time, self.channel, self.leg_id, self.call_id, self.extra


def detect_layout(sample: Sequence[bytes], encoding: str = "") -> CelLayout:
    """Return the layout of the file from a sample. Raise UnreadableLine if it is not a channel event log."""
    for dialect in DIALECTS:
        rows = list(_iter_rows(sample, dialect, encoding))
        layout = _name_by_header(rows, dialect, encoding) or _name_by_values(rows, dialect, encoding)
        if layout:
            return layout
    raise UnreadableLine("the lines are not those of a channel event log (CEL): events, times and ids are not found")


def parse_line(line: bytes, layout: CelLayout, zone: str) -> ChannelHistory | None:
    """Return what a line reports about its channel; None for other events; `zone` applies to local times.

    Raise UnreadableLine.
    """
    text = clean_line(line, layout.encoding)
    if not text.strip() or text == layout.header:
        return None
    fields = split_fields(text, layout.dialect)
    if len(fields) <= max(layout.columns):
        raise UnreadableLine(f"{len(fields)} fields instead of at least {max(layout.columns) + 1}")
    kind, leg_id = fields[layout.event].upper(), fields[layout.leg_id]
    if kind not in _STORED_EVENTS or not leg_id:
        return None
    detail = _find_detail(kind, fields[layout.extra][:_MAX_EXTRA] if layout.extra >= 0 else "")
    if kind == "STREAM_BEGIN" and not detail:  # a prompt
        return None
    event = ChannelEvent(clock.choose_event_instant(fields[layout.time], leg_id, zone, "event's"), kind, detail)
    call_id = fields[layout.call_id] if layout.call_id >= 0 else ""
    return ChannelHistory(
        switch_leg_id=leg_id, switch_call_id=call_id or leg_id, channel=fields[layout.channel], events=(event,)
    )


def fits(sample: Sequence[bytes], layout: CelLayout) -> bool:
    """Return whether a layout that was detected before still fits the lines."""
    rows = [row for _, row in _iter_rows(sample, layout.dialect, layout.encoding)]
    fitting = [row for row in rows if len(row) > max(layout.columns) and row[layout.event].upper() in _EVENTS]
    return bool(rows) and len(fitting) >= _MIN_SHARE * len(rows) and all(_is_time(row[layout.time]) for row in fitting)


def add_detail_column(layout: CelLayout, sample: Sequence[bytes]) -> CelLayout:
    """Return the layout with the column of details, if it has none and the lines show one."""
    if layout.extra >= 0 or layout.header:
        return layout
    columns = _list_columns(list(_iter_rows(sample, layout.dialect, layout.encoding)))
    return replace(layout, extra=_find_extra(columns, layout.event)) if len(columns) > max(layout.columns) else layout


def collect_samples(sample: Sequence[bytes], layout: CelLayout) -> list[ZoneSample]:
    """Return the local times at which channels were created, and the seconds in their ids, in order of time."""
    samples = []
    for _, row in _iter_rows(sample, layout.dialect, layout.encoding):
        if len(row) > max(layout.columns) and row[layout.event].upper() == "CHAN_START":
            local, second = clock.parse_local_seconds(row[layout.time]), clock.parse_channel_epoch(row[layout.leg_id])
            if local is not None and second is not None:
                samples.append((local, second))
    return sorted(samples, key=lambda sample: sample[1])


def _iter_rows(sample: Sequence[bytes], dialect: CsvDialect, encoding: str) -> Iterator[tuple[str, list[str]]]:
    for line in sample:
        if len(line) > MAX_SAMPLE_BYTES:
            continue
        try:
            text = clean_line(line, encoding)
            if text.strip():
                yield text, split_fields(text, dialect)
        except UnreadableLine:
            continue


def _name_by_header(rows: Sequence[tuple[str, list[str]]], dialect: CsvDialect, encoding: str) -> CelLayout | None:
    for text, row in rows[:1]:
        names = [name.strip().lower() for name in row]
        found = {
            column: next((names.index(alias) for alias in aliases if alias in names), -1)
            for column, aliases in _ALIASES.items()
        }
        if min(found[column] for column in ("event", "time", "channel", "leg_id")) >= 0:
            return CelLayout(**found, header=text, dialect=dialect, encoding=encoding)
    return None


def _name_by_values(rows: Sequence[tuple[str, list[str]]], dialect: CsvDialect, encoding: str) -> CelLayout | None:
    columns = _list_columns(rows)
    events = _find_columns(columns, lambda value: value.upper() in _EVENTS, share=0.5)  # users may define others
    channels = _find_columns(columns, lambda value: "/" in value and value[0] not in "{/")
    time, ids = _find_time_and_ids(columns)
    if not events or not channels or time < 0 or not ids:
        return None
    leg_id, call_id = _tell_ids_apart(columns, ids)
    return CelLayout(
        event=events[0],
        time=time,
        channel=channels[0],
        leg_id=leg_id,
        call_id=call_id,
        extra=_find_extra(columns, events[0]),
        dialect=dialect,
        encoding=encoding,
    )


def _list_columns(rows: Sequence[tuple[str, list[str]]]) -> list[tuple[str, ...]]:
    """Return the values of each column, of the rows that have as many as most do."""
    width = Counter(len(row) for _, row in rows).most_common(1)[0][0] if rows else 0
    return list(zip(*(row for _, row in rows if len(row) == width), strict=True))


def _find_columns(
    columns: Sequence[Sequence[str]], has_shape: Callable[[str], object], share: float = _MIN_SHARE
) -> list[int]:
    return [
        at
        for at, values in enumerate(columns)
        if sum(1 for value in values if value and has_shape(value)) >= share * len(values)
    ]


def _find_time_and_ids(columns: Sequence[Sequence[str]]) -> tuple[int, list[int]]:
    """Return the column of times, or -1, and the columns of ids. Ids without a system name look like times with a fraction.

    All events of a channel have the same id but different times.
    """
    times = _find_columns(columns, _LOCAL_TIME.fullmatch)
    if not times:
        times = _find_columns(columns, _EPOCH.fullmatch)
        times.sort(key=lambda at: (-len(set(columns[at])), at))
    time = times[0] if times else -1
    return time, [at for at in _find_columns(columns, UNIQUE_ID.fullmatch) if at != time]


def _tell_ids_apart(columns: Sequence[Sequence[str]], ids: Sequence[int]) -> tuple[int, int]:
    """Return the columns of uniqueid and linkedid (-1: none). The linkedid's channel was created no later."""
    first, second = ids[0], ids[1] if len(ids) > 1 else -1
    if second >= 0:
        pairs = zip(map(clock.parse_creation, columns[first]), map(clock.parse_creation, columns[second]), strict=True)
        if any(mine and theirs and mine < theirs for mine, theirs in pairs):
            return second, first
    return first, second


def _find_extra(columns: Sequence[Sequence[str]], event: int) -> int:
    """Return the column of objects in JSON, or, before Asterisk 12, of texts such as `16,SIP/1001-1,ANSWER`; -1 if none."""
    objects = [at for at, values in enumerate(columns) if any(value[:1] + value[-1:] == "{}" for value in values)]
    hangups = [at for at, kind in enumerate(columns[event]) if kind.upper() == "HANGUP"]
    texts = (at for at, values in enumerate(columns) if any(_OLD_HANGUP.fullmatch(values[row]) for row in hangups))
    return objects[0] if objects else next(texts, -1)


def _is_time(text: str) -> bool:
    return bool(_LOCAL_TIME.fullmatch(text) or _EPOCH.fullmatch(text))


def _find_detail(kind: str, extra: str) -> str:
    """Return the cause of a hang-up, or the class of the music on hold when a stream begins; otherwise ""."""
    if kind not in ("HANGUP", "STREAM_BEGIN"):
        return ""
    if old := _OLD_HANGUP.fullmatch(extra):
        return old[1] if kind == "HANGUP" else ""
    try:
        facts = json.loads(extra) if extra else {}
    except (ValueError, RecursionError):
        return ""
    value = facts.get("hangupcause" if kind == "HANGUP" else "class", "") if isinstance(facts, dict) else ""
    return str(value)[:40]
