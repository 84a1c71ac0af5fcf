"""Call ids: each switch id has one callId of its own, and the reversible ones come back."""

import re
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ccfs.model.calls.call_id import MAX_CALL_ID_LENGTH, to_call_id

BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"
digits = st.text("0123456789", min_size=1, max_size=13)
switch_ids = st.one_of(
    st.builds("{}.{}".format, digits, digits),
    st.builds("{}-{}".format, digits, digits),
    st.uuids().map(str),
    st.uuids().map(lambda uuid: str(uuid).upper()),
    st.text(BASE36, min_size=25, max_size=25),
    st.text(BASE36, min_size=24, max_size=24).map("x".__add__),
    st.text(max_size=40),
)


def is_same_id(one: str, other: str) -> bool:
    """Whether two ids are the same to a switch: UUIDs are, in whatever case."""
    return one == other or (len(one) == len(other) == 36 and one.lower() == other.lower())


def to_switch_id(call_id: str) -> str | None:
    """Return the switch's id of a callId, None for a hashed one. UUIDs are in lower case."""
    if re.fullmatch(r"x[0-9a-z]{24}", call_id):
        return None
    if re.fullmatch(r"[0-9]+-[0-9]+", call_id):
        return call_id.replace("-", ".")
    if re.fullmatch(r"[0-9a-f][0-9a-z]{24}", call_id) and int(call_id, 36) < 1 << 128:
        return str(UUID(int=int(call_id, 36)))
    return call_id


@pytest.mark.parametrize(
    ("of_switch", "expected"),
    [
        ("1700000000.123", "1700000000-123"),
        ("1776135340.404299", "1776135340-404299"),
        ("00000000-0000-0000-0000-000000000000", "0" * 25),
        ("ffffffff-ffff-ffff-ffff-ffffffffffff", "f5lxx1zz5pnorynqglhzmsp33"),
        ("A03307A6-3658-4DDE-A25B-BB6AECB96945", to_call_id("a03307a6-3658-4dde-a25b-bb6aecb96945")),
        ("pbx1-1700000000.123", "pbx1-1700000000.123"),
        ("call~7", "call~7"),
    ],
)
def test_each_form_has_its_call_id(of_switch: str, expected: str) -> None:
    assert to_call_id(of_switch) == expected


@pytest.mark.parametrize("of_switch", ["1700000000.123", "pbx1-1700000000.123", "a03307a6-3658-4dde-a25b-bb6aecb96945"])
def test_a_reversible_call_id_comes_back(of_switch: str) -> None:
    assert to_switch_id(to_call_id(of_switch)) == of_switch


@pytest.mark.parametrize(
    "of_switch",
    [
        "longsystemname-1700000000.123",
        "ünïcode-1.1",
        "with blank",
        "a/b",
        'a"b',
        "a,b",
        "",
        "\ud800",
        "1700000000-123",  # the image of 1700000000.123
        "0" * 25,  # the image of a UUID
        "x" + "0" * 24,  # the image of a hash
        "12345678901234.12345678901",  # counted, but 26 characters
    ],
)
def test_what_cannot_be_its_own_call_id_is_hashed(of_switch: str) -> None:
    assert re.fullmatch(r"x[0-9a-z]{24}", to_call_id(of_switch))
    assert to_switch_id(to_call_id(of_switch)) is None


@given(switch_ids)
@example("f5lxx1zz5pnorynqglhzmsp34")  # one more than the greatest UUID: plain
def test_a_call_id_is_short_plain_and_stays(of_switch: str) -> None:
    found = to_call_id(of_switch)
    assert re.fullmatch(r"[!-~]{1,25}", found)
    assert len(found) <= MAX_CALL_ID_LENGTH
    assert not set(found) & set("/\\'\"`,")
    assert to_call_id(of_switch) == found


@given(switch_ids)
def test_what_comes_back_is_what_went_in(of_switch: str) -> None:
    back = to_switch_id(to_call_id(of_switch))
    assert back is None or is_same_id(back, of_switch)


@given(switch_ids, switch_ids)
def test_two_ids_never_share_a_call_id(one: str, other: str) -> None:
    assert is_same_id(one, other) or to_call_id(one) != to_call_id(other)


@given(switch_ids)
def test_no_id_takes_the_call_id_of_another(of_switch: str) -> None:
    """The images of the forms do not meet: a call id, taken for a switch's id, is its own call id or gets another."""
    image = to_call_id(of_switch)
    assert is_same_id(image, of_switch) or to_call_id(image) != image


@given(st.uuids())
def test_every_uuid_comes_back(uuid: UUID) -> None:
    assert to_switch_id(to_call_id(str(uuid))) == str(uuid)
