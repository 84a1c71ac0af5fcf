"""One line that two sources write differently is recognised; lines that the switch tells apart are not."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ccfs.switches.asterisk.legs.cdr_legs import AsteriskLeg
from ccfs.switches.asterisk.legs.same_line import complete_line, find_twins, is_same_line

BEGIN = datetime(2024, 1, 15, 9, 30, 42, tzinfo=UTC)
LEG = AsteriskLeg(
    switch_call_id="1.1",
    switch_leg_id="1.1",
    source_key="a",
    begin=BEGIN,
    answer=BEGIN + timedelta(seconds=8),
    end=BEGIN + timedelta(seconds=78),
    channel="PJSIP/trunk-00000001",
    dstchannel="PJSIP/1001-00000002",
    app="dial",
    context="from-trunk",
    order=(BEGIN.timestamp(), 5.0, "", ""),
)


@pytest.mark.parametrize(
    "change",
    [
        {"end": LEG.end + timedelta(seconds=1)},
        {"end": LEG.end + timedelta(seconds=1.9), "begin": BEGIN + timedelta(seconds=0.9)},
        {"switch_leg_id": "", "switch_call_id": "digest"},
        {"order": (BEGIN.timestamp(), 0.0, "", "")},
        {"context": "", "app": ""},
        {"answer": BEGIN + timedelta(seconds=9)},
    ],
)
def test_differences_of_writing_are_the_same_line(change: Mapping[str, Any]) -> None:
    other = replace(LEG, source_key="b", **change)
    assert is_same_line(LEG, other)
    assert is_same_line(other, LEG)


@pytest.mark.parametrize(
    "change",
    [
        {"end": LEG.end + timedelta(seconds=2)},
        {"begin": BEGIN + timedelta(seconds=1)},
        {"switch_leg_id": "1.2"},
        {"dstchannel": "PJSIP/1001-00000003"},
        {"channel": "PJSIP/trunk-00000003"},
        {"answer": None},
        {"order": (BEGIN.timestamp(), 6.0, "", "")},
        {"app": "queue"},
        {"context": "other"},
    ],
)
def test_differences_of_the_switch_are_two_lines(change: Mapping[str, Any]) -> None:
    other = replace(LEG, source_key="b", **change)
    assert not is_same_line(LEG, other)
    assert not is_same_line(other, LEG)


def test_a_name_that_a_column_has_cut_is_the_same() -> None:
    long = "Local/02079460123@from-internal-with-a-long-name-0000001a;2"
    assert is_same_line(replace(LEG, channel=long), replace(LEG, channel=long[:50]))
    assert not is_same_line(replace(LEG, channel=long), replace(LEG, channel=long[:20]))


def test_each_known_line_is_the_twin_of_one() -> None:
    known = [replace(LEG, source_key=key, end=LEG.end + timedelta(seconds=late)) for key, late in (("x", 0), ("y", 1))]
    legs = [replace(LEG, source_key=key) for key in ("1", "2", "3")]
    assert {key: twin.source_key for key, twin in find_twins(legs, known).items()} == {"1": "x", "2": "y"}


def test_a_known_line_gets_what_it_lacks_and_keeps_the_rest() -> None:
    bare = replace(LEG, switch_leg_id="", switch_call_id="digest", order=(BEGIN.timestamp(), 0.0, "", ""))
    full = replace(LEG, switch_call_id="1.0", names_files=True, end=LEG.end + timedelta(seconds=1))
    expected = replace(bare, switch_leg_id="1.1", switch_call_id="1.0", order=full.order, names_files=True)
    assert complete_line(bare, full) == expected
    assert complete_line(full, bare) == full
    assert complete_line(replace(LEG), full).switch_call_id == "1.0"
    assert complete_line(replace(full), LEG) == full
