"""Clocks: which of them agree, how the recorded time follows, and what is over."""

from datetime import UTC, datetime, timedelta

import pytest

from ccfs.model.clocks import ClockReading, advance_history, find_disagreement, is_over

NOW = datetime(2026, 5, 4, 8, 30, tzinfo=UTC)
HOUR, DAY, YEAR = timedelta(hours=1), timedelta(days=1), timedelta(days=365)


@pytest.mark.parametrize("name", ["database", "history"])
@pytest.mark.parametrize("other", [NOW - YEAR, NOW - DAY - HOUR, NOW + DAY + HOUR, NOW + YEAR])
def test_clocks_that_are_more_than_the_bound_apart_disagree_and_both_are_named(name: str, other: datetime) -> None:
    text = find_disagreement(ClockReading(node=NOW, **{name: other}), DAY)
    assert f"{NOW:%Y-%m-%d %H:%M:%S}" in text
    assert f"{other:%Y-%m-%d %H:%M:%S}" in text


@pytest.mark.parametrize("newest", [NOW - 10 * YEAR, NOW + DAY, None])
def test_old_rows_and_missing_clocks_are_no_disagreement(newest: datetime | None) -> None:
    assert find_disagreement(ClockReading(node=NOW, history=NOW - DAY, newest_row=newest), DAY) == ""


@pytest.mark.parametrize(("accepted", "agrees"), [(None, False), (NOW + YEAR, True), (NOW + DAY, False)])
def test_rows_of_the_future_are_a_disagreement_unless_an_operator_accepted_them(
    accepted: datetime | None, agrees: bool
) -> None:
    reading = ClockReading(node=NOW, newest_row=NOW + YEAR, accepted_until=accepted)
    assert (find_disagreement(reading, DAY) == "") is agrees


def test_the_earlier_clock_decides() -> None:
    assert ClockReading(node=NOW, database=NOW - HOUR).earliest == NOW - HOUR
    assert ClockReading(node=NOW, database=NOW + HOUR).earliest == NOW


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (NOW + HOUR, NOW + HOUR),
        (NOW + DAY, NOW + DAY),
        (NOW + YEAR, NOW + 2 * HOUR),  # approached as fast as time passes
        (NOW - YEAR, NOW),
    ],
)
def test_the_recorded_time_follows_a_near_clock_and_approaches_a_far_one(now: datetime, expected: datetime) -> None:
    assert advance_history(NOW, now, HOUR, DAY) == expected


@pytest.mark.parametrize(
    ("until", "expected"), [(NOW, True), (NOW + HOUR, False), (NOW + 2 * HOUR, True), (NOW + YEAR, True)]
)
def test_what_ends_later_than_it_can_is_over(until: datetime, expected: bool) -> None:
    assert is_over(until, NOW, HOUR) is expected
