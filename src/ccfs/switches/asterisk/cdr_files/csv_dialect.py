"""CSV dialects of CDR files: delimiter, quote and escape. Split a line into fields; an unquoted NULL or \\N is empty.

Asterisk writes commas and doubled quotes. Exports of its table have what their tool writes: `mysql -B` tabs and backslashes
without quotes, `INTO OUTFILE` quotes escaped by backslashes, phpMyAdmin and spreadsheets semicolons, `psql -A` bars.
"""

import csv
import re
from functools import lru_cache
from itertools import product
from typing import NamedTuple

from ccfs.switches.records import UnreadableLine


class CsvDialect(NamedTuple):
    """How the fields of a line are separated and quoted."""

    delimiter: str = ","
    quote: str = '"'  # "": fields are never quoted
    has_escapes: bool = False  # whether a backslash escapes the next character


DIALECTS = tuple(  # in order of preference: the first of those that fit equally well is chosen
    CsvDialect(delimiter, quote, has_escapes)
    for delimiter, (quote, has_escapes) in product(
        ",;\t|", (('"', False), ('"', True), ("", True), ("", False), ("'", False), ("'", True))
    )
)
MAX_FIELDS = 500  # of a line; tables of CDRs have some 30
_EMPTY_WORDS = frozenset({"NULL", "\\N"})  # where they are not quoted
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": ""}
# cdr_custom.conf of Asterisk 1.4 put quotes round a caller id without doubling those inside: ""Name" <number>"
_UNDOUBLED_QUOTES = re.compile(r'(^|,)""([^"]*)" <([^"<>]*)>"(?=,|$)')


def split_fields(text: str, dialect: CsvDialect) -> list[str]:
    """Return the fields of a line. Raise UnreadableLine if a quote is not closed, or is inside a field."""
    if dialect != DIALECTS[0]:
        return _split(text, dialect)
    if "NULL" in text or "\\N" in text:
        try:
            return _split(text, dialect)
        except UnreadableLine:
            pass
    try:
        return next(csv.reader((text,), strict=True))
    except csv.Error:
        pass
    try:
        return next(csv.reader((_UNDOUBLED_QUOTES.sub(r'\1"""\2"" <\3>"', text),), strict=True))
    except csv.Error:
        raise UnreadableLine("a quote is not closed, or is inside a field") from None


def is_open(text: str, dialect: CsvDialect) -> bool:
    """Return whether the line ends within a field, which continues in the next line."""
    if dialect.has_escapes:
        text = _ESCAPED.sub("", text)
        if text.endswith("\\"):
            return True
    return bool(dialect.quote) and text.count(dialect.quote) % 2 == 1


def _split(text: str, dialect: CsvDialect) -> list[str]:
    quoted, plain = _compile_fields(dialect)
    fields: list[str] = []
    at = 0
    while True:
        match = quoted.match(text, at) if dialect.quote and text.startswith(dialect.quote, at) else None
        if match is not None:
            value = match[1].replace(dialect.quote * 2, dialect.quote)
            value = _unescape(value, dialect)
        elif dialect.quote and text.startswith(dialect.quote, at):
            raise UnreadableLine("a quote is not closed, or is inside a field")
        else:
            match = plain.match(text, at)
            assert match is not None  # the pattern matches no character, too
            value = "" if match[0] in _EMPTY_WORDS else _unescape(match[0], dialect)
        fields.append(value)
        if len(fields) > MAX_FIELDS:
            raise UnreadableLine(f"more than {MAX_FIELDS} fields")
        at = match.end()
        if at == len(text):
            return fields
        if text[at] != dialect.delimiter:
            raise UnreadableLine("a quote is not closed, or is inside a field")
        at += 1


@lru_cache(maxsize=len(DIALECTS))
def _compile_fields(dialect: CsvDialect) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return the patterns of a quoted and of a plain field.

    Each character fits one branch only, so both are linear. Their repetitions are possessive, because each step that may be
    taken back takes some hundred bytes of memory.
    """
    quote, delimiter = re.escape(dialect.quote or '"'), re.escape(dialect.delimiter)
    if dialect.has_escapes:
        quoted = rf"{quote}((?:[^{quote}\\]+|\\.|{quote}{quote})*+){quote}"
        return re.compile(quoted, re.DOTALL), re.compile(rf"(?:[^{delimiter}\\]+|\\.)*+", re.DOTALL)
    return re.compile(rf"{quote}((?:[^{quote}]+|{quote}{quote})*+){quote}"), re.compile(rf"[^{delimiter}]*")


def _unescape(value: str, dialect: CsvDialect) -> str:
    if not dialect.has_escapes or "\\" not in value:
        return value
    return _ESCAPED.sub(lambda match: _ESCAPES.get(match[1], match[1]), value)
