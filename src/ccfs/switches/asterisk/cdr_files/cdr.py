"""CDR lines of cdr_csv, cdr_custom and exported tables: detect the layout of a file, split lines into rows. Values stay text."""

import codecs
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple

from ccfs.switches.asterisk.cdr_files import columns as column_names
from ccfs.switches.asterisk.cdr_files import time_forms
from ccfs.switches.asterisk.cdr_files.columns import DISPOSITIONS, UNIQUE_ID, ColumnOrder, find_order, has_shape
from ccfs.switches.asterisk.cdr_files.csv_dialect import DIALECTS, CsvDialect, is_open, split_fields
from ccfs.switches.records import UnreadableLine

MAX_LINE_BYTES = 64 * 1024  # bytes; Asterisk itself writes lines of one or two KiB
MAX_SAMPLE_BYTES = 8 * 1024  # bytes of a line that is compared with each dialect
MAX_LAYOUT_LINES = 300  # lines of a sample that are compared with each dialect
UNKNOWN_COLUMNS = "the lines fit neither cdr-csv's columns nor cdr_custom's: name them with --columns"
_MULTIBYTE = ("gb", "big5", "cp9", "shift", "euc", "johab", "hz", "iso2022")  # encodings that UTF-8 can be mistaken for
_LINE_END = re.compile(r"\\?\r?\n")


class AsteriskCdrRow(NamedTuple):
    """The columns of a line that ccfs knows, as written; "" if the file has no such column."""

    accountcode: str = ""
    src: str = ""
    dst: str = ""
    dcontext: str = ""
    clid: str = ""
    channel: str = ""
    dstchannel: str = ""
    lastapp: str = ""
    lastdata: str = ""
    start: str = ""
    answer: str = ""
    end: str = ""
    duration: str = ""
    billsec: str = ""
    disposition: str = ""  # one of DISPOSITIONS' words
    amaflags: str = ""
    uniqueid: str = ""
    userfield: str = ""
    peeraccount: str = ""
    linkedid: str = ""
    sequence: str = ""
    recordingfile: str = ""
    did: str = ""
    cnum: str = ""
    cnam: str = ""
    hangupcause: str = ""


@dataclass(frozen=True, slots=True)
class CdrLayout:
    """The dialect and the columns of a CDR file, in order. Also handles lines with more or fewer columns."""

    names: tuple[str, ...]
    header: str = ""  # the line that names the columns: it is no record
    order: ColumnOrder | None = None  # the known order, if it is one
    dialect: CsvDialect = DIALECTS[0]
    encoding: str = ""  # of text that is not UTF-8; "": bytes stay as \\xNN
    date_order: str = ""  # of year, month and day; "": times are as Asterisk writes them
    names_by_width: Mapping[int, tuple[str, ...]] = field(default_factory=dict)  # of a known order, by number of fields
    cut: "Callable[[list[str]], AsteriskCdrRow]" = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "cut", _build_cutter(self.names))

    def is_open(self, line: bytes) -> bool:
        """Return whether the line ends within a field."""
        try:
            return is_open(_clean_line(line, self), self.dialect)
        except UnreadableLine:
            return False

    def is_record(self, line: bytes) -> bool:
        """Return whether the line is a complete record."""
        try:
            return parse_row(line, self) is not None
        except UnreadableLine:
            return False


def detect_layout(sample: Sequence[bytes], columns: str | None = None, encoding: str = "") -> CdrLayout:
    """Return the layout of the file from `sample`, its first lines; `columns` ("clid,src,…") overrides them.

    Raise UnreadableLine if a required column is missing, or if the sample fits no known order.
    """
    given = None if columns is None else _require_columns(columns.split(","))
    best_score, best = 0, None
    sample = [line for line in sample if len(line) <= MAX_SAMPLE_BYTES]
    step = max(1, len(sample) // MAX_LAYOUT_LINES)
    for dialect in DIALECTS:
        draft = CdrLayout((), dialect=dialect, encoding=encoding)
        rows = [(text, row) for text, row in (_try_split(line, draft) for line in sample[::step]) if row]
        score, layout = _score_layout(rows, given, draft)
        if score > best_score:
            best_score, best = score, layout
        if best_score and best_score == len(rows):
            break
    if given is not None:
        best = CdrLayout(given, dialect=best.dialect if best else DIALECTS[0], encoding=encoding)
    if best is None:
        raise UnreadableLine(UNKNOWN_COLUMNS)
    if best.header:
        _require_columns(best.names)
    return replace(best, date_order=time_forms.detect_order(_list_dated_lines(sample, best)))


def _list_dated_lines(sample: Sequence[bytes], layout: CdrLayout) -> Iterator[time_forms.DatedLine]:
    for line in sample:
        _, fields = _try_split(line, layout)
        try:
            row = _cut_fields(fields, layout)
        except UnreadableLine:
            continue
        yield time_forms.DatedLine(row.start, _parse_epoch(row))


def _score_layout(
    rows: Sequence[tuple[str, list[str]]], given: tuple[str, ...] | None, draft: CdrLayout
) -> tuple[int, CdrLayout | None]:
    """Return the number of lines that fit a dialect, and their layout in it."""
    if not rows:
        return 0, None
    if given is not None:
        return sum(1 for _, row in rows if has_shape(row, given)), draft
    text, first = rows[0]
    if column_names.is_header(first):
        names = column_names.normalize_names(first)
        fitting = sum(1 for _, row in rows if len(row) == len(names))
        return fitting, CdrLayout(names, text, dialect=draft.dialect, encoding=draft.encoding)
    groups: dict[tuple[ColumnOrder, int], list[list[str]]] = defaultdict(list)
    for _, row in rows:
        if order := find_order(row):
            groups[order, len(row)].append(row)
    if not groups:
        return 0, None
    order, width = max(groups, key=lambda key: len(groups[key]))
    by_width = {size: column_names.name_columns(order, some) for (same, size), some in groups.items() if same == order}
    layout = CdrLayout(
        by_width[width], order=order, dialect=draft.dialect, encoding=draft.encoding, names_by_width=by_width
    )
    return sum(map(len, groups.values())), layout


def parse_row(line: bytes, layout: CdrLayout) -> AsteriskCdrRow | None:
    """Return one line as a row, or None for an empty line or the header. Raise UnreadableLine."""
    text = _clean_line(line, layout)
    if not text or text == layout.header:
        return None
    try:
        row = _cut_fields(split_fields(text, layout.dialect), layout)
    except UnreadableLine:
        fields = _split_otherwise(text, layout)
        if fields is None:
            raise
        row = layout.cut(fields)
    word = DISPOSITIONS.get(row.disposition) or DISPOSITIONS.get(row.disposition.strip().upper())
    if word is None:
        raise UnreadableLine("the disposition is unknown")
    row = row if word == row.disposition else row._replace(disposition=word)
    if not (row.duration.isdecimal() and row.billsec.isdecimal()):
        duration, billsec = map(time_forms.convert_duration, (row.duration, row.billsec))
        row = row._replace(duration=duration, billsec=billsec)
    return _convert_times(row, layout.date_order) if layout.date_order else row


def parse_sample(sample: Iterable[bytes], layout: CdrLayout) -> list[AsteriskCdrRow]:
    """Return the rows of the readable lines."""
    rows = []
    for line in sample:
        try:
            row = parse_row(line, layout)
        except UnreadableLine:
            continue
        if row is not None:
            rows.append(row)
    return rows


def _convert_times(row: AsteriskCdrRow, order: str) -> AsteriskCdrRow:
    """Return the row with its times as Asterisk writes them. Durations are more precise than times without seconds."""
    start, answer, end = (time_forms.convert_time(text, order) for text in (row.start, row.answer, row.end))
    start = time_forms.add_seconds(row.start, start, _parse_epoch(row))
    if row.duration and not time_forms.has_seconds(row.start):
        answer, end = "", ""
    return row._replace(start=start, answer=answer, end=end)


def _parse_epoch(row: AsteriskCdrRow) -> int | None:
    match = UNIQUE_ID.fullmatch(row.uniqueid)
    return int(match[1]) if match else None


def _cut_fields(fields: list[str], layout: CdrLayout) -> AsteriskCdrRow:
    if len(fields) == len(layout.names):
        return layout.cut(fields)
    return _build_cutter(_fit_columns(fields, layout))(fields)


def _split_otherwise(text: str, layout: CdrLayout) -> list[str] | None:
    """Return the fields of a line that another program appended to the file, if they fit the columns exactly."""
    if "disposition" not in layout.names:
        return None
    for dialect in DIALECTS:
        if text.count(dialect.delimiter) < len(layout.names) - 1:
            continue
        try:
            fields = split_fields(text, dialect)
        except UnreadableLine:
            continue
        if len(fields) == len(layout.names) and has_shape(fields, layout.names):
            return fields
    return None


def clean_line(line: bytes, encoding: str) -> str:
    """Return the text of a line without its end and a byte order mark. Raise UnreadableLine if it is too long or binary."""
    if len(line) > MAX_LINE_BYTES:
        raise UnreadableLine(f"the line is longer than {MAX_LINE_BYTES} bytes")
    if b"\0" in line:
        raise UnreadableLine("the line has a NUL byte")
    return decode_text(line, encoding).strip("\r\n\ufeff")


def _clean_line(line: bytes, layout: CdrLayout) -> str:
    text = clean_line(line, layout.encoding)
    if "\n" in text:  # within a field
        text = _LINE_END.sub(" ", text)
    stripped = text.strip()
    return text if stripped and layout.dialect.delimiter == "\t" else stripped


def decode_text(line: bytes, encoding: str = "") -> str:
    """Return the text of a line in UTF-8 or in the operator's encoding.

    Bytes that are neither stay readable as \\xNN, so nothing is lost and any database accepts it. Characters of the
    Chinese, Japanese and Korean encodings may look like UTF-8, so these are tried first.
    """
    first = encoding if encoding.replace("-", "").lower().startswith(_MULTIBYTE) else ""
    for name in filter(None, (first, "utf-8", encoding)):
        try:
            return codecs.decode(line, name)
        except UnicodeDecodeError:
            continue
    return line.decode(errors="backslashreplace")


def _try_split(line: bytes, layout: CdrLayout) -> tuple[str, list[str]]:
    try:
        text = _clean_line(line, layout)
        return text, split_fields(text, layout.dialect) if text else []
    except UnreadableLine:
        return "", []


def _require_columns(names: Sequence[str]) -> tuple[str, ...]:
    return column_names.require_columns(column_names.normalize_names(names), AsteriskCdrRow._fields)


def _fit_columns(fields: list[str], layout: CdrLayout) -> tuple[str, ...]:
    """Return the columns of a line that has more or fewer fields than is usual in its file."""
    if layout.order is None:
        names = layout.names[: len(fields)]
    elif not has_shape(fields, layout.order.head):
        names = ()
    else:
        names = layout.names_by_width.get(len(fields)) or column_names.name_columns(layout.order, [fields])
    for name in ("start", "disposition", "uniqueid"):
        if name in layout.names and name not in names:
            raise UnreadableLine(f"{len(fields)} fields instead of {len(layout.names)}")
    return names


@lru_cache(maxsize=64)
def _build_cutter(names: tuple[str, ...]) -> Callable[[list[str]], AsteriskCdrRow]:
    """Return a fast function that converts fields to a row; a missing column is read from a "" added at the end."""
    pick = itemgetter(*(names.index(name) if name in names else -1 for name in AsteriskCdrRow._fields))
    make = AsteriskCdrRow._make

    def cut(fields: list[str]) -> AsteriskCdrRow:
        fields.append("")
        return make(pick(fields))

    return cut
