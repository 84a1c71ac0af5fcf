"""CSV (RFC 4180) for spreadsheets, without cells that would be evaluated as formulas: callers choose their own names.

The interface's own files are not escaped in this way, because programs read them.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

BOM: Final = b"\xef\xbb\xbf"  # without it, Excel reads UTF-8 as the machine's own code page
CONTENT_TYPE: Final = "text/csv;charset=UTF-8"
_FORMULA_STARTS: Final = frozenset("=+-@\t\r\n＝＋－＠")  # Excel evaluates the wide forms, too


def escape_cell(text: str) -> str:
    """Return the text without NULs, prefixed with an apostrophe if a spreadsheet might evaluate it."""
    clean = text.replace("\0", "")
    return f"'{clean}" if clean[:1] in _FORMULA_STARTS or clean.lstrip()[:1] in _FORMULA_STARTS else clean


def encode_rows(rows: Iterable[Sequence[str]]) -> bytes:
    """Return the rows as UTF-8 lines that end in CRLF. Characters that cannot be encoded become question marks."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([escape_cell(cell) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8", "replace")
