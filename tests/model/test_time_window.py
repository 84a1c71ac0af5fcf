"""Time windows: conversion between wall clocks and instants, clock changes, and allowed windows."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccfs.model.exports.time_window import (
    InvalidTime,
    TimeWindow,
    WindowEndsBeforeBegin,
    WindowTooWide,
    build_window,
    format_local,
    parse_local,
    to_local,
    to_utc,
)

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
ZONES = [
    ZoneInfo(name) for name in ("UTC", "Asia/Shanghai", "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe")
]


def parse_utc(written: str) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=UTC)


def test_a_wall_clock_in_shanghai_is_eight_hours_ahead() -> None:
    assert to_utc(parse_local("2018-07-02 10:42:49"), SHANGHAI) == parse_utc("2018-07-02T02:42:49")
    assert format_local(to_local(parse_utc("2018-07-02T02:42:49.999"), SHANGHAI)) == "2018-07-02 10:42:49"


def test_a_wall_clock_time_that_occurs_twice_is_the_first_unless_fold_is_1() -> None:
    twice = parse_local("2025-10-26 02:30:00")
    assert to_utc(twice, BERLIN) == parse_utc("2025-10-26T00:30:00")
    assert to_utc(twice, BERLIN, fold=1) == parse_utc("2025-10-26T01:30:00")


@pytest.mark.parametrize("fold", [0, 1])
def test_a_wall_clock_time_that_never_occurs_is_moved_forward(fold: int) -> None:
    assert to_local(to_utc(parse_local("2025-03-30 02:30:00"), BERLIN, fold=fold), BERLIN) == parse_local(
        "2025-03-30 03:30:00"
    )


@pytest.mark.parametrize(
    "written",
    [
        "",
        "2025-1-1 00:00:00",
        "2025-02-30 00:00:00",
        "2025-01-01 24:00:00",
        "2025-01-01T00:00:00",
        "٢٠٢٥-01-01 00:00:00",
    ],
)
def test_a_text_that_is_no_time_is_rejected(written: str) -> None:
    with pytest.raises(InvalidTime):
        parse_local(written)


def test_times_at_the_ends_of_the_calendar_are_rejected() -> None:
    with pytest.raises(InvalidTime):
        to_utc(parse_local("0001-01-01 00:00:00"), SHANGHAI)
    with pytest.raises(InvalidTime):
        to_local(datetime.max.replace(tzinfo=UTC), SHANGHAI)
    with pytest.raises(InvalidTime):
        build_window(parse_local("9999-12-31 23:59:59"), parse_local("9999-12-31 23:59:59"), ZoneInfo("UTC"), days=3)


def test_a_window_includes_the_second_of_its_end() -> None:
    window = build_window(parse_local("2018-06-29 10:42:49"), parse_local("2018-07-02 10:42:49"), SHANGHAI, days=3)
    assert window == TimeWindow(begin=parse_utc("2018-06-29T02:42:49"), end=parse_utc("2018-07-02T02:42:50"))
    assert parse_utc("2018-07-02T02:42:49.999") in window
    assert parse_utc("2018-07-02T02:42:50") not in window


def test_a_window_includes_both_occurrences_of_its_last_hour() -> None:
    window = build_window(parse_local("2025-10-26 02:00:00"), parse_local("2025-10-26 02:59:59"), BERLIN, days=3)
    assert window.end - window.begin == timedelta(hours=2)


def test_a_window_at_a_time_that_never_occurs_has_its_second() -> None:
    window = build_window(parse_local("2025-03-30 02:15:00"), parse_local("2025-03-30 02:15:00"), BERLIN, days=3)
    assert window.end - window.begin == timedelta(seconds=1)


def test_a_window_of_the_allowed_days_is_allowed_and_a_second_more_is_not() -> None:
    begin = parse_local("2025-03-29 00:00:00")
    assert build_window(begin, begin + timedelta(days=3), BERLIN, days=3)  # clocks change in between: still three days
    with pytest.raises(WindowTooWide, match="more than 3 days"):
        build_window(begin, begin + timedelta(days=3, seconds=1), BERLIN, days=3)


def test_a_window_that_ends_before_it_begins_is_rejected() -> None:
    with pytest.raises(WindowEndsBeforeBegin):
        build_window(parse_local("2025-01-01 00:00:01"), parse_local("2025-01-01 00:00:00"), SHANGHAI, days=3)


@given(st.datetimes(datetime(1980, 1, 1), datetime(2200, 1, 1)), st.sampled_from(ZONES))
def test_an_instant_is_among_the_instants_of_its_wall_clock_time(naive: datetime, zone: ZoneInfo) -> None:
    moment = naive.replace(microsecond=0, tzinfo=UTC)
    wall = to_local(moment, zone)
    assert parse_local(format_local(wall)) == wall
    assert moment in (to_utc(wall, zone), to_utc(wall, zone, fold=1))
