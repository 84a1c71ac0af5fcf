"""Call ids: each switch call id has its own callId, and the reversible forms are converted back."""

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


def is_same_id(first: str, second: str) -> bool:
    """Whether a switch treats two ids as equal: UUIDs are, in any case."""
    return first == second or (len(first) == len(second) == 36 and first.lower() == second.lower())


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
    ("switch_id", "expected"),
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
def test_each_form_of_a_switch_id_has_its_call_id(switch_id: str, expected: str) -> None:
    assert to_call_id(switch_id) == expected


@pytest.mark.parametrize("switch_id", ["1700000000.123", "pbx1-1700000000.123", "a03307a6-3658-4dde-a25b-bb6aecb96945"])
def test_a_reversible_call_id_is_converted_back(switch_id: str) -> None:
    assert to_switch_id(to_call_id(switch_id)) == switch_id


@pytest.mark.parametrize(
    "switch_id",
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
def test_a_switch_id_that_cannot_be_its_own_call_id_is_hashed(switch_id: str) -> None:
    assert re.fullmatch(r"x[0-9a-z]{24}", to_call_id(switch_id))
    assert to_switch_id(to_call_id(switch_id)) is None


@given(switch_ids)
@example("f5lxx1zz5pnorynqglhzmsp34")  # one more than the greatest UUID: plain
def test_a_call_id_is_short_plain_and_stable(switch_id: str) -> None:
    call_id = to_call_id(switch_id)
    assert re.fullmatch(r"[!-~]{1,25}", call_id)
    assert len(call_id) <= MAX_CALL_ID_LENGTH
    assert not set(call_id) & set("/\\'\"`,")
    assert to_call_id(switch_id) == call_id


@given(switch_ids)
def test_a_call_id_is_converted_back_to_its_switch_id(switch_id: str) -> None:
    result = to_switch_id(to_call_id(switch_id))
    assert result is None or is_same_id(result, switch_id)


@given(switch_ids, switch_ids)
def test_two_switch_ids_never_share_a_call_id(first: str, second: str) -> None:
    assert is_same_id(first, second) or to_call_id(first) != to_call_id(second)


@given(switch_ids)
def test_no_switch_id_has_the_call_id_of_another(switch_id: str) -> None:
    """The images of the forms are disjoint: a callId used as a switch id is its own callId or has another."""
    image = to_call_id(switch_id)
    assert is_same_id(image, switch_id) or to_call_id(image) != image


@given(st.uuids())
def test_every_uuid_is_converted_back(uuid: UUID) -> None:
    assert to_switch_id(to_call_id(str(uuid))) == str(uuid)
