"""CDR lines of cdr_csv and cdr_custom: detect the columns of a file, split lines into them. Values stay text.

Column orders: cdr_csv's is fixed in Asterisk's source, its tail is switched on in cdr.conf ([csv] loguniqueid,
loguserfield, newcdrcolumns); cdr_custom's is the one of the sample cdr_custom.conf; the third is FreePBX's
`cdr` table, as people export it.
"""

import csv
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple

from ccfs.switches.records import UnreadableLine

MAX_LINE_BYTES = 64 * 1024  # bytes; Asterisk itself writes lines of one or two KiB
DISPOSITIONS = {  # words, and the numbers that cdr_custom's `disposition(int64)` writes
    **{word: word for word in ("ANSWERED", "NO ANSWER", "BUSY", "FAILED", "CONGESTION", "UNKNOWN")},
    **dict.fromkeys(("0", "1"), "NO ANSWER"),
    **dict(zip(("2", "4", "8", "16"), ("FAILED", "BUSY", "ANSWERED", "CONGESTION"), strict=True)),
}
UNIQUE_ID = re.compile(r"(?:.*-)?[0-9]{9,11}\.[0-9]{1,10}", re.DOTALL)
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}.*|[0-9]{9,11}(\.[0-9]+)?")
# cdr_custom.conf of Asterisk 1.4 put quotes round a caller id without doubling those inside: ""Name" <number>"
_UNDOUBLED_QUOTES = re.compile(r'(^|,)""([^"]*)" <([^"<>]*)>"(?=,|$)')


class AsteriskCdrRow(NamedTuple):
    """The columns of one line that ccfs knows, as written; "" where the file has no such column."""

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


class _ColumnOrder(NamedTuple):
    """A column order: the columns of every line, and those that may follow."""

    head: tuple[str, ...]
    tails: tuple[tuple[str, ...], ...]


def _build_order(head: str, *tails: str) -> _ColumnOrder:
    return _ColumnOrder(tuple(head.split()), tuple(tuple(tail.split()) for tail in tails))


_CHANNEL_COLUMNS = "channel dstchannel lastapp lastdata"
_TIME_COLUMNS = "start answer end duration billsec disposition amaflags"
COLUMN_ORDERS = (
    _build_order(
        f"accountcode src dst dcontext clid {_CHANNEL_COLUMNS} {_TIME_COLUMNS}",
        "uniqueid userfield peeraccount linkedid sequence",
        "uniqueid peeraccount linkedid sequence",
        "userfield peeraccount linkedid sequence",
        "peeraccount linkedid sequence",
        "uniqueid userfield",
        "uniqueid",
        "userfield",
        "",
    ),
    _build_order(
        f"clid src dst dcontext {_CHANNEL_COLUMNS} {_TIME_COLUMNS}",
        "accountcode uniqueid userfield peeraccount linkedid sequence",
        "accountcode uniqueid userfield linkedid peeraccount sequence",
        "accountcode uniqueid userfield linkedid sequence",
        "accountcode uniqueid userfield sequence linkedid",
        "accountcode uniqueid userfield sequence",
        "accountcode uniqueid userfield linkedid",
        "accountcode uniqueid userfield",
        "accountcode uniqueid",
        "accountcode",
        "",
    ),
    _build_order(
        f"start clid src dst dcontext {_CHANNEL_COLUMNS} duration billsec disposition amaflags accountcode uniqueid userfield",
        "did recordingfile cnum cnam outbound_cnum outbound_cnam dst_cnam linkedid peeraccount sequence",
        "did recordingfile",
        "",
    ),
)
_COLUMN_ALIASES = {
    "calldate": "start",
    "accountid": "accountcode",
    "cdr_sequence": "sequence",
    "recording": "recordingfile",
}
_REQUIRED_COLUMNS = ("start", "disposition")


@dataclass(frozen=True, slots=True)
class CdrLayout:
    """The columns of a CDR file, in order; also of lines that have more or fewer of them."""

    names: tuple[str, ...]
    header: str = ""  # the line that names the columns: it is no record
    order: _ColumnOrder | None = None  # the known order, if it is one
    cut: "Callable[[list[str]], AsteriskCdrRow]" = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "cut", _build_cutter(self.names))


def detect_layout(sample: Sequence[bytes], columns: str | None = None) -> CdrLayout:
    """Return the layout of the file that `sample` (its first lines) is from; `columns` ("clid,src,…") overrules the lines.

    Raise UnreadableLine if the columns lack a required one, or if the sample fits no known order.
    """
    if columns is not None:
        return CdrLayout(_require_columns(_normalize_names(columns.split(","))))
    rows = [(text, row) for text, row in map(_try_split, sample) if row]
    for text, row in rows[:1]:
        if _is_header(row):
            return CdrLayout(_require_columns(_normalize_names(row)), text)
    votes = Counter((order, names) for _, row in rows for order, names in _match_orders(row))
    if not votes:
        raise UnreadableLine("the lines fit neither cdr-csv's columns nor cdr_custom's: name them with --columns")
    order, names = votes.most_common(1)[0][0]
    return CdrLayout(names, order=order)


def parse_row(line: bytes, layout: CdrLayout) -> AsteriskCdrRow | None:
    """Return one physical line as a row, or None for an empty line or the header. Raise UnreadableLine."""
    text = _clean_line(line)
    if not text or text == layout.header:
        return None
    fields = _split_fields(text)
    cut = layout.cut if len(fields) == len(layout.names) else _build_cutter(_fit_columns(fields, layout))
    row = cut(fields)
    word = DISPOSITIONS.get(row.disposition) or DISPOSITIONS.get(row.disposition.strip().upper())
    if word is None:
        raise UnreadableLine("the disposition is unknown")
    return row if word == row.disposition else row._replace(disposition=word)


def _clean_line(line: bytes) -> str:
    if len(line) > MAX_LINE_BYTES:
        raise UnreadableLine(f"the line is longer than {MAX_LINE_BYTES} bytes")
    if b"\0" in line:
        raise UnreadableLine("the line has a NUL byte")
    return decode_text(line).strip("\r\n \t\ufeff")


def decode_text(line: bytes) -> str:
    """Return UTF-8 text. Bytes that are not UTF-8 stay readable as \\xNN, so nothing is lost and any database accepts it."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode(errors="backslashreplace")


def _split_fields(text: str) -> list[str]:
    try:
        return next(csv.reader((text,), strict=True))
    except csv.Error:
        pass
    try:
        return next(csv.reader((_UNDOUBLED_QUOTES.sub(r'\1"""\2"" <\3>"', text),), strict=True))
    except csv.Error:
        raise UnreadableLine("a quote is not closed, or is inside a field") from None


def _try_split(line: bytes) -> tuple[str, list[str]]:
    try:
        text = _clean_line(line)
        return text, _split_fields(text) if text else []
    except UnreadableLine:
        return "", []


def _normalize_names(columns: Sequence[str]) -> tuple[str, ...]:
    plain = (name.strip().lower() for name in columns)
    return tuple(_COLUMN_ALIASES.get(name, name) for name in plain)


def _require_columns(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in _REQUIRED_COLUMNS:
        if name not in names:
            raise UnreadableLine(f"the columns lack {name}")
    if "end" not in names and "duration" not in names:
        raise UnreadableLine("the columns lack both end and duration")
    for name, count in Counter(names).items():
        if count > 1 and name in AsteriskCdrRow._fields:
            raise UnreadableLine(f"the columns have {name} twice")
    return names


def _is_header(fields: list[str]) -> bool:
    return {"start", "disposition"} <= set(_normalize_names(fields))


def _match_orders(fields: list[str]) -> list[tuple[_ColumnOrder, tuple[str, ...]]]:
    """Return the known order that a line fits, with its tail: at most one, because the times have other places in each."""
    return [
        (order, order.head + _choose_tail(fields, order)) for order in COLUMN_ORDERS if _has_shape(fields, order.head)
    ]


def _has_shape(fields: list[str], head: tuple[str, ...]) -> bool:
    if len(fields) < len(head):
        return False
    named = dict(zip(head, fields, strict=False))
    times = [named[name] for name in ("start", "answer", "end") if name in named]
    return (
        bool(_TIME.fullmatch(times[0]))
        and all(not text or _TIME.fullmatch(text) for text in times)
        and (named["disposition"].strip().upper() in DISPOSITIONS)
    )


def _choose_tail(fields: list[str], order: _ColumnOrder) -> tuple[str, ...]:
    """Return the longest tail whose columns hold valid values; one of exactly the right length is preferred."""
    rest = fields[len(order.head) :]
    fitting = [tail for tail in order.tails if len(tail) <= len(rest) and all(map(_can_hold, tail, rest))]
    return max(fitting, key=lambda tail: (len(tail) == len(rest), len(tail)))


def _can_hold(name: str, value: str) -> bool:
    if name in ("uniqueid", "linkedid"):
        return not value or bool(UNIQUE_ID.fullmatch(value))
    return name != "sequence" or not value or (value.isascii() and value.isdecimal())


def _fit_columns(fields: list[str], layout: CdrLayout) -> tuple[str, ...]:
    """Return the columns of a line that has more or fewer fields than its file usually has."""
    if layout.order is None:
        names = layout.names[: len(fields)]
    else:
        names = next((names for order, names in _match_orders(fields) if order == layout.order), ())
    for name in ("start", "disposition", "uniqueid"):
        if name in layout.names and name not in names:
            raise UnreadableLine(f"{len(fields)} fields instead of {len(layout.names)}")
    return names


@lru_cache(maxsize=64)
def _build_cutter(names: tuple[str, ...]) -> Callable[[list[str]], AsteriskCdrRow]:
    """Return a fast function from the fields of a line to a row; a missing column is read from a "" added at the end."""
    pick = itemgetter(*(names.index(name) if name in names else -1 for name in AsteriskCdrRow._fields))
    make = AsteriskCdrRow._make

    def cut(fields: list[str]) -> AsteriskCdrRow:
        fields.append("")
        return make(pick(fields))

    return cut
