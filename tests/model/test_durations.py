"""Durations and UTC offsets as people write them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from ccfs.model.formats.durations import format_duration, format_utc_offset, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("75", 75), ("1:15", 75), ("0:75", 75), ("1:05:30", 3930), ("99999:00:00", 359_996_400)],
)
def test_a_duration_is_parsed(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", ":", "1:", ":1", "1:2:3:4", "-1", " 1", "1\n", "1.5", "123456", "１", "x"])
def test_another_text_is_no_duration(text: str) -> None:
    assert parse_duration(text) is None


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59, "0:59"), (3599, "59:59"), (3600, "1:00:00")])
def test_a_formatted_duration_is_parsed_back(seconds: int, text: str) -> None:
    assert format_duration(seconds) == text
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("zone", "text"), [("Asia/Shanghai", "UTC+08:00"), ("America/St_Johns", "UTC-03:30"), ("UTC", "UTC+00:00")]
)
def test_an_offset_is_formatted_with_its_sign(zone: str, text: str) -> None:
    assert format_utc_offset(datetime(2026, 1, 1, tzinfo=UTC).astimezone(ZoneInfo(zone))) == text
