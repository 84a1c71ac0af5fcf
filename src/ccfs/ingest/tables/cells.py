"""Convert values of a table to text, whatever encoding the switch wrote them in."""

import csv
import io
import re
from collections.abc import Sequence
from typing import Final

from ccfs.switches.asterisk.cdr_files.cdr import decode_text

_CODECS: Final = {  # MySQL's character sets, where Python's codecs have other names
    "latin1": "cp1252",
    "latin2": "iso8859_2",
    "latin5": "iso8859_9",
    "latin7": "iso8859_13",
    "greek": "iso8859_7",
    "hebrew": "iso8859_8",
    "koi8r": "koi8_r",
    "koi8u": "koi8_u",
    "tis620": "tis_620",
    "sjis": "shift_jis",
    "ujis": "euc_jp",
    "eucjpms": "euc_jp",
    "euckr": "euc_kr",
}
_SAME_NAMES: Final = frozenset(
    {"cp1250", "cp1251", "cp1256", "cp1257", "cp866", "cp850", "cp852", "cp932", "big5", "gb2312", "gbk", "gb18030"}
)
_WIDE_CODECS: Final = {"ucs2": "utf_16_be", "utf16": "utf_16_be", "utf16le": "utf_16_le", "utf32": "utf_32_be"}
_LINE_ENDS: Final = re.compile(r"[\r\n\0]+")
_ZERO_FRACTION: Final = re.compile(r"(:[0-9]{2})\.0+\Z")


def decode_cell(value: bytes | None, charset: str, encoding: str) -> str:
    """Return a value as text on one line; "" for NULL.

    Valid UTF-8 is read as UTF-8, because switches write it into columns of any character set. Other text is in the
    operator's encoding, else in the column's. Bytes that fit neither stay readable as \\xNN.
    """
    if not value:
        return ""
    if charset in _WIDE_CODECS:
        text = value.decode(_WIDE_CODECS[charset], "replace")
    else:
        text = decode_text(value, encoding) if encoding else _decode_plain(value, charset)
    return _LINE_ENDS.sub(" ", text)


def _decode_plain(value: bytes, charset: str) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return decode_text(value, charset if charset in _SAME_NAMES else _CODECS.get(charset, ""))


def decode_time(value: bytes | None) -> str:
    """Return a time as text, without a fraction that is zero."""
    return _ZERO_FRACTION.sub(r"\1", value.decode("ascii", "replace")) if value else ""


def format_csv_line(cells: Sequence[str]) -> bytes:
    """Return a line of CSV as Asterisk writes it."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode(errors="backslashreplace")
