"""Parameters of the search form at the ends of what they can hold: a problem is shown, and nothing fails."""

from contextlib import suppress
from datetime import UTC, datetime
from itertools import product
from zoneinfo import ZoneInfo

import pytest

from ccfs.console.calls.search_form import InvalidSearch, SearchForm, parse_search

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
ENDS = ("0001-01-01", "0001-01-01T00:00:00", "9999-12-31", "9999-12-31T23:59:59", "2026-01-01")


def parse(zone: str = "UTC", **parameters: str) -> SearchForm:
    return parse_search(parameters, "acme", ZoneInfo(zone), NOW)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai", "America/New_York"])
@pytest.mark.parametrize(("begin", "end"), list(product(ENDS, ENDS)))
def test_a_period_at_the_ends_of_the_calendar_is_searched_or_a_problem(zone: str, begin: str, end: str) -> None:
    with suppress(InvalidSearch):
        window = parse(zone, **{"from": begin, "to": end}).search.window
        assert begin[:10] <= end[:10]
        assert window.begin < window.end


@pytest.mark.parametrize(
    ("zone", "day"), [("UTC", "9999-12-31T23:59:59"), ("Asia/Shanghai", "0001-01-01"), ("UTC", "10000-01-01")]
)
def test_a_time_beyond_the_calendar_is_a_problem(zone: str, day: str) -> None:
    with pytest.raises(InvalidSearch):
        parse(zone, **{"from": day, "to": day})


@pytest.mark.parametrize("text", ["9" * 5000, "1:" + "9" * 5000, "٣"])
def test_a_talk_time_without_sense_is_a_problem(text: str) -> None:
    with pytest.raises(InvalidSearch):
        parse(min_talk=text)
