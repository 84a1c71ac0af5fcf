"""Each line's uniqueid checks its zone; a file's zone follows its newest lines, is remembered, and is known from queue logs."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ccfs.switches.asterisk.cdr_files import clock, zone
from ccfs.switches.asterisk.cdr_files.cdr import AsteriskCdrRow
from ccfs.switches.asterisk.cdr_files.line_zones import LineZones, find_offset
from ccfs.switches.records import ZoneGuess
from tests.switches.asterisk.test_instants import FORMAT, make_row

SUMMER, WINTER = datetime(2024, 7, 1, 8, tzinfo=UTC), datetime(2024, 1, 2, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "assumed", "offset"),
    [
        ("UTC", "Europe/London", "UTC+00:00"),  # usegmtime, in summer
        ("Europe/London", "UTC", "UTC+01:00"),
        ("Asia/Kathmandu", "Asia/Kolkata", "UTC+05:45"),
        ("America/Sao_Paulo", "Asia/Shanghai", "UTC-03:00"),
        ("America/St_Johns", "America/Halifax", "UTC-02:30"),
    ],
)
def test_a_line_of_another_offset_is_read_by_its_uniqueid(written: str, assumed: str, offset: str) -> None:
    zones = LineZones(assumed)
    row = make_row(SUMMER, written)
    assert zones.choose(row) == offset
    assert clock.parse_leg_times(row, offset)[0] == SUMMER
    assert zones.deviating == {offset}


def test_a_given_zone_is_never_corrected() -> None:
    zones = LineZones("Asia/Tokyo", is_given=True)
    assert (zones.choose(make_row(SUMMER, "UTC")), zones.deviating) == ("Asia/Tokyo", set())


def test_a_later_line_of_a_channel_may_start_an_hour_after_it() -> None:
    zones = LineZones("Europe/London")
    first = make_row(WINTER, "Europe/London")
    later = first._replace(start=(WINTER + timedelta(hours=1)).strftime(FORMAT))
    assert [zones.choose(row) for row in (first, later)] == ["Europe/London"] * 2
    other_leg = later._replace(uniqueid=f"{int(WINTER.timestamp())}.8", linkedid=first.uniqueid)
    assert zones.choose(other_leg) == "Europe/London"
    assert zones.deviating == set()


@pytest.mark.parametrize("start", ["2024-07-01T08:00:00+0200", "1719813600"])
def test_times_that_have_an_offset_are_not_corrected(start: str) -> None:
    zones = LineZones("Asia/Shanghai")
    assert zones.choose(make_row(SUMMER, "UTC")._replace(start=start)) == "Asia/Shanghai"
    assert not zones.deviating


def test_no_offset_follows_from_a_time_that_is_far_off() -> None:
    assert [find_offset(local, 0) for local in (3600, 3700, 4000, -3601, 20 * 3600)] == [3600, 3600, None, -3600, None]


def test_two_lines_of_summer_show_that_a_winter_of_times_is_in_utc() -> None:
    rows = [make_row(WINTER + timedelta(hours=2 * number), "UTC", counter=number) for number in range(300)]
    assert zone.detect_zone(zone.collect_samples(rows), "Europe/London").zone == "Europe/London"
    rows += [make_row(SUMMER + timedelta(hours=number), "UTC", counter=900 + number) for number in range(2)]
    assert zone.detect_zone(zone.collect_samples(rows), "Europe/London").zone == "UTC"


def test_a_known_zone_is_kept_where_the_lines_prove_none_and_preferred_where_they_prove_several() -> None:
    assert zone.detect_zone([], "Asia/Shanghai", known="Europe/London") == ZoneGuess(
        zone="Europe/London", basis="known"
    )
    samples = zone.collect_samples([make_row(WINTER, "Europe/London")])
    assert zone.detect_zone(samples, "Africa/Abidjan", known="Europe/London").zone == "Europe/London"


def test_without_a_calls_first_channel_any_channel_is_a_sample() -> None:
    row = make_row(WINTER, "America/Sao_Paulo")._replace(linkedid="1704182300.1")
    guess = zone.detect_zone(zone.collect_samples([row]), "Asia/Shanghai")
    assert guess.report == "by the uniqueids, the times are UTC-03:00, not Asia/Shanghai's"


def make_queue_rows(zone_name: str, count: int) -> list[AsteriskCdrRow]:
    local = ZoneInfo(zone_name)
    starts = [WINTER + timedelta(minutes=37 * number) for number in range(count)]
    return [
        AsteriskCdrRow(start=start.astimezone(local).strftime(FORMAT), lastapp="Queue", lastdata="600,t")
        for start in starts
    ]


@pytest.mark.parametrize("zone_name", ["America/Sao_Paulo", "Asia/Kolkata", "UTC"])
def test_the_queue_log_tells_the_zone_of_lines_without_uniqueids(zone_name: str) -> None:
    entries = [("600", int(WINTER.timestamp()) + 37 * 60 * number + 2) for number in range(12)]
    samples = zone.collect_queue_samples(make_queue_rows(zone_name, 12), entries)
    guess = zone.detect_zone(samples, "Asia/Shanghai")
    offset = WINTER.astimezone(ZoneInfo(guess.zone)).utcoffset()
    assert offset == WINTER.astimezone(ZoneInfo(zone_name)).utcoffset()


def test_a_queue_log_of_other_calls_tells_no_zone() -> None:
    entries = [("700", int(WINTER.timestamp())), ("600", int(WINTER.timestamp()) + 400)]
    assert zone.collect_queue_samples(make_queue_rows("UTC", 12), entries) == []


def test_times_with_an_offset_need_no_zone_and_no_warning() -> None:
    assert zone.detect_zone([], "Asia/Shanghai", is_local=False).report == ""


@pytest.mark.parametrize(
    ("end", "duration", "seconds"),
    [("2024-01-02 07:59:50", "-10", 0), ("2024-01-02 07:59:50", "", 0), ("2024-01-02 07:59:50", "12", 12)],
)
def test_a_call_whose_clock_was_set_back_keeps_its_begin(end: str, duration: str, seconds: int) -> None:
    row = make_row(WINTER, "UTC")._replace(end=end, duration=duration, billsec="", disposition="NO ANSWER")
    begin, answer, ended = clock.parse_leg_times(row, "UTC")
    assert (begin, answer, (ended - begin).total_seconds()) == (WINTER, None, seconds)
    assert clock.is_clock_set_back(row) is (duration != "12")
