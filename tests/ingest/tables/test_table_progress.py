"""From which key a table is read, and what is remembered of it."""

import pytest

from ccfs.ingest.tables.progress import (
    OVERLAPS,
    TableProgress,
    is_in_future,
    is_later,
    list_spots,
    number_key,
    parse_progress,
    shift_key,
)

NOW = 1_705_320_000.0  # 2024-01-15 12:00 UTC
HIGH = "2024-01-15 11:59:00"


def test_an_unread_table_is_read_from_its_beginning() -> None:
    progress = TableProgress()
    assert progress.choose_overlap(NOW) == 0
    assert progress.find_start(0, NOW, is_id=False) is None


def test_a_first_reading_that_was_broken_off_goes_on_where_it_was() -> None:
    progress = TableProgress().advance(HIGH, "", NOW, is_id=False)
    assert progress.find_start(progress.choose_overlap(NOW), NOW, is_id=False) == "2024-01-15 11:44:00"


def test_longer_overlaps_are_read_when_they_are_due() -> None:
    progress = TableProgress(high=HIGH).finish(0, NOW, is_id=False)
    assert [progress.choose_overlap(NOW + later) for later in (0, 59, 60, 899, 900, 86_399, 86_400)] == [
        *(900, 900, 10_800, 10_800, 93_600, 93_600, 691_200),
    ]
    again = progress.finish(93_600, NOW + 900, is_id=False)
    assert again.choose_overlap(NOW + 901) == 900
    assert again.choose_overlap(NOW + 86_400) == 691_200


def test_ids_are_read_from_what_was_the_highest_then() -> None:
    progress = TableProgress()
    for hour in range(12):
        progress = progress.advance(str(1_000_000 + hour * 10_000), "d", NOW, is_id=True)
        progress = progress.finish(0, NOW + 3600 * hour, is_id=True)
    now = NOW + 11 * 3600
    assert progress.find_start(900, now, is_id=True) == "1099500"
    assert progress.find_start(10_800, now, is_id=True) == str(1_080_000 - 5000)
    assert progress.find_start(691_200, now, is_id=True) == str(1_000_000 - 5000)
    assert TableProgress(high="300").find_start(0, now, is_id=True) is None
    for hour in range(1000):
        progress = progress.advance(str(2_000_000 + hour), "d", NOW, is_id=True)
        progress = progress.finish(0, now + 3600 * hour, is_id=True)
    assert len(progress.to_json()) < 8000


def test_progress_survives_its_text() -> None:
    progress = TableProgress().advance("17", "ab", NOW, is_id=True).finish(0, NOW, is_id=True)
    assert parse_progress(progress.to_json()) == progress


@pytest.mark.parametrize(
    "text", ["", "again", "{}", "[]", '{"high": 1, "read": [], "marks": [], "samples": []}', "null"]
)
def test_another_text_is_an_empty_progress(text: str) -> None:
    assert parse_progress(text) == TableProgress()


@pytest.mark.parametrize(
    ("key", "seconds", "shifted"),
    [
        ("2024-01-15 11:59:00", -900, "2024-01-15 11:44:00"),
        ("2024-01-15 11:59:00.123456", -900, "2024-01-15 11:44:00"),
        ("2024-01-15 11:59:00+00", 60, "2024-01-15 12:00:00+00"),
        ("1705320000", -900, "1705319100"),
        ("1705320000.5", -900, "1705319100"),
        ("nonsense", 1, None),
        ("0001-01-01 00:00:00", -900, None),
    ],
)
def test_keys_are_shifted_in_their_own_form(key: str, seconds: int, shifted: str | None) -> None:
    assert shift_key(key, seconds) == shifted


def test_a_key_of_a_wrong_clock_does_not_count() -> None:
    progress = TableProgress(high=HIGH)
    assert progress.advance("2099-01-01 00:00:00", "", NOW, is_id=False) == progress
    assert progress.advance("2023-01-01 00:00:00", "", NOW, is_id=False) == progress
    assert is_in_future("4070908800", NOW)
    assert not is_in_future("2024-01-16 01:59:59", NOW)


def test_keys_are_compared_as_what_they_are() -> None:
    assert is_later("1000", "999")
    assert is_later("2024-01-15 12:00:00", HIGH)
    assert not is_later(HIGH, HIGH)


def test_spots_are_spread_over_the_whole_table() -> None:
    assert list_spots("2024-01-01 00:00:00", "2024-01-02 00:00:00", 2) == ["2024-01-01 00:00:00", "2024-01-01 12:00:00"]
    assert list_spots("0", "100", 4) == ["0", "25", "50", "75"]
    assert list_spots("5", "5", 4) == ["5"]
    assert list_spots("a", "z", 4) == ["a"]


@pytest.mark.parametrize(
    ("key", "number"),
    [("2024-01-15 09:30:42", 20240115093042), ("42", 42), ("", 0), ("2024-01-15 09:30:42.5+00", 20240115093042)],
)
def test_a_key_is_a_number_for_people(key: str, number: int) -> None:
    assert number_key(key) == number


def test_overlaps_grow_with_their_intervals() -> None:
    assert sorted(OVERLAPS) == [*OVERLAPS]
    assert sorted(OVERLAPS.values()) == [*OVERLAPS.values()]
