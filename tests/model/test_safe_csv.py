"""CSV for spreadsheets: Python's reader finds every cell again, and none is a formula."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccfs.model.formats.safe_csv import encode_rows, escape_cell

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


@pytest.mark.parametrize(
    "text", ["=1+1", "+44", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "＝1", "\u3000=1", "\0=1"]
)
def test_what_a_spreadsheet_would_calculate_is_a_text(text: str) -> None:
    assert escape_cell(text) == "'" + text.replace("\0", "")


@pytest.mark.parametrize("text", ["", "a", "0207", "a=1", "1-2", "王", "'=1", " a"])
def test_what_is_harmless_stays_as_it_is(text: str) -> None:
    assert escape_cell(text) == text


@given(st.lists(st.lists(texts, min_size=1), min_size=1))
def test_every_cell_is_found_again(rows: list[list[str]]) -> None:
    rows = [["head", *row] for row in rows]
    found = list(csv.reader(io.StringIO(encode_rows(rows).decode(), newline="")))
    assert found == [[escape_cell(one) for one in row] for row in rows]
    assert encode_rows(rows).endswith(b"\r\n")


def test_what_utf_8_cannot_say_stops_nothing() -> None:
    assert encode_rows([["a\ud800b"]]) == b"a?b\r\n"
