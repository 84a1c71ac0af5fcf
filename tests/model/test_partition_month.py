"""Months as numbers, and the months in names and ids."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from ccfs.model.calls import partition_month
from ccfs.model.calls.call_id import started_at


def test_the_month_of_an_instant_is_that_in_utc() -> None:
    assert partition_month.month_key(datetime(2024, 1, 1, 5, tzinfo=timezone(timedelta(hours=8)))) == 202312
    assert partition_month.month_start(202312) == datetime(2023, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("month", "count", "expected"),
    [(202312, 1, 202401), (202401, -1, 202312), (202405, 24, 202605), (202405, -5, 202312)],
)
def test_months_are_added(month: int, count: int, expected: int) -> None:
    assert partition_month.add_months(month, count) == expected


@pytest.mark.parametrize(
    ("name", "month"),
    [
        ("/0/1/record/AK/20240101/20260504/512/1.wav", 202605),
        ("Y:/8/0/20260504/512/1.V3", 202605),
        ("Y:/8/0/20260532/512/1.V3", partition_month.UNDATED),
        ("Y:/8/0/19991231/512/1.V3", partition_month.UNDATED),
        ("Y:/8/0/2026050/512/1.V3", partition_month.UNDATED),
        ("/", partition_month.UNDATED),
        ("", partition_month.UNDATED),
    ],
)
def test_the_month_of_a_name_is_parsed(name: str, month: int) -> None:
    assert partition_month.parse_month_key(name) == month


def test_a_shift_stays_within_the_calendar() -> None:
    assert partition_month.shift_clamped(datetime(1, 1, 2, tzinfo=UTC), timedelta(days=-5)) == datetime.min.replace(
        tzinfo=UTC
    )
    assert partition_month.shift_clamped(datetime(9999, 12, 30, tzinfo=UTC), timedelta(days=5)) == datetime.max.replace(
        tzinfo=UTC
    )
    assert partition_month.shift_clamped(datetime(2024, 1, 2, tzinfo=UTC), timedelta(days=-1)) == datetime(
        2024, 1, 1, tzinfo=UTC
    )


@pytest.mark.parametrize("call_id", ["5-1", "99999999999999-1", "x123", "", "1-" + "9" * 30, "9" * 5000 + "-1"])
def test_a_call_id_without_a_usual_time_has_no_begin(call_id: str) -> None:
    assert started_at(call_id) is None
    assert started_at("1705311042-118") == datetime(2024, 1, 15, 9, 30, 42, tzinfo=UTC)
