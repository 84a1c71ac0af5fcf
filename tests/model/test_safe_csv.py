"""CSV for spreadsheets: Python's csv reads every cell back, and none is a formula."""

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
def test_a_cell_that_a_spreadsheet_would_evaluate_is_escaped(text: str) -> None:
    assert escape_cell(text) == "'" + text.replace("\0", "")


@pytest.mark.parametrize("text", ["", "a", "0207", "a=1", "1-2", "王", "'=1", " a"])
def test_a_harmless_cell_is_unchanged(text: str) -> None:
    assert escape_cell(text) == text


@given(st.lists(st.lists(texts, min_size=1), min_size=1))
def test_every_cell_is_read_back(rows: list[list[str]]) -> None:
    rows = [["head", *row] for row in rows]
    cells = list(csv.reader(io.StringIO(encode_rows(rows).decode(), newline="")))
    assert cells == [[escape_cell(cell) for cell in row] for row in rows]
    assert encode_rows(rows).endswith(b"\r\n")


def test_a_character_that_utf_8_cannot_encode_becomes_a_question_mark() -> None:
    assert encode_rows([["a\ud800b"]]) == b"a?b\r\n"
