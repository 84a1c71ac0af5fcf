"""Columns of CDR files: known orders, names of headers, and tails that are recognised by their values.

cdr_csv's order is fixed in Asterisk's source, its tail is switched on in cdr.conf ([csv] loguniqueid, loguserfield,
newcdrcolumns); cdr_custom's is the one of the sample cdr_custom.conf; the third is FreePBX's `cdr` table, as people export
it. People add columns of their own to any of them.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from ccfs.media.codec_table import is_audio_name
from ccfs.switches.asterisk.cdr_files import time_forms
from ccfs.switches.records import UnreadableLine

DISPOSITIONS = {  # words, and the numbers that cdr_custom's `disposition(int64)` writes
    **{word: word for word in ("ANSWERED", "NO ANSWER", "BUSY", "FAILED", "CONGESTION", "UNKNOWN")},
    "NOANSWER": "NO ANSWER",  # MikoPBX
    **dict.fromkeys(("0", "1"), "NO ANSWER"),
    **dict(zip(("2", "4", "8", "16"), ("FAILED", "BUSY", "ANSWERED", "CONGESTION"), strict=True)),
}
# Asterisk's [systemname-]seconds.counter; MikoPBX adds _XXXXXX for each leg.
UNIQUE_ID = re.compile(r"(?:.*-)?([0-9]{9,11})\.([0-9]{1,10})(?:_[0-9A-Za-z]{1,32})?", re.DOTALL)
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}.*|[0-9]{9,11}(\.[0-9]+)?")
_MAX_FILE_NAME = 255  # characters
_MIN_HEADER_NAMES = 4  # known names that make a line a header


class ColumnOrder(NamedTuple):
    """A column order: the columns of every line, and those that may follow."""

    head: tuple[str, ...]
    tails: tuple[tuple[str, ...], ...]


def _build_order(head: str, *tails: str) -> ColumnOrder:
    return ColumnOrder(tuple(head.split()), tuple(tuple(tail.split()) for tail in tails))


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
_COLUMN_ALIASES = {  # column → names that other programs give it, the more precise first
    name: tuple(aliases.split())
    for name, aliases in {
        "start": "calldate start_time starttime startdate call_date",
        "answer": "answer_time answertime answerdate",
        "end": "endtime end_time enddate hangup_time",
        "src": "src_num srcnum source caller caller_number",
        "dst": "dst_num dstnum destination callee callee_number",
        "clid": "callerid caller_id",
        "dcontext": "context",
        "channel": "src_chan srcchannel src_channel",
        "dstchannel": "dst_chan destchannel dst_channel dest_channel",
        "lastapp": "last_app lastapplication",
        "lastdata": "last_data",
        "billsec": "bill_sec billsecs billableseconds",
        "disposition": "dialstatus",
        "accountcode": "accountid account_code account",
        "uniqueid": "unique_id",
        "linkedid": "linked_id",
        "sequence": "cdr_sequence",
        "userfield": "user_field",
        "hangupcause": "hangup_cause",
        "recordingfile": "recording_file recording recordfile record_file filename file_name record recpath "
        "recordingpath mixmonitor mixmonitor_filename monitor_filename callrecording",
    }.items()
}
_KNOWN_NAMES = frozenset(
    {*_COLUMN_ALIASES, "duration", "amaflags", "peeraccount", "did", "cnum", "cnam"}
    | {alias for aliases in _COLUMN_ALIASES.values() for alias in aliases}
)


def normalize_names(columns: Sequence[str]) -> tuple[str, ...]:
    """Return the names of a header in lower case. An alias becomes its column's name unless the header has that column, too."""
    names = [name.strip().lower() for name in columns]
    for name, aliases in _COLUMN_ALIASES.items():
        alias = next((alias for alias in aliases if alias in names), None)
        if alias is not None and name not in names:
            names[names.index(alias)] = name
    return tuple(names)


def is_header(fields: Sequence[str]) -> bool:
    """Return whether a line names columns."""
    names = [name.strip().lower() for name in fields]
    return len(_KNOWN_NAMES & set(names)) >= _MIN_HEADER_NAMES and not any(map(_is_time, names))


def require_columns(names: tuple[str, ...], known: Sequence[str]) -> tuple[str, ...]:
    """Return the names. Raise UnreadableLine if no call can be built from them."""
    for name in ("start", "disposition"):
        if name not in names:
            raise UnreadableLine(f"the columns lack {name}")
    if "end" not in names and "duration" not in names:
        raise UnreadableLine("the columns lack both end and duration")
    if not {"src", "cnum", "clid", "channel"} & set(names):
        raise UnreadableLine(
            "the columns have neither the caller (src, clid) nor the channel: name them with --columns"
        )
    for name, count in Counter(names).items():
        if count > 1 and name in known:
            raise UnreadableLine(f"the columns have {name} twice")
    return names


def find_order(fields: Sequence[str]) -> ColumnOrder | None:
    """Return the known order that a line fits. There is at most one, because the times are in other columns in each."""
    return next((order for order in COLUMN_ORDERS if has_shape(fields, order.head)), None)


def has_shape(fields: Sequence[str], head: Sequence[str]) -> bool:
    """Return whether the times and the disposition of a line are in the columns with these names."""
    if len(fields) < len(head):
        return False
    named = dict(zip(head, fields, strict=False))
    times = [named[name] for name in ("start", "answer", "end") if name in named]
    return (
        _is_time(named["start"])
        and all(not text or _is_time(text) for text in times)
        and (named["disposition"].strip().upper() in DISPOSITIONS)
    )


def name_columns(order: ColumnOrder, rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return the columns of lines of equal length: the order's head, and the tail that the values of all of them fit.

    A tail that leaves a uniqueid outside the id columns does not fit. Where none fits, columns are named by their values.
    """
    columns = list(zip(*(row[len(order.head) :] for row in rows), strict=True))
    ids = {index for index, values in enumerate(columns) if _holds_ids(values)}
    fitting = [tail for tail in order.tails if _fits_tail(tail, columns, ids)]
    if not fitting:
        return order.head + _name_by_values(columns, sorted(ids))
    tail = max(fitting, key=lambda tail: (len(tail) == len(columns), len(tail)))
    more = ["recordingfile" if _holds_audio_names(values) else "" for values in columns[len(tail) :]]
    if "recordingfile" in tail or more.count("recordingfile") > 1:
        more = []
    return order.head + tail + tuple(more)


def _is_time(text: str) -> bool:
    return bool(_TIME.fullmatch(text)) or time_forms.is_time(text)


def _holds_ids(values: Sequence[str]) -> bool:
    filled = [value for value in values if value]
    return bool(filled) and 2 * sum(1 for value in filled if UNIQUE_ID.fullmatch(value)) > len(filled)


def _holds_audio_names(values: Sequence[str]) -> bool:
    filled = [value for value in values if value]
    return bool(filled) and all(len(value) <= _MAX_FILE_NAME and is_audio_name(value) for value in filled)


def _fits_tail(tail: Sequence[str], columns: Sequence[Sequence[str]], ids: set[int]) -> bool:
    if len(tail) > len(columns):
        return False
    return all(
        _can_hold(tail[index] if index < len(tail) else "", values, index in ids)
        for index, values in enumerate(columns)
    )


def _can_hold(name: str, values: Sequence[str], are_ids: bool) -> bool:
    if name in ("uniqueid", "linkedid"):
        return are_ids or not any(values)
    if name == "sequence":
        return all(not value or (value.isascii() and value.isdecimal()) for value in values)
    return not are_ids


def _name_by_values(columns: Sequence[Sequence[str]], ids: Sequence[int]) -> tuple[str, ...]:
    """Name the uniqueid, the linkedid (created no later than the channel) and the recording; leave other columns out."""
    names = [""] * len(columns)
    own, *others = ids
    if others:
        if any(mine < theirs for mine, theirs in zip(columns[own], columns[others[0]], strict=True) if mine and theirs):
            own, others = others[0], [own]
        names[others[0]] = "linkedid"
    names[own] = "uniqueid"
    audio = [index for index, values in enumerate(columns) if _holds_audio_names(values)]
    if len(audio) == 1:
        names[audio[0]] = "recordingfile"
    return tuple(names)
