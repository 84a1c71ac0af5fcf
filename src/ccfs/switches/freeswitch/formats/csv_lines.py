"""Parse lines of mod_cdr_csv: detect the template, return the cells as channel variables.

FreeSWITCH quotes values without doubling the quotes in them. So cells end at `","`, and RFC 4180 applies only to lines
that are not quoted throughout. Templates: FreeSWITCH's own conf/cdr_csv.conf.xml.
"""

import csv
import re
from collections.abc import Sequence
from typing import Final

from ccfs.switches.freeswitch.variables import ChannelVariables, clean_values
from ccfs.switches.records import UnreadableLine

MAX_LINE_BYTES: Final = 64 * 1024  # bytes

_COMMON_COLUMNS = (
    "caller_id_name,caller_id_number,destination_number,context,start_stamp,answer_stamp,end_stamp,duration,billsec,"
    "hangup_cause,uuid,bleg_uuid,accountcode"
)
_EXAMPLE_COLUMNS = f"{_COMMON_COLUMNS},read_codec,write_codec"
_TEMPLATE_COLUMNS: Final[dict[str, str]] = {
    "example": _EXAMPLE_COLUMNS,
    "sql": _COMMON_COLUMNS,  # also "example" before it had codecs
    "linksys": f"{_EXAMPLE_COLUMNS},sip_user_agent,sip_p_rtp_stat",
    "snom": f"{_EXAMPLE_COLUMNS},sip_user_agent,call_clientcode,sip_rtp_rxstat,sip_rtp_txstat,sofia_record_file",
    "asterisk": "accountcode,caller_id_number,destination_number,context,caller_id,channel_name,bridge_channel,"
    "last_app,last_arg,start_stamp,answer_stamp,end_stamp,duration,billsec,hangup_cause,amaflags,uuid,userfield",
    # ani is the caller's number; the last but one is the first letter of the caller's name at most
    "opencdrrate": "uuid,signal_bond,direction,caller_id_number,destination_number,answer_stamp,end_stamp,billsec,"
    "accountcode,userfield,network_addr,caller_id_name,sip_gateway_name",
}
TEMPLATES: Final[dict[str, tuple[str, ...]]] = {
    name: tuple(names.split(",")) for name, names in _TEMPLATE_COLUMNS.items()
}

_CELL_SEPARATOR = re.compile(r'",\s*"')
_SQL_INSERT = re.compile(r"INSERT INTO .{0,64}? VALUES \((.*)\);", re.IGNORECASE | re.DOTALL)
_STAMP = re.compile(r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2})?")
_ID = re.compile(r"[0-9A-Za-z._-]{1,128}")
_VARIABLE = re.compile(r"\$\{([A-Za-z0-9_-]+)\}")


def parse_columns(template: str) -> tuple[str, ...]:
    """Return the columns of an operator's own template: names with commas, or the template itself with its ${names}.

    Raise ValueError if it lacks uuid or any time.
    """
    named = _VARIABLE.findall(template) if "${" in template else template.split(",")
    columns = tuple(name.strip().strip('"') for name in named)
    if "uuid" not in columns:
        raise ValueError("the columns lack uuid")
    if not any(column.endswith(("_stamp", "_epoch", "_uepoch")) for column in columns):
        raise ValueError("the columns lack start_stamp, answer_stamp and end_stamp")
    return columns


def parse_csv_variables(line: bytes, *, columns: Sequence[str] = ()) -> ChannelVariables:
    """Return the variables of one line, by the operator's columns, else by the first template that it fits.

    Raise UnreadableLine.
    """
    if len(line) > MAX_LINE_BYTES:
        raise UnreadableLine(f"is longer than {MAX_LINE_BYTES} bytes")
    text = line.decode("utf-8", "replace").strip()
    if insert := _SQL_INSERT.fullmatch(text):
        text = insert[1]
    row = _split_cells(text)
    names = columns or _detect_template(row)
    if len(row) != len(names):
        raise UnreadableLine(f"has {len(row)} cells, not {len(names)}")
    return clean_values(dict(zip(names, row, strict=True)))


def _split_cells(text: str) -> list[str]:
    if len(text) > 1 and text[0] == text[-1] == '"':
        return _CELL_SEPARATOR.split(text[1:-1])
    try:
        return next(csv.reader([text], skipinitialspace=True), [])
    except csv.Error as error:
        raise UnreadableLine(f"is not CSV: {error}") from None


def _detect_template(row: Sequence[str]) -> tuple[str, ...]:
    for columns in TEMPLATES.values():
        if len(columns) == len(row) and _matches_template(dict(zip(columns, row, strict=True))):
            return columns
    raise UnreadableLine("fits none of FreeSWITCH's CSV templates")


def _matches_template(row: dict[str, str]) -> bool:
    stamps = (value for name, value in row.items() if name.endswith("_stamp"))
    return _ID.fullmatch(row["uuid"]) is not None and all(_STAMP.fullmatch(stamp) for stamp in stamps)
