"""The statistics page: counts, permissions, periods and slots, charts."""

import csv
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest

from ccfs.console.calls.search_form import InvalidSearch
from ccfs.console.statistics import charts, periods
from ccfs.model.calls.statistics_slots import Step, list_days, split_window
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
    ("query", "calls", "answered", "wait"),
    [
        ("", "4", "75.0%", "25"),
        ("&direction=outbound", "1", "100.0%", "20"),
        ("&direction=inbound", "3", "66.7%", "27"),
    ],
)
def test_statistics_count_what_the_search_finds(
    signed_in: SignIn, call_centre: CallCentreData, query: str, calls: str, answered: str, wait: str
) -> None:
    lucy = signed_in("lucy")
    wait_for_statistics(lucy, "/console/statistics")
    text = lucy.get_text(f"/console/statistics?account={call_centre.account_param}{query}")
    assert f"Offered {calls} previously 0 Answered {answered}" in text
    assert f"Average wait 0:{wait}" in text


def test_an_hour_without_calls_is_shown_without_a_link(signed_in: SignIn, call_centre: CallCentreData) -> None:
    wait_for_statistics(signed_in("lucy"), "/console/statistics")
    page = signed_in("lucy").get(f"/console/statistics?account={call_centre.account_param}&period=90").body.decode()
    assert page.count("<g><title>") == 4 * 90
    links = set(re.findall(r'href="/console/calls\?([^"]*from=[^"]*)"', page))
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


def test_queues_and_agents_have_figures_of_their_own(signed_in: SignIn, call_centre: CallCentreData) -> None:
    lucy, path = signed_in("lucy"), f"/console/statistics?account={call_centre.account_param}&period=30"
    text = wait_for_statistics(lucy, path)
    assert re.search(r"sales 4 3 1 75\.0% 50\.0% 0:25 0:40 2:00", text), text
    assert re.search(r" 512 2 2 0 2:00 0:00 1:00 ", text), text  # after-call work of two minutes counts for one
    of_queue = lucy.get_text(f"{path}&queue=sales&direction=outbound")
    assert "Queue: sales" in of_queue
    assert "Offered 1 previously 0 Answered 100.0%" in of_queue
    page = lucy.get(f"{path}&agent=513").body.decode()
    links = set(re.findall(r'href="/console/calls\?([^"]*agent=513[^"]*)"', page))
    assert len(links) == 1
    assert "1 call" in lucy.get_text("/console/calls?" + links.pop().replace("&amp;", "&"))


def test_figures_are_downloaded_as_csv_with_permission(signed_in: SignIn, call_centre: CallCentreData) -> None:
    query = f"account={call_centre.account_param}&period=30"
    wait_for_statistics(signed_in("emil"), f"/console/statistics?{query}")
    reply = signed_in("emil").get(f"/console/statistics/csv?{query}")
    rows = list(csv.DictReader(reply.body.decode("utf-8-sig").splitlines()))
    totals = [(row["Row"], row["Name"], row["Offered"], row["Service level"]) for row in rows if row["Row"] != "slot"]
    assert totals[:2] == [("total", "", "4", "0.5000"), ("queue", "sales", "4", "0.5000")]
    assert sum(int(row["Offered"]) for row in rows if row["Row"] == "slot") == 4
    assert signed_in("lucy").get(f"/console/statistics/csv?{query}").status == 404
    assert "Downloaded statistics as CSV" in signed_in("audrey").get_text("/console/audit?actor=emil")


def test_a_page_of_today_refreshes_itself_and_is_audited_once(signed_in: SignIn, call_centre: CallCentreData) -> None:
    olga, path = signed_in("olga"), f"/console/statistics?account={call_centre.account_param}"
    assert 'hx-trigger="refresh-minute from:body"' in olga.get(f"{path}&period=today").body.decode()
    assert "hx-trigger" not in olga.get(f"{path}&period=yesterday").body.decode()
    before = olga.get_text("/console/audit?actor=olga").count("Viewed statistics")
    for _ in range(2):
        assert olga.get(f"{path}&period=today&refresh=yes").status == 200
    assert olga.get_text("/console/audit?actor=olga").count("Viewed statistics") == before


def test_a_target_of_an_account_changes_its_service_level(signed_in: SignIn, call_centre: CallCentreData) -> None:
    anna, path = signed_in("anna"), f"/console/statistics?account={call_centre.account_param}&period=30"
    wait_for_statistics(anna, path)
    form = {"account": call_centre.account_param, "after_call": "60"}
    try:
        assert anna.post("/console/apps/targets", service_level="19", **form).status == 303
        assert "Service level (19 s) 0.0%" in anna.get_text(path)
        for wrong in ("0", "121", "x", "-1", ""):
            assert anna.post("/console/apps/targets", service_level=wrong, **form).status == 400
    finally:
        assert anna.post("/console/apps/targets", service_level="20", **form).status == 303
    assert "Service level (20 s) 50.0%" in anna.get_text(path)


def test_storage_statistics_are_shown_to_operators_only(signed_in: SignIn) -> None:
    give_up = time.monotonic() + 20
    while (
        "New recordings per month" not in (text := signed_in("olga").get_text("/console/cluster"))
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


@pytest.mark.parametrize(
    ("parameters", "first", "days", "step", "previous"),
    [
        ({"period": "today"}, "2026-11-22", 1, "hour", "2026-11-21"),
        ({"period": "yesterday"}, "2026-11-21", 1, "hour", "2026-11-20"),
        ({"period": "this_week"}, "2026-11-16", 7, "day", "2026-11-09"),
        ({"period": "last_week"}, "2026-11-09", 7, "day", "2026-11-02"),
        ({"period": "7", "step": "hour"}, "2026-11-16", 7, "hour", "2026-11-09"),
        ({"period": "30", "step": "hour"}, "2026-10-24", 30, "day", "2026-09-24"),
        ({"period": "90"}, "2026-08-25", 90, "day", "2026-05-27"),
        ({"period": "x"}, "2026-11-16", 7, "day", "2026-11-09"),
        ({"from": "2026-01-01", "to": "2026-12-31"}, "2026-01-01", 365, "week", "2025-01-01"),
    ],
)
def test_a_period_is_whole_days_with_the_period_before(
    parameters: dict[str, str], first: str, days: int, step: str, previous: str
) -> None:
    period = periods.parse_period(parameters, LONDON, NOW)
    assert f"{period.days.begin.astimezone(LONDON):%Y-%m-%d %H:%M}" == f"{first} 00:00"
    assert len(list_days(period.days, LONDON)) == days
    assert period.step == step
    assert f"{period.previous.begin.astimezone(LONDON):%Y-%m-%d %H:%M}" == f"{previous} 00:00"
    assert period.is_current == (NOW in period.days)
    if period.is_current:
        assert period.window.end == min(datetime(2026, 11, 22, 9, 45, tzinfo=UTC), period.days.end)
        assert period.previous.end.astimezone(LONDON).hour == 9


def test_an_hour_is_one_of_the_account_s_clock() -> None:
    for zone in (SHANGHAI, KOLKATA, LORD_HOWE):
        found = split_window(periods.parse_period({"period": "yesterday"}, zone, NOW).window, Step.HOUR, zone)
        assert len(found) == 24
        assert {slot.begin.astimezone(zone).minute for slot in found} == {0}
        assert all(slot.end == after.begin for slot, after in pairwise(found))
    change = periods.parse_period({"from": "2026-04-05", "to": "2026-04-05"}, LORD_HOWE, NOW).window
    half = split_window(change, Step.HOUR, LORD_HOWE)  # clocks go back half an hour at 2
    assert sum((slot.end - slot.begin for slot in half), timedelta()) == timedelta(hours=24.5)
    assert len(split_window(change, Step.QUARTER, LORD_HOWE)) == 24 * 4 + 2


@pytest.mark.parametrize(
    ("scale", "largest", "top"),
    [
        (charts.round_up_count, 0, 2), (charts.round_up_count, 7, 8), (charts.round_up_count, 101, 120), (charts.round_up_seconds, 0, 10), (charts.round_up_seconds, 61, 80),
        (charts.round_up_seconds, 1801, 2400), (charts.round_up_seconds, 90_000, 30 * 3600), (charts.round_up_bytes, 0, 1), (charts.round_up_bytes, 1500, 1638.4), (charts.round_up_bytes, 3 << 40, 3 << 40),
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
        assert sum(heights) == pytest.approx(value.amounts[0][1], abs=2 * charts.MIN_HEIGHT_PERCENT)  # of 300


@pytest.mark.parametrize("scale", [charts.round_up_count, charts.round_up_seconds])
def test_a_scale_fits_its_values(scale: Callable[[float], float]) -> None:
    for largest in range(11, 100_000, 7):
        assert largest <= scale(largest) <= 1.7 * largest


def test_amounts_that_are_no_sum_are_not_stacked() -> None:
    value = charts.ChartValue(tooltip="", amounts=(("p90", 60), ("average", 30)), axis_label="")
    (column,) = charts.build_chart([value], charts.round_up_seconds, is_stacked=False).columns
    assert [(part.css_class, part.y, part.height) for part in column.segments] == [
        ("p90", "0.000%", "100.000%"),
        ("average", "50.000%", "50.000%"),
    ]
