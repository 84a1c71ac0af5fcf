"""Local times become the right instants, also near changes of the clocks; the zone is detected from the uniqueids."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccfs.switches.asterisk.cdr_files import clock, zone
from ccfs.switches.asterisk.cdr_files.cdr import AsteriskCdrRow
from ccfs.switches.records import UnreadableLine, ZoneGuess

ZONES = ("Europe/Berlin", "America/Sao_Paulo", "Asia/Shanghai", "Australia/Lord_Howe", "UTC", "America/New_York")
CHANGES = (  # an hour or a half before and after clocks change somewhere in ZONES
    datetime(2018, 2, 18, 1, tzinfo=UTC),
    datetime(2018, 11, 4, 2, tzinfo=UTC),
    datetime(2024, 3, 31, 1, tzinfo=UTC),
    datetime(2024, 10, 27, 1, tzinfo=UTC),
    datetime(2024, 4, 6, 15, tzinfo=UTC),
    datetime(2024, 10, 5, 15, 30, tzinfo=UTC),
    datetime(2024, 11, 3, 6, tzinfo=UTC),
)
FORMAT = "%Y-%m-%d %H:%M:%S"


def make_row(begin: datetime, zone_name: str, rings: int = 5, talks: int = 60, counter: int = 7) -> AsteriskCdrRow:
    local = ZoneInfo(zone_name)
    answer, end = begin + timedelta(seconds=rings), begin + timedelta(seconds=rings + talks)
    return AsteriskCdrRow(
        start=begin.astimezone(local).strftime(FORMAT),
        answer=answer.astimezone(local).strftime(FORMAT),
        end=end.astimezone(local).strftime(FORMAT),
        duration=str(rings + talks),
        billsec=str(talks),
        disposition="ANSWERED",
        uniqueid=f"pbx-1.lon-{int(begin.timestamp())}.{counter}",
    )


@given(
    st.sampled_from(ZONES),
    st.sampled_from(CHANGES),
    st.integers(-9000, 9000),
    st.integers(0, 120),
    st.integers(0, 10_000),
)
def test_a_call_about_a_change_of_the_clocks_keeps_its_instants(
    zone_name: str, change: datetime, seconds: int, rings: int, talks: int
) -> None:
    begin = change + timedelta(seconds=seconds)
    answer, end = begin + timedelta(seconds=rings), begin + timedelta(seconds=rings + talks)
    assert clock.parse_leg_times(make_row(begin, zone_name, rings, talks), zone_name) == (begin, answer, end)


@given(st.sampled_from(ZONES), st.datetimes(datetime(1990, 1, 1), datetime(2037, 1, 1)))
def test_a_call_at_any_time_keeps_its_instants(zone_name: str, when: datetime) -> None:
    begin = when.replace(microsecond=0, tzinfo=UTC)
    assert clock.parse_leg_times(make_row(begin, zone_name), zone_name)[0] == begin


@pytest.mark.parametrize(
    ("text", "second"),
    [
        ("1705311042", 1705311042),
        ("1705311042.250", 1705311042.25),
        ("2024-01-15T09:30:42+0000", 1705311042),
        ("2024-01-15 10:30:42+01:00", 1705311042),
        ("2024-01-15 17:30:42.250", 1705311042.25),
    ],
)
def test_time_formats_of_cdr_custom_are_parsed(text: str, second: float) -> None:
    assert [instant.timestamp() for instant in clock.list_possible_instants(text, "Asia/Shanghai", "start")] == [second]


@given(st.text(max_size=30) | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9:.+-]{0,14}", fullmatch=True))
def test_no_text_raises_anything_but_unreadable_line(text: str) -> None:
    with suppress(UnreadableLine):
        assert all(instant.tzinfo is UTC for instant in clock.list_possible_instants(text, "Europe/Berlin", "start"))


@pytest.mark.parametrize(
    ("unique_id", "seconds"),
    [
        ("1705311042.118", 1705311042),
        ("pbx1-1705311042.118", 1705311042),
        ("pbx-1.example-1705311042.0", 1705311042),
        ("", None),
        ("1705311042", None),
        ("pbx1", None),
    ],
)
def test_the_creation_second_of_a_channel_is_parsed_from_its_uniqueid(unique_id: str, seconds: int | None) -> None:
    assert clock.parse_channel_epoch(unique_id) == seconds


def make_year(zone_name: str) -> list[AsteriskCdrRow]:
    begin = datetime(2024, 1, 2, 8, tzinfo=UTC)
    return [make_row(begin + timedelta(hours=61 * number), zone_name, counter=number) for number in range(140)]


@pytest.mark.parametrize("zone_name", ZONES)
def test_the_zone_of_a_year_of_calls_is_detected(zone_name: str) -> None:
    samples = zone.collect_samples(make_year(zone_name))
    assert zone.detect_zone(samples, zone_name) == ZoneGuess(zone=zone_name)
    account_zone = "Asia/Tokyo"
    guess = zone.detect_zone(samples, account_zone)
    assert guess.basis == "epoch"
    offsets = zone.describe_zone(zone_name, samples)
    assert guess.report == f"by the uniqueids, the times are {offsets}, not Asia/Tokyo's"
    for call in make_year(zone_name):
        assert clock.parse_leg_times(call, guess.zone) == clock.parse_leg_times(call, zone_name)


def test_a_given_zone_is_used_and_a_mismatch_is_reported() -> None:
    samples = zone.collect_samples(make_year("Europe/Berlin"))
    assert zone.detect_zone(samples, "Asia/Shanghai", "Europe/Berlin") == ZoneGuess(zone="Europe/Berlin", basis="given")
    assert zone.detect_zone(samples, "Europe/Berlin", "Asia/Tokyo") == ZoneGuess(
        zone="Asia/Tokyo",
        basis="given",
        report="by the uniqueids, the times are UTC+01:00 and UTC+02:00, not Asia/Tokyo's as given",
    )


def test_without_uniqueids_the_accounts_zone_is_assumed_and_this_is_reported() -> None:
    rows = [call._replace(uniqueid="") for call in make_year("Europe/Berlin")]
    assert zone.detect_zone(zone.collect_samples(rows), "Asia/Shanghai") == ZoneGuess(
        zone="Asia/Shanghai",
        basis="assumed",
        report="no line has a uniqueid with a time: the times are assumed to be Asia/Shanghai's",
    )


def test_uniqueids_that_fit_no_zone_detect_none() -> None:
    rows = [call._replace(start="1999-01-01 00:00:00") for call in make_year("Europe/Berlin")]
    assert zone.detect_zone(zone.collect_samples(rows), "Asia/Shanghai").basis == "assumed"


def test_later_legs_of_a_channel_do_not_change_the_detected_zone() -> None:
    """A channel that exists for an hour has lines that start an hour after its uniqueid."""
    rows = make_year("Asia/Shanghai")
    for first in rows[:40]:
        late = datetime.fromisoformat(first.start) + timedelta(hours=1)
        rows.append(first._replace(start=late.strftime(FORMAT)))
        rows.append(
            first._replace(start=late.strftime(FORMAT), uniqueid=f"x-{first.uniqueid}", linkedid=first.uniqueid)
        )
    assert zone.detect_zone(zone.collect_samples(reversed(rows)), "Asia/Shanghai") == ZoneGuess(zone="Asia/Shanghai")
