"""Recognise a file by its name and its first bytes: CDRs, queue log, recording, or something that ingest cannot read.

The parsers of ingest decide wherever they can.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum, auto
from io import BytesIO
from zoneinfo import ZoneInfo

from ccfs.ingest.check.recognition.foreign_formats import find_foreign_format
from ccfs.media.codec_table import UnknownAudio
from ccfs.media.detect import detect_kind
from ccfs.switches import ccfs, freeswitch
from ccfs.switches.asterisk import cel, queue_log, queue_log_table
from ccfs.switches.asterisk.cdr_files import cdr
from ccfs.switches.asterisk.cdr_files.cdr import CdrLayout
from ccfs.switches.asterisk.cdr_files.columns import COLUMN_ORDERS
from ccfs.switches.asterisk.channels import AgentMatcher
from ccfs.switches.asterisk.legs import cdr_legs
from ccfs.switches.asterisk.queue_log import EVENTS
from ccfs.switches.ccfs import IndexRow
from ccfs.switches.freeswitch.formats.csv_lines import parse_csv_variables
from ccfs.switches.records import UnreadableLine

HEAD_BYTES = 65_536  # bytes of a file's beginning that are looked at
EMPTY_CDR = "empty CDR file"  # form of an empty file with the name of one
_MAX_LINES = 100
_MIN_SHARE = 0.5  # of the lines that must fit a format
_CDR_NAMES, _CDR_EXTENSIONS = ("master", "simple", "cdr"), (".csv", ".txt", ".tsv")
_XML_CDR = re.compile(rb"<cdr[\s>]")
_JSON_CDR = re.compile(rb'"(?:callflow|variables|channel_data)"\s*:')
_DOMAIN = re.compile(rb'(?:"domain_name"\s*:\s*"|<domain_name>)([^"<\s]{1,100})')
_RECORD_TO_URL = re.compile(rb'record_session"[^{}<>]{0,60}https?://')
_AGENTS = AgentMatcher()
_BINARY = re.compile(rb"[\x01-\x08\x0e-\x1a\x1c-\x1f]")


class FileKind(StrEnum):
    """The kinds of files."""

    ASTERISK_CDR = auto()
    QUEUE_LOG = auto()
    CEL = auto()
    FREESWITCH_CDR = auto()
    CCFS_INDEX = auto()
    RECORDING = auto()
    UNREADABLE = auto()  # holds calls, or should, and ingest cannot read it
    OTHER = auto()  # no file of calls


@dataclass(frozen=True, slots=True, kw_only=True)
class FileClass:
    """A file's kind."""

    kind: FileKind
    form: str = ""  # its format, for an operator
    reason: str = ""  # why ingest cannot read it
    remedy: str = ""  # instead
    layout: CdrLayout | None = None  # of Asterisk's CDRs
    domains: frozenset[str] = frozenset()  # domains of FreeSWITCH that its CDRs name
    records_to_url: bool = False  # whether FreeSWITCH sends recordings to a web address


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """The operator's options that override detection."""

    columns: str | None = None
    encoding: str = ""

    @property
    def freeswitch_columns(self) -> tuple[str, ...]:
        """The columns, if they are those of a CSV template of FreeSWITCH."""
        try:
            return freeswitch.parse_columns(self.columns) if self.columns else ()
        except ValueError:
            return ()

    @property
    def asterisk_columns(self) -> str | None:
        """The columns, if they are those of a CDR file of Asterisk."""
        return None if self.freeswitch_columns else self.columns


def classify_file(name: str, head: bytes, size: int, options: ReadOptions) -> FileClass:
    """Return the kind of a file that begins with `head` (decompressed); `size` is the file's size on disk."""
    if _is_audio(name, head):
        return FileClass(kind=FileKind.RECORDING)
    if not size:
        return FileClass(kind=FileKind.OTHER, form=EMPTY_CDR if _is_cdr_name(name) else "")
    if foreign := find_foreign_format(name, head):
        kind = FileKind.UNREADABLE if foreign.remedy else FileKind.OTHER
        return FileClass(kind=kind, form=foreign.form, reason=foreign.reason, remedy=foreign.remedy)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text[:1] == b"<":
        return _classify_document(text, "XML (mod_xml_cdr)" if _XML_CDR.search(text) else "")
    if text[:1] in (b"{", b"["):
        return _classify_document(text, "JSON (mod_json_cdr)" if _JSON_CDR.search(text) else "")
    if _BINARY.search(head[:4096]):
        return FileClass(kind=FileKind.OTHER)
    return _classify_lines(name, _split_lines(head), options)


def _is_cdr_name(name: str) -> bool:
    """Return whether a file name is typical of CDRs, rotated or not."""
    lower = name.lower()
    return any(word in lower for word in _CDR_NAMES) and any(extension in lower for extension in _CDR_EXTENSIONS)


def _is_audio(name: str, head: bytes) -> bool:
    """Return whether a file is audio by its first bytes."""
    try:
        detect_kind(name, head)
    except UnknownAudio:
        return False
    return True


def _split_lines(head: bytes) -> list[bytes]:
    """Return the first complete lines. The last line counts if the file ends with it."""
    lines = head.split(b"\n")
    if len(head) == HEAD_BYTES and len(lines) > 1:
        lines.pop()
    return [line for line in lines[:_MAX_LINES] if line.strip(b" \t\r\0")]


def _classify_document(text: bytes, form: str) -> FileClass:
    if not form:
        return FileClass(kind=FileKind.OTHER)
    return FileClass(
        kind=FileKind.FREESWITCH_CDR,
        form=form,
        domains=_find_domains(text),
        records_to_url=_RECORD_TO_URL.search(text) is not None,
    )


def _find_domains(text: bytes) -> frozenset[str]:
    return frozenset(match.decode(errors="replace").lower() for match in _DOMAIN.findall(text))


def _classify_lines(name: str, lines: Sequence[bytes], options: ReadOptions) -> FileClass:
    if not lines:
        return FileClass(kind=FileKind.OTHER)
    if _is_queue_log(lines, options.encoding):
        return FileClass(kind=FileKind.QUEUE_LOG, form="queue_log")
    if queue_log_table.detect_layout(lines, options.encoding):
        return FileClass(kind=FileKind.QUEUE_LOG, form="queue_log table as CSV")
    if found := _classify_cel(lines, options.encoding):
        return found
    if index := find_index_name(name, b"\n".join(lines)):
        return FileClass(kind=FileKind.CCFS_INDEX, form=index)
    is_meant = _is_cdr_name(name)
    found = _classify_asterisk_cdr(lines, options, min_share=0 if is_meant else _MIN_SHARE)
    if found.kind is FileKind.ASTERISK_CDR:
        return found
    if _is_freeswitch_csv(lines, options.freeswitch_columns):
        return FileClass(kind=FileKind.FREESWITCH_CDR, form="CSV (mod_cdr_csv)")
    return found if is_meant or found.form == "header" else FileClass(kind=FileKind.OTHER)


def _is_queue_log(lines: Sequence[bytes], encoding: str) -> bool:
    def is_event(line: bytes) -> bool:
        parsed = queue_log.parse_line(line, encoding)
        return parsed is not None and parsed.event in EVENTS

    return _has_most(lines, is_event)


def _classify_cel(lines: Sequence[bytes], encoding: str) -> FileClass | None:
    try:
        layout = cel.detect_layout(lines, encoding)
    except UnreadableLine:
        if _has_most(lines, lambda line: line.replace(b'"', b"").split(b",")[0] in _CEL_EVENTS):
            reason = "a channel event log (CEL) without the times, channels or unique ids of its events"
            return FileClass(kind=FileKind.UNREADABLE, reason=reason, remedy=_CEL_REMEDY)
        return None
    return FileClass(kind=FileKind.CEL, form="table cel as CSV" if layout.header else "cel_custom")


_CEL_EVENTS = frozenset(b"CHAN_START CHAN_END ANSWER HANGUP APP_START APP_END BRIDGE_ENTER BRIDGE_EXIT".split())
_CEL_REMEDY = (
    "In the mapping of /etc/asterisk/cel_custom.conf, use eventtype, eventtime, CHANNEL(channame), CHANNEL(uniqueid) "
    "and CHANNEL(linkedid)"
)


def _classify_asterisk_cdr(lines: Sequence[bytes], options: ReadOptions, min_share: float) -> FileClass:
    try:
        layout = cdr.detect_layout(lines, options.asterisk_columns, options.encoding)
    except UnreadableLine as error:
        form = "" if str(error) == cdr.UNKNOWN_COLUMNS else "header"
        reason = "its lines have an unknown order of columns" if str(error) == cdr.UNKNOWN_COLUMNS else str(error)
        return FileClass(kind=FileKind.UNREADABLE, form=form, reason=reason, remedy=_COLUMNS_REMEDY)

    def is_readable(line: bytes) -> bool:
        row = cdr.parse_row(line, layout)
        return row is not None and bool(cdr_legs.build_leg(row, "UTC", _AGENTS))

    if not _has_most(lines, is_readable, min_share):
        reason = "most of its lines do not fit its columns"
        return FileClass(kind=FileKind.UNREADABLE, reason=reason, remedy=_COLUMNS_REMEDY)
    return FileClass(kind=FileKind.ASTERISK_CDR, form=_describe_layout(layout, options), layout=layout)


_COLUMNS_REMEDY = "If it is a CDR file, name its columns in their order: --columns src,dst,start,duration,billsec,disposition,uniqueid,…"


def _describe_layout(layout: CdrLayout, options: ReadOptions) -> str:
    count = f"{len(layout.names)} columns"
    if options.asterisk_columns:
        return f"CDR, {count} as given with --columns"
    if layout.header:
        return f"CDR table exported with a header, {count}"
    names = ("cdr_csv", "cdr_custom", "CDR table of FreePBX exported without a header")
    orders = dict(zip(COLUMN_ORDERS, names, strict=True))
    return f"{orders[layout.order] if layout.order else 'CDR'}, {count}"


def _is_freeswitch_csv(lines: Sequence[bytes], columns: tuple[str, ...]) -> bool:
    return _has_most(lines, lambda line: bool(parse_csv_variables(line, columns=columns)))


def find_index_name(name: str, head: bytes) -> str:
    """Return the kind of an index file of CC-FS (call, record, agentOprInfo, agentSkillInfo), or ""."""
    for _, row in ccfs.parse_index(BytesIO(head), name=name, zone_of=lambda _account: ZoneInfo("UTC")):
        if isinstance(row, IndexRow):
            return _INDEX_NAMES[type(row.row).__name__]
    return ""


_INDEX_NAMES = {
    "Cdr": "call index",
    "IndexedRecording": "recording index",
    "AgentOperation": "agent operations",
    "AgentSkillChange": "agent skill changes",
}


def _has_most(lines: Sequence[bytes], fits: Callable[[bytes], bool], min_share: float = _MIN_SHARE) -> bool:
    """Return whether at least one line and a minimum share of all lines match. Unreadable lines do not match."""
    hits = 0
    for line in lines:
        try:
            hits += fits(line)
        except UnreadableLine:
            continue
    return hits > 0 and hits >= min_share * len(lines)
