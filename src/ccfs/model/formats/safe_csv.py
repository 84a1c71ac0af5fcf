"""CSV for people's spreadsheets (RFC 4180): no cell that one of them takes for a formula, for callers choose their names.

Pure. Files of the interface are not made here: programs read those, and a cell must stay as it is.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

BOM: Final = b"\xef\xbb\xbf"  # without it, Excel reads UTF-8 as the machine's own code page
CONTENT_TYPE: Final = "text/csv;charset=UTF-8"
_FORMULA_STARTS: Final = frozenset("=+-@\t\r\n＝＋－＠")  # the wide forms count for Excel, too


def escape_cell(text: str) -> str:
    """The text, with an apostrophe before it where a spreadsheet might calculate with it, and without NUL."""
    clean = text.replace("\0", "")
    return f"'{clean}" if clean[:1] in _FORMULA_STARTS or clean.lstrip()[:1] in _FORMULA_STARTS else clean


def encode_rows(rows: Iterable[Sequence[str]]) -> bytes:
    """The rows as lines that end in CRLF, in UTF-8; what UTF-8 cannot say becomes a question mark."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([escape_cell(one) for one in row] for row in rows)
    return text.getvalue().encode("utf-8", "replace")
