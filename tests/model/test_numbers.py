"""Numbers of forms and links: digits within the maximum, and nothing else."""

import pytest

from ccfs.model.formats.numbers import parse_number


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("007", 7), ("100", 100), ("65535", 65535)])
def test_a_number_within_the_maximum_is_parsed(text: str, number: int) -> None:
    assert parse_number(text, 65535) == number


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.0", " 1", "1_0", "x", "²", "١", "65536", "000001", "9" * 5000])
def test_anything_else_is_no_number(text: str) -> None:
    assert parse_number(text, 65535) is None
