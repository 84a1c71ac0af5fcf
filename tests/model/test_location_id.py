"""Ids of locations: the same rule for the console and the command line."""

import pytest

from ccfs.model.blobs.location_config import is_location_id


@pytest.mark.parametrize("text", ["0", "7", "123456789"])
def test_a_short_number_is_a_location_id(text: str) -> None:
    assert is_location_id(text)


@pytest.mark.parametrize(
    "text", ["", "01", "-1", "x", "²", "1234567890", "9" * 5000]
)  # Python converts no 5,000 digits
def test_anything_else_is_no_location_id(text: str) -> None:
    assert not is_location_id(text)
