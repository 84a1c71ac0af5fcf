"""The statistics page: counts, permissions, periods and slots, charts."""

import re
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest

from ccfs.console.calls.search_form import InvalidSearch
from ccfs.console.statistics import charts, periods
from ccfs.model.calls.statistics import QUARTER_HOUR, CallStatistics
from tests.console.call_centre_data import HOSTILE_TEXT, CallCentreData
from tests.console.conftest import SignIn
from tests.console.console_client import ConsoleClient, extract_text

LONDON, SHANGHAI, LORD_HOWE, KOLKATA = map(
    ZoneInfo, ("Europe/London", "Asia/Shanghai", "Australia/Lord_Howe", "Asia/Kolkata")
)
NOW = datetime(2026, 11, 22, 9, 41, tzinfo=UTC)


def wait_for_statistics(client: ConsoleClient, path: str) -> str:
    """Return the page's text once the worker has counted all calls."""
    give_up = time.monotonic() + 20
    while "No calls in this period" in (text := client.get_text(path)) and time.monotonic() < give_up:
        time.sleep(0.2)
    return text


@pytest.mark.parametrize(
    ("query", "calls", "answered"),
    [("", "4", "75.0%"), ("&direction=outbound", "1", "100.0%"), ("&direction=inbound", "3", "66.7%")],
)
def test_statistics_count_what_the_search_finds(
    signed_in: SignIn, call_centre: CallCentreData, query: str, calls: str, answered: str
) -> None:
    lucy = signed_in("lucy")
    wait_for_statistics(lucy, "/console/statistics")
    text = lucy.get_text(f"/console/statistics?account={call_centre.account_param}{query}")
    assert f"Total calls {calls} Answered {answered}" in text
    assert "Median wait 0:20" in text


def test_an_hour_without_calls_is_shown_without_a_link(signed_in: SignIn, call_centre: CallCentreData) -> None:
    wait_for_statistics(signed_in("lucy"), "/console/statistics")
    page = signed_in("lucy").get(f"/console/statistics?account={call_centre.account_param}&period=90").body.decode()
    assert page.count("<g><title>") == 3 * 90
    links = re.findall(r'href="/console/calls\?([^"]*from=[^"]*)"', page)
    assert 1 <= len(links) <= 2  # the call centre's calls may lie on both sides of midnight
    found = [signed_in("lucy").get_text("/console/calls?" + slot.replace("&amp;", "&")) for slot in links]
    assert any("calls" in slot or "1 call" in slot for slot in found)


def test_statistics_are_of_permitted_accounts_and_viewing_them_is_audited(
    signed_in: SignIn, call_centre: CallCentreData
) -> None:
    lucy = signed_in("lucy")
    absent = extract_text(lucy.get("/console/statistics?account=no%2Fwhere"))
    for account in (
        f"{call_centre.acme.ak}/acme-other",
        f"{call_centre.bolt.ak}/bolt-account",
        call_centre.acme.ak,
        "/",
    ):
        reply = lucy.get("/console/statistics?" + urlencode({"account": account}))
        assert (reply.status, extract_text(reply)) == (404, absent)
    assert signed_in("audrey").get("/console/statistics").status == 404
    lucy.get(f"/console/statistics?account={call_centre.account_param}&from=2026-01-01&to=2026-01-31")
    assert "Viewed statistics 2025-12-31T16:00Z/2026-01-31T16:00Z acme · acme-account" in signed_in("audrey").get_text(
        "/console/audit?actor=lucy"
    )


def test_storage_statistics_are_shown_to_operators_only(signed_in: SignIn) -> None:
    give_up = time.monotonic() + 20
    while (
        "New recordings per month" not in (text := signed_in("olga").get_text("/console/statistics"))
        and time.monotonic() < give_up
    ):
        time.sleep(0.2)
    assert re.search(r"Stored recordings \(all apps\) Files [1-9]\d* Size", text)
    for name in ("anna", "emil", "lucy"):
        assert "Stored recordings" not in signed_in(name).get_text("/console/statistics")


def test_statistics_parameters_are_shown_as_text(signed_in: SignIn) -> None:
    for field in ("when", "from", "to", "direction", "in"):
        reply = signed_in("lucy").get(f"/console/statistics?{urlencode({field: HOSTILE_TEXT})}")
        assert HOSTILE_TEXT not in reply.body.decode()
        assert reply.status == {"from": 400, "to": 400, "account": 404}.get(field, 200)


@pytest.mark.parametrize(
    "parameters",
    [{"from": "x"}, {"to": "0001-01-01"}, {"from": "2026-02-02", "to": "2026-02-01"}, {"from": "2024-01-01"}],
)
def test_an_invalid_period_is_rejected(parameters: dict[str, str]) -> None:
    with pytest.raises(InvalidSearch):
        periods.parse_period(parameters, LONDON, NOW)


def split_period(parameters: dict[str, str], zone: ZoneInfo, now: datetime = NOW) -> list[periods.StatisticsSlot]:
    period = periods.parse_period(parameters, zone, now)
    every = {
        period.window.begin + number * QUARTER_HOUR: CallStatistics(abandoned_by_wait={0: 1})
        for number in range(-8, 4 * 24 * 40)
    }
    return periods.split_period(period, zone, every)


def test_a_day_has_23_or_25_hours_when_the_clock_changes() -> None:
    long, short = (
        split_period({"from": "2026-10-25", "to": "2026-10-25"}, LONDON),
        split_period({"from": "2026-03-29", "to": "2026-03-29"}, LONDON),
    )
    assert [slot.begin.hour for slot in long] == [0, 1, 1, *range(2, 24)]
    assert [slot.is_ambiguous for slot in long] == [False, True, True, *([False] * 22)]
    assert [slot.begin.hour for slot in short] == [0, *range(2, 24)]
    assert {slot.statistics.calls for slot in (*long, *short)} == {4}
    by_day = split_period({"from": "2026-10-20", "to": "2026-10-30"}, LONDON)
    assert [slot.statistics.calls for slot in by_day] == [96, 96, 96, 96, 96, 100, 96, 96, 96, 96, 96]


def test_an_hour_is_one_of_the_account_s_clock() -> None:
    for zone, minutes in ((SHANGHAI, 0), (KOLKATA, 0), (LORD_HOWE, 0)):
        found = split_period({"period": "1"}, zone)
        assert len(found) == 24
        assert {slot.begin.minute for slot in found} == {minutes}
        assert found[-1].begin <= NOW < found[-1].end
        assert all(slot.end == after.begin for slot, after in pairwise(found))
    half = split_period({"from": "2026-04-05", "to": "2026-04-05"}, LORD_HOWE)  # clocks go back half an hour at 2
    assert sum(slot.statistics.calls for slot in half) == 24 * 4 + 2
    assert (half[0].begin.hour, half[-1].begin.hour) == (0, 23)


@pytest.mark.parametrize(("when", "number"), [("1", 24), ("7", 6 * 24 + 10), ("30", 30), ("90", 90), ("x", 30)])
def test_a_short_period_is_split_into_hours_and_a_long_one_into_days(when: str, number: int) -> None:
    assert len(split_period({"period": when}, LONDON)) == number


@pytest.mark.parametrize(
    ("scale", "largest", "top"),
    [
        (charts.round_up_count, 0, 2), (charts.round_up_count, 7, 8), (charts.round_up_count, 101, 200), (charts.round_up_seconds, 0, 10), (charts.round_up_seconds, 61, 120),
        (charts.round_up_seconds, 1801, 3600), (charts.round_up_seconds, 90_000, 40 * 3600), (charts.round_up_bytes, 0, 1), (charts.round_up_bytes, 1500, 2048), (charts.round_up_bytes, 3 << 40, 4 << 40),
    ],
)  # fmt: skip
def test_the_top_of_a_scale_is_round(scale: object, largest: float, top: float) -> None:
    assert scale(largest) == top  # type: ignore[operator]


def test_segments_of_a_column_are_stacked_within_the_chart() -> None:
    values = [
        charts.ChartValue(tooltip=str(slot), amounts=(("a", slot), ("b", 2 * slot)), axis_label=str(slot))
        for slot in range(100)
    ]
    drawn = charts.build_chart(values, charts.round_up_count)
    assert len(drawn.x_labels) <= charts.MAX_AXIS_LABELS
    for column, value in zip(drawn.columns, values, strict=True):
        heights = [float(part.height[:-1]) for part in column.segments]
        assert len(heights) == 2 * bool(value.amounts[0][1])
        assert all(float(part.y[:-1]) >= 0 for part in column.segments)
        assert sum(heights) == pytest.approx(3 * value.amounts[0][1] / 4, abs=2 * charts.MIN_HEIGHT_PERCENT)  # of 400


def test_a_slot_has_the_length_of_its_quarters() -> None:
    (first, *_) = split_period({"period": "1"}, LONDON)
    assert first.end - first.begin == timedelta(hours=1)
